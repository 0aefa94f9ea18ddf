"""The folders of socket and store. `bridge_folder` is the plugin's rule too (system_posix.cpp, system_windows.cpp)."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from relumix.errors import InputError

SOCKET_NAME = "bridge-1.sock"
PORT_NAME = "bridge-1.port"
"""Named by protocol version, so that plugins of another version start a bridge of their own."""


def bridge_folder() -> Path:
    """Return the folder of this user's bridge, which need not exist yet."""
    if given := os.environ.get("RELUMIX_BRIDGE_DIR"):
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "relumix" / "bridge"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/relumix"
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "relumix"
    return Path(f"/tmp/relumix-{os.getuid()}")


def store_folder() -> Path:
    """Return the folder of pixels and relit frames."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "relumix" / "frames"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/relumix/frames"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "relumix" / "frames"


def private(folder: Path) -> Path:
    """Make a folder that only this user can look into, and return it; raises InputError where it is another's."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be made: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise InputError(f"{folder} is no folder: remove it, or name another in RELUMIX_BRIDGE_DIR")
    if sys.platform != "win32" and (found.st_uid != os.getuid() or found.st_mode & 0o077):
        raise InputError(
            f"{folder} is open to other users, or theirs: expected a folder of your own with mode 0700; "
            "remove it, or name another"
        )
    return folder
