"""`relumix evaluate`: how good a result is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from relumix.cli.progress import counted
from relumix.util.extras import needed

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
    add("--confidence", metavar="PATTERN", help="what was said of its errors: files of --confidence-out, or of a layer")
    add("--frames", metavar="RANGE", help="frames to score (all of the truth, or of the source)")
    add(
        "--references",
        metavar="RANGE",
        help="frames that were given relit: left out, they would flatter the result; 'none' for none (those that the "
        "files of RESULT name)",
    )
    add("--layer", metavar="NAME", help="layer to compare (the main RGB)")
    add("--view", metavar="NAME", help="view to compare (the default one)")
    add("--colorspace", metavar="NAME", help="OCIO colour space of the files (scene-linear)")
    add("--no-hdr-flip", action="store_true", help="leave out HDR-FLIP: most of the time goes there")
    add("--json", metavar="FILE", type=Path, help="also write every number as JSON")
    add("--report", metavar="FILE.html", type=Path, help="also write a report that stands alone")
    parser.set_defaults(run=run, answers=True)


@needed("evaluate", "local")
def run(args: argparse.Namespace) -> int:
    """Measure and print. Returns the exit code."""
    from relumix.evaluate import evaluate, write_html, write_json  # noqa: PLC0415  the parser must not wait for it
    from relumix.shot.sequence import parse_frames  # noqa: PLC0415

    with counted() as on_frame:
        report = evaluate(
            args.result,
            truth=args.truth,
            source=args.source,
            confidence=args.confidence,
            frames=parse_frames(args.frames) if args.frames else None,
            references=_references(args.references),
            layer=args.layer,
            view=args.view,
            colorspace=args.colorspace,
            hdr_flip=not args.no_hdr_flip,
            on_frame=on_frame,
        )
    print(report.text())
    if args.json:
        write_json(report, args.json)
    if args.report:
        write_html(report, args.report)
    for path in (args.json, args.report):
        if path:
            print(f"wrote {path}")
    return 0


def _references(text: str | None) -> Sequence[int] | None:
    from relumix.shot.sequence import parse_frames  # noqa: PLC0415

    if text is None:
        return None
    return () if text == "none" else parse_frames(text)
