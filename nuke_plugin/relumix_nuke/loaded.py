"""What Nuke calls where a node was loaded, pasted or copied; also in a render without a window."""

from __future__ import annotations

import nuke

from relumix_nuke import knobs, shown_by
from relumix_nuke.errors import RelumixError


def install() -> None:
    """Have every node met as it is made."""
    for node_class in ("Relumix", "Group"):
        nuke.addOnCreate(created, nodeClass=node_class)


def created() -> None:
    """Let a node show the layer that was relit, which a gizmo does not keep, and put it on its folder's list."""
    node = nuke.thisNode()
    if not knobs.is_ours(node) or not node["folder"].value():
        return
    try:
        if node["result_layer"].value():
            knobs.show_layer(node)
        shown_by.note(node)
    except RelumixError as error:
        nuke.tprint(f"relumix: {node.fullName()}: {error}")
