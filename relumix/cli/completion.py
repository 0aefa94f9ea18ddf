"""`relumix completion`: what a shell needs to complete the command with TAB."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

SHELLS = ("bash", "zsh", "fish")


def add_parser(commands: Subparsers, whole: argparse.ArgumentParser) -> None:
    """Add the subcommand. `whole` is the parser of all of the command line."""
    parser = commands.add_parser(
        "completion",
        help="print what makes TAB complete this command in a shell",
        description="Print what makes TAB complete this command in a shell, to be put where it looks for such files.",
        examples=(
            "relumix completion bash > ~/.local/share/bash-completion/completions/relumix",
            'relumix completion zsh > "${fpath[1]}/_relumix"',
            "relumix completion fish > ~/.config/fish/completions/relumix.fish",
        ),
    )
    parser.add_argument("shell", choices=SHELLS, help="whose language to use")
    parser.set_defaults(run=run, whole=whole, answers=True)


def run(args: argparse.Namespace) -> int:
    """Print it. Returns the exit code."""
    import shtab  # noqa: PLC0415  only this command needs it

    _name_files(args.whole, shtab.FILE)
    print(shtab.complete(args.whole, args.shell))
    return 0


def _name_files(parser: argparse.ArgumentParser, files: object) -> None:
    """Say which options of a parser and those below it name files."""
    from relumix.farm.parameters import is_path  # noqa: PLC0415  no parser must wait for numpy

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _name_files(below, files)
        elif is_path(action):
            action.complete = files  # type: ignore[attr-defined]
