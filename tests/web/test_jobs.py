"""A real page with real engines: a shot is relit, cancelled, gone on with, and survives the death of the engines."""

from __future__ import annotations

import io
import os
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from relumix.shot.plate import Plate
from relumix.shot.sequence import Sequence
from relumix_server.workers import Workers
from tests.web.rig import FRAMES, Rig, ended, made, make_clip, movie_clip, said, upload

SECONDS = 120


def until(seen: Callable[[], object], seconds: float = SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if seen():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def rig(workers: Workers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(workers, tmp_path_factory.mktemp("page")) as rig:
        rig.engines.start()
        yield rig


def opened(rig: Rig, folder: Path, frame: int = 1001) -> tuple[TestClient, str]:
    """A visitor with a clip that has a reference, and its path."""
    visitor = rig.visitor()
    path = f"/api/clips/{upload(visitor, make_clip(folder))['name']}"
    relit = (folder / f"relit/relit.{frame}.exr").read_bytes()
    assert visitor.put(f"{path}/references/{frame}/relit.exr", content=relit).status_code == 200
    return visitor, path


def test_a_shot_is_relit_measured_and_taken_home(rig: Rig, tmp_path: Path):
    visitor, path = opened(rig, tmp_path)
    assert visitor.post(f"{path}/job").json()["job"]["state"] in ("waiting", "running")
    job = ended(visitor, path)
    assert (job["state"], job["error"], job["failed"]) == ("done", "", {})
    assert sorted(job["frames"]) == [str(frame) for frame in FRAMES]
    assert (job["share"], job["total"]) == (1.0, 4)
    for kind in ("result", "gain", "confidence"):
        shown = visitor.get(f"{path}/frames/1003/{kind}.jpg")
        assert (shown.status_code, shown.content[:2]) == (200, b"\xff\xd8")

    def measured() -> bool:
        measures = visitor.get(path).json()["measures"]
        return (len(measures["confidence"]), len(measures["flicker"])) == (4, 3)

    assert until(measured)
    measures = visitor.get(path).json()["measures"]
    assert measures["confidence"]["1001"] == pytest.approx(1, abs=1e-3)
    assert all(0 < value <= 1 for value in measures["confidence"].values())
    assert all(0 <= value < 1 for value in measures["flicker"].values())
    with zipfile.ZipFile(io.BytesIO(visitor.get(f"{path}/result.zip").content)) as held:
        held.extractall(tmp_path / "home")
    relit = Plate(Sequence.find(tmp_path / "home/relit"))
    assert relit.frames == tuple(FRAMES)
    truth = Plate(Sequence.find(tmp_path / "relit")).read(1001).rgb
    assert abs(relit.read(1001).rgb - truth).max() < 1e-2  # the reference comes back at its own frame
    home = f"{path}/movies/before-after"
    assert said(visitor.get(home)) == (409, "the movie is not made yet")
    assert made(visitor, path, visitor.post(home))["movies"] == ["before-after"]
    movie = visitor.get(home)
    assert (movie.status_code, movie.content[4:8]) == (200, b"ftyp")
    assert movie.headers["content-disposition"] == 'attachment; filename="mine-before-after.mp4"'


def test_a_movie_is_relit_and_taken_home_as_one(rig: Rig, tmp_path: Path):
    visitor = rig.visitor()
    opened_clip = upload(visitor, {1: movie_clip(tmp_path / "take.mp4")})
    path = f"/api/clips/{opened_clip['name']}"
    visitor.post(f"{path}/references/2", json={"whole": {"exposure": -1.0}})
    visitor.post(f"{path}/job")
    job = ended(visitor, path)
    assert (job["state"], sorted(job["frames"])) == ("done", ["1", "2", "3", "4"])
    clip = made(visitor, path, visitor.post(f"{path}/movies/movie"))
    assert (clip["making"]["state"], clip["making"]["error"], clip["movies"]) == ("done", "", ["movie"])
    home = visitor.get(f"{path}/movies/movie")
    assert home.headers["content-disposition"] == 'attachment; filename="mine-relit.mp4"'
    (tmp_path / "home.mp4").write_bytes(home.content)
    relit, plate = (Plate(Sequence.find(tmp_path / name)) for name in ("home.mp4", "take.mp4"))
    assert relit.frames == plate.frames
    assert relit.frames_per_second == 25
    ratio = relit.read(3).rgb.mean() / plate.read(3).rgb.mean()
    assert ratio == pytest.approx(0.5, rel=0.05)  # one stop less, in linear light


def test_a_movie_that_nobody_waits_for_is_not_made(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    visitor, path = opened(rig, tmp_path)
    visitor.post(f"{path}/job")
    assert ended(visitor, path)["state"] == "done"
    monkeypatch.setattr("relumix.web.clips._WAITS_SECONDS", 0.0)  # He has closed the page.
    clip = made(visitor, path, visitor.post(f"{path}/movies/movie"))
    assert (clip["making"]["what"], clip["making"]["state"], clip["movies"]) == ("movie", "cancelled", [])
    monkeypatch.undo()
    assert visitor.post(f"{path}/movies/movie").json()["making"]["state"] in ("waiting", "running")
    busy = (409, "a movie is being made: wait for it, or cancel it")
    assert said(visitor.post(f"{path}/movies/before-after")) == busy
    assert said(visitor.delete(f"{path}/references/1001")) == busy
    assert said(visitor.post(f"{path}/job")) == busy
    assert made(visitor, path, visitor.delete(f"{path}/making"))["making"]["state"] == "cancelled"


def test_a_job_is_cancelled_and_gone_on_with(rig: Rig, tmp_path: Path):
    visitor, path = opened(rig, tmp_path)
    visitor.post(f"{path}/job")
    visitor.delete(f"{path}/job")
    job = ended(visitor, path)
    assert job["state"] == "cancelled"
    visitor.post(f"{path}/job")
    assert ended(visitor, path)["state"] == "done"
    began = visitor.get(path).json()["job"]["frames"]
    visitor.post(f"{path}/job")  # Again: every frame is there, and stays as it was.
    assert ended(visitor, path)["frames"] == began


def test_a_job_outlives_its_engines(rig: Rig, tmp_path: Path):
    assert rig.engines.wait(SECONDS)
    address = rig.engines.address
    process = rig.engines._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert until(lambda: not rig.engines.ready)
    visitor, path = opened(rig, tmp_path)
    visitor.post(f"{path}/job")
    assert ended(visitor, path)["state"] == "done"
    assert rig.engines.address == address


def test_a_clip_whose_frame_is_broken_costs_that_frame(rig: Rig, tmp_path: Path):
    folder = tmp_path / "made"
    files = make_clip(folder)
    data = files[1003].read_bytes()
    files[1003].write_bytes(data[: len(data) // 2])
    visitor = rig.visitor()
    path = f"/api/clips/{upload(visitor, files)['name']}"
    relit = (folder / "relit/relit.1001.exr").read_bytes()
    visitor.put(f"{path}/references/1001/relit.exr", content=relit)
    visitor.post(f"{path}/job")
    job = ended(visitor, path)
    assert (job["state"], sorted(job["frames"]), list(job["failed"])) == ("done", ["1001", "1002", "1004"], ["1003"])
    assert "plate.1003.exr cannot be read" in job["failed"]["1003"]
    assert str(rig.folder) not in job["failed"]["1003"]
    assert visitor.get(f"{path}/frames/1003/plate.jpg").status_code == 422
    assert visitor.get(f"{path}/frames/1004/result.jpg").status_code == 200


def test_what_cannot_be_done_is_said(rig: Rig, tmp_path: Path):
    visitor, path = opened(rig, tmp_path)
    session = rig.sessions.find(visitor.cookies["relumix-7860"])
    assert session is not None
    for plate in session.folder.rglob("plate.*.exr"):
        plate.unlink()
    visitor.post(f"{path}/job")
    job = ended(visitor, path)
    assert job["state"] == "failed"
    assert "no such" in job["error"]
    assert said(visitor.post(f"{path}/movies/before-after")) == (409, "the shot is not relit yet")
