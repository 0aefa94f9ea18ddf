"""Whether a node's result was made from what its inputs and knobs are now. Asked for: Nuke tells nobody."""

from __future__ import annotations

from collections.abc import Sequence

import nuke

from relumix_nuke import cache, frames, hashes, knobs, upstream
from relumix_nuke.cache import MadeFrom
from relumix_nuke.errors import CancelledError
from relumix_nuke.hashes import Told
from relumix_nuke.knobs import RenderSettings, Request
from relumix_nuke.progress import Progress
from relumix_nuke.upstream import Files

STALE, UNKNOWN, FRESH = "stale", "unknown", ""


def now(node: nuke.Node, request: Request, before: MadeFrom | None, told: Told) -> MadeFrom:
    """Return what the frames of a request would be made from now, and make Nuke read again what was written over.

    before  what the node shows is made from.

    Nuke has to be at full size. Raises RelumixError, and what `told` raises.
    """
    files = _files(node, request.inputs)
    upstream.LOADED.read_again(files.values(), before.files if before else {}, lambda text: told(text, 0.0))
    wanted = {name: request.frames_of(name) for name in request.inputs}
    keys = hashes.keys(node, wanted, request.views, files, told)
    state = {path: state for each in files.values() for path, state in each.state().items()}
    return MadeFrom(keys, request.settings.asdict(), state)


def by_settings(node: nuke.Node) -> str:
    """Return STALE, UNKNOWN or FRESH, of what the knobs alone tell: cheap enough for a label."""
    if not node["folder"].value():
        return FRESH
    made = cache.folder_of(node).made_from()
    if made is None:
        return UNKNOWN
    names = {name for by_name in made.keys.values() for name in by_name}
    references = knobs.reference_frames(node)
    shown = sorted({frame for by_name in made.keys.values() for frame in by_name.get("Reference", ())})
    same = made.settings == RenderSettings.of(node).asdict() and names == set(knobs.connected(node))
    return FRESH if same and (not references or references == shown) else STALE


def check(node: nuke.Node, told: Told, at: int | None = None) -> tuple[str, str]:
    """Return STALE, UNKNOWN or FRESH, and a sentence on it.

    at  look at this frame and at the references alone, not at every frame.

    Nuke has to be at full size. Raises RelumixError where an input has an error, and what `told` raises.
    """
    if not node["folder"].value():
        return FRESH, "not relit yet"
    folder = cache.folder_of(node)
    made = folder.made_from()
    if made is None:
        there = "was made by another version of this plugin" if folder.path.is_dir() else f"is not in {folder.path}"
        return UNKNOWN, f"unknown: the result {there}; Relight makes it again"
    if by_settings(node) == STALE:
        return STALE, "stale: knobs or connected inputs have changed since"
    names = knobs.connected(node)
    files = _files(node, names)
    changed, unsure = _compared(node, made, files, told, at)
    if changed:
        return STALE, f"stale: {'; '.join(changed)}"
    if unsure:
        return UNKNOWN, f"unknown: Nuke does not tell the state of {'; '.join(unsure)}"
    return FRESH, "up to date" + ("" if all(each.known for each in files.values()) else _NOT_WATCHED)


def with_bar(node: nuke.Node) -> Told:
    """Return what shows a bar while inputs are looked at, and stops where its Cancel is pressed."""
    progress = Progress(f"Checking the inputs of {node.fullName()}", quiet=True)

    def told(text: str, share: float) -> None:
        progress.show(text, share)
        if progress.cancelled():
            raise CancelledError("cancelled while the inputs were checked")

    return told


_NOT_WATCHED = (
    ", as far as Nuke tells: this edition lets a plugin see ten nodes, so files that are written over are not noticed"
)


def _files(node: nuke.Node, names: Sequence[str]) -> dict[str, Files]:
    limited = hashes.limited()
    return {name: upstream.files_of(node.input(knobs.INPUTS.index(name)), limited) for name in names}


def _compared(
    node: nuke.Node, made: MadeFrom, files: dict[str, Files], told: Told, at: int | None
) -> tuple[list[str], list[str]]:
    """What has changed and what is not known, as "Source 1001-1006"."""
    views = [view for view in made.keys if view in nuke.views()]
    changed: dict[str, set[int]] = {}
    unsure: dict[str, set[int]] = {}
    for view in views:
        keys = hashes.keys(node, _wanted(made, view, at), [view], files, told)
        for name, by_frame in keys[view].items():
            for frame, key in by_frame.items():
                was = made.keys[view][name][frame]
                if key is None or was is None:
                    unsure.setdefault(name, set()).add(frame)
                elif key != was:
                    changed.setdefault(name, set()).add(frame)
    return _as_text(changed), _as_text(unsure)


def _wanted(made: MadeFrom, view: str, at: int | None) -> dict[str, list[int]]:
    found = {name: sorted(by_frame) for name, by_frame in made.keys[view].items()}
    if at is None:
        return found
    return {name: [f for f in of if f == at or name == "Reference"] for name, of in found.items()}


def _as_text(found: dict[str, set[int]]) -> list[str]:
    return [f"{name} at {frames.text(of)}" for name, of in found.items()]
