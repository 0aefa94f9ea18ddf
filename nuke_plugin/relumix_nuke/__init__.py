"""relumix in Nuke. Starts the `relumix` command and follows it; uses the standard library and `nuke` alone.

import relumix_nuke
relumix_nuke.relight(nuke.toNode("Relumix1"))  # until it is done; raises RelumixError
"""

from relumix_nuke.errors import CancelledError, RelumixError
from relumix_nuke.lit import light_frame, write_lights
from relumix_nuke.submit import submit
from relumix_nuke.work import cancel, cancel_all, clear, is_stale, relight

__all__ = [
    "CancelledError",
    "RelumixError",
    "cancel",
    "cancel_all",
    "clear",
    "is_stale",
    "light_frame",
    "relight",
    "submit",
    "write_lights",
]
