from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from relumix.web.errors import RefusedError
from relumix.web.sessions import ASIDE_SECONDS, Sessions


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(tmp_path: Path, clock: Clock) -> Sessions:
    return Sessions(tmp_path, 2, 100.0, clock=clock)


def test_files_go_when_their_visitor_has_gone(sessions: Sessions, clock: Clock, tmp_path: Path):
    stays, goes = sessions.begin(), sessions.begin()
    (goes.folder / "plate.exr").write_bytes(b"x")
    assert (goes.folder.stat().st_mode & 0o777) == 0o700
    clock.now = 60
    assert sessions.find(stays.name) is stays
    clock.now = 110
    sessions.tidy()
    assert sessions.find(goes.name) is None
    assert list(tmp_path.iterdir()) == [stays.folder]
    sessions.close()
    assert not list(tmp_path.iterdir())


def test_there_are_only_so_many(sessions: Sessions, clock: Clock):
    first, second = sessions.begin(), sessions.begin()
    (first.folder / "plate.exr").touch()
    clock.now = 1  # The second has no files: he gives way.
    third = sessions.begin()
    assert sessions.find(second.name) is None
    assert sessions.find(first.name) is first
    (third.folder / "plate.exr").touch()
    with pytest.raises(RefusedError, match="2 people are here already: come back later"):
        sessions.begin()


def test_who_has_made_nothing_gives_way_when_he_has_gone_and_nobody_else(sessions: Sessions, clock: Clock):
    idle, works = sessions.begin(), sessions.begin()
    idle.clips["one"] = clip_of_a_click(untouched=True)
    works.clips["one"] = clip_of_a_click(untouched=False)
    clock.now = ASIDE_SECONDS  # He looked a moment ago.
    with pytest.raises(RefusedError):
        sessions.begin()
    clock.now = ASIDE_SECONDS + 1
    new = sessions.begin()
    assert sessions.find(idle.name) is None
    assert sessions.find(works.name) is works
    assert sessions.find(new.name) is new


def test_who_waits_for_an_answer_does_not_give_way(sessions: Sessions, clock: Clock):
    asks, other = sessions.begin(), sessions.begin()
    asks.asking = 1  # His first file is on its way.
    clock.now = 1
    sessions.begin()
    assert sessions.find(asks.name) is asks
    assert sessions.find(other.name) is None
    clock.now = 200
    sessions.tidy()
    assert sessions.find(asks.name) is asks


def clip_of_a_click(*, untouched: bool) -> Any:
    return SimpleNamespace(untouched=untouched, busy=False, close=lambda: None)


def test_names_cannot_be_guessed(sessions: Sessions):
    one, other = sessions.begin(), sessions.begin()
    assert min(len(one.name), len(other.name)) >= 43  # 256 bits
    assert one.name not in str(one.folder)
    assert sessions.find(None) is sessions.find("") is sessions.find("x") is None


def test_files_that_went_while_they_were_counted_do_not_count(sessions: Sessions, monkeypatch: pytest.MonkeyPatch):
    session = sessions.begin()
    (session.folder / "there.exr").write_bytes(b"four")
    found = [(str(session.folder), [], ["there.exr", "gone.part"])]
    monkeypatch.setattr("relumix.web.sessions.os.walk", lambda folder: iter(found))
    assert session.bytes_used() == 4
