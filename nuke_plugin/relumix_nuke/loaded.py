"""What Nuke calls where a node was loaded, pasted or copied, or goes; also in a render without a window."""

from __future__ import annotations

import nuke

from relumix_nuke import knobs, shown_by, work
from relumix_nuke.errors import RelumixError


def install() -> None:
    """Have every node met as it is made."""
    for node_class in ("Relumix", "Group"):
        nuke.addOnCreate(created, nodeClass=node_class)
        nuke.addOnDestroy(destroyed, nodeClass=node_class)


def destroyed() -> None:
    """End the job of a node that is deleted."""
    if knobs.is_ours(node := nuke.thisNode()):
        work.cancel_of_deleted(node)


def created() -> None:
    """Let a node show the layer that was relit, which a gizmo does not keep, and put it on its folder's list."""
    node = nuke.thisNode()
    if not knobs.is_ours(node) or not node["folder"].value():
        return
    try:
        if node["result_layer"].value():
            knobs.show_layer(node)
        if nuke.GUI:  # A thousand machines of a farm need not write that they have met it.
            shown_by.note(node)
    except RelumixError as error:
        nuke.tprint(f"relumix: {node.fullName()}: {error}")
