"""`relumix suggest`: which frames to relight next."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import TYPE_CHECKING

from relumix.cli.parser import OneShot
from relumix.cli.presets import PROJECT_FILE
from relumix.cli.relight import add_reading, parse_references, settings_of, unset
from relumix.cli.threads import let_idle_threads_sleep
from relumix.util.extras import needed
from relumix.util.words import as_json, one_line

if TYPE_CHECKING:
    from relumix.pipeline.suggest import Suggestion

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "suggest",
        help="say which frames to relight next",
        description="Say which frames of a shot to relight next, so that references show most of it.",
        usage="relumix suggest SOURCE -r [FRAME=]FILE [options]",
        examples=(
            "relumix suggest plate.####.exr -r relit.1001.exr",
            "relumix suggest plate/ -r 1001=relit.exr -r 1060=relit2.exr -n 2 --json",
        ),
    )
    parser.add_argument(
        "source", metavar="SOURCE", nargs="+", action=OneShot, help="the plate: plate.####.exr, one file, or a folder"
    )
    parser.add_argument(
        "-r", "--reference", action="append", required=True, metavar="[FRAME=]FILE", help="a relit frame that there is"
    )
    parser.add_argument("-n", "--count", type=int, default=1, metavar="N", help="how many frames to name (1)")
    add_reading(parser.add_argument)
    parser.add_argument("--config", metavar="FILE", help=f"a TOML file of relight's options ({PROJECT_FILE})")
    parser.add_argument("--json", action="store_true", help="as JSON")
    # Of a project's file only what says how to read counts; the rest may be there, since it is relight's too.
    parser.set_defaults(
        run=run, answers=True, presets_for=parser, relight=commands.choices["relight"], progress="auto", **unset()
    )


@needed("suggest", "local")
def run(args: argparse.Namespace) -> int:
    """Print it. Returns the exit code."""
    let_idle_threads_sleep()
    from relumix.gain.proxy_shot import DownsampledShot  # noqa: PLC0415  the parser must not wait for numpy
    from relumix.pipeline.suggest import WORK_SIZE, suggest  # noqa: PLC0415
    from relumix.shot.source import PlateSource  # noqa: PLC0415

    source = PlateSource.find(args.source, parse_references(args.reference), settings_of(args)).with_cuts()
    suggestion = suggest(DownsampledShot(source, WORK_SIZE), args.count, source.cuts)
    if args.json:
        said = {**dataclasses.asdict(suggestion), "warnings": source.warnings}
        print(as_json(said, encoding=sys.stdout.encoding, indent=2))
        return 0
    for warning in source.warnings:
        print(f"relumix: warning: {one_line(warning)}", file=sys.stderr)
    print("\n".join(lines(suggestion)))
    return 0


def lines(suggestion: Suggestion) -> list[str]:
    """Return it in words."""
    from relumix.pipeline.suggest import spans  # noqa: PLC0415

    said = [f"expected error with the references there are: {suggestion.error_stops:.2f} stops"]
    if suggestion.unlit:
        said.append(f"scenes without a reference: frames {spans(suggestion.unlit)}")
    if suggestion.guessed:
        said.append(f"mostly a guess: frames {spans(suggestion.guessed)}")
    said += [f"relight frame {each.frame} next: {each.error_stops:.2f} stops are left" for each in suggestion.frames]
    return said if suggestion.frames else [*said, "no other frame would help: the references show all of the shot"]
