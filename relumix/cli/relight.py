"""`relumix relight`: a plate and one relit frame in, the shot relit out."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from typing import TYPE_CHECKING

from relumix.cli.progress import Show, shown_as
from relumix.errors import InputError
from relumix.events import Failed
from relumix.settings import Settings

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

EXIT_SOME_FAILED = 3

_FRAME_AND_FILE = re.compile(r"(-?\d+)=(.+)")


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand. Its options are the fields of Settings, and their defaults."""
    parser = commands.add_parser(
        "relight",
        help="carry the light of one relit frame to every frame of a shot",
        description="Carry the light of one or more relit frames to every frame of a shot.",
    )
    add = parser.add_argument
    add("source", metavar="SOURCE", help="the plate: plate.####.exr, plate.%%04d.exr, one file, or a folder")
    add(
        "-r",
        "--reference",
        action="append",
        required=True,
        metavar="[FRAME=]FILE",
        help="a relit frame; without FRAME it is the first frame; may be given several times",
    )
    add("-o", "--output", required=True, metavar="OUTPUT", help="where frames go: a pattern, or a folder")
    add("--frames", metavar="RANGE", help="frames to write, like 1001-1100x2 (all of the shot)")
    add("--engine", help="what carries the light: flow (%(default)s)")
    add("--model", metavar="PATH", help="weights of the engine (its own)")
    add("--device", choices=("auto", "cpu", "cuda"), help="where the engine runs (%(default)s)")
    add("--work-size", type=int, metavar="PX", help="long edge at which light is carried (%(default)s)")
    add("--mask", metavar="PATTERN", help="mattes, or one: light changes only where they are above 0")
    add("--mix", type=float, metavar="0..1", help="0 is the plate, 1 the relit plate (%(default)s)")
    add("--colorspace", metavar="NAME", help="OCIO colour space of the plate (scene-linear)")
    add("--reference-colorspace", metavar="NAME", help="of the references (sRGB for integer files, else the plate's)")
    add("--layer", metavar="NAME", help="layer to relight (the main RGB)")
    add("--view", metavar="NAME", help="view to relight (the default one)")
    add("--gain-out", metavar="PATTERN", help="also write the light itself, as gain in stops")
    add("--compression", metavar="NAME", help="EXR compression: zip, dwaa:45, … (the plate's; zip for lossy ones)")
    add("--bits", choices=("half", "float"), help="type of the relit channels (the plate's)")
    add("--preview", metavar="FILE.mp4", help="also write a movie of plate and result")
    add("--contact-sheet", metavar="FILE.png", help="also write a picture of plate, reference, result and gain")
    add("--missing", choices=("error", "skip"), help="what a gap in the plate is (%(default)s)")
    add("--overwrite", action="store_true", help="write again what is up to date, and over other files")
    add("--progress", choices=[show.value for show in Show], default=Show.AUTO.value, help="how to tell (%(default)s)")
    add("--dry-run", action="store_true", help="check the input, print what would be done, and stop")
    parser.set_defaults(run=run, **Settings().asdict())


def run(args: argparse.Namespace) -> int:
    """Do it. Returns the exit code."""
    from relumix import job  # noqa: PLC0415  the parser must not wait for numpy

    settings = Settings(**{field.name: getattr(args, field.name) for field in dataclasses.fields(Settings)})
    with shown_as(Show(args.progress)) as on_event:
        try:
            prepared = job.prepare(args.source, parse_references(args.reference), args.output, settings)
            if args.dry_run:
                print(json.dumps(dataclasses.asdict(prepared.start()), indent=2, ensure_ascii=False))
                return 0
            end = job.run(prepared, on_event)
        except InputError as error:
            on_event(Failed(str(error)))
            raise
    return EXIT_SOME_FAILED if end.failed else 0


def parse_references(texts: list[str]) -> dict[int | None, str]:
    """Return files by frame from `FRAME=FILE` and `FILE` (None: the first frame). Raises InputError."""
    references: dict[int | None, str] = {}
    for text in texts:
        match = _FRAME_AND_FILE.fullmatch(text)
        frame, path = (int(match[1]), match[2]) if match else (None, text)
        if frame in references:
            at = "the first frame" if frame is None else f"frame {frame}"
            raise InputError(f"{at} has two references, {references[frame]} and {path}: keep one of them")
        references[frame] = path
    return references
