"""Results of a server are those of the job in-process, bit for bit, and so are the events."""

import numpy as np
import pytest

import relumix
from relumix.client import RelightClient
from relumix.errors import InputError
from relumix.events import Failed, Warned
from relumix.movie import Movie
from relumix.settings import Settings
from relumix.shot import Plate, Sequence, write
from tests.client.shots import FRAMES, SIZE, assert_same, both, write_masks, write_shot
from tests.movie import clips
from tests.server.harness import serving
from tests.shot import files
from tests.synthetic import make_shot


def test_a_plain_shot(server, tmp_path):
    references = write_shot(tmp_path)
    here, there = both(tmp_path, server.address, references)
    assert_same(tmp_path, here, there)
    assert here[-1].written == len(FRAMES)
    assert set(there[-1].stage_seconds) == {"read", "engine", "transfer", "write"}


@pytest.mark.parametrize(
    ("shot", "settings"),
    [
        ({"references": (1001, 1022)}, {"gain_out": "yes", "confidence_out": "yes"}),
        ({"references": (1008,)}, {"mix": 0.7, "bits": "float", "compression": "zips"}),
        (
            {"references": (1004, 1013, 1020), "moving": True, "alpha": True},
            {"confidence_layer": True, "work_size": 64},
        ),
        ({"layer": "beauty."}, {"layer": "beauty", "frames": "1012-1020x4"}),
        ({"frames": range(-9, 12, 3), "references": (-3,)}, {}),
    ],
    ids=["two references, light maps", "from the middle", "moving windows", "a layer, a chunk", "negative frames"],
)
def test_every_kind_of_shot(server, tmp_path, shot, settings):
    references = write_shot(tmp_path, **shot)
    assert_same(tmp_path, *both(tmp_path, server.address, references, **settings))


@pytest.mark.parametrize("name", ["beachball", "multipart"])
def test_real_plates(server, tmp_path, shared, name):
    """20 channels or several parts, two views, and data windows that move."""
    folder = shared / "plates" / name
    (tmp_path / "plate").symlink_to(folder)
    plate = Plate(Sequence.find(folder))
    picture = plate.read(plate.frames[0])
    relit = tmp_path / "relit.exr"
    write(relit, picture, [picture.rgb * np.float32([1.6, 1.1, 0.7])], attributes={})
    frames = ",".join(map(str, plate.frames[1:3]))
    maps = {"gain_out": "yes", "confidence_out": "yes", "confidence_layer": True}
    here, there = both(tmp_path, server.address, {None: relit}, frames=frames, work_size=256, **maps)
    assert_same(tmp_path, here, there)
    assert (here[-1].written, here[-1].failed) == (len(plate.frames[1:3]), 0)


@pytest.mark.parametrize("tags", [clips.REC_709, clips.Colour()], ids=["tagged", "untagged"])
def test_a_movie_with_relit_frames_out_of_another(server, tmp_path, tags):
    (tmp_path / "plate").mkdir()
    form = {"alpha": True, "colour": tags, "timecode": "00:00:41:17"}
    clips.write(tmp_path / "plate/clip.mov", "prores4444", 6, **form)
    relit = clips.write(tmp_path / "relit.mov", "prores4444", 6, **form)
    here, there = both(tmp_path, server.address, {1001: relit, 1006: relit}, work_size=64)
    assert_same(tmp_path, here, there)
    assert here[-1].written == 6
    with pytest.raises(
        InputError, match=r"servers open no movies: .* is decoded here and sent frame by frame; leave out"
    ):
        RelightClient(server.address).prepare(tmp_path / "plate", {1001: relit}, tmp_path / "by-path", by_path=True)


@pytest.mark.parametrize("output", ["relit.mov", "relit.####.png"])
def test_results_that_are_no_openexr(server, tmp_path, output):
    references = write_shot(tmp_path, frames=range(1001, 1004))
    results = []
    for where in ("here", "there"):
        path = tmp_path / where / output
        if where == "here":
            relumix.relight(tmp_path / "plate", references, path, Settings(work_size=64))
        else:
            [*RelightClient(server.address).relight(tmp_path / "plate", references, path, Settings(work_size=64))]
        results.append({each.name: each.read_bytes() for each in path.parent.iterdir()})
    assert results[0].keys() == results[1].keys()
    if "png" in output:
        assert results[0] == results[1]
    else:
        with Movie(tmp_path / "here/relit.mov") as one, Movie(tmp_path / "there/relit.mov") as other:
            assert one.info.comment == other.info.comment
            assert np.array_equal(one.read(1002), other.read(1002))


def test_masks_one_and_each(server, tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1010))
    one = write_masks(tmp_path, [1001], "one").replace("####", "1001")
    assert_same(tmp_path, *both(tmp_path, server.address, references, mask=one))
    each = write_masks(tmp_path, range(1001, 1010))
    here, there = both(tmp_path, server.address, references, mask=each, overwrite=True)
    assert_same(tmp_path, here, there)
    assert here[-1].written == 9


def test_a_rerun_here_or_there_makes_nothing_again(server, tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1006))
    client, out = RelightClient(server.address), tmp_path / "out"
    assert [*client.relight(tmp_path / "plate", references, out)][-1].written == 5
    assert [*client.relight(tmp_path / "plate", references, out)][-1].skipped == 5
    assert relumix.relight(tmp_path / "plate", references, out).skipped == 5
    (out / "p.1003.exr").unlink()
    assert relumix.relight(tmp_path / "plate", references, out).written == 1
    assert [*client.relight(tmp_path / "plate", references, out)][-1].skipped == 5


def test_damaged_and_odd_frames_cost_themselves(server, tmp_path):
    references = write_shot(tmp_path)
    damaged = tmp_path / "plate/p.1005.exr"
    damaged.write_bytes(damaged.read_bytes()[:1200])
    files.plain(tmp_path / "plate/p.1009.exr", files.noise(16, 16, 3), "RGB")
    (tmp_path / "plate/p.1013.exr").write_bytes(b"no picture at all" * 100)
    here, there = both(tmp_path, server.address, references)
    assert [event.frame for event in here if isinstance(event, Failed)] == [1005, 1009, 1013]
    assert_same(tmp_path, here, there)


@pytest.mark.parametrize("premult", ["auto", "yes", "no"])
def test_alpha_that_is_no_coverage_in_some_frames(server, tmp_path, premult):
    """Beside the second reference's plate, which speaks for the shot, and in one frame alone."""
    references = write_shot(tmp_path, frames=range(1001, 1012), references=(1001, 1006, 1011), alpha=True)
    for frame in (1003, 1009) if premult == "auto" else (1006,):
        path = tmp_path / f"plate/p.{frame}.exr"
        pixels = files.light(path)
        pixels[: SIZE[1] // 2, :, 3] = 0
        files.plain(path, pixels.astype(np.float16), display=(0, 0, *SIZE), shotName="beach")
    here, there = both(tmp_path, server.address, references, premult=premult)
    assert_same(tmp_path, here, there)
    warned = [event.frame for event in here if isinstance(event, Warned) and "no coverage" in event.message]
    assert warned == ([1003] if premult == "auto" else [])


def test_alpha_that_a_later_reference_says_is_no_coverage(server, tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1012), references=(1001, 1006, 1011), alpha=True)
    path = tmp_path / "plate/p.1006.exr"
    pixels = files.light(path)
    pixels[: SIZE[1] // 2, :, 3] = 0
    files.plain(path, pixels.astype(np.float16), display=(0, 0, *SIZE), shotName="beach")
    here, there = both(tmp_path, server.address, references)
    assert_same(tmp_path, here, there)
    assert [event.frame for event in here if isinstance(event, Warned) and "no coverage" in event.message] == [None]


def test_a_first_file_that_cannot_be_read(server, tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1010), references=(1004,))
    (tmp_path / "plate/p.1001.exr").write_bytes(b"no picture at all" * 100)
    here, there = both(tmp_path, server.address, references)
    assert [event.frame for event in here if isinstance(event, Failed)] == [1001]
    assert_same(tmp_path, here, there)


def test_a_mask_of_another_size_costs_its_frame(server, tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1006))
    masks = write_masks(tmp_path, range(1001, 1006))
    files.plain(tmp_path / "m/m.1003.exr", files.noise(16, 16, 1), "Y")
    here, there = both(tmp_path, server.address, references, mask=masks)
    assert_same(tmp_path, here, there)
    assert here[-1].failed == 1


@pytest.mark.parametrize("spoiled", ["plate/p.1008.exr", "relit.1008.exr"])
def test_what_ends_the_job_here_ends_it_there(server, tmp_path, spoiled):
    references = write_shot(tmp_path, frames=range(1001, 1010), references=(1001, 1008))
    path = tmp_path / spoiled
    path.write_bytes(path.read_bytes()[:1200])
    said = []
    for relight in (
        lambda: relumix.relight(tmp_path / "plate", references, tmp_path / "here"),
        lambda: list(RelightClient(server.address).relight(tmp_path / "plate", references, tmp_path / "there")),
    ):
        with pytest.raises(InputError) as caught:
            relight()
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert str(path) in said[0]


def test_arrays_are_relit_as_in_process(server):
    shot = make_shot(size=SIZE, frames=range(1, 12), alpha=True)
    masks = {frame: np.linspace(0, 1, SIZE[0] * SIZE[1]).reshape(SIZE[::-1]).astype(np.float32) for frame in shot.plate}
    for plate in (shot.plate, {frame: pixels.astype(np.float16) for frame, pixels in shot.plate.items()}):
        here = list(relumix.relit(plate, {4: shot.truth[4]}, masks=masks, confidence=True))
        there = list(RelightClient(server.address).relit(plate, {4: shot.truth[4]}, masks=masks, confidence=True))
        assert [made.frame for made in there] == [made.frame for made in here]
        for mine, theirs in zip(here, there, strict=True):
            np.testing.assert_array_equal(theirs.pixels, mine.pixels)
            np.testing.assert_array_equal(theirs.stops, mine.stops.astype(np.float16))  # as gain maps are sent
            np.testing.assert_array_equal(theirs.confidence, mine.confidence.astype(np.float16))


def test_previews_are_made_too(server, tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1006))
    looks = {"preview": str(tmp_path / "ba.mp4"), "contact_sheet": str(tmp_path / "sheet.png")}
    end = [*RelightClient(server.address).relight(tmp_path / "plate", references, tmp_path / "o", Settings(**looks))][
        -1
    ]
    assert end.outputs == [str(tmp_path / "o"), *looks.values()]
    assert (tmp_path / "ba.mp4").stat().st_size > 1000
    assert (tmp_path / "sheet.png").stat().st_size > 1000
    made_here = Settings(contact_sheet=str(tmp_path / "here.png"))
    relumix.relight(tmp_path / "plate", references, tmp_path / "here", made_here)
    assert (tmp_path / "here.png").read_bytes() == (tmp_path / "sheet.png").read_bytes()


def test_by_path_the_server_reads_and_writes(tmp_path):
    references = write_shot(tmp_path)
    damaged = tmp_path / "plate/p.1005.exr"
    damaged.write_bytes(damaged.read_bytes()[:1200])
    here, there = [], []
    maps, theirs = (
        Settings(
            gain_out=str(tmp_path / f"{place}-gain/g.####.exr"),
            confidence_out=str(tmp_path / f"{place}-confidence/c.####.exr"),
            confidence_layer=True,
        )
        for place in ("here", "there")
    )
    relumix.relight(tmp_path / "plate", references, tmp_path / "here", maps, on_event=here.append)
    (tmp_path / "log").mkdir()
    with serving(tmp_path / "log", "--root", str(tmp_path)) as server:
        client = RelightClient(server.address)
        there += client.relight(tmp_path / "plate", references, tmp_path / "there", theirs, by_path=True)
    assert_same(tmp_path, here, there)


def test_smaller_paint_overs_of_a_folder_are_the_same_by_stream_and_by_path(tmp_path):
    write_shot(tmp_path, frames=range(1001, 1006))
    codes = np.zeros((SIZE[1] // 2, SIZE[0] // 2, 4), np.uint8)
    codes[8:20, 10:30] = [230, 160, 90, 255]
    for frame in (1002, 1005):
        files.plain(tmp_path / f"paint/paint.{frame}.png", codes, oiio__UnassociatedAlpha=1)
    (tmp_path / "log").mkdir()
    with serving(tmp_path / "log", "--root", str(tmp_path)) as server:
        here, there = both(tmp_path, server.address, tmp_path / "paint", gain_out="yes")
        assert_same(tmp_path, here, there)
        client = RelightClient(server.address)
        gains = Settings(gain_out=str(tmp_path / "there-gain/g.####.exr"), overwrite=True)
        there = [*client.relight(tmp_path / "plate", tmp_path / "paint", tmp_path / "there", gains, by_path=True)]
    assert there[-1].written == 5
    for path in (tmp_path / "here").iterdir():
        assert path.read_bytes() == (tmp_path / "there" / path.name).read_bytes()
    warnings = [event.message for event in there if isinstance(event, Warned)]
    assert len(warnings) == 2
    assert warnings[0].startswith("fitted to the plate's 96x64: ")
    assert "says where it is painted" in warnings[1]


def test_arrays_with_a_paint_over(server):
    shot = make_shot(size=SIZE, frames=range(1, 4))
    paint = np.zeros((SIZE[1], SIZE[0], 4), np.float32)
    paint[10:30, 20:50] = [2, 1, 0.5, 1]
    here = [*relumix.relit(shot.plate, {1: paint})]
    there = [*RelightClient(server.address).relit(shot.plate, {1: paint})]
    for mine, theirs in zip(here, there, strict=True):
        np.testing.assert_array_equal(mine.pixels, theirs.pixels)
    outside = np.ones(SIZE[::-1], bool)
    outside[10:30, 20:50] = False
    np.testing.assert_array_equal(here[0].pixels[outside], shot.plate[1][outside])
    assert (here[0].pixels[10:30, 20:50] == paint[10:30, 20:50, :3]).all()


def test_a_shot_with_cuts(server, tmp_path):
    references = write_shot(tmp_path, references=(1003, 1020))
    here, there = both(tmp_path, server.address, references, cuts="1008,1014", unlit="plate", gain_out="yes")
    assert_same(tmp_path, here, there)
    told = [event.message for event in there if isinstance(event, Warned)]
    assert told == ["frames 1008 to 1013 are left as the plate: the scene has no reference"]


def test_arrays_with_cuts(server):
    shot = make_shot(size=SIZE, frames=range(1001, 1010))
    lit, settings = {1001: shot.truth[1001], 1009: shot.plate[1009] * 3}, Settings(cuts="1006")
    here = {frame.frame: frame.pixels for frame in relumix.relit(shot.plate, lit, settings)}
    for frame in RelightClient(server.address).relit(shot.plate, lit, settings):
        np.testing.assert_array_equal(frame.pixels, here[frame.frame])


def test_weights_and_mattes_of_references(server, tmp_path):
    references = write_shot(tmp_path, frames=range(1001, 1010), references=(1001, 1009))
    matte = write_masks(tmp_path, [1009], "matte").replace("####", "1009")
    parts = {"reference_weights": ("1001=0.5",), "reference_masks": (f"1009={matte}",)}
    assert_same(tmp_path, *both(tmp_path, server.address, references, **parts))
    (tmp_path / "log").mkdir()
    with serving(tmp_path / "log", "--root", str(tmp_path)) as beside:
        client, settings = RelightClient(beside.address), Settings(**parts, overwrite=True)
        there = [*client.relight(tmp_path / "plate", references, tmp_path / "there", settings, by_path=True)]
    assert there[-1].written == 9
    for frame in range(1001, 1010):
        files.assert_same_pixels(tmp_path / f"here/p.{frame}.exr", tmp_path / f"there/p.{frame}.exr")


def test_parts_of_references_that_are_arrays(server):
    shot = make_shot(size=SIZE, frames=range(1, 6))
    lit = {1: shot.truth[1], 5: shot.plate[5] * np.float32(2)}
    matte = np.linspace(0, 1, SIZE[0] * SIZE[1]).reshape(SIZE[::-1]).astype(np.float32)
    parts = {"reference_weights": {1: 0.5}, "reference_masks": {5: matte}}
    here = list(relumix.relit(shot.plate, lit, Settings(align=True), **parts))
    there = list(RelightClient(server.address).relit(shot.plate, lit, Settings(align=True), **parts))
    for mine, theirs in zip(here, there, strict=True):
        np.testing.assert_array_equal(theirs.pixels, mine.pixels)
