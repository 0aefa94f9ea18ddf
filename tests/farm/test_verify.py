"""`relumix farm verify`: the step that looks at all frames."""

from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image

from relumix import Settings, relight
from relumix.farm.review import review
from relumix.farm.verify import check_frames
from relumix.pipeline.check import check
from tests.farm.shots import relumix
from tests.shot import files

JOB = ["source=plate", "reference=1001=relit.1001.exr", "output=out"]
SETTINGS = Settings(gain_out="gain/g.####.exr", confidence_out="sure/s.####.exr")
MADE = {"relumix__key": "0" * 64}


@pytest.fixture
def finished(shot, monkeypatch):
    monkeypatch.chdir(shot)
    relight("plate", "relit.1001.exr", "out", SETTINGS)
    return shot


def verify(folder, *values, frames="1001-1009", options=()):
    return relumix(folder, "farm", "verify", "--range", frames, *options, *JOB, *values)


def test_a_finished_job_is_found_whole_and_shown(finished):
    done = verify(finished, "gain_out=gain/g.####.exr", "confidence_out=sure/s.####.exr")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "openjd_status: all 9 frames are there, finite, and with the plate's windows" in lines
    assert (
        lines[-1] == "openjd_status: wrote out/review/preview.mp4, out/review/contact_sheet.png, out/review/report.html"
    )
    assert "openjd_progress: 100.0" in lines
    with av.open(str(finished / "out/review/preview.mp4")) as movie:
        assert sum(1 for _ in movie.decode(video=0)) == 9
    with Image.open(finished / "out/review/contact_sheet.png") as sheet:
        assert min(sheet.size) > 100
    assert "Gain flicker" in (finished / "out/review/report.html").read_text()


def test_a_layer_that_was_asked_for_has_to_be_there(finished):
    done = verify(finished, "confidence_layer=true")
    assert done.returncode != 0
    assert "frame 1004: out/p.1004.exr has no channel confidence.Y: expected the confidence there" in done.stdout


def test_what_people_look_at_goes_where_it_was_asked_for(finished):
    done = verify(finished, "preview=a/m.mp4", "contact_sheet=a/s.png", options=["--report=a/r.html"])
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (finished / "a").iterdir()) == ["m.mp4", "r.html", "s.png"]
    assert not (finished / "out/review").exists()


def test_the_report_can_be_left_out(finished):
    done = verify(finished, options=["--report=none"])
    assert done.stdout.splitlines()[-1] == "openjd_status: wrote out/review/preview.mp4, out/review/contact_sheet.png"
    assert sorted(path.name for path in (finished / "out/review").iterdir()) == ["contact_sheet.png", "preview.mp4"]


def spoil_missing(folder):
    (folder / "out/p.1004.exr").unlink()


def spoil_foreign(folder):
    files.plain(folder / "out/p.1004.exr", np.zeros((64, 96, 3), np.float16), "RGB")


def spoil_size(folder):
    files.plain(folder / "out/p.1004.exr", np.zeros((64, 95, 3), np.float16), "RGB", **MADE)


def spoil_place(folder):
    pixels = np.zeros((64, 96, 3), np.float16)
    files.plain(folder / "out/p.1004.exr", pixels, "RGB", window=(1, 0), display=(0, 0, 96, 64), **MADE)


def spoil_pixels(folder):
    pixels = files.light(folder / "out/p.1004.exr").astype(np.float16)
    pixels[3, 4] = np.nan
    pixels[5, 6, 1] = np.inf
    files.plain(folder / "out/p.1004.exr", pixels, "RGB", **MADE)


def spoil_bytes(folder):
    whole = (folder / "out/p.1004.exr").read_bytes()
    (folder / "out/p.1004.exr").write_bytes(whole[: len(whole) - 200])


def spoil_confidence(folder):
    files.plain(folder / "sure/s.1004.exr", np.full((64, 96, 1), 2, np.float16), "Y", **MADE)


def spoil_gain(folder):
    (folder / "gain/g.1004.exr").unlink()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (spoil_missing, "frame 1004: out/p.1004.exr is not there: relight it again"),
        (spoil_foreign, "frame 1004: out/p.1004.exr was not written by relumix: remove it, and relight it"),
        (
            spoil_size,
            "frame 1004: out/p.1004.exr has the data window 95x64+0+0: expected the plate's, 96x64+0+0",
        ),
        (
            spoil_place,
            "frame 1004: out/p.1004.exr has the data window 96x64+1+0: expected the plate's, 96x64+0+0",
        ),
        (spoil_pixels, "frame 1004: out/p.1004.exr has 2 pixels of NaN or infinity that the plate has not"),
        (spoil_bytes, "frame 1004: out/p.1004.exr cannot be read: "),
        (
            spoil_confidence,
            "frame 1004: sure/s.1004.exr has values that are no confidence: expected 0 to 1",
        ),
        (spoil_gain, "frame 1004: gain/g.1004.exr is not there: relight it again"),
    ],
)
def test_a_frame_that_is_not_as_it_should_be_is_found(finished, spoil, sentence):
    spoil(finished)
    job = check("plate", "relit.1001.exr", "out", replace(SETTINGS, overwrite=True))
    told = []
    (fault,) = check_frames(job, review(job), lambda *progress: told.append(progress))
    assert fault.frame == 1004
    assert str(fault).startswith(sentence)
    assert told == [(done, 9) for done in range(1, 10)]
    assert (finished / "out/review/preview.mp4").exists(), "of the frames that are as they should be"


def test_faults_fail_the_job(finished):
    spoil_missing(finished)
    (finished / "out/p.1007.exr").unlink()
    done = verify(finished)
    assert done.returncode == 3
    *_, first, second, fail = done.stdout.splitlines()
    assert first == "openjd_status: frame 1004: out/p.1004.exr is not there: relight it again"
    assert second == "openjd_status: frame 1007: out/p.1007.exr is not there: relight it again"
    assert fail == f"openjd_fail: 2 of 9 frames are not as they should be: {first.removeprefix('openjd_status: ')}"
    assert not (finished / "out/review/report.html").exists()


def test_pixels_that_the_plate_lacks_too_are_no_fault(shot):
    for frame in (1001, 1004):
        pixels = files.light(shot / f"plate/p.{frame}.exr").astype(np.float16)
        pixels[:3, :3] = np.nan
        files.plain(shot / f"plate/p.{frame}.exr", pixels, "RGB")
    relight(shot / "plate", shot / "relit.1001.exr", shot / "out")
    assert verify(shot).returncode == 0


def test_where_nothing_can_be_measured_there_is_no_report(finished):
    done = verify(finished, frames="1001")
    assert done.returncode == 0, done.stdout
    assert "openjd_status: no report: " in done.stdout
    assert (finished / "out/review/preview.mp4").exists()
    assert not (finished / "out/review/report.html").exists()
