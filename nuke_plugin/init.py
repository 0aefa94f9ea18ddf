"""What Nuke runs as it starts, with a window or without. Nothing that fails here may stop it."""

import traceback

try:
    import nuke
    import relumix_nuke
    import relumix_nuke.loaded

    relumix_nuke.loaded.install()
    nuke.addOnScriptClose(relumix_nuke.cancel_all)
except Exception:
    traceback.print_exc()
    print("relumix could not be loaded: its nodes will not relight. Nuke goes on without it.")
