"""Reads of a result that work without the node, and without this plugin."""

from __future__ import annotations

import nuke

from relumix_nuke import cache, frames, knobs, shown_by
from relumix_nuke.errors import RelumixError
from relumix_nuke.render import undo_step


def bake(node: nuke.Node) -> list[nuke.Node]:
    """Make a Read of the relit frames and one of their gain, below the node; Clear and the limit leave their files.

    Raises RelumixError where frames are missing: a Read shows no plate instead.
    """
    folder = cache.folder_of(node)
    arrived = knobs.arrived(node)
    if not arrived:
        raise RelumixError(f"{node.fullName()} has no relit frames: press Relight, then bake")
    if missing := sorted({*range(arrived[0], arrived[-1] + 1)}.difference(arrived)):
        raise RelumixError(f"frames {frames.text(missing)} are not relit: relight them, then bake")
    made = []
    with undo_step("Bake to Reads"), node.parent():
        for number, what in enumerate(("result", "gain")):
            read = nuke.nodes.Read(label=f"{what} of {node.name()}")
            for name, value in {
                **{"file_type": "exr", "file": folder.pattern(what, "%V"), "raw": True, "on_error": "error"},
                **{"first": arrived[0], "last": arrived[-1], "localizationPolicy": "off"},
                **{"origfirst": arrived[0], "origlast": arrived[-1], "before": "hold", "after": "hold"},
            }.items():
                read[name].setValue(value)
            read.setXYpos(node.xpos() + 110 * number, node.ypos() + 80)
            made.append(read)
    shown_by.note(node, baked=True)
    return made
