"""Who shows a folder of the cache: nodes of the open script, and saved scripts. What somebody shows is not deleted.

Each folder has a list of the nodes that were seen with it. A script may have been copied since without Nuke, so scripts
that lie beside those in the list are searched for the folder's name as well.
"""

from __future__ import annotations

import functools
import hashlib
import json
import mmap
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import nuke

from relumix_nuke import cache, knobs
from relumix_nuke.errors import writing
from relumix_nuke.hashes import limited

_SCRIPTS = (".nk", ".nkind", ".nknc", ".autosave", ".nk~")
_BAKED = "Reads"
_NOT_SAVED = "a script that was not saved"
_SESSION_SECONDS = 24 * 3600.0
"""How long another Nuke is taken to have a script open that was never saved: no file tells what it shows."""

_KEY = re.compile(rf"[/.]([0-9a-f]{{{cache.KEY_DIGITS}}})(?![0-9a-f])".encode())


def note(node: nuke.Node, folder: Path | None = None, *, baked: bool = False) -> None:
    """Put a node of the open script, or Reads that were baked from it, on the list of a folder: the one it shows."""
    folder = folder or cache.folder_of(node).path
    if folder.name and folder.is_dir():
        script, name = _script(), _BAKED if baked else node.fullName()
        with writing(folder):
            (folder / cache.SHOWN_BY).mkdir(exist_ok=True)
            target = folder / cache.SHOWN_BY / f"{_mark(script, name)}.json"
            entry = {"script": script, "node": name, "process": cache.process()}
            target.write_text(json.dumps(entry), encoding="utf-8")


def note_all() -> None:
    """Put every node of the open script on its folder's list: under the name that the script has now."""
    for node in _ours():
        note(node)


def forget(node: nuke.Node, folder: Path) -> None:
    """Take a node off a folder's list."""
    with suppress(OSError):  # It was not on it, or the folder has gone.
        (folder / cache.SHOWN_BY / f"{_mark(_script(), node.fullName())}.json").unlink()


def noted(node: nuke.Node, root: Path) -> list[Path]:
    """Return the folders of a cache that have a node of the open script on their list, and the one that it shows."""
    mark = f"{_mark(_script(), node.fullName())}.json"
    shown = cache.folder_of(node).path
    stem = Path(_script()).stem or f"unsaved_{os.getpid()}"
    before = re.sub(r"[^\w.-]", "_", f"{stem}.{node.fullName()}")  # As folders were named before nodes shared them.
    found = {path.parent.parent for path in root.glob(f"{'?' * cache.KEY_DIGITS}/{cache.SHOWN_BY}/{mark}")}
    found |= {path.parent for path in root.glob(f"{before}.{'?' * cache.KEY_DIGITS}/{cache.MADE_FROM}")}
    if shown.name and shown.is_dir() and (shown / cache.MADE_FROM).is_file():
        found.add(shown)
    return sorted(found)


def others(folder: Path, but: nuke.Node | None = None) -> list[str]:
    """Return who shows a folder, for people: nodes of the open script, Reads that were baked, saved scripts.

    but  a node that does not count, with what is saved of the open script.
    """
    found = [name for name, shown in _nodes_that_show() if shown == folder and (but is None or name != but.fullName())]
    entries = list(_entries(folder))
    scripts = {Path(script) for script, _, _ in entries if script}
    for script, name, elsewhere in entries:
        if name == _BAKED:
            found.append(f"Reads in {Path(script).name or _NOT_SAVED}")
        elif elsewhere and not script:
            found.append(f"{name} in {_NOT_SAVED}, in another Nuke")
    own = Path(_script()) if but is not None and _script() else None
    for saved in sorted(_beside(scripts)):
        if saved != own and _mentions(saved, folder.name):
            found.append(saved.name)
    if limited():  # Other nodes of the open script cannot be looked through: the list stands for them.
        me = but.fullName() if but is not None else None
        found += [name for script, name, _ in entries if script == _script() and name not in (me, _BAKED)]
    return list(dict.fromkeys(found))


def showing(folder: Path) -> list[nuke.Node]:
    """Return the nodes of the open script that show a folder; none in an edition that lets Python touch ten nodes."""
    return [node for node in _ours() if cache.folder_of(node).path == folder]


def _nodes_that_show() -> Iterator[tuple[str, Path]]:
    """Yield every Relumix node of the open script with its folder."""
    for node in _ours():
        yield node.fullName(), cache.folder_of(node).path


def _ours() -> list[nuke.Node]:
    """Every Relumix node of the open script; none in an edition that lets Python touch ten nodes."""
    if limited():
        return []
    with nuke.root():  # A button runs inside its own group.
        nodes = (*nuke.allNodes("Relumix", recurseGroups=True), *nuke.allNodes("Group", recurseGroups=True))
    return [node for node in nodes if knobs.is_ours(node)]


def _entries(folder: Path) -> Iterator[tuple[str, str, bool]]:
    """Yield the script and the node of every entry, and whether it was made in another Nuke, in the last hours."""
    for path in sorted((folder / cache.SHOWN_BY).glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):  # Half-written by somebody else: it comes again.
            stored = json.loads(path.read_text(encoding="utf-8"))
            recent = time.time() - path.stat().st_mtime < _SESSION_SECONDS
            yield str(stored["script"]), str(stored["node"]), recent and stored.get("process") != cache.process()


def _beside(scripts: Iterable[Path]) -> set[Path]:
    """Scripts, and those that lie in the same folders."""
    folders = {script.parent for script in scripts}
    return {path for folder in folders for path in folder.glob("*.*") if path.suffix in _SCRIPTS}


def _mentions(script: Path, name: str) -> bool:
    """Tell whether a saved script has the name of a folder in it."""
    try:
        status = script.stat()
        return name[-cache.KEY_DIGITS :] in _names_in(script, status.st_mtime_ns, status.st_size)
    except (OSError, ValueError):  # Gone, or empty.
        return False


@functools.lru_cache(maxsize=1024)
def _names_in(script: Path, changed_ns: int, size: int) -> frozenset[str]:
    """The keys of folders in a script as it was changed last: it is read once, however many folders are asked for."""
    with script.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return frozenset(match[1].decode() for match in _KEY.finditer(text))


def _script() -> str:
    """The open script; an empty text where it was never saved."""
    return str(nuke.root()["name"].value() or "")


def _mark(script: str, name: str) -> str:
    # Of scripts that were never saved there may be one in each Nuke.
    return hashlib.sha256(f"{script or cache.process()}\n{name}".encode()).hexdigest()[: cache.KEY_DIGITS]
