"""`relumix colorspaces`: the names that --colorspace takes."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from relumix.util.words import as_json

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "colorspaces",
        help="list the colour spaces that can be named",
        description="List the colour spaces of the configuration in $OCIO or, without one, of the built-in ACES one: "
        "each with its other names.",
        examples=("relumix colorspaces", "relumix colorspaces srgb"),
    )
    parser.add_argument("word", metavar="WORD", nargs="?", help="only those with this in one of their names")
    parser.add_argument("--json", action="store_true", help="as JSON: names, each with its others")
    parser.set_defaults(run=run, answers=True)


def run(args: argparse.Namespace) -> int:
    """Print them. Returns the exit code."""
    from relumix.color.spaces import named_spaces  # noqa: PLC0415  the parser must not wait for numpy

    found = named_spaces(args.word)
    if args.json:
        print(as_json(found, encoding=sys.stdout.encoding, indent=2))
        return 0
    width = max(map(len, found))
    for name, others in found.items():
        print(f"{name:<{width}}  {', '.join(others)}".rstrip())
    return 0
