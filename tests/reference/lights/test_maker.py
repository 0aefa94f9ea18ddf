"""`relumix reference lights`, from its options to its file."""

import json
import struct

import numpy as np
import OpenImageIO as oiio
import pytest

from relumix.cli.main import main
from tests.reference.lights.stages import FOV_DEG, ball_on_floor
from tests.reference.lights.test_geometry import channels
from tests.shot import files

SEEN = ball_on_floor()
ALBEDO = np.where((SEEN.what == "ball")[..., None], [0.6, 0.2, 0.1], 0.4).astype(np.float32)
PLATE = (ALBEDO * 0.5).astype(np.float32)
LIGHT = {"type": "point", "position": [1, 2, -2], "power_w": 200}


@pytest.fixture
def shot(tmp_path):
    rgb = {name: np.ascontiguousarray(PLATE[..., i]) for i, name in enumerate("RGB")}
    geometry = channels(P=SEEN.geometry.position, N=SEEN.geometry.normal)
    albedo = {f"albedo.{name}": np.ascontiguousarray(ALBEDO[..., i]) for i, name in enumerate("RGB")}
    for frame in (1001, 1002):
        files.by_hand(tmp_path / f"cg.{frame}.exr", {**rgb, **geometry, **albedo})
    rig(tmp_path, LIGHT)
    return tmp_path


def rig(folder, *lights, **fields):
    (folder / "lights.json").write_text(json.dumps({"specular": 0, "lights": list(lights), **fields}))


def run(capsys, shot, *more, plate="cg.####.exr"):
    words = ["reference", "lights", shot / plate, "--lights", shot / "lights.json", "-o", shot / "lit.####.exr", *more]
    code = main([str(word) for word in words])
    return code, *capsys.readouterr()


def pixels(path):
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels("float"))[..., :3]


def lit(shot, frame=1001):
    image = oiio.ImageBuf(str(shot / f"lit.{frame}.exr"))
    names = image.spec().channelnames
    return np.asarray(image.get_pixels("float"))[..., [names.index(name) for name in "RGB"]]


def exact():
    """albedo / pi * power / (4 pi d^2) * cosine."""
    offset = np.array([1, 2, -2.0]) - SEEN.geometry.position
    away = np.linalg.norm(offset, axis=-1)
    cosine = np.maximum((offset * SEEN.geometry.normal).sum(-1) / away, 0)
    return ALBEDO * (200 / (4 * np.pi**2) / away**2 * cosine)[..., None]


@pytest.mark.parametrize("keep", [1, 0.25])
def test_the_plates_own_geometry_is_lit(capsys, shot, keep):
    rig(shot, {**LIGHT, "shadows": False}, keep=keep)
    code, _, err = run(capsys, shot)
    assert (code, err) == (0, "")
    np.testing.assert_allclose(lit(shot), keep * PLATE + exact(), rtol=0.02, atol=0.004)


def test_the_rest_of_the_file_is_the_plates(capsys, shot):
    run(capsys, shot)
    before, after = (oiio.ImageBuf(str(shot / name)) for name in ("cg.1001.exr", "lit.1001.exr"))
    assert before.spec().channelnames == after.spec().channelnames
    at = before.spec().channelnames.index("P.X")
    one, other = (np.asarray(each.get_pixels("float"))[..., at] for each in (before, after))
    np.testing.assert_array_equal(one, other)


def test_light_of_no_power_is_the_plate_bit_for_bit(capsys, shot):
    rig(shot, {**LIGHT, "power_w": 0})
    assert run(capsys, shot)[0] == 0
    np.testing.assert_array_equal(lit(shot), PLATE)


def test_light_moves_from_frame_to_frame(capsys, shot):
    moving = {"1001": [1, 2, -2], "1002": [-2, 2, -2]}
    rig(shot, {**LIGHT, "position": moving})
    assert run(capsys, shot, "--frames", "1001-1002")[0] == 0
    assert np.abs(lit(shot, 1001) - lit(shot, 1002)).max() > 0.1


def test_depth_beside_a_plate(capsys, shot):
    files.plain(shot / "plain.1001.exr", PLATE, "RGB")
    depth = SEEN.geometry.camera.depth(SEEN.geometry.position)
    files.plain(shot / "z.exr", depth[..., None], "Z")
    files.plain(shot / "albedo.exr", ALBEDO, "RGB")
    maps = ("--depth", shot / "z.exr", "--albedo", shot / "albedo.exr", "--fov", FOV_DEG)
    rig(shot, {**LIGHT, "shadows": False})
    code, _, err = run(capsys, shot, *maps, plate="plain.####.exr")
    assert (code, err) == (0, "")
    inside = SEEN.what != "ball"  # whose normals, of few pixels, are not exact
    error = np.abs(lit(shot) - PLATE - exact())[inside]
    assert np.median(error / exact()[inside]) < 0.03


def write_codes(path, values):
    output = oiio.ImageOutput.create(str(path))
    output.open(str(path), oiio.ImageSpec(values.shape[1], values.shape[0], 1, "uint16"))
    output.write_image(values[..., None])
    output.close()


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_depth_in_codes_is_no_distance_unless_somebody_says_which(capsys, shot, dry):
    files.plain(shot / "plain.1001.exr", PLATE, "RGB")
    files.plain(shot / "albedo.exr", ALBEDO, "RGB")
    rig(shot, {**LIGHT, "shadows": False})
    depth = SEEN.geometry.camera.depth(SEEN.geometry.position)
    write_codes(shot / "z.png", ((20 - depth) / 20 * 65535 + 0.5).astype(np.uint16))
    maps = ("--depth", shot / "z.png", "--albedo", shot / "albedo.exr", "--fov", FOV_DEG, *dry)
    code, out, err = run(capsys, shot, *maps, plate="plain.####.exr")
    assert code == 3
    assert (
        f"frame 1001: {shot / 'z.png'} holds whole numbers, which say no distance: expected depth in half or float, in "
        "the units of the rig, or --depth-codes with the depth of black and of white, such as 10,1"
    ) in (json.loads(out)["errors"][0]["message"] if dry else err)
    code, _, err = run(capsys, shot, *maps, "--depth-codes", "20,0", plate="plain.####.exr")
    assert (code, err) == (0, "")
    if not dry:
        inside = SEEN.what != "ball"
        error = np.abs(lit(shot) - PLATE - exact())[inside]
        assert np.median(error / exact()[inside]) < 0.05


def test_depth_from_0_to_1_is_told(capsys, shot):
    files.plain(shot / "plain.1001.exr", PLATE, "RGB")
    depth = SEEN.geometry.camera.depth(SEEN.geometry.position)
    files.plain(shot / "z.exr", (depth / depth.max())[..., None].astype(np.float32), "Z")
    _, _, err = run(capsys, shot, "--depth", shot / "z.exr", "--fov", FOV_DEG, plate="plain.####.exr")
    assert "z.exr is nowhere farther than 1 unit: if black and white stand for other distances, --depth-codes" in err
    more = ("--depth", shot / "z.exr", "--depth-codes", f"0,{depth.max()}", "--overwrite")
    assert "nowhere farther" not in run(capsys, shot, *more, "--fov", FOV_DEG, plate="plain.####.exr")[2]


def test_depth_of_a_movie_is_no_distance(capsys, shot):
    files.plain(shot / "plain.1001.exr", PLATE, "RGB")
    words = ["relight", shot / "cg.####.exr", "-r", f"1001={shot / 'cg.1001.exr'}", "-o", shot / "z.mov"]
    assert main([str(word) for word in words]) == 0
    capsys.readouterr()
    code, _, err = run(capsys, shot, "--depth", shot / "z.mov", "--fov", FOV_DEG, plate="plain.####.exr")
    assert code == 3
    assert "holds the colours of a movie, which say no distance" in err


def test_black_under_light_stays_sane(capsys, shot):
    """Where plate and albedo are black there is nothing to multiply, and where the plate alone is that is told."""
    plate = PLATE.copy()
    plate[:, :60] = 0
    maps = channels(P=SEEN.geometry.position)
    files.by_hand(
        shot / "dark.1001.exr", {**{n: np.ascontiguousarray(plate[..., i]) for i, n in enumerate("RGB")}, **maps}
    )
    files.plain(shot / "albedo.exr", np.where(plate > 0, ALBEDO, 0).astype(np.float32), "RGB")
    assert run(capsys, shot, "--albedo", shot / "albedo.exr", plate="dark.####.exr")[0] == 0
    assert not lit(shot)[:, :60].any()
    assert np.isfinite(lit(shot)).all()
    files.plain(shot / "albedo.exr", ALBEDO, "RGB")
    _, _, err = run(capsys, shot, "--albedo", shot / "albedo.exr", "--overwrite", plate="dark.####.exr")
    assert "% of the light falls where the plate is black, and shows nothing there" in err
    assert not lit(shot)[:, :60].any()


def test_a_rerun_makes_what_changed(capsys, shot):
    run(capsys, shot)
    assert "up to date" in run(capsys, shot)[1]
    rig(shot, {**LIGHT, "power_w": 20})
    assert "up to date" not in run(capsys, shot)[1]


ERRORS = {
    ("--fov", "200"): "fov is 200: expected an angle across the picture above 0 and below 180 degrees",
    ("--depth-range", "1,5"): "--depth-range goes with --estimate alone",
    ("--depth-codes", "1,5"): "--depth-codes goes with --depth alone",
    ("--depth", "z.exr", "--depth-codes", "5"): "depth codes are '5': expected the depth of black and of white, "
    "such as 10,1",
    (
        "--estimate",
        "model",
        "--depth",
        "z.exr",
    ): "--estimate and --depth are both given: depth is either estimated or known",
    ("--estimate", "model", "--depth-range", "5,1"): "depth range is '5,1': expected two numbers above 0, the nearest "
    "first, such as 1,5",
}


def test_a_frame_is_not_made_again_for_the_maps_of_another(capsys, shot):
    def made(frames):
        maps = ("--position", shot / "p.####.exr", "--progress", "json")
        code, out, _ = run(capsys, shot, *maps, "--frames", frames)
        assert code == 0
        events = [json.loads(line) for line in out.splitlines()]
        return [each["frame"] for each in events if each["event"] == "frame" and not each["skipped"]]

    for frame in (1001, 1002):
        files.by_hand(shot / f"p.{frame}.exr", channels(P=SEEN.geometry.position))
    assert made("1001") == [1001]
    assert made("1001,1002") == [1002]
    files.by_hand(shot / "p.1002.exr", channels(P=SEEN.geometry.position, Z=SEEN.geometry.position[..., 2]))
    assert made("1001,1002") == [1002]


@pytest.mark.parametrize("options", ERRORS)
def test_errors_are_one_line(capsys, shot, options):
    code, _, err = run(capsys, shot, *options)
    assert (code, err) == (2, f"relumix: {ERRORS[options]}\n")


def test_an_error_of_the_rig_is_one_line(capsys, shot):
    rig(shot, {"type": "point", "position": [0, 0, 0], "powr": 3})
    code, _, err = run(capsys, shot)
    assert code == 2
    assert err == f"relumix: {shot / 'lights.json'}: light 1 (point): power_w is missing\n"


def test_dry_run_looks_at_geometry_and_pictures(capsys, shot):
    code, out, _ = run(capsys, shot, "--dry-run")
    assert (code, json.loads(out)["errors"], json.loads(out)["warnings"]) == (0, [], [])
    assert not (shot / "lit.1001.exr").exists()
    files.plain(shot / "n.exr", np.random.default_rng(0).normal(size=PLATE.shape).astype(np.float32), "RGB")
    code, out, _ = run(capsys, shot, "--dry-run", "--normals", shot / "n.exr")
    assert code == 3
    assert "n.exr do not fit its positions" in json.loads(out)["errors"][0]["message"]
    rig(shot, {"type": "dome", "hdri": "sky.exr"})
    code, _, err = run(capsys, shot, "--dry-run")
    assert code == 2
    assert "light 1 (dome): hdri" in err
    files.plain(shot / "plain.1001.exr", PLATE, "RGB")
    rig(shot, LIGHT)
    code, out, _ = run(capsys, shot, "--dry-run", plate="plain.####.exr")
    assert (code, json.loads(out)["errors"][0]["frame"]) == (3, 1001)


def test_a_plate_without_geometry(capsys, shot):
    files.plain(shot / "plain.1001.exr", PLATE, "RGB")
    code, _, err = run(capsys, shot, plate="plain.####.exr")
    assert code == 3
    assert "has no geometry: no channels are called as positions (P) or depth (Z) are; give " in err


def test_info_lists_geometry(capsys, shot):
    assert main(["info", str(shot / "cg.####.exr")]) == 0
    said = capsys.readouterr().out
    listed = "position P.X, P.Y, P.Z; normal N.X, N.Y, N.Z; albedo albedo.R, albedo.G, albedo.B"
    assert any(line.split(maxsplit=1) == ["geometry", listed] for line in said.splitlines())


def test_a_header_may_say_the_lens(capsys, shot):
    depth = SEEN.geometry.camera.depth(SEEN.geometry.position)
    rgb = {name: np.ascontiguousarray(PLATE[..., i]) for i, name in enumerate("RGB")}
    said = {"cameraFov": ("float", struct.pack("<f", FOV_DEG))}
    files.by_hand(shot / "z.1001.exr", {**rgb, "Z": depth}, attributes=said)
    code, _, err = run(capsys, shot, plate="z.####.exr")
    assert code == 0
    assert "no albedo was given" in err


def test_a_frame_between_two_sound_ones_costs_itself_alone(capsys, shot):
    rig(shot, {"type": "sun", "direction": {"1000": [0, -1, 0], "1002": [0, 1, 0]}, "irradiance": 1})
    code, _, err = run(capsys, shot, "--frames", "1001-1002")
    assert code == 3
    assert f"frame 1001: {shot / 'lights.json'}: light 1 (sun): direction is [0.0, 0.0, 0.0] at frame 1001, " in err
    assert (shot / "lit.1002.exr").exists()
    assert not (shot / "lit.1001.exr").exists()


@pytest.mark.filterwarnings("error")
def test_light_beyond_all_numbers_is_as_bright_as_can_be(capsys, shot):
    rig(shot, {**LIGHT, "power_w": 1e9, "color": [1e9] * 3, "exposure": 64}, metres_per_unit=1e-6)
    assert run(capsys, shot)[0] == 0
    assert np.isfinite(lit(shot)).all()
    rig(shot, {**LIGHT, "position": [1e9, 1e9, 1e9]}, metres_per_unit=1e6)
    assert run(capsys, shot, "--overwrite")[0] == 0
    np.testing.assert_allclose(lit(shot), PLATE, rtol=1e-3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("direction", [[0, 0, 0], [1, 2, 3]])
def test_positions_that_are_a_place_or_a_line(capsys, shot, direction):
    along = np.linspace(0, 1, PLATE[..., 0].size).reshape(*PLATE.shape[:2], 1) * direction
    files.plain(shot / "p.exr", (along + 1).astype(np.float32), "RGB")
    code, _, err = run(capsys, shot, "--position", shot / "p.exr")
    assert code == 3
    assert f"{shot / 'p.exr'} has all of its points at one place, or on a line: expected those of surfaces" in err


@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_depth_that_shows_nothing(capsys, shot, value):
    files.plain(shot / "z.exr", np.full((*PLATE.shape[:2], 1), value, np.float32), "Z")
    code, _, err = run(capsys, shot, "--depth", shot / "z.exr", "--fov", "40")
    assert code == 3
    assert f"frame 1001: {shot / 'z.exr'} shows no surface in the picture: there is nothing to light" in err
