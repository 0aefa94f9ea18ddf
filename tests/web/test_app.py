"""The page's own folder, and what it answers where a disk fails."""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path

import pytest

from relumix.errors import InputError
from relumix.web.app import _private
from tests.web.rig import Rig, make_clip, said


def test_what_a_killed_page_left_is_removed_and_what_a_running_one_has_is_not(tmp_path: Path):
    for name in ("relumix-web-killed", "relumix-web-runs", "relumix-web-other"):
        (tmp_path / name / "sessions").mkdir(parents=True)
    for name in ("relumix-web-killed", "relumix-web-runs"):
        (tmp_path / name / "lock").touch()
    with (tmp_path / "relumix-web-runs/lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _private(str(tmp_path)) as own:
            assert own.stat().st_mode & 0o777 == 0o700
            kept = {own.name, "relumix-web-runs", "relumix-web-other"}  # the last may be of anybody
            assert {path.name for path in tmp_path.iterdir()} == kept
            with _private(str(tmp_path)) as second:
                assert own.is_dir()
                assert second != own
    assert not own.exists()


def test_a_folder_beside_which_the_page_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "visitors").mkdir()
    monkeypatch.chdir(tmp_path)
    with _private("visitors") as own:
        assert own.parent == tmp_path / "visitors"


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path):
    with (
        pytest.raises(InputError, match=f"the folder {tmp_path / 'none'} cannot be used: No such file or directory"),
        _private(str(tmp_path / "none")),
    ):
        pass


def test_a_full_disk_costs_that_request(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def receive(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("relumix.web.routes.receive", receive)
    (path, *_) = make_clip(tmp_path / "made").values()
    visitor = rig.visitor()
    answer = visitor.put("/api/uploads/u/plate.1001.exr", content=path.read_bytes())
    assert said(answer) == (507, "the disk of the server: No space left on device")
    assert visitor.get("/api/state").status_code == 200
