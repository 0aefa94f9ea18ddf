"""What Nuke runs as its window opens. Nothing that fails here may stop it."""

import traceback

try:
    import relumix_nuke.gui

    relumix_nuke.gui.install()
except Exception:
    traceback.print_exc()
    print("relumix could not be added to the menus. Nuke goes on without it.")
