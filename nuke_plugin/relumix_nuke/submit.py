"""Handing a job to a render farm."""

from __future__ import annotations

from pathlib import Path

import nuke

from relumix_nuke import command, job, knobs, work
from relumix_nuke.errors import RelumixError
from relumix_nuke.progress import Progress


def submit(node: nuke.Node) -> list[Path]:
    """Render what has changed and write an OpenJD job bundle, one a view; start the farm's own submitter if one is set.

    Returns the folders of the bundles. When the farm is done, relighting the node takes its frames as they are. Raises
    RelumixError, CancelledError.
    """
    prepared = work.prepare(node, by_farm=True)
    chunk_size = int(node["chunk_size"].value())
    progress = Progress(f"Writing the job bundle of {node.fullName()}")
    bundles = []
    for view in prepared.request.views:
        target = prepared.folder.path / f"farm.{view}"
        arguments = command.bundle(prepared.program, prepared.request, prepared.folder, view, chunk_size, target)
        job.output(arguments, prepared.folder.log(view), progress.stopped)
        bundles.append(target)
    written = str(node["farm_command"].value() or "").strip()
    for bundle in bundles if written else ():
        _hand_over(written, bundle)
    where = ", ".join(bundle.as_posix() for bundle in bundles)
    knobs.show(node, f"{'submitted' if written else 'ready to submit'}: {where}; press Relight when the farm is done")
    return bundles


def _hand_over(written: str, bundle: Path) -> None:
    arguments = [*knobs.words(written, "submit with"), str(bundle)]
    try:
        command.start_beside(arguments)
    except OSError as error:
        raise RelumixError(f"'{written}' cannot be run ({error}): correct submit with; the job is {bundle}") from error
