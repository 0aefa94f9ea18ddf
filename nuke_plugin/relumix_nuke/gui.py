"""What Nuke's window calls: the node's buttons, its label and panel, and the menus."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import nuke

from relumix_nuke import bake as baking
from relumix_nuke import budget, cache, command, hashes, knobs, lit, references, render, shown_by, stale
from relumix_nuke import suggest as suggesting
from relumix_nuke import work as works
from relumix_nuke.errors import CancelledError, RelumixError
from relumix_nuke.progress import Progress, on_main
from relumix_nuke.submit import submit as submit_to_farm

NODE_CLASS = "Relumix"
GROUP = Path(__file__).parents[1] / "Relumix_group.nk"


def install() -> None:
    """Put the node into the menus and keep its label and knobs up to date, as a gizmo and as a group."""
    menu = nuke.menu("Nodes").addMenu("Relumix", icon="Relumix.png")
    menu.addCommand("Relumix", "nuke.createNode('Relumix')", icon="Relumix.png")
    menu.addCommand("Relumix (group, for farms without the gizmo)", _paste_group, icon="Relumix.png")
    menu.addCommand("Self-check of hashes", self_check)
    for node_class in (NODE_CLASS, "Group"):
        nuke.addAutolabel(label, nodeClass=node_class)
        nuke.addKnobChanged(knob_changed, nodeClass=node_class)
    # A script that is saved under another name may get that name after the call.
    nuke.addOnScriptSave(lambda: nuke.executeInMainThread(saved))
    nuke.addOnScriptClose(saved)
    _add_preferences()


def relight(node: nuke.Node, only: int | None = None) -> None:
    """Render what has changed, then relight while the artist goes on working."""
    try:
        work = works.prepare(node, only=only)
        progress = Progress(f"Relighting {node.fullName()}")
    except RelumixError as error:
        _report(node, error)
        return
    # Here and not on its thread: the button may be pressed again before that runs.
    works.RUNNING.add(work.folder, work.owner)
    knobs.show(node, "relighting")
    threading.Thread(target=_run, args=(work, progress), name="relumix", daemon=True).start()


def relight_frame(node: nuke.Node) -> None:
    """Relight the current frame alone."""
    relight(node, nuke.frame())


def cancel(node: nuke.Node) -> None:
    """Stop relighting."""
    if not works.cancel(node):
        knobs.show(node, "nothing to cancel: this node is not being relit")


def check(node: nuke.Node) -> None:
    """Say whether the result is that of the inputs and knobs as they are."""
    _reported(node, lambda: knobs.show(node, works.check(node)[1]))


def clear(node: nuke.Node) -> None:
    """Go back to the plate and delete the node's files that nobody else shows, if the artist means it."""

    def ask() -> None:
        goes, stays = works.clearing(node)
        if nuke.ask("\n".join([_what_goes(node, goes), *_what_stays(stays)])):
            works.clear(node)

    _reported(node, ask)


def submit(node: nuke.Node) -> None:
    """Hand the job to a render farm and say where it lies."""

    def hand_over() -> None:
        bundles = submit_to_farm(node)
        nuke.message("The job bundle is in\n" + "\n".join(bundle.as_posix() for bundle in bundles))

    _reported(node, hand_over)


def suggest(node: nuke.Node) -> None:
    """Go to the frame which to relight next."""

    def go() -> None:
        frame, warnings = suggesting.suggest(node)
        said = "no further reference would help much"
        if frame is not None:
            nuke.frame(frame)
            said = f"a reference at {frame} would help most: relight that frame, and press add"
        knobs.show(node, "; ".join([said, *warnings]))

    _reported(node, go)


def bake(node: nuke.Node) -> None:
    """Make Reads of the result."""
    _reported(node, lambda: baking.bake(node))


def reference_set(node: nuke.Node) -> None:
    """Make the current frame the only reference frame."""
    _reported(node, lambda: references.put(node))


def reference_add(node: nuke.Node) -> None:
    """Add the current frame to the reference frames."""
    _reported(node, lambda: references.add(node))


def reference_delete(node: nuke.Node) -> None:
    """Take the current frame out of the reference frames."""
    _reported(node, lambda: references.delete(node))


def reference_previous(node: nuke.Node) -> None:
    """Go to the reference frame before."""
    _reported(node, lambda: references.previous(node))


def reference_next(node: nuke.Node) -> None:
    """Go to the reference frame after."""
    _reported(node, lambda: references.following(node))


def write_lights(node: nuke.Node) -> None:
    """Write the selected lights into a file."""
    _reported(node, lambda: knobs.show(node, lit.write_lights(node)))


def light_frame(node: nuke.Node) -> None:
    """Light the current frame by the selected lights, as a reference."""
    _reported(node, lambda: knobs.show(node, lit.light_frame(node)))


def cache_size(node: nuke.Node) -> None:
    """Say how much the cache holds."""
    _reported(node, lambda: nuke.message(budget.report(cache.root_of(node), budget.Limits.of(node))))


def open_folder(node: nuke.Node) -> None:
    """Open the folder of the result in the file browser of the system."""
    _reported(node, lambda: _open(_shown(node).path))


def open_log(node: nuke.Node) -> None:
    """Open what the command said last."""
    _reported(node, lambda: _open(_shown(node).log(nuke.thisView())))


def self_check() -> None:
    """Print what the hashes of this Nuke do, of the selected node: to be run once in a Nuke that is new to us."""
    try:
        node = nuke.selectedNode()
    except ValueError:
        nuke.message("Select a node with a picture of more than one frame, such as a Read, and choose this again.")
        return
    with knobs.not_undoable(), render.left_as_it_was(node):
        lines = hashes.self_check(node, (node.firstFrame(), node.lastFrame()))
    nuke.tprint("\n".join(lines))
    nuke.message("\n".join(lines))


def label() -> str | None:
    """Return the label of this node where its result is stale, as far as was looked; None for the usual one.

    Nuke asks for it when a knob of the node has changed and when the frame has: too often to look at the inputs.
    """
    node = nuke.thisNode()
    if not knobs.is_ours(node):
        return None
    try:
        verdict = stale.by_settings(node) or str(node["checked"].value())
    except RelumixError:  # Relight says what it is; a label is drawn too often for that.
        return None
    if not verdict:
        return None
    written = cast("nuke.EvalString_Knob", node["label"]).evaluate()
    return "\n".join(filter(None, [node.name(), written, f"({verdict})"]))


def knob_changed() -> None:
    """Let those knobs be written that have a meaning now, and look at the inputs as the panel opens."""
    node, name = nuke.thisNode(), nuke.thisKnob().name()
    if not knobs.is_ours(node):
        return
    if name in ("range", "showPanel"):
        node["frames"].setEnabled(node["range"].value() == "custom")
    if name in ("where", "showPanel"):
        node["server"].setEnabled(node["where"].value() == "server")
    if name == "showPanel" and node["folder"].value() and not nuke.root()["proxy"].value():
        _look(node)


def saved() -> None:
    """Put the nodes of the script on the lists of their folders."""
    try:
        shown_by.note_all()
    except RelumixError as error:
        nuke.tprint(f"relumix: {error}")


def _look(node: nuke.Node) -> None:
    """Look at the current frame alone: what opens a panel must not wait."""
    try:
        verdict, said = works.check(node, nuke.frame())
    except RelumixError as error:
        verdict, said = stale.UNKNOWN, f"unknown: {error}"
    if verdict:
        knobs.show(node, said)


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
        on_main(_finished, work)


def _finished(work: works.Work) -> None:
    """Say how it went, and bring the cache below its limits."""
    try:
        works.finish(work)
    except ValueError:  # Nuke's word for a node that was deleted meanwhile.
        nuke.tprint(f"relumix: {work.summary()}")


def _reported(node: nuke.Node, act: Callable[[], object]) -> None:
    """Do what a button is for, and say what goes wrong."""
    try:
        act()
    except RelumixError as error:
        _report(node, error)


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


def _what_goes(node: nuke.Node, goes: list[Path]) -> str:
    if not goes:
        return f"Let {node.fullName()} show the plate again? Nothing is deleted."
    results = "1 result" if len(goes) == 1 else f"{len(goes)} results"
    return f"Delete what {node.fullName()} has rendered and relit: {results}, {budget.size(goes)}?"


def _what_stays(stays: dict[Path, list[str]]) -> list[str]:
    return [f"Kept: {folder.name}, which is shown by {', '.join(others)}." for folder, others in stays.items()]


def _shown(node: nuke.Node) -> cache.Folder:
    """The folder that a node shows."""
    folder = cache.folder_of(node)
    if not folder.path.name:
        raise RelumixError(f"{node.fullName()} has no result yet: relight it")
    return folder


def _open(path: Path) -> None:
    if not path.exists():
        raise RelumixError(f"{path} is not there: press Relight to make it")
    if sys.platform == "win32":
        os.startfile(path)
        return
    program = "open" if sys.platform == "darwin" else "xdg-open"
    try:
        command.start_beside([program, str(path)])
    except OSError as error:
        raise RelumixError(f"{program} cannot be run ({error}): open {path} yourself") from error


def _paste_group() -> None:
    nuke.nodePaste(GROUP.as_posix())


def _add_preferences() -> None:
    """Add a tab to Nuke's preferences; they are saved with them."""
    preferences = nuke.toNode("preferences")
    if preferences is None or preferences.knob("relumix_cache_gb") is not None:
        return
    preferences.addKnob(nuke.Tab_Knob("relumix", "Relumix"))
    for name, text, tip in (
        ("relumix_cache_gb", "cache limit (GB)", "Of every Relumix node whose own limit is 0. 0: no limit."),
        ("relumix_cache_days", "cache days", "Results that were not used for so many days are deleted. 0: any age."),
    ):
        knob = nuke.Double_Knob(name, text)
        knob.setTooltip(tip)
        preferences.addKnob(knob)
