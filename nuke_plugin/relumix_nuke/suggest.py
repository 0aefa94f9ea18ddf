"""Which frame to relight next, as the command sees it."""

from __future__ import annotations

import json

import nuke

from relumix_nuke import command, job, work
from relumix_nuke.errors import RelumixError
from relumix_nuke.progress import Progress


def suggest(node: nuke.Node) -> tuple[int | None, list[str]]:
    """Render what has changed of the inputs, and return the frame that would help most, and what the command warns of.

    The frame is None where none would help.

    Raises RelumixError, CancelledError.
    """
    prepared = work.prepare(node, for_relighting=False)
    view = prepared.request.views[0]
    arguments = command.suggest(prepared.program, prepared.request, prepared.folder, view)
    progress = Progress(f"Looking for a frame to relight, for {node.fullName()}")
    said = job.output(arguments, prepared.folder.log(view), progress.stopped)
    try:
        found = json.loads(said)
        named = int(found["frames"][0]["frame"]) if found["frames"] else None
        return named, [str(warning) for warning in found.get("warnings", ())]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise RelumixError(
            f"{prepared.program.version} has not named a frame (it said: {said.strip()[:200]})"
        ) from error
