"""`relumix ofx`: the OpenFX plugin, built and put where hosts look."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from relumix.errors import InputError
from relumix.util.atomic_file import refuse_unwritable, replacing_folder
from relumix.util.child import relumix_command

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_FOLDERS = {
    "win32": r"C:\Program Files\Common Files\OFX\Plugins",
    "darwin": "/Library/OFX/Plugins",
}
"""Where the standard has hosts look."""

_ELSEWHERE = "/usr/OFX/Plugins"


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser("ofx", help="install the plugin for Resolve, Natron, Flame and other OpenFX hosts")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    install = actions.add_parser(
        "install",
        help="build the plugin and put it where hosts look",
        description="Build the OpenFX plugin for this system and put it where hosts look.",
    )
    install.add_argument("--to", metavar="DIR", help=f"folder of plugins ({_folder()})")
    install.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Build and install. Returns the exit code."""
    from relumix_ofx.build import BUNDLE, BuildError, build_here  # noqa: PLC0415

    folder = Path(args.to or _folder())
    refuse_unwritable(
        folder, "run this as an administrator, or choose a folder with --to and name it in OFX_PLUGIN_PATH"
    )
    with tempfile.TemporaryDirectory() as built:
        try:
            bundle = build_here(Path(built))
        except BuildError as error:
            raise InputError(str(error)) from None
        # So the plugin finds this installation of relumix, whatever PATH its host has.
        command = "\n".join(relumix_command())
        (bundle / "Contents/Resources/relumix-command.txt").write_bytes(os.fsencode(f"{command}\n"))
        target = folder / BUNDLE
        with replacing_folder(target) as name:
            shutil.copytree(bundle, name, dirs_exist_ok=True)
    print(target)
    if args.to and _folder() != str(folder):
        print(f"hosts look there if OFX_PLUGIN_PATH has {folder.absolute()}", file=sys.stderr)
    return 0


def _folder() -> str:
    return _FOLDERS.get(sys.platform, _ELSEWHERE)
