"""The folders in which inputs are rendered and relit frames are kept.

A folder is named after what its frames are made from: the hash of every input at every frame, and the settings. So
its frames are never out of date, a saved script finds its result again, and undo finds the one before. Files that two
folders share are linked, not rendered or relit again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nuke

from relumix_nuke.errors import RelumixError, writing
from relumix_nuke.knobs import Request

Hashes = dict[str, dict[int, str]]
"""Nuke's hash of each input at each frame."""


@dataclass(frozen=True)
class MadeFrom:
    """What the frames of a folder are made from.

    inputs    the inputs at the frames at which they are rendered, for all requested views together.
    by_view   the inputs at every frame of the shot, view by view: so a changed Reference shows as stale at any frame.
    settings  how frames are relit and written, as JSON.
    """

    inputs: Hashes
    by_view: dict[str, Hashes]
    settings: dict[str, Any]


_MADE_FROM = "made_from.json"
_KEY_DIGITS = 16


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
        """Return what its frames are made from; None where the folder does not exist."""
        return _made_from(self.path) if self.path.name else None

    def take_over(self, other: Folder, views: tuple[str, ...]) -> None:
        """Link what another folder has and this one lacks: inputs that are the same, and every relit frame.

        The command knows itself which relit frames are still right, and replaces the others. Raises RelumixError.
        """
        mine, theirs = self.made_from(), other.made_from()
        if self == other or mine is None or theirs is None or mine.settings["bits"] != theirs.settings["bits"]:
            return
        for name, hashes in mine.inputs.items():
            same = [frame for frame, value in hashes.items() if theirs.inputs.get(name, {}).get(frame) == value]
            for view in views:
                for frame in same:
                    _link(other.file(name, view, frame), self.file(name, view, frame))
        for what in ("result", "gain"):
            for file in sorted(other.path.glob(f"{what}.*.exr")):
                _link(file, self.path / file.name)


def open_folder(node: nuke.Node, request: Request, inputs: Hashes, by_view: dict[str, Hashes], version: str) -> Folder:
    """Return the folder for a request, made if need be. Raises RelumixError.

    inputs, by_view  as in MadeFrom.
    version          of the command: another one may make other frames.
    """
    text = json.dumps([inputs, request.settings.asdict(), version], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]
    folder = Folder(_root(node) / f"{_owner(node)}.{key}")
    before = folder.made_from()
    made_from = {
        "inputs": inputs,
        "seen": {**(before.by_view if before else {}), **by_view},
        "look": request.settings.asdict(),
    }
    with writing(folder.path):
        folder.path.mkdir(parents=True, exist_ok=True)
        part = folder.path / f"{_MADE_FROM}.{os.getpid()}"
        part.write_text(json.dumps(made_from), encoding="utf-8")
        part.replace(folder.path / _MADE_FROM)
    _made_from.cache_clear()
    return folder


@contextmanager
def rendering(folder: Folder, files: list[tuple[str, str, int]]) -> Iterator[Folder]:
    """Give a folder to render in, and take over the complete ones of `files` (input, view, frame) afterwards.

    So a frame that Nuke was writing when it was stopped never counts as rendered.
    """
    parts = Folder(folder.path / f"rendering.{os.getpid()}")
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
                part.replace(target)
            shutil.rmtree(parts.path)


def folder_of(node: nuke.Node) -> Folder:
    """Return the folder that a node shows now; it may not exist."""
    return Folder(Path(node["folder"].value()))


def delete(node: nuke.Node) -> None:
    """Delete every folder of the cache that this node of this script has made. Raises RelumixError."""
    for made in sorted(_root(node).glob(f"{_owner(node)}.{'?' * _KEY_DIGITS}/{_MADE_FROM}")):
        try:
            shutil.rmtree(made.parent)
        except OSError as error:
            raise RelumixError(f"{made.parent} cannot be deleted ({error.strerror}): delete it by hand") from error
    _made_from.cache_clear()


def _root(node: nuke.Node) -> Path:
    """The cache folder: as the knob says, or beside the script, or among temporary files."""
    written = str(cast("nuke.File_Knob", node["cache"]).evaluate() or "").strip()
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


def _owner(node: nuke.Node) -> str:
    """The script and the node, as the beginning of a file name. Unsaved scripts go by the process id."""
    script = Path(nuke.root()["name"].value() or f"unsaved_{os.getpid()}.nk").stem
    return re.sub(r"[^\w.-]", "_", f"{script}.{node.fullName()}")


@functools.lru_cache(maxsize=32)
def _made_from(path: Path) -> MadeFrom | None:
    try:
        stored = json.loads((path / _MADE_FROM).read_text(encoding="utf-8"))
        by_view = {view: _by_frame(hashes) for view, hashes in stored["seen"].items()}
        return MadeFrom(_by_frame(stored["inputs"]), by_view, stored["look"])
    except (OSError, ValueError, KeyError, AttributeError):  # Gone, or another plugin's: nothing to take over.
        return None


def _by_frame(stored: dict[str, dict[str, str]]) -> Hashes:
    """Hashes as read from JSON, whose keys are text, by number again."""
    return {name: {int(frame): value for frame, value in hashes.items()} for name, hashes in stored.items()}


def _link(source: Path, target: Path) -> None:
    """Make a file appear under another name as well: with its time of change, by which the command knows it."""
    if target.exists() or not source.exists():
        return
    try:
        os.link(source, target)
    except OSError:  # Across disks, and on those that have no links.
        with writing(target):
            part = target.with_name(f"{target.name}.{os.getpid()}")
            shutil.copy2(source, part)
            part.replace(target)
