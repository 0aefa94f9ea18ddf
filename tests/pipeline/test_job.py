"""The job on files from Python: events, failures, reruns, several references, mattes."""

import threading
from collections import Counter

import numpy as np
import pytest

import relumix
from relumix.errors import InputError
from relumix.events import Done, Failed, FrameDone, Progress, Stage, Start, Warned
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.job import prepare
from relumix.settings import Settings
from relumix.shot import Plate
from tests.shot.files import light, plain
from tests.synthetic import make_shot

FRAMES = range(1001, 1008)


class Disk:
    """A shot on disk, and the events of the jobs that ran on it."""

    def __init__(self, folder, shot):
        self.folder, self.shot, self.events = folder, shot, []
        self.plate, self.out = folder / "plate", folder / "out"
        self.plate.mkdir()
        for frame, pixels in shot.plate.items():
            plain(self.plate / f"p.{frame}.exr", pixels.astype(np.float16))
        for frame, pixels in shot.truth.items():
            plain(folder / f"relit.{frame}.exr", pixels.astype(np.float16))

    def relight(self, *references, **settings):
        paths = {frame: self.folder / f"relit.{frame}.exr" for frame in references or (1001,)}
        self.events.clear()
        return relumix.relight(self.plate, paths, self.out, Settings(**settings), on_event=self.events.append)

    def result(self, frame):
        return light(self.out / f"p.{frame}.exr")

    def told(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path, make_shot(size=(80, 48), frames=FRAMES, pan=(2, 0)))


def test_events_come_on_the_calling_thread(disk):
    threads = set()
    relumix.relight(
        disk.plate,
        {None: disk.folder / "relit.1001.exr"},
        disk.out,
        on_event=lambda _: threads.add(threading.get_ident()),
    )
    assert threads == {threading.get_ident()}


def test_files_and_arrays_agree(disk):
    disk.relight(1001, 1007, bits="float")
    half = {frame: p.astype(np.float16).astype(np.float32) for frame, p in disk.shot.plate.items()}
    lit = {frame: disk.shot.truth[frame].astype(np.float16).astype(np.float32) for frame in (1001, 1007)}
    for frame in relumix.relit(half, lit):
        np.testing.assert_array_equal(disk.result(frame.frame), frame.pixels)


def test_a_frame_is_told_with_its_bad_pixels(tmp_path):
    disk = Disk(tmp_path, make_shot(size=(80, 48), frames=FRAMES, bad_pixels=4))
    end = disk.relight()
    assert [event.nonfinite_pixels for event in disk.told(FrameDone)] == [4] * len(FRAMES)
    assert isinstance(end, Done)
    assert isinstance(disk.events[0], Start)


def test_two_references_meet_in_the_middle(tmp_path):
    shot = make_shot(size=(80, 48), frames=FRAMES, pan=(6, 0))
    disk = Disk(tmp_path, shot)
    errors = []
    for references in ((1001,), (1001, 1007)):
        disk.relight(*references, overwrite=True)
        errors.append(np.abs(np.log2(disk.result(1006) / shot.truth[1006])).mean())
    assert errors[1] < errors[0]


def test_a_matte_keeps_the_rest_of_the_plate(disk):
    matte = np.zeros((48, 80, 1), np.float32)
    matte[:, :40] = 1
    plain(disk.folder / "matte.exr", matte, names="Y")
    disk.relight(mask=str(disk.folder / "matte.exr"))
    for frame in FRAMES:
        plate, result = light(disk.plate / f"p.{frame}.exr"), disk.result(frame)
        np.testing.assert_array_equal(result[:, 40:], plate[:, 40:])
        assert not np.array_equal(result[:, :40], plate[:, :40])


def test_mattes_must_cover_the_frames(disk):
    for frame in (1001, 1002):
        plain(disk.folder / f"m.{frame}.exr", np.ones((48, 80, 1), np.float32), names="Y")
    with pytest.raises(
        InputError, match=r"^the mask .*m\.####\.exr lacks frames 1003, 1004, 1005, 1006, 1007 that are"
    ):
        disk.relight(mask=str(disk.folder / "m.####.exr"))


def test_a_matte_of_another_size_costs_its_frame(disk):
    for frame in FRAMES:
        plain(disk.folder / f"m.{frame}.exr", np.ones((10 if frame == 1004 else 48, 80, 1), np.float32), names="Y")
    end = disk.relight(mask=str(disk.folder / "m.####.exr"))
    assert (end.written, end.failed) == (6, 1)
    assert disk.told(Failed)[0].frame == 1004


def test_an_alpha_of_zeros_is_passed_through_and_not_used(tmp_path):
    shot = make_shot(size=(80, 48), frames=FRAMES)
    for pictures in (shot.plate, shot.truth):
        for frame, pixels in pictures.items():
            pictures[frame] = np.concatenate([pixels, np.zeros((48, 80, 1), np.float32)], axis=-1)
    disk = Disk(tmp_path, shot)
    disk.relight()
    assert "is no coverage of its light: it is passed through, and not used" in disk.told(Warned)[0].message
    assert np.median(np.abs(np.log2(disk.result(1004)[..., :3] / shot.truth[1004][..., :3]))) < 0.2
    assert not disk.result(1004)[..., 3].any()


def with_alpha(shot, alpha_of):
    """The same shot with an alpha for each frame number, the colour as it is."""
    for pictures in (shot.plate, shot.truth):
        for frame, pixels in pictures.items():
            pictures[frame] = np.dstack([pixels[..., :3], alpha_of(frame)]).astype(np.float32)
    return shot


def roto(frame):
    matte = np.zeros((48, 80), np.float32)
    matte[12:36, 20 + frame % 10 : 44 + frame % 10] = 1
    return matte


def test_a_matte_in_alpha_changes_nothing_but_is_passed_through(disk, tmp_path):
    disk.relight()
    bare = {frame: disk.result(frame) for frame in FRAMES}
    (tmp_path / "roto").mkdir()
    beside = Disk(tmp_path / "roto", with_alpha(make_shot(size=(80, 48), frames=FRAMES, pan=(2, 0)), roto))
    for settings in ({}, {"premult": "no"}):
        beside.relight(**settings, overwrite=True)
        for frame in FRAMES:
            np.testing.assert_array_equal(beside.result(frame)[..., :3], bare[frame])
            np.testing.assert_array_equal(beside.result(frame)[..., 3], roto(frame))
        meant = "passed through, and not used (--premult yes or no decides)"
        warning = f"the alpha of {beside.plate}/p.1001.exr is no coverage of its light: it is {meant}"
        assert [event.message for event in beside.told(Warned)] == ([] if settings else [warning])


def test_a_frame_whose_own_alpha_is_no_coverage_is_told_once_and_alike_in_chunks(tmp_path):
    shot = make_shot(size=(80, 48), frames=FRAMES, pan=(2, 0))
    disk = Disk(tmp_path, with_alpha(shot, lambda frame: roto(frame) if frame > 1003 else np.ones((48, 80))))
    disk.relight()
    assert [event.frame for event in disk.told(Warned)] == [1004]
    assert "p.1004.exr is no coverage of its light" in disk.told(Warned)[0].message
    whole = {frame: disk.result(frame) for frame in FRAMES}
    assert np.median(np.abs(np.log2(whole[1006][..., :3] / shot.truth[1006][..., :3]))) < 0.2
    for chunk in ("1001-1004", "1005-1007"):
        disk.relight(frames=chunk, overwrite=True)
    for frame in FRAMES:
        np.testing.assert_array_equal(disk.result(frame), whole[frame])


def test_alpha_that_is_said_to_be_coverage_is_used(disk, tmp_path):
    (tmp_path / "roto").mkdir()
    beside = Disk(tmp_path / "roto", with_alpha(make_shot(size=(80, 48), frames=FRAMES, pan=(2, 0)), roto))
    beside.relight(premult="yes")
    disk.relight()
    assert not np.array_equal(beside.result(1004)[..., :3], disk.result(1004))


@pytest.mark.parametrize("odd", [b"", b"cut short", "slate"])
def test_the_first_file_is_not_needed_for_the_others(disk, odd):
    first = disk.plate / "p.1001.exr"
    if odd == "slate":
        plain(first, np.ones((48, 80, 1), np.float16), names="Y")
    else:
        first.write_bytes(odd)
    end = disk.relight(1004)
    assert (end.written, end.failed) == (6, 1)
    (failed,) = disk.told(Failed)
    assert failed.frame == 1001
    assert failed.message.startswith(f"frame 1001: {first} ")
    whole = {frame: disk.result(frame) for frame in range(1002, 1008)}
    end = disk.relight(1004, frames="1002-1007", overwrite=True)
    assert (end.written, end.failed) == (6, 0)
    for frame, pixels in whole.items():
        np.testing.assert_array_equal(disk.result(frame), pixels)


def test_a_reference_of_an_odd_frame_is_named(disk):
    plain(disk.plate / "p.1001.exr", np.ones((48, 80, 4), np.float16))
    with pytest.raises(InputError) as caught:
        disk.relight()
    assert str(caught.value) == (
        f"the plate of reference frame 1001 cannot be read: frame 1001: {disk.plate}/p.1001.exr has channels R,G,B,A, "
        f"but {disk.plate}/p.1004.exr has R,G,B; expected all frames of a shot to agree"
    )


def test_a_changed_neighbour_changes_the_frames_that_depend_on_it(disk):
    disk.relight()
    path = disk.plate / "p.1007.exr"
    plain(path, disk.shot.plate[1006])
    end = disk.relight()
    assert end.written > 0
    assert 1007 in [event.frame for event in disk.told(FrameDone) if not event.skipped]
    assert [event.frame for event in disk.told(FrameDone) if event.skipped][:1] == [1001]


def test_previews_are_whole_even_where_frames_were_up_to_date(disk):
    disk.relight()
    end = disk.relight(preview=str(disk.folder / "a.mp4"), contact_sheet=str(disk.folder / "a.png"))
    assert (end.written, end.skipped) == (0, len(FRAMES))
    assert end.outputs[1:] == [str(disk.folder / "a.mp4"), str(disk.folder / "a.png")]
    assert (disk.folder / "a.png").exists()


def test_the_contact_sheet_is_the_same_however_much_was_up_to_date(disk):
    sheet = disk.folder / "a.png"

    def made(**settings):
        end = disk.relight(1001, 1007, contact_sheet=str(sheet), **settings)
        picture = sheet.read_bytes()
        sheet.unlink()
        return end.skipped, picture

    skipped, first = made(bits="half", compression="dwaa:200")
    assert skipped == 0
    assert made(bits="half", compression="dwaa:200") == (len(FRAMES), first)
    (disk.out / "p.1004.exr").unlink()
    assert made(bits="half", compression="dwaa:200") == (len(FRAMES) - 1, first)
    assert made(bits="half", compression="dwaa:200", gain_out=str(disk.folder / "g.####.exr")) == (0, first)


@pytest.mark.parametrize("previews", [{}, {"preview": "a.mp4", "contact_sheet": "a.png"}])
def test_plates_are_decoded_twice_and_that_of_the_first_reference_once(tmp_path, monkeypatch, previews):
    shot = make_shot(size=(48, 32), frames=range(1001, 1041), pan=(0.5, 0))
    disk, reads, read = Disk(tmp_path, shot), Counter(), Plate.read

    def counting(plate, frame):
        if plate.path.parent == disk.plate:
            reads[frame] += 1
        return read(plate, frame)

    monkeypatch.setattr(Plate, "read", counting)
    disk.relight(1001, 1020, **{name: str(tmp_path / file) for name, file in previews.items()})
    assert reads == {frame: 1 if frame == 1001 else 2 for frame in shot.frames}


def test_what_is_worked_on_is_told_before_the_first_frame_and_never_goes_back(disk):
    disk.relight(1001)
    before = disk.events[: disk.events.index(next(e for e in disk.told(FrameDone) if e.frame != 1001))]
    stages = [event for event in before if isinstance(event, Stage)]
    assert [stages[0].stage, stages[0].message] == ["references", "reading reference 1001"]
    assert {event.message for event in stages[1:]} == {"light on frames 1001-1007"}
    assert stages[1].remaining_seconds is None
    assert stages[-1].remaining_seconds is not None
    shares = [event.share for event in disk.events if isinstance(event, Stage | Progress)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1], disk.told(Progress)[-1].remaining_seconds) == (0, 1, 0)


def test_nothing_is_read_where_all_is_up_to_date(disk, monkeypatch):
    disk.relight()
    monkeypatch.setattr(DownsampledShot, "lights", lambda shot: pytest.fail("a reference was read"))
    assert disk.relight().skipped == len(FRAMES)
    assert not disk.told(Stage)
    assert [event.share for event in disk.told(Progress)] == [
        round((i + 1) / len(FRAMES), 4) for i in range(len(FRAMES))
    ]


def test_gain_maps_are_part_of_being_up_to_date(disk):
    pattern = str(disk.folder / "gain.####.exr")
    disk.relight()
    assert disk.relight(gain_out=pattern).written == len(FRAMES)
    assert disk.relight(gain_out=pattern).written == 0
    (disk.folder / "gain.1004.exr").unlink()
    assert disk.relight(gain_out=pattern).written == 1


def test_confidence_is_part_of_being_up_to_date_and_the_same_everywhere(disk):
    pattern = str(disk.folder / "sure.####.exr")
    disk.relight(1001, 1007, bits="float")
    asked = {"confidence_out": pattern, "bits": "float"}
    assert disk.relight(1001, 1007, **asked).written == len(FRAMES)
    assert disk.relight(1001, 1007, **asked).outputs == [str(disk.out), pattern]
    (disk.folder / "sure.1004.exr").unlink()
    assert disk.relight(1001, 1007, **asked).written == 1
    half = {frame: p.astype(np.float16).astype(np.float32) for frame, p in disk.shot.plate.items()}
    lit = {frame: disk.shot.truth[frame].astype(np.float16).astype(np.float32) for frame in (1001, 1007)}
    for frame in relumix.relit(half, lit, confidence=True):
        found = light(disk.folder / f"sure.{frame.frame}.exr")[..., 0]
        np.testing.assert_array_equal(found, frame.confidence.astype(np.float16))
        assert (found == 1).all() if frame.frame in lit else found.min() < 1


def test_a_result_has_the_confidence_as_a_channel_where_it_is_asked_for(disk):
    own = str(disk.folder / "sure.####.exr")
    disk.relight()
    plain_result = disk.result(1004)
    assert disk.relight(confidence_layer=True, confidence_out=own).written == len(FRAMES)
    assert disk.relight(confidence_layer=True, confidence_out=own).written == 0
    wider = disk.result(1004)
    np.testing.assert_array_equal(wider[..., :3], plain_result)
    np.testing.assert_array_equal(wider[..., 3:], light(disk.folder / "sure.1004.exr"))
    assert disk.relight().written == len(FRAMES)  # without it they are others again
    np.testing.assert_array_equal(disk.result(1004), plain_result)


def test_files_of_the_time_before_confidence_are_up_to_date():
    assert "confidence_layer" not in Settings().pixels()
    assert Settings(confidence_layer=True).pixels()["confidence_layer"] is True
    assert "confidence_out" not in Settings(confidence_out="c").pixels()


def test_a_plates_own_confidence_is_not_written_over(disk):
    for frame, pixels in disk.shot.plate.items():
        both = np.concatenate([pixels, pixels[..., :1]], -1).astype(np.float16)
        plain(disk.plate / f"p.{frame}.exr", both, ["R", "G", "B", "confidence.Y"])
    with pytest.raises(InputError, match=r"p\.1001\.exr has a channel confidence\.Y already: leave out"):
        disk.relight(confidence_layer=True)
    assert not disk.out.exists()


@pytest.mark.parametrize("asked", [{"confidence_layer": True}, {"confidence_out": "sure.####.exr"}])
def test_a_contact_sheet_shows_confidence_and_the_same_after_a_rerun(disk, asked):
    asked = {name: value if value is True else str(disk.folder / value) for name, value in asked.items()}
    sheet, taller = disk.folder / "sheet.png", []
    for settings in ({}, asked, asked):
        disk.relight(contact_sheet=str(sheet), **settings)
        taller.append(sheet.read_bytes())
    assert taller[1] == taller[2] != taller[0]


def test_confidence_needs_names_of_its_own(disk):
    references = {None: disk.folder / "relit.1001.exr"}
    gains = str(disk.folder / "g.####.exr")
    for settings, said in (
        ({"confidence_out": str(disk.out)}, r"^confidence and relit frames would share .*out/p\.1001\.exr: choose"),
        ({"gain_out": gains, "confidence_out": gains}, r"^confidence and gain maps would share .*g\.1001\.exr: choose"),
    ):
        with pytest.raises(InputError, match=f"{said} another --confidence-out$"):
            prepare(disk.plate, references, disk.out, Settings(**settings))


def test_gain_maps_and_frames_need_names_of_their_own(disk):
    with pytest.raises(InputError, match=r"^gain maps and relit frames would share"):
        prepare(disk.plate, {None: disk.folder / "relit.1001.exr"}, disk.out, Settings(gain_out=str(disk.out)))


def test_the_plate_of_a_reference_must_be_readable(disk):
    path = disk.plate / "p.1003.exr"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(InputError, match=r"^the plate of reference frame 1003 cannot be read: .*p\.1003\.exr"):
        disk.relight(1003)


def test_frames_with_steps_and_negative_numbers(tmp_path):
    shot = make_shot(size=(80, 48), frames=range(-6, 9, 3), pan=(0.5, 0))
    disk = Disk(tmp_path, shot)
    disk.relight(-3)
    for frame in shot.frames:
        assert np.median(np.abs(np.log2(disk.result(frame) / shot.truth[frame]))) < 0.1
