"""`relumix reference`: makes a reference, the relit frame that `relumix relight` carries to the shot.

Each kind of light is a module of its own with `add_parser(kinds)` (relumix.cli.reference_match is the shortest), which
adds its options to those of `new_parser` and sets `maker`, a function that makes the Maker
(relumix.reference.maker) of a command line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relumix.cli import presets, reference_lights, reference_match, reference_text
from relumix.cli.parser import OneShot
from relumix.cli.progress import Show, shown_as
from relumix.cli.reference_options import PRESET, add_all_of_it, add_files, add_how, add_light, add_written
from relumix.cli.relight import EXIT_SOME_FAILED, WITH_SERVER, client_of, refuse_idle
from relumix.cli.relight import settings_of as relight_settings
from relumix.cli.threads import let_idle_threads_sleep
from relumix.errors import InputError
from relumix.events import Failed
from relumix.settings import Settings
from relumix.util.extras import needed
from relumix.util.words import as_json

if TYPE_CHECKING:
    from relumix.reference.job import ReferenceJob

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_KINDS = (reference_text, reference_lights, reference_match)

_SHARED = (
    *("frames", "colorspace", "deinterlace", "layer", "view", "premult", "mask", "mix", "work_size", "transfer"),
    *("device", "gain_out", "contact_sheet", "compression", "bits", "overwrite"),
)
"""Settings of relight that count for a reference too."""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand; that of relight is there already, for --all-of-it is one of its jobs."""
    relight = commands.choices["relight"]
    parser = commands.add_parser(
        "reference",
        help="make a reference: relight one frame by words, by lamps, or by another picture's light",
        description="Make a reference: one frame of the plate under another light, for `relumix relight` to carry.",
        examples=(
            "relumix reference text plate.####.exr --prompt 'make it night' --model instruct-pix2pix -o relit.1001.exr",
            "relumix reference match plate.####.exr --frame 1001 --to sunset.jpg -o relit.1001.exr",
            "relumix reference match plate.####.exr --to sunset.jpg -o relit.1001.exr --all-of-it relit/",
        ),
    )
    kinds = parser.add_subparsers(metavar="KIND", required=True)
    for kind in _KINDS:
        made: argparse.ArgumentParser = kind.add_parser(kinds)
        _add_shared(made)
        made.set_defaults(run=run, presets_for=made, relight=relight, preset_names=PRESET)


def _add_shared(parser: argparse.ArgumentParser) -> None:
    """Add what all kinds of light have in common."""
    parser.add_argument(
        "source", metavar="PLATE", nargs="+", action=OneShot, help="the plate: plate.####.exr, one file, or a folder"
    )
    add_files(parser.add_argument_group("files"))
    add_light(parser.add_argument_group("light"))
    add_written(parser.add_argument_group("what is written"))
    add_all_of_it(parser)
    add_how(parser.add_argument_group("the run"))
    parser.set_defaults(**{name: getattr(Settings(), name) for name in _SHARED})


@needed("making references", "local")
def run(args: argparse.Namespace) -> int:
    """Do it. Returns the exit code."""
    let_idle_threads_sleep()
    from relumix.engines.registry import refuse_impossible  # noqa: PLC0415  the parser must not wait for numpy
    from relumix.reference import job as jobs  # noqa: PLC0415

    with shown_as(Show(args.progress)) as on_event:
        try:
            _refuse_idle(args)
            settings = settings_of(args)
            plate = jobs.open_plate(args.source, settings)
            job = jobs.prepare(plate, args.maker(args, settings, plate), args.output, settings)
            if args.all_of_it:
                refuse_impossible(engine_settings(args))
                _rehearse(_relight(args, job), job)
            if args.dry_run:
                said = jobs.describe(job)
                print(as_json(said, encoding=sys.stdout.encoding, indent=2))
                return EXIT_SOME_FAILED if said["errors"] else 0
            end = jobs.do(job, on_event)
            relight = _relight(args, job) if args.all_of_it and not end.failed else None
        except InputError as error:
            on_event(Failed(str(error)))
            raise
    del job  # with its models: what relights the shot may need the memory
    if end.failed:
        return EXIT_SOME_FAILED
    return relight.run(relight) if relight else 0


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings of a command line: those of relight that a reference shares. Raises InputError."""
    return Settings(**{name: getattr(args, name) for name in _SHARED})


def engine_settings(args: argparse.Namespace) -> Settings:
    """Return what is asked of the engine that --all-of-it relights with. Raises InputError."""
    named = {"engine": args.engine, "model": args.engine_model, "engine_options": tuple(args.engine_options or ())}
    return Settings(**{name: value for name, value in named.items() if value}, device=args.device)


def _refuse_idle(args: argparse.Namespace) -> None:
    """Raise InputError where an option is given that says nothing without --all-of-it."""
    if args.all_of_it == "":
        raise InputError("--all-of-it is '': expected a pattern, or a folder, for the relit shot")
    own = ("engine", "engine_options", "engine_model", "missing", "server", "preview")
    if not args.all_of_it and (idle := [name for name in (*own, *WITH_SERVER) if getattr(args, name)]):
        option = {"engine_options": "engine-option"}.get(idle[0], idle[0].replace("_", "-"))
        raise InputError(f"--{option} goes with --all-of-it alone")


def _relight(args: argparse.Namespace, job: ReferenceJob) -> argparse.Namespace:
    """Return the arguments of `relumix relight` that --all-of-it stands for, presets of a project's file included."""
    words = relight_words(args, job)
    return presets.applied(args.relight, words, args.relight.parse_args(words))


def _rehearse(args: argparse.Namespace, job: ReferenceJob) -> None:
    """Raise InputError where relighting the shot would be refused, before time goes into a reference for it.

    args  of relight. The plate stands in for the reference that is not there yet; for cuts, each frame would be read.
    """
    from relumix.engines.registry import refuse_unready  # noqa: PLC0415  the parser must not wait for numpy
    from relumix.pipeline.check import check  # noqa: PLC0415
    from relumix.reference.job import refuse_all_of_it  # noqa: PLC0415

    refuse_all_of_it(job, args.output, skips_gaps=args.missing == "skip")
    refuse_idle(args)
    frame = job.frames[0]
    stand_in: dict[int | None, str | list[str]] = {frame: str(job.shot.path(frame))}
    settings = replace(relight_settings(args), reference_colorspace=args.colorspace, cuts="none", fit=True)
    if args.server:
        client_of(args).prepare(args.source, stand_in, args.output, settings, by_path=args.by_path)
    else:
        refuse_unready(settings)
        check(args.source, stand_in, args.output, settings)


def relight_words(args: argparse.Namespace, job: ReferenceJob) -> list[str]:
    """Return the words of the command line of relight that --all-of-it stands for.

    Mask and mix are in the references already. These are in the plate's linear space, whatever its files are in.
    """
    references = [f"--reference={frame}={path}" for frame in job.frames for path in job.paths(frame).values()]
    linear = job.plate.space.linear if job.plate.space.converts else None
    config = args.config or presets.project_file(Path.cwd())
    named: dict[str, Any] = {
        **{name: getattr(args, name) for name in ("colorspace", "layer", "view", "premult", "device", "work_size")},
        **{name: getattr(args, name) for name in ("compression", "bits", "engine", "missing", "preview", "progress")},
        "server": args.server,
        **{name: getattr(args, name) for name in WITH_SERVER},
        **{"model": args.engine_model, "engine_option": args.engine_options, "overwrite": args.overwrite},
        **{"deinterlace": args.deinterlace, "reference_colorspace": linear, "config": config},
    }
    options = [word for name, value in named.items() for word in _words(name, value)]
    return [args.source, *references, f"--output={args.all_of_it}", *options]


def _words(name: str, value: Any) -> Sequence[str]:
    option = f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return ()
    if value is True:
        return (option,)
    return [f"{option}={each}" for each in (value if isinstance(value, list) else [value])]
