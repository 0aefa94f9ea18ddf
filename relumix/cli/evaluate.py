"""`relumix evaluate`: how good a result is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a result, against ground truth or without",
        description="Measure a result: against ground truth, or, without any, how steady its light is over the source.",
    )
    add = parser.add_argument
    add("result", metavar="RESULT", help="the relit shot: a pattern or a folder")
    add("--truth", metavar="PATTERN", help="the same frames as they should be")
    add("--source", metavar="PATTERN", help="the plate that was relit: measures flicker of the gain")
    add("--frames", metavar="RANGE", help="frames to measure (all that both have)")
    add("--json", metavar="FILE", type=Path, help="also write every number as JSON")
    add("--report", metavar="FILE.html", type=Path, help="also write a report that stands alone")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print. Returns the exit code."""
    from relumix.evaluate import evaluate, write_html, write_json  # noqa: PLC0415  the parser must not wait for it

    report = evaluate(args.result, truth=args.truth, source=args.source, frames=args.frames)
    print(report.text())
    if args.json:
        write_json(report, args.json)
    if args.report:
        write_html(report, args.report)
    for path in (args.json, args.report):
        if path:
            print(f"wrote {path}")
    return 0
