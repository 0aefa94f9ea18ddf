"""`relumix relight`: a plate and one relit frame in, the shot relit out."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import sys
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from relumix.cli.parser import OneShot
from relumix.cli.presets import PROJECT_FILE
from relumix.cli.progress import Show, shown_as
from relumix.cli.threads import let_idle_threads_sleep
from relumix.errors import InputError
from relumix.events import Done, Failed, OnEvent
from relumix.settings import Settings
from relumix.util.extras import needed
from relumix.util.words import as_json
from relumix.version import __version__

if TYPE_CHECKING:
    from relumix.client import RelightClient
    from relumix.engines.base import Traits
    from relumix.pipeline.check import Job

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

Add = Callable[..., argparse.Action]
"""Adds an option to a group of them."""

EXIT_SOME_FAILED = 3

WITH_SERVER = ("tls_ca", "tls_cert", "tls_key", "token_file", "by_path", "patience")
"""Options that need --server."""

_LISTS = ("engine_options", "reference_masks", "reference_weights")
"""Settings that may be given several times."""

_FRAME_AND_FILE = re.compile(r"(-?\d+)=(.+)", re.DOTALL)


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand. Its options are the fields of Settings, and their defaults."""
    parser = commands.add_parser(
        "relight",
        help="carry the light of one relit frame to every frame of a shot",
        description="Carry the light of one or more relit frames to every frame of a shot.",
        usage="relumix relight SOURCE -r [FRAME=]FILE -o OUTPUT [options]",
        examples=(
            "relumix relight plate.####.exr -r relit.1001.exr -o relit/ --contact-sheet sheet.png",
            "relumix relight clip.mov -r relit.png -o relit.mov --mix 0.8",
            "relumix relight plate/ -r 1001=paint.png -o relit/ --server render7:50051",
        ),
    )
    parser.add_argument(
        "source", metavar="SOURCE", nargs="+", action=OneShot, help="the plate: plate.####.exr, clip.mov, or a folder"
    )
    _add_files(parser.add_argument_group("files").add_argument)
    _add_light(parser.add_argument_group("light").add_argument)
    _add_written(parser.add_argument_group("what is written").add_argument)
    add_servers(parser.add_argument_group("with --server").add_argument)
    _add_how(parser.add_argument_group("the run").add_argument)
    parser.set_defaults(run=run, presets_for=parser, **unset())


def unset() -> dict[str, Any]:
    """Return every option of Settings as it is where nobody gives it."""
    return {**Settings().asdict(), **dict.fromkeys(_LISTS)}


def _add_files(add: Add) -> None:
    add(
        "-r",
        "--reference",
        action="append",
        required=True,
        metavar="[FRAME=]FILE",
        help="a relit frame; without FRAME the number in its name counts, else it is the first frame; or a pattern or "
        "folder of them; may be given several times",
    )
    add("-o", "--output", required=True, metavar="OUTPUT", help="where frames go: a pattern, a folder, or a movie")
    add("--frames", metavar="RANGE", help="frames to write, like 1001-1100x2 (all of the shot)")
    add_reading(add)
    add("--mask", metavar="PATTERN", help="mattes, or one: light changes only where they are above 0")
    add("--unlit", choices=("error", "plate"), help="what a scene without a reference is (%(default)s)")
    add("--missing", choices=("error", "skip"), help="what a gap in the plate is (%(default)s)")


def add_reading(add: Add) -> None:
    """Add the options that say how plate and references are read."""
    add("--fit", action="store_true", help="references of another size are meant to be: fit them without a word")
    add("--align", action="store_true", help="move references that are shifted or scaled back onto their plate")
    add(
        "--reference-mask",
        dest="reference_masks",
        action="append",
        metavar="FRAME=FILE",
        help="matte of one reference: its light counts only where that is above 0; may be given several times",
    )
    add(
        "--reference-weight",
        dest="reference_weights",
        action="append",
        metavar="FRAME=0..1",
        help="how much of the light of one reference counts (1); may be given several times",
    )
    add("--colorspace", metavar="NAME", help="OCIO colour space of the plate (EXR: linear); `relumix colorspaces`")
    add("--deinterlace", action="store_true", help="make whole frames of an interlaced movie's fields")
    add("--reference-colorspace", metavar="NAME", help="of the references (sRGB for integer files, else the plate's)")
    add("--layer", metavar="NAME", help="layer to relight (the main RGB)")
    add("--view", metavar="NAME", help="view to relight (the default one)")
    add("--premult", choices=("auto", "yes", "no"), help="whether alpha is coverage or a matte (%(default)s: look)")
    add("--cuts", metavar="FRAMES", help="first frames of scenes, like 1008,1040, or auto or none (%(default)s)")


def _add_light(add: Add) -> None:
    add("--engine", help="what carries the light: flow, lite, svd (%(default)s)")
    add(
        "--engine-option",
        dest="engine_options",
        action="append",
        metavar="NAME=VALUE",
        help="an option of the engine (svd: docs/svd.md); may be given several times",
    )
    add("--model", metavar="PATH", help="weights of the engine (its own)")
    add("--device", choices=("auto", "cpu", "cuda"), help="where the engine runs (%(default)s)")
    add("--work-size", type=int, metavar="PX", help="long edge at which light is carried (%(default)s)")
    add("--transfer", choices=("gain", "direct"), help="the engine's light, or pixels that it makes (%(default)s)")
    add("--mix", type=float, metavar="0..1", help="0 is the plate, 1 the relit plate (%(default)s)")


def _add_written(add: Add) -> None:
    add("--gain-out", metavar="PATTERN", help="also write the light itself, as gain in stops")
    add("--confidence-out", metavar="PATTERN", help="also write how sure the light is: 1 certain, 0.5 a stop off")
    add("--confidence-layer", action="store_true", help="also write that into the result, as a channel confidence.Y")
    add("--contact-sheet", metavar="FILE.png", help="also write a picture of plate, reference, result and gain")
    add("--preview", metavar="FILE.mp4", help="also write a movie of plate and result")
    add("--compression", metavar="NAME", help="EXR compression: zip, dwaa:45, ... (the plate's; zip for lossy ones)")
    add("--bits", choices=("half", "float"), help="type of the relit channels (the plate's)")
    add(
        "--codec",
        metavar="NAME",
        help="of a movie: prores4444, prores422hq, dnxhrhqx, h264, hevc10hq, ... (by its suffix)",
    )
    add("--output-colorspace", metavar="NAME", help="of a movie or images that are no EXR (the plate's)")
    add("--roll-off", action="store_true", help="draw highlights in softly that codes of these cannot say")
    add("--overwrite", action="store_true", help="write again what is up to date, and over other files")


def add_servers(add: Add) -> None:
    """Add where frames are made elsewhere."""
    add("--server", metavar="HOST:PORT,...", help="relight there; several servers share the shot")
    add("--tls-ca", metavar="FILE", help="certificates that signed the servers' (none: no TLS)")
    add("--tls-cert", metavar="FILE", help="certificate of this client, where it is asked for")
    add("--tls-key", metavar="FILE", help="key of that certificate")
    add("--token-file", metavar="FILE", help="file of the token that the servers ask for")
    add("--by-path", action="store_true", help="they read and write the files themselves, on shared storage")
    add("--patience", type=float, metavar="S", help="how long one may fail or be full (300)")


def _add_how(add: Add) -> None:
    add("--config", metavar="FILE", help=f"a TOML file of these options ({PROJECT_FILE}, here or in a folder above)")
    add("--progress", choices=[show.value for show in Show], default=Show.AUTO.value, help="how to tell (%(default)s)")
    add("--dry-run", action="store_true", help="check the input, print what would be done, and stop")


def run(args: argparse.Namespace) -> int:
    """Do it. Returns the exit code."""
    with shown_as(Show(args.progress)) as on_event:
        try:
            settings = settings_of(args)
            return _on_servers(args, settings, on_event) if args.server else _here(args, settings, on_event)
        except InputError as error:
            on_event(Failed(str(error)))
            raise


@needed("relighting here", "local", otherwise=", or name a --server")
def _here(args: argparse.Namespace, settings: Settings, on_event: OnEvent) -> int:
    let_idle_threads_sleep()
    from relumix.pipeline import job  # noqa: PLC0415  the parser must not wait for numpy

    refuse_idle(args)
    prepared = job.prepare(args.source, parse_references(args.reference), args.output, settings)
    if args.dry_run:
        return show(prepared.job, prepared.engine, __version__)
    return _exit_code(job.run(prepared, on_event))


def _on_servers(args: argparse.Namespace, settings: Settings, on_event: OnEvent) -> int:
    client = client_of(args)
    references = parse_references(args.reference)
    prepared = client.prepare(args.source, references, args.output, settings, by_path=args.by_path)
    if args.dry_run:
        return show(prepared.job, prepared.engine, prepared.engine.program)
    code = 0
    with closing(client.run(prepared)) as events:
        for event in events:
            on_event(event)
            if isinstance(event, Done):
                code = _exit_code(event)
    return code


def client_of(args: argparse.Namespace) -> RelightClient:
    """Return the client of the servers that a command line names. Raises InputError."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # or it writes what we say in one line to stderr as well, at length
    from relumix.client import RelightClient, read_token  # noqa: PLC0415  only who asks a server waits for gRPC

    return RelightClient(
        args.server,
        token=read_token(args.token_file) if args.token_file else None,
        tls_ca=args.tls_ca,
        tls_cert=args.tls_cert,
        tls_key=args.tls_key,
        **({} if args.patience is None else {"patience_seconds": args.patience}),
    )


def refuse_idle(args: argparse.Namespace) -> None:
    """Raise InputError where an option is given that says nothing without --server."""
    if not args.server and (idle := [name for name in WITH_SERVER if getattr(args, name)]):
        raise InputError(f"--{idle[0].replace('_', '-')} goes with --server alone")


def show(job: Job, engine: Traits | None = None, program: str = __version__) -> int:
    """Print what a job would do, as JSON. Returns the exit code. Raises InputError where a run would.

    engine, program  what would make the frames: says which of them are up to date.
    """
    from relumix.pipeline.rehearse import rehearse  # noqa: PLC0415  the parser must not wait for numpy

    said = dataclasses.asdict(job.start())
    if engine is not None:
        from relumix.pipeline.fingerprint import Fingerprints  # noqa: PLC0415
        from relumix.pipeline.windows import plan  # noqa: PLC0415

        planned = plan(job.source.frames, job.source.references, engine.windowing, job.source.cuts)
        prints = Fingerprints(job.source, engine, planned, program)
        fresh = [frame for frame in job.frames if job.is_fresh(frame, prints)]
        said |= {"up_to_date": fresh, "to_make": [frame for frame in job.frames if frame not in fresh]}
    errors = rehearse(job)
    said["warnings"] = list(job.warnings)
    said["errors"] = [{"frame": error.frame, "message": str(error)} for error in errors]
    print(as_json(said, encoding=sys.stdout.encoding, indent=2))
    return EXIT_SOME_FAILED if errors else 0


def _exit_code(end: Done) -> int:
    return EXIT_SOME_FAILED if end.failed else 0


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings that a parsed command line holds. Raises InputError."""
    values = {field.name: getattr(args, field.name) for field in dataclasses.fields(Settings)}
    return Settings(**{**values, **{name: tuple(values[name] or ()) for name in _LISTS}})


def parse_references(texts: list[str]) -> dict[int | None, str | list[str]]:
    """Return what `-r` was given: `FRAME=FILE` by frame, all else under None. Raises InputError."""
    references: dict[int | None, str | list[str]] = {}
    unnamed: list[str] = []
    for text in texts:
        match = _FRAME_AND_FILE.fullmatch(text)
        if not match:
            unnamed.append(text)
            continue
        frame, path = int(match[1]), match[2]
        if frame in references:
            raise InputError(f"frame {frame} has two references, {references[frame]} and {path}: keep one of them")
        references[frame] = path
    return {**references, **({None: unnamed} if unnamed else {})}
