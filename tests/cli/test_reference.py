"""`relumix reference`: what its makers have in common, and each from its options to its file."""

import json
import shutil

import numpy as np
import OpenImageIO as oiio
import pytest

from relumix.cli.main import main
from tests.shot import files
from tests.synthetic import make_shot


@pytest.fixture
def shot(tmp_path):
    made = make_shot(size=(96, 64), frames=range(1001, 1004), pan=(1.5, 0))
    for frame, pixels in made.plate.items():
        files.plain(tmp_path / f"plate.{frame}.exr", pixels.astype(np.float16), "RGB")
        files.plain(tmp_path / f"truth.{frame}.exr", made.truth[frame].astype(np.float16), "RGB")
    return tmp_path


def said(capsys, *args):
    code = main([str(arg) for arg in args])
    return code, *capsys.readouterr()


def pixels(path):
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels("float"))


def match(shot, *more, to="truth.1001.exr"):
    return "reference", "match", shot / "plate.####.exr", "--to", shot / to, "-o", shot / "relit.1001.exr", *more


def test_match_writes_the_plate_under_another_light(capsys, shot):
    code, out, err = said(capsys, *match(shot))
    assert (code, err) == (0, "")
    assert f"wrote {shot / 'relit.1001.exr'}" in out
    plate, relit, truth = (pixels(shot / name) for name in ("plate.1001.exr", "relit.1001.exr", "truth.1001.exr"))
    assert np.abs(np.median(relit, (0, 1)) / np.median(truth, (0, 1)) - 1).max() < 0.2
    assert not np.array_equal(relit, plate)


def test_match_to_itself_is_the_plate_bit_for_bit(capsys, shot):
    assert said(capsys, *match(shot, to="plate.1001.exr"))[0] == 0
    np.testing.assert_array_equal(pixels(shot / "relit.1001.exr"), pixels(shot / "plate.1001.exr"))


def test_regions_are_what_is_compared(capsys, shot):
    """The other picture's left half is the plate's, brighter; its right half another's."""
    other = pixels(shot / "plate.1001.exr") * 2
    other[:, 48:] = 30
    files.plain(shot / "other.exr", other.astype(np.float16), "RGB")
    mask = np.zeros((64, 96, 1), np.float16)
    mask[:, :48] = 1
    files.plain(shot / "left.exr", mask, "A")
    regions = ("--region", shot / "left.exr", "--to-region", shot / "left.exr")
    assert said(capsys, *match(shot, *regions, to="other.exr"))[0] == 0
    ratio = pixels(shot / "relit.1001.exr")[:, :40] / pixels(shot / "plate.1001.exr")[:, :40]
    np.testing.assert_allclose(np.median(ratio), 2, rtol=0.05)


def test_all_of_it_relights_the_shot_as_relight_does(capsys, shot):
    code, out, _ = said(capsys, *match(shot, "--all-of-it", shot / "all", "--progress", "json", "--work-size", "64"))
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [event["event"] for event in events if event["event"] in ("start", "done")] == ["start", "done"] * 2
    second = [event for event in events if event["event"] == "start"][1]
    assert second["references"] == {"1001": str(shot / "relit.1001.exr")}
    reference = f"1001={shot / 'relit.1001.exr'}"
    relight = ("relight", shot / "plate.####.exr", "-r", reference, "-o", shot / "by_hand", "--work-size", "64")
    assert said(capsys, *relight)[0] == 0
    for frame in (1001, 1002, 1003):
        name = f"plate.{frame}.exr"
        np.testing.assert_array_equal(pixels(shot / "all" / name), pixels(shot / "by_hand" / name))


def test_all_of_it_of_a_plate_with_a_gap_is_told_before(capsys, shot, monkeypatch):
    (shot / "plate.1002.exr").rename(shot / "plate.1004.exr")
    args = match(shot, "--all-of-it", shot / "all", "--work-size", "64")
    code, _, err = said(capsys, *args)
    assert code == 2
    assert "plate.####.exr lacks frame 1002, so that the shot cannot be relit: render what is missing, or --" in err
    assert not (shot / "relit.1001.exr").exists()
    assert said(capsys, *args, "--missing", "skip")[0] == 0
    assert sorted(path.name for path in (shot / "all").iterdir()) == [f"plate.{n}.exr" for n in (1001, 1003, 1004)]
    monkeypatch.chdir(shot)
    (shot / "relumix.toml").write_text("[relight]\nmissing = 'skip'\n")
    assert said(capsys, *args, "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--preview", "{shot}/preview.avi"), "preview is {shot}/preview.avi: expected a name that ends in .mp4"),
        (("--preview", "{shot}"), "preview is {shot}: expected a name that ends in .mp4"),
        (("--preview", "{shot}/plate.1001.exr/p.mp4"), "{shot}/plate.1001.exr cannot be written to: "),
        (("--server", "127.0.0.1:1"), "127.0.0.1:1"),
        (("--patience", "3"), "--patience goes with --server alone"),
        (("--engine", "no"), "unknown engine 'no'"),
        (("--engine", "svd"), "engine svd ships without weights, and no --model was given: get them with: "),
        (("--engine", "svd", "--engine-model", "{shot}"), "the svd model {shot} lacks unet/config.json or its .safete"),
        (("--mask", "{shot}/none.exr"), "{shot}/none.exr: no such file or folder"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_what_the_shot_cannot_be_relit_with_is_told_before_the_reference_is_made(capsys, shot, more, sentence, dry):
    more = [word.format(shot=shot) for word in more]
    code, _, err = said(capsys, *match(shot, "--all-of-it", shot / "all", *more, *dry))
    assert code == 2
    assert sentence.format(shot=shot) in err
    assert err.count("\n") == 1
    assert not (shot / "relit.1001.exr").exists()


def test_all_of_it_goes_over_no_files_of_others(capsys, shot):
    files.plain(shot / "all/plate.1002.exr", np.ones((64, 96, 3), np.float16), "RGB")
    code, _, err = said(capsys, *match(shot, "--all-of-it", shot / "all"))
    assert code == 2
    assert "all/plate.1002.exr exists and relumix did not write it" in err
    assert not (shot / "relit.1001.exr").exists()


def test_all_of_it_of_a_plate_that_is_not_linear(capsys, shot):
    """The reference is linear, whatever the plate's files are in: what is relit at its frame is the reference."""
    args = match(shot, "--colorspace", "ACEScct", "--all-of-it", shot / "all", to="truth.1001.exr")
    assert said(capsys, *args)[0] == 0
    np.testing.assert_allclose(pixels(shot / "all/plate.1001.exr"), pixels(shot / "relit.1001.exr"), rtol=2e-3)


def test_presets_of_the_plate_count_and_those_of_the_shot_do_not(capsys, shot, monkeypatch):
    (shot / "relumix.toml").write_text("[relight]\ncolorspace = 'ACEScct'\nmix = 0.0\nengine = 'flow'\n")
    monkeypatch.chdir(shot)
    code, out, _ = said(capsys, *match(shot, "--dry-run", "--progress", "json"))
    settings = json.loads(out)["settings"]
    assert code == 0
    assert (settings["colorspace"], settings["mix"]) == ("ACEScct", 1.0)


def test_dry_run_writes_nothing(capsys, shot):
    code, out, _ = said(capsys, *match(shot, "--dry-run", "--contact-sheet", shot / "sheet.png"))
    plan = json.loads(out)
    assert (code, plan["to_make"], plan["files"]) == (0, [1001], [str(shot / "relit.1001.exr")])
    assert not (shot / "relit.1001.exr").exists()
    assert not (shot / "sheet.png").exists()


def test_dry_run_looks_at_the_region_of_each_frame(capsys, shot):
    files.plain(shot / "region.exr", np.ones((32, 32, 1), np.float16), "A")
    code, out, _ = said(capsys, *match(shot, "--dry-run", "--region", shot / "region.exr"))
    (error,) = json.loads(out)["errors"]
    assert (code, error["frame"]) == (3, 1001)
    assert "region.exr is 32x32, but the plate's frame 1001 is 96x64: expected the same size" in error["message"]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--engine", "lite"), "--engine goes with --all-of-it alone"),
        (("--missing", "skip"), "--missing goes with --all-of-it alone"),
        (("--engine-option", "a=b"), "--engine-option goes with --all-of-it alone"),
        (("--frame", "7"), "has no frame 7: it has 1001 to 1003"),
        (("--frame", "x"), "got --frame x, expected one number, such as 1001; --frames takes several"),
        (("--frame", "9" * 5000), "got --frame 99999999999999999999, expected one number, such as 1001; "),
        (("-o", ""), "the output is '': expected a name like relit.1001.exr, a pattern, or a folder"),
        (("--all-of-it", ""), "--all-of-it is '': expected a pattern, or a folder, for the relit shot"),
        (("--mix", "2"), "mix is 2.0: expected a number from 0"),
        (("--contrast", "2"), "contrast is 2.0: expected 0 (a plain grade) to 1"),
        (("--frame", "1001", "--frames", "1001-1002"), "not allowed with argument --frame"),
        (("--transfer", "direct"), "unrecognized arguments: --transfer"),
    ],
)
def test_what_is_wrong_is_one_line(capsys, shot, more, sentence):
    code, out, err = said(capsys, *match(shot, *more))
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("given", ["other.png", "link.png", "plate.1003.png"])
def test_a_contact_sheet_replaces_no_input(capsys, shot, given):
    for frame in (1001, 1002, 1003):
        picture = oiio.ImageBuf(str(shot / f"plate.{frame}.exr"))
        assert picture.write(str(shot / f"plate.{frame}.png"), "uint8")
    shutil.copy(shot / "plate.1002.png", shot / "other.png")
    (shot / "link.png").symlink_to(shot / "other.png")
    before = (shot / given).read_bytes()
    args = ("reference", "match", shot / "plate.####.png", "--to", shot / "other.png", "-o", shot / "relit.1001.exr")
    code, _, err = said(capsys, *args, "--contact-sheet", shot / given, "--overwrite")
    assert code == 2
    assert f"{shot / given} would be written over the input {shot}" in err
    assert (shot / given).read_bytes() == before


def test_what_failed_is_not_said_to_be_written(capsys, shot):
    files.plain(shot / "plate.1001.exr", np.zeros((64, 96, 3), np.float16), "RGB")
    code, out, _ = said(capsys, *match(shot))
    assert code == 3
    assert out.startswith("0 frames relit in ")
    assert "wrote" not in out


@pytest.mark.parametrize(
    ("name", "make", "sentence"),
    [
        ("gone.jpg", None, "{path}: no such file or folder"),
        ("movie.mp4", b"x", "{path} "),
        ("damaged.exr", b"v/1\x01damaged", "picture {path} cannot be read: "),
    ],
)
def test_pictures_that_are_none(capsys, shot, name, make, sentence):
    if make:
        (shot / name).write_bytes(make)
    code, _, err = said(capsys, *match(shot, to=name))
    assert code == 2
    assert sentence.format(path=shot / name) in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("value", "lacks"), [(0, "is black"), (np.nan, "has no pixel that is finite")])
def test_a_picture_without_light(capsys, shot, value, lacks):
    files.plain(shot / "none.exr", np.full((8, 8, 3), value, np.float16), "RGB")
    code, _, err = said(capsys, *match(shot, to="none.exr"))
    assert (code, err) == (2, f"relumix: picture {shot / 'none.exr'} {lacks}: expected one that shows a light\n")


# From a prompt to a file, by a tiny InstructPix2Pix.


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    pytest.importorskip("diffusers")
    from relumix.reference.text.pipelines import quiet
    from tests.reference.text import tiny

    with quiet():
        return tiny.stable_diffusion(tmp_path_factory.mktemp("pix2pix"), edits=True)


def words(shot, model, *more):
    return (
        *("reference", "text", shot / "plate.####.exr", "--frame", "1002", "--prompt", "evening sun"),
        *("--model", model, "--steps", "2", "-o", shot / "relit.1002.exr", *more),
    )


def test_candidates_to_choose_from(capsys, shot, model):
    sheet = shot / "choose.png"
    args = words(shot, model, "-n", "2", "--seed", "5", "--contact-sheet", sheet, "--progress", "json")
    code, out, err = said(capsys, *args)
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    made = [event["path"] for event in events if event["event"] == "frame"]
    assert made == [str(shot / f"relit_seed{seed}.1002.exr") for seed in (5, 6)]
    stages = [event["message"] for event in events if event["event"] == "stage"]
    assert stages[1:] == [f"seed {seed}, step {step} of 2" for seed in (5, 6) for step in (1, 2)]
    assert oiio.ImageBuf(str(sheet)).spec().width > 2 * 384
    assert not np.array_equal(*(pixels(path) for path in made))


def test_text_a_seed_is_the_same_alone_and_among_others(capsys, shot, model):
    assert said(capsys, *words(shot, model, "-n", "2", "--seed", "5"))[0] == 0
    assert said(capsys, *words(shot, model, "--seed", "6"))[0] == 0
    np.testing.assert_array_equal(pixels(shot / "relit_seed6.1002.exr"), pixels(shot / "relit.1002.exr"))


def test_text_black_stays_black_and_direct_delivers_pixels(capsys, shot, model):
    plate = pixels(shot / "plate.1002.exr")
    plate[:16] = 0
    files.plain(shot / "plate.1002.exr", plate.astype(np.float16), "RGB")
    assert said(capsys, *words(shot, model))[0] == 0
    assert not pixels(shot / "relit.1002.exr")[:16].any()
    assert said(capsys, *words(shot, model, "--transfer", "direct"))[0] == 0
    assert pixels(shot / "relit.1002.exr")[:16].any()


def test_text_what_it_was_made_of_is_in_the_file(capsys, shot, model):
    assert said(capsys, *words(shot, model, "--seed", "9"))[0] == 0
    spec = oiio.ImageBuf(str(shot / "relit.1002.exr")).spec()
    assert spec.get_string_attribute("relumix:reference") == "text"
    made_of = json.loads(spec.get_string_attribute("relumix:text"))
    assert (made_of["prompt"], made_of["seed"], made_of["steps"]) == ("evening sun", 9, 2)
    assert made_of["pipeline"] == "StableDiffusionInstructPix2PixPipeline"


def test_text_missing_weights_are_one_line(capsys, shot, model):
    code, _, err = said(capsys, *words(shot, shot / "flux-kontext"))
    assert code == 2
    assert "licence: FLUX.1 [dev] Non-Commercial" in err
    assert "is fetched by: hf download black-forest-labs/FLUX.1-Kontext-dev --include" in err
    code, _, err = said(capsys, *words(shot, model, "--ic-light", shot / "iclight_sd15_fc.safetensors"))
    assert code == 2
    assert "no checkpoint of IC-Light at" in err
    assert f"iclight_sd15_fbc.safetensors --local-dir {shot}" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--light-from", "left"), "--light-from is for IC-Light: give its checkpoint with --ic-light"),
        (("--coarse", "0"), "coarse is 0: expected 1 (fine) to 64"),
        (("--strength", "0.5"), "StableDiffusionInstructPix2PixPipeline has no use for --strength: leave it out"),
        (("-n", "2", "--all-of-it", "all"), "--all-of-it takes one reference a frame: got 2 candidates"),
    ],
)
def test_text_what_does_not_go_together(capsys, shot, model, more, sentence):
    code, _, err = said(capsys, *words(shot, model, *more))
    assert code == 2
    assert sentence in err


def test_text_dry_run_looks_at_the_model_and_at_mattes(capsys, shot, model):
    files.plain(shot / "matte.exr", np.ones((64, 96, 1), np.float16), "A")
    code, out, _ = said(capsys, *words(shot, model, "--dry-run", "--leave-out", shot / "matte.exr"))
    assert code == 3
    assert "matte.exr leaves nothing to take light from" in json.loads(out)["errors"][0]["message"]
    code, _, err = said(capsys, *words(shot, model, "--dry-run", "--strength", "0.5"))
    assert code == 2
    assert "StableDiffusionInstructPix2PixPipeline has no use for --strength: leave it out" in err
    assert json.loads(said(capsys, *words(shot, model, "--dry-run"))[1])["errors"] == []


def test_text_a_model_that_changed_makes_it_anew(capsys, shot, model, tmp_path):
    copy = shutil.copytree(model, tmp_path / "model")
    assert "1 frame relit" in said(capsys, *words(shot, copy))[1]
    assert "1 was up to date" in said(capsys, *words(shot, copy))[1]
    (copy / "unet/config.json").touch()
    assert "1 frame relit" in said(capsys, *words(shot, copy))[1]


@pytest.mark.parametrize(
    ("channels", "more"), [(8, ("--light-from", "left")), (12, ("--background", "truth.1003.exr"))]
)
def test_text_by_ic_light_relights_a_subject(capsys, shot, tmp_path_factory, channels, more):
    pytest.importorskip("diffusers")
    from relumix.reference.text.pipelines import quiet
    from tests.reference.text import tiny

    with quiet():
        base = tiny.stable_diffusion(tmp_path_factory.mktemp("stable-diffusion"))
    checkpoint = tiny.ic_light(shot / "ic.safetensors", channels)
    mask = np.zeros((64, 96, 1), np.float16)
    mask[16:48, 24:72] = 1
    files.plain(shot / "subject.exr", mask, "A")
    more = [str(shot / word) if word.endswith(".exr") else word for word in more]
    mattes = ("--subject", shot / "subject.exr", "--mask", shot / "subject.exr")
    code, _, err = said(capsys, *words(shot, base, "--ic-light", checkpoint, *more, *mattes))
    assert (code, [line for line in err.splitlines() if "warning" not in line]) == (0, [])
    relit, plate = (pixels(shot / name) for name in ("relit.1002.exr", "plate.1002.exr"))
    inside = mask[..., 0] > 0
    np.testing.assert_array_equal(relit[~inside], plate[~inside])
    assert not np.array_equal(relit[inside], plate[inside])
    made_of = json.loads(oiio.ImageBuf(str(shot / "relit.1002.exr")).spec().get_string_attribute("relumix:text"))
    assert (made_of["ic_light"], made_of["subject"]) == ("ic.safetensors", "subject.exr")


def test_regions_that_hold_nothing(capsys, shot):
    files.plain(shot / "none.exr", np.zeros((64, 96, 1), np.float16), "A")
    code, _, err = said(capsys, *match(shot, "--to-region", shot / "none.exr"))
    assert (code, err) == (
        2,
        f"relumix: matte {shot / 'none.exr'} is nowhere above 0.5: expected one of the part that counts\n",
    )
    code, _, err = said(capsys, *match(shot, "--region", shot / "none.exr"))
    assert (code, err) == (3, f"relumix: frame 1001: the region {shot / 'none.exr'} holds none of it\n")
