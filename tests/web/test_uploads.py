from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relumix.web import uploads
from relumix.web.errors import RefusedError
from relumix.web.uploads import receive, safe_name


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("plate.1001.exr", "plate.1001.exr"),
        ("../../etc/plate.exr", "plate.exr"),
        ("C:\\shots\\plate.PNG", "plate.PNG"),
        ("my shot (1) é.mov", "my_shot_(1)__.mov"),
        (".hidden.exr", "hidden.exr"),
        ("-r.exr", "r.exr"),
        ("a" * 300 + ".1001.exr", "a" * 115 + ".1001.exr"),
    ],
)
def test_a_name_is_made_safe(given: str, kept: str):
    assert safe_name(given) == kept


@pytest.mark.parametrize("given", ["", ".", "..", "plate", "plate.txt", ".exr", "/", "plate.exr/"])
def test_what_is_no_picture_is_refused(given: str):
    with pytest.raises(RefusedError, match="is no image or movie"):
        safe_name(given)


async def silent() -> AsyncIterator[bytes]:
    yield b"some"
    await asyncio.sleep(3600)
    yield b"more"


async def broken() -> AsyncIterator[bytes]:
    yield b"some"
    raise ConnectionResetError


@pytest.mark.parametrize(("limit", "seconds"), [("silence", 3600.0), ("all of it", 0.05)])
def test_who_sends_nothing_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, seconds: float
):
    if limit == "silence":
        monkeypatch.setattr(uploads, "SILENCE_SECONDS", 0.05)
    with pytest.raises(RefusedError, match=r"a\.exr took longer to come than it may"):
        asyncio.run(receive(silent(), tmp_path / "a.exr", most_bytes=100, seconds=seconds))
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_what_did_not_come(tmp_path: Path):
    with pytest.raises(ConnectionResetError):
        asyncio.run(receive(broken(), tmp_path / "a.exr", most_bytes=100, seconds=10))
    assert not list(tmp_path.iterdir())


def test_of_several_uploads_at_once_no_more_comes_than_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(uploads, "_ASKED_BYTES", 8)
    asked = []

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b"1234"

    def is_full() -> bool:
        asked.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
        return len(asked) == 3

    with pytest.raises(RefusedError, match=r"^there is no room for a\.exr: close another clip first$"):
        asyncio.run(receive(pieces(), tmp_path / "a.exr", most_bytes=100, seconds=10, is_full=is_full))
    assert (len(asked), list(tmp_path.iterdir())) == (3, [])
