"""The folders in which inputs are rendered and relit frames are kept.

A folder is named after what its frames are made from: the key of every input at every frame, and the settings. So its
frames are never out of date, a saved script finds its result again, undo finds the one before, and nodes and scripts
that want the same frames share them. Files that two folders share are linked, not rendered or relit again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nuke

from relumix_nuke import knobs
from relumix_nuke.errors import RelumixError, writing
from relumix_nuke.hashes import Keys
from relumix_nuke.knobs import Request
from relumix_nuke.upstream import State


@dataclass(frozen=True)
class MadeFrom:
    """What the frames of a folder are made from.

    keys      of the inputs at the frames at which they are rendered, by view.
    settings  how frames are relit and written, as JSON.
    files     upstream of the inputs, with their state when they were rendered.
    """

    keys: Keys
    settings: dict[str, Any]
    files: dict[str, State]


MADE_FROM = "made_from.json"
SHOWN_BY = "shown_by"
KEY_DIGITS = 16
_REPLACE_SECONDS = 2.0


@dataclass(frozen=True)
class Folder:
    """One folder of the cache."""

    path: Path

    def pattern(self, what: str, view: str, frame: str = "####") -> str:
        """Return where frames of an input, of the "result" or of its "gain" lie, with slashes as Nuke wants them."""
        return f"{self.path.as_posix()}/{what.lower()}.{view}.{frame}.exr"

    def file(self, what: str, view: str, frame: int) -> Path:
        """Return where one frame lies."""
        return Path(self.pattern(what, view, f"{frame:04d}"))

    def log(self, view: str) -> Path:
        """Return the file that takes the command's stderr."""
        return self.path / f"relumix.{view}.log"

    def made_from(self) -> MadeFrom | None:
        """Return what its frames are made from; None where it does not exist or is another plugin's."""
        found = _made_from(self.path) if self.path.name else None
        if found is None:
            _made_from.cache_clear()  # It may come: a disk that is mounted late, another machine.
        return found

    def lost(self, frames: Iterable[int], views: tuple[str, ...]) -> list[int]:
        """Return those of the relit frames that are not there in every view."""
        kinds = [(what, view) for what in ("result", "gain") for view in views]
        return [frame for frame in frames if not all(self.file(*kind, frame).exists() for kind in kinds)]

    def used(self) -> None:
        """Note that it is in use today: what was not used for longest is deleted first."""
        with suppress(OSError):  # Where it cannot be written it is not ours to delete either.
            os.utime(self.path / MADE_FROM)

    def take_over(self, other: Folder, views: tuple[str, ...]) -> None:
        """Take what another folder has and this one lacks: inputs that are the same, and every relit frame.

        The command knows itself which relit frames are still right, and replaces the others. Raises RelumixError.
        """
        mine, theirs = self.made_from(), other.made_from()
        if self == other or mine is None or theirs is None or mine.settings["bits"] != theirs.settings["bits"]:
            return
        for view in views:
            for name, by_frame in mine.keys[view].items():
                before = theirs.keys.get(view, {}).get(name, {})
                for frame, key in by_frame.items():
                    if key is not None and before.get(frame) == key:
                        _link(other.file(name, view, frame), self.file(name, view, frame))
        # Nuke may hold a result open under each of its names: where an open file cannot be replaced it is copied.
        share = _copy if nuke.env.get("WIN32") else _link
        for what in ("result", "gain"):
            for file in sorted(other.path.glob(f"{what}.*.exr")):
                share(file, self.path / file.name)


def open_folder(root: Path, request: Request, made: MadeFrom, version: str) -> Folder:
    """Return the folder of the cache for a request, made if need be. Raises RelumixError.

    made     what its frames are made from; where a key is not known, the folder is a new one.
    version  of the command: another one may make other frames.
    """
    known = all(key is not None for names in made.keys.values() for by in names.values() for key in by.values())
    text = json.dumps([made.keys, made.settings, version, "" if known else str(uuid.uuid4())], sort_keys=True)
    folder = Folder(root / hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS])
    with writing(folder.path):
        folder.path.mkdir(parents=True, exist_ok=True)
        part = folder.path / f"{MADE_FROM}.{process()}"
        part.write_text(json.dumps({"keys": made.keys, "look": made.settings, "files": made.files}), encoding="utf-8")
        replace(part, folder.path / MADE_FROM)
    _made_from.cache_clear()
    return folder


@contextmanager
def rendering(folder: Folder, files: list[tuple[str, str, int]]) -> Iterator[Folder]:
    """Give a folder to render in, and take over the complete ones of `files` (input, view, frame) afterwards.

    So a frame that Nuke was writing when it was stopped never counts as rendered.
    """
    parts = Folder(folder.path / f"rendering.{process()}")
    with writing(parts.path):
        parts.path.mkdir(exist_ok=True)
    complete = False
    try:
        yield parts
        complete = True
    finally:
        with writing(folder.path):
            made = [pair for each in files if (pair := (parts.file(*each), folder.file(*each)))[0].exists()]
            # After a cancel the newest file may be half-written: leave it out.
            made.sort(key=lambda pair: pair[0].stat().st_mtime_ns)
            for part, target in made if complete else made[:-1]:
                replace(part, target)
            shutil.rmtree(parts.path)


def replace(part: Path, target: Path) -> None:
    """Give a file its name. Where another process holds the one that has it, as on Windows, wait a little.

    Raises OSError.
    """
    end = time.monotonic() + _REPLACE_SECONDS
    while True:
        try:
            part.replace(target)
            return
        except PermissionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def folder_of(node: nuke.Node) -> Folder:
    """Return the folder that a node shows now; it may not exist."""
    return Folder(Path(knobs.path(node, "folder")))


def root_of(node: nuke.Node) -> Path:
    """Return the cache folder: as the knob says, or beside the script, or a temporary one. Raises RelumixError."""
    written = knobs.path(node, "cache")
    script = nuke.root()["name"].value()
    if written:
        folder = Path(written)
    elif script:
        folder = Path(script).parent / "relumix"
    else:
        folder = Path(tempfile.gettempdir()) / "relumix"
    if special := re.search(r"[#%\[\]$]", str(folder)):
        raise RelumixError(f"cache folder {folder} has a {special[0]}, which means something to Nuke: choose another")
    return folder.absolute()


def delete(folder: Path) -> None:
    """Delete a folder of the cache. Raises RelumixError where a file in it is in use or not ours to delete.

    What tells that it is one goes last: so what could not be deleted now is found again.
    """
    try:
        for each in sorted(folder.iterdir(), key=lambda path: path.name in (MADE_FROM, SHOWN_BY)):
            if each.is_dir():
                shutil.rmtree(each)
            else:
                each.unlink()
        folder.rmdir()
    except FileNotFoundError:  # Another has been faster.
        pass
    except OSError as error:
        raise RelumixError(
            f"{folder} cannot be deleted ({error.strerror}): close what shows it, and try again"
        ) from error
    finally:
        _made_from.cache_clear()


def process() -> str:
    """This process among all that may share a cache folder."""
    return f"{re.sub(r'[^-.0-9A-Za-z]', '_', socket.gethostname())}.{os.getpid()}"


@functools.lru_cache(maxsize=32)
def _made_from(path: Path) -> MadeFrom | None:
    try:
        stored = json.loads((path / MADE_FROM).read_text(encoding="utf-8"))
        files = {name: (int(time_ns), int(size)) for name, (time_ns, size) in stored["files"].items()}
        return MadeFrom({view: _by_frame(names) for view, names in stored["keys"].items()}, stored["look"], files)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):  # Gone, or another plugin's.
        return None


def _by_frame(stored: Mapping[str, Mapping[str, str | None]]) -> dict[str, dict[int, str | None]]:
    """Keys as read from JSON, whose frames are text, by number again."""
    return {name: {int(frame): value for frame, value in by.items()} for name, by in stored.items()}


def _link(source: Path, target: Path) -> None:
    """Make a file appear under another name as well: with its time of change, by which the command knows it."""
    if target.exists() or not source.exists():
        return
    try:
        os.link(source, target)
    except OSError:  # Across disks, and on those that have no links.
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    if target.exists() or not source.exists():
        return
    with writing(target):
        part = target.with_name(f"{target.name}.{process()}")
        shutil.copy2(source, part)
        replace(part, target)
