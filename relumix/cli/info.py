"""`relumix info`: what a plate is."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from relumix.cli.parser import OneShot
from relumix.util.words import as_json

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "info",
        help="say what a plate is",
        examples=("relumix info plate.####.exr", "relumix info plate/ --json"),
        description="Say what a plate is: frames, gaps, windows, layers, views, types, colour, non-finite pixels.",
    )
    parser.add_argument(
        "pattern",
        metavar="PATTERN",
        nargs="+",
        action=OneShot,
        help="plate.####.exr, plate.%%04d.exr, one file, or a folder",
    )
    parser.add_argument("--layer", metavar="NAME", help="layer to look for non-finite pixels in (the main RGB)")
    parser.add_argument("--view", metavar="NAME", help="view to look in (the default one)")
    parser.add_argument("--no-scan", action="store_true", help="read headers alone: no count of non-finite pixels")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run, answers=True)


def run(args: argparse.Namespace) -> int:
    """Print it. Returns the exit code."""
    from relumix.shot.info import describe  # noqa: PLC0415  the parser must not wait for numpy

    found = describe(args.pattern, layer=args.layer, view=args.view, scan=not args.no_scan)
    print(as_json(found.to_json(), encoding=sys.stdout.encoding, indent=2) if args.json else found.text())
    return 0
