"""Delivery of a maker's light: the plate's file under it, events, skipping, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.errors import InputError
from relumix.events import Done, FrameDone, Start
from relumix.reference import job as jobs
from relumix.reference.maker import Light
from relumix.settings import Settings
from tests.shot import files


class Stops:
    """A maker of a plain grade, in one or several strengths."""

    name = "stops"

    def __init__(self, stops=(-1.0,), labels=("",)):
        self.stops, self.labels = stops, labels

    def inputs(self, frame):
        return ()

    def settings(self):
        return {"stops": list(self.stops)}

    def look(self, frame):
        return (f"{len(self.stops)} strengths",)

    def make(self, frame, tell):
        for stops in self.stops:
            tell(0.5, f"{stops} stops")
            yield Light.of_gain(frame, np.full_like(frame.proxy.rgb, stops))


def picture(seed=0):
    return np.random.default_rng(seed).uniform(0.01, 2, (48, 64, 3)).astype(np.float16)


@pytest.fixture
def plate(tmp_path):
    for frame in (1001, 1002):
        files.plain(tmp_path / f"plate.{frame}.exr", picture(frame), "RGB")
    return tmp_path / "plate.####.exr"


def made(source, output, maker=None, **chosen):
    opened = jobs.open_plate(source, Settings(**chosen))
    job = jobs.prepare(opened, maker or Stops(), output, Settings(**chosen))
    events = []
    jobs.do(job, events.append)
    return job, events


def pixels(path):
    import OpenImageIO as oiio

    return np.asarray(oiio.ImageBuf(str(path)).get_pixels("float"))


def test_the_first_frame_is_delivered_under_the_light(plate, tmp_path):
    _, events = made(plate, tmp_path / "relit.1001.exr")
    assert isinstance(events[0], Start)
    assert isinstance(events[-1], Done)
    assert [event.path for event in events if isinstance(event, FrameDone)] == [str(tmp_path / "relit.1001.exr")]
    np.testing.assert_array_equal(pixels(tmp_path / "relit.1001.exr"), picture(1001).astype(np.float32) / 2)


def test_frames_get_a_reference_each(plate, tmp_path):
    made(plate, tmp_path / "relit", frames="1001-1002")
    for frame in (1001, 1002):
        relit = pixels(tmp_path / f"relit/plate.{frame}.exr")
        np.testing.assert_array_equal(relit, picture(frame).astype(np.float32) / 2)


def test_candidates_have_their_label_before_the_frame(plate, tmp_path):
    maker = Stops((-1.0, 1.0), ("dark", "bright"))
    made(plate, tmp_path / "relit.1001.exr", maker, contact_sheet=str(tmp_path / "sheet.png"))
    np.testing.assert_array_equal(
        pixels(tmp_path / "relit_dark.1001.exr") * 4, pixels(tmp_path / "relit_bright.1001.exr")
    )
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("output", ["relit.1001.exr", "both/"])
def test_candidates_have_a_gain_each_in_a_folder(plate, tmp_path, output):
    maker = Stops((-1.0, 1.0), ("dark", "bright"))
    job, _ = made(plate, f"{tmp_path}/{output}", maker, gain_out=f"{tmp_path}/both/")
    for label, stops in (("dark", -1), ("bright", 1)):
        gain = pixels(tmp_path / f"both/gain_{label}.1001.exr")
        np.testing.assert_array_equal(gain, np.full((48, 64, 3), stops, np.float32))
    assert all(path.exists() for path in job.paths(1001).values())


def test_all_is_looked_at_without_making_anything(plate, tmp_path):
    files.plain(tmp_path / "plate.1002.exr", np.zeros((48, 64, 3), np.float16), "RGB")
    mask = np.ones((48, 64, 1), np.float16)
    files.plain(tmp_path / "mask.1001.exr", mask[:24], "A")
    files.plain(tmp_path / "mask.1002.exr", mask, "A")
    chosen = Settings(frames="1001-1002", mask=str(tmp_path / "mask.####.exr"))
    said = jobs.describe(jobs.prepare(jobs.open_plate(plate, chosen), Stops(), tmp_path / "relit", chosen))
    assert [error["frame"] for error in said["errors"]] == [1001, 1002]
    assert "mask.1001.exr is 64x24, but the plate's frame 1001 is 64x48" in said["errors"][0]["message"]
    assert "plate.1002.exr is black: there is nothing that light could be seen on" in said["errors"][1]["message"]
    one = Settings(frames="1001")
    said = jobs.describe(jobs.prepare(jobs.open_plate(plate, one), Stops(), tmp_path / "relit", one))
    assert (said["errors"], said["warnings"]) == ([], ["1 strengths"])
    assert not (tmp_path / "relit").exists()


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("relit.1001.exr", "relit_seed7.1001.exr"),
        ("a/relit.####.exr", "a/relit_seed7.####.exr"),
        ("relit.exr", "relit_seed7.1001.exr"),
        ("v2.relit.exr", "v2.relit_seed7.1001.exr"),
        ("folder", "folder/seed7"),
    ],
)
def test_labelled(where, expected):
    assert jobs.labelled(where, "seed7", [1001]) == expected


def test_a_rerun_makes_only_what_changed(plate, tmp_path):
    def skipped(**chosen):
        _, events = made(plate, tmp_path / "relit.1001.exr", **chosen)
        return [event.skipped for event in events if isinstance(event, FrameDone)]

    assert skipped() == [False]
    assert skipped() == [True]
    assert skipped(mix=0.5) == [False]
    assert skipped(mix=0.5, overwrite=True) == [False]
    files.plain(tmp_path / "plate.1001.exr", picture(5), "RGB")
    assert skipped(mix=0.5) == [False]


def test_the_gain_is_written_in_stops(plate, tmp_path):
    made(plate, tmp_path / "relit.1001.exr", gain_out=str(tmp_path / "gain.1001.exr"))
    np.testing.assert_array_equal(pixels(tmp_path / "gain.1001.exr"), np.full((48, 64, 3), -1, np.float32))


@settings(max_examples=10, deadline=None)
@given(mix=st.sampled_from([0.0, 0.25, 1.0]), edge=st.integers(0, 48))
def test_outside_of_the_mask_the_plate_is_untouched(tmp_path_factory, mix, edge):
    folder = tmp_path_factory.mktemp("mask")
    files.plain(folder / "plate.1001.exr", picture(), "RGB")
    mask = np.zeros((48, 64, 1), np.float16)
    mask[:edge] = 1
    files.plain(folder / "mask.exr", mask, "A")
    made(folder / "plate.1001.exr", folder / "relit.1001.exr", mask=str(folder / "mask.exr"), mix=mix)
    relit, plate = pixels(folder / "relit.1001.exr"), picture().astype(np.float32)
    np.testing.assert_array_equal(relit[edge:], plate[edge:])
    np.testing.assert_allclose(relit[:edge], plate[:edge] * (1 - mix / 2), rtol=2e-3)


def test_what_is_not_ours_is_not_overwritten(plate, tmp_path):
    files.plain(tmp_path / "relit.1001.exr", picture(), "RGB")
    with pytest.raises(InputError, match=r"relit\.1001\.exr exists and relumix did not write it: choose another"):
        made(plate, tmp_path / "relit.1001.exr")
    with pytest.raises(InputError, match=r"would be written over the input .*plate\.1001\.exr"):
        made(plate, tmp_path / "plate.1001.exr", overwrite=True)


def test_a_frame_that_is_not_there(plate, tmp_path):
    with pytest.raises(InputError, match=r"has no frame 1003: it has 1001 to 1002"):
        made(plate, tmp_path / "relit.1003.exr", frames="1003")


def test_a_black_frame_costs_itself_alone(plate, tmp_path):
    files.plain(tmp_path / "plate.1001.exr", np.zeros((48, 64, 3), np.float16), "RGB")
    _, events = made(plate, tmp_path / "relit.####.exr", frames="1001-1002")
    assert events[-1].failed == 1
    assert (tmp_path / "relit.1002.exr").exists()
    assert not (tmp_path / "relit.1001.exr").exists()


def test_all_of_it_needs_one_candidate_and_names_of_its_own(plate, tmp_path):
    opened = jobs.open_plate(plate, Settings())
    several = jobs.prepare(opened, Stops((-1.0, 1.0), ("a", "b")), tmp_path / "relit.1001.exr", Settings())
    with pytest.raises(InputError, match="--all-of-it takes one reference a frame: got 2 candidates, choose one"):
        jobs.refuse_all_of_it(several, str(tmp_path / "all"))
    one = jobs.prepare(opened, Stops(), tmp_path / "relit.1001.exr", Settings())
    with pytest.raises(InputError, match="references and relit frames would share names"):
        jobs.refuse_all_of_it(one, str(tmp_path / "relit.####.exr"))
    jobs.refuse_all_of_it(one, str(tmp_path / "all"))
