"""`relumix relight`: a plate and one relit frame in, the shot relit out."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
from contextlib import closing
from typing import TYPE_CHECKING

from relumix.cli.progress import Show, shown_as
from relumix.cli.threads import let_idle_threads_sleep
from relumix.errors import InputError
from relumix.events import Done, Failed, OnEvent, Start
from relumix.settings import Settings
from relumix.util.extras import needed

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

EXIT_SOME_FAILED = 3

WITH_SERVER = ("tls_ca", "tls_cert", "tls_key", "token_file", "by_path", "patience")
"""Options that say something only with --server."""

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
    add("--mask", metavar="PATTERN", help="mattes, or one: light changes only where they are above 0")
    add("--transfer", choices=("gain", "direct"), help="the engine's light, or pixels that it makes (%(default)s)")
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
    add("--server", metavar="HOST:PORT,…", help="relight there; several servers share the shot")
    add("--tls-ca", metavar="FILE", help="with --server: certificates that signed the servers' (none: no TLS)")
    add("--tls-cert", metavar="FILE", help="with --server: certificate of this client, where it is asked for")
    add("--tls-key", metavar="FILE", help="with --server: key of that certificate")
    add("--token-file", metavar="FILE", help="with --server: file of the token that the servers ask for")
    add("--by-path", action="store_true", help="with --server: it reads and writes the files itself, on shared storage")
    add("--patience", type=float, metavar="S", help="with --server: how long one may fail or be full (300)")
    add("--dry-run", action="store_true", help="check the input, print what would be done, and stop")
    parser.set_defaults(run=run, **{**Settings().asdict(), "engine_options": None})


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
        return show(prepared.job.start())
    return _exit_code(job.run(prepared, on_event))


def _on_servers(args: argparse.Namespace, settings: Settings, on_event: OnEvent) -> int:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # or it writes what we say in one line to stderr as well, at length
    from relumix.client import RelightClient, read_token  # noqa: PLC0415  only who asks a server waits for gRPC

    token = read_token(args.token_file) if args.token_file else None
    client = RelightClient(
        args.server,
        token=token,
        tls_ca=args.tls_ca,
        tls_cert=args.tls_cert,
        tls_key=args.tls_key,
        **({} if args.patience is None else {"patience_seconds": args.patience}),
    )
    references = parse_references(args.reference)
    prepared = client.prepare(args.source, references, args.output, settings, by_path=args.by_path)
    if args.dry_run:
        return show(prepared.job.start())
    code = 0
    with closing(client.run(prepared)) as events:
        for event in events:
            on_event(event)
            if isinstance(event, Done):
                code = _exit_code(event)
    return code


def refuse_idle(args: argparse.Namespace) -> None:
    """Raise InputError where an option is given that says nothing without --server."""
    if not args.server and (idle := [name for name in WITH_SERVER if getattr(args, name)]):
        raise InputError(f"--{idle[0].replace('_', '-')} goes with --server alone")


def show(start: Start) -> int:
    """Print what a job would do, as JSON. Returns the exit code."""
    print(json.dumps(dataclasses.asdict(start), indent=2, ensure_ascii=False))
    return 0


def _exit_code(end: Done) -> int:
    return EXIT_SOME_FAILED if end.failed else 0


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings that a parsed command line holds. Raises InputError."""
    values = {field.name: getattr(args, field.name) for field in dataclasses.fields(Settings)}
    return Settings(**{**values, "engine_options": tuple(values["engine_options"] or ())})


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
