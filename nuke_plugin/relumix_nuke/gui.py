"""What Nuke's window calls: the node's buttons, its label, and the menus."""

from __future__ import annotations

import threading
from typing import cast

import nuke

from relumix_nuke import knobs
from relumix_nuke import work as works
from relumix_nuke.errors import CancelledError, RelumixError
from relumix_nuke.progress import Progress, on_main
from relumix_nuke.submit import submit as submit_to_farm

NODE_CLASS = "Relumix"


def install() -> None:
    """Put the node into the menus and keep its label and knobs up to date."""
    nuke.menu("Nodes").addMenu("Relumix", icon="Relumix.png").addCommand(
        "Relumix", "nuke.createNode('Relumix')", icon="Relumix.png"
    )
    nuke.addAutolabel(label, nodeClass=NODE_CLASS)
    nuke.addKnobChanged(knob_changed, nodeClass=NODE_CLASS)


def relight(node: nuke.Node) -> None:
    """Render what has changed, then relight while the artist goes on working."""
    try:
        work = works.prepare(node)
        progress = Progress(f"Relighting {node.fullName()}")
    except RelumixError as error:
        _report(node, error)
        return
    works.RUNNING.add(work.folder)  # Here and not on its thread: the button may be pressed again before that runs.
    knobs.show(node, "relighting")
    threading.Thread(target=_run, args=(work, progress), name="relumix", daemon=True).start()


def cancel(node: nuke.Node) -> None:
    """Stop relighting."""
    if not works.cancel(node):
        knobs.show(node, "nothing to cancel: this node is not being relit")


def clear(node: nuke.Node) -> None:
    """Go back to the plate and delete the node's files, if the artist means it."""
    if not nuke.ask(f"Delete everything that {node.fullName()} has rendered and relit?"):
        return
    try:
        works.clear(node)
    except RelumixError as error:
        _report(node, error)


def submit(node: nuke.Node) -> None:
    """Hand the job to a render farm and say where it lies."""
    try:
        bundles = submit_to_farm(node)
    except RelumixError as error:
        _report(node, error)
        return
    nuke.message("The job bundle is in\n" + "\n".join(bundle.as_posix() for bundle in bundles))


def label() -> str | None:
    """Return the label of this node where its result is stale, None for the usual one."""
    node = nuke.thisNode()
    try:
        if not works.is_stale(node):
            return None
    except RelumixError:  # Relight says what it is; a label is drawn too often for that.
        return None
    written = cast("nuke.EvalString_Knob", node["label"]).evaluate()
    return "\n".join(filter(None, [node.name(), written, "(stale)"]))


def knob_changed() -> None:
    """Let those knobs be written that have a meaning now."""
    node, name = nuke.thisNode(), nuke.thisKnob().name()
    if name in ("range", "showPanel"):
        node["frames"].setEnabled(node["range"].value() == "custom")
    if name in ("where", "showPanel"):
        node["server"].setEnabled(node["where"].value() == "server")


def _run(work: works.Work, progress: Progress) -> None:
    """Follow a job, on a thread of its own."""
    try:
        work.run(progress)
    except RelumixError as error:
        on_main(_report, work.node, error)
    except Exception as error:
        on_main(_report, work.node, RelumixError(f"relighting broke off: {error!r} (more in Nuke's terminal)"))
        raise
    else:
        on_main(_show, work.node, work.summary())


def _report(node: nuke.Node, error: RelumixError) -> None:
    """Say in the status line what went wrong and, unless the artist has asked for it, in a dialog."""
    _show(node, str(error))
    if not isinstance(error, CancelledError):
        nuke.message(str(error))


def _show(node: nuke.Node, status: str) -> None:
    try:
        knobs.show(node, status)
    except ValueError:  # Nuke's word for a node that was deleted: nobody is there to read it.
        nuke.tprint(f"relumix: {status}")
