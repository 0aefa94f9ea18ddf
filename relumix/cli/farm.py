"""`relumix farm`: job bundles for render farms, and what a farm's workers call."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from relumix.cli.progress import OpenJD
from relumix.cli.relight import EXIT_SOME_FAILED, WITH_SERVER, parse_references, refuse_idle, settings_of, show
from relumix.errors import FrameError, InputError
from relumix.farm import CHUNK_SIZE
from relumix.settings import Settings
from relumix.util.extras import needed
from relumix.util.words import number_of

if TYPE_CHECKING:
    from relumix.farm.paths import Rules
    from relumix.pipeline.check import Job

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_HELD_PATIENCE_SECONDS = "60"
"""How long a chunk waits for the server that its own worker holds: longer means that it is gone for good."""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand; that of relight is there already, for its options are those of a job."""
    relight = commands.choices["relight"]
    parser = commands.add_parser(
        "farm",
        help="relight shots on a render farm",
        description="Relight shots on a render farm (docs/farm.md): bundle makes a job, the others are its parts.",
    )
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_bundle(verbs, relight)
    template = verbs.add_parser("template", help="print the job template, for any shot")
    template.set_defaults(run=_template, relight=relight, answers=True)
    for verb, run, about in (
        ("start", _start, "hold a server for a worker's session"),
        ("run", _run, "relight one chunk of frames"),
        ("stop", _stop, "end the server that a session holds"),
        ("verify", _verify, "check all frames of a job, and make what people look at"),
    ):
        part = verbs.add_parser(verb, help=about, description=f"What a job's template calls to {about}.")
        part.set_defaults(run=run, relight=relight)
        if verb != "verify":
            part.add_argument("--session", metavar="DIR", type=Path, required=True, help="folder of the session")
        if verb != "stop":
            part.add_argument("--path-mapping", metavar="FILE", type=Path, help="path mapping rules of the session")
            part.add_argument("values", metavar="OPTION=VALUE", nargs="*", help="options of relight: work_size=768")
        if verb == "start":
            part.add_argument("--hold", choices=("true", "false"), default="true", help="false: do nothing (true)")
        if verb == "run":
            part.add_argument("--chunk", metavar="RANGE", required=True, help="frames of this task, like 1001-1009:2")
        if verb == "verify":
            part.add_argument("--range", metavar="RANGE", required=True, help="all frames of the job")
            part.add_argument(
                "--report", metavar="FILE.html", default="", help="of the report, or none (beside the frames)"
            )


def _add_bundle(verbs: Subparsers, relight: argparse.ArgumentParser) -> None:
    bundle = verbs.add_parser(
        "bundle",
        parents=[relight],
        add_help=False,
        help="write a job for Deadline Cloud and other runners of Open Job Description",
        description="Write a job that relights a shot on a farm. Takes every option of relight, and these:",
    )
    own = bundle.add_argument_group("the job")
    own.add_argument("--bundle", metavar="DIR", type=Path, required=True, help="folder to write the job to")
    own.add_argument("--chunk-size", type=int, metavar="N", default=CHUNK_SIZE, help="frames of a task (%(default)s)")
    own.add_argument("--hold-server", action="store_true", help="each worker loads the engine once for all its tasks")
    own.add_argument("--report", metavar="FILE.html", default="", help="of the report, or none (beside the frames)")
    bundle.set_defaults(run=_bundle, relight=relight, presets_for=bundle)


def _template(args: argparse.Namespace) -> int:
    from relumix.farm.template import as_yaml, job_template  # noqa: PLC0415  the parser must not wait for any of these

    print(as_yaml(job_template(args.relight)), end="")
    return 0


def _bundle(args: argparse.Namespace) -> int:
    from relumix.farm.bundle import write_bundle  # noqa: PLC0415

    if args.chunk_size < 1:
        raise InputError(f"chunk size is {args.chunk_size}: expected 1 frame or more")
    if args.hold_server and args.server:
        raise InputError(f"a worker holds a server of its own, or asks {args.server}: give --hold-server or --server")
    refuse_idle(args)
    if not args.server:  # whose engines are its own
        from relumix.engines.registry import refuse_impossible  # noqa: PLC0415

        refuse_impossible(settings_of(args))
    job = _checked(args)
    _refuse_foreign(job, args.report)
    if args.dry_run:
        return show(job)
    for warning in (*job.warnings, *map(str, _would_fail(job))):
        OpenJD().status(f"warning: {warning}")
    write_bundle(
        args.bundle,
        job,
        args.relight,
        args,
        chunk_size=args.chunk_size,
        hold_server=args.hold_server,
        report=args.report,
    )
    tasks = -(-len(job.frames) // args.chunk_size)
    print(f"{number_of(len(job.frames), 'frame')} in {number_of(tasks, 'task')}\nwrote {args.bundle}")
    return 0


def _start(args: argparse.Namespace) -> int:
    from relumix.farm.server import start  # noqa: PLC0415

    with _told():
        if args.hold == "true":
            given = _given(args)
            engine, device = given.get("engine") or Settings().engine, given.get("device") or Settings().device
            held = start(args.session, engine=engine, model=given.get("model") or None, device=device)
            OpenJD().status(f"a server with {engine} at {held.address}")
    return 0


def _stop(args: argparse.Namespace) -> int:
    from relumix.farm.server import stop  # noqa: PLC0415

    stop(args.session)
    return 0


def _run(args: argparse.Namespace) -> int:
    from relumix.farm.deliver import made_for_delivery  # noqa: PLC0415
    from relumix.farm.parameters import arguments, of_range  # noqa: PLC0415
    from relumix.farm.server import held  # noqa: PLC0415

    with _told():
        # What shows the whole shot is made once all of it is there.
        given = {**_given(args), "preview": "", "contact_sheet": ""}
        given |= made_for_delivery(given.get("output", ""))
        if server := held(args.session):
            given |= dict.fromkeys(("model", "device", *WITH_SERVER), "")
            given |= {"server": server.address, "token_file": server.token_file, "patience": _HELD_PATIENCE_SECONDS}
        line = [f"--frames={of_range(args.chunk)}", "--progress=openjd", *arguments(args.relight, given)]
        relit = args.relight.parse_args(line)
    code: int = relit.run(relit)
    return code


def _verify(args: argparse.Namespace) -> int:
    from relumix.farm.parameters import arguments, of_range  # noqa: PLC0415
    from relumix.farm.review import review  # noqa: PLC0415

    tell = OpenJD()
    with _told():
        with needed("the last step", "local"):
            from relumix.farm.deliver import deliver, delivered  # noqa: PLC0415
            from relumix.farm.verify import check_frames, write_report  # noqa: PLC0415
        line = [f"--frames={of_range(args.range)}", *arguments(args.relight, _given(args))]
        job = _checked(args.relight.parse_args(line))
        made = review(job, _rules(args).mapped(args.report))
        _refuse_foreign(job, args.report)
        gone = delivered(job)
        faults = check_frames(job, made, lambda done, total: tell.progress(done, 2 * total), gone)
        for fault in faults:
            tell.status(str(fault))
        if faults:
            tell.fail(f"{len(faults)} of {len(job.frames)} frames are not as they should be: {faults[0]}")
            return EXIT_SOME_FAILED
        whole = "the frame is" if len(job.frames) == 1 else f"all {len(job.frames)} frames are"
        tell.status(f"{whole} there, finite, and with the plate's windows")
        try:
            if made.report and gone:
                tell.status(f"{number_of(len(gone), 'frame')} delivered before: the report is that of then, if any")
            elif made.report:
                write_report(job, made.report, lambda done, total: tell.progress(total + done, 2 * total))
        except InputError as error:
            tell.status(f"no report: {error}")
        for text in deliver(job):
            tell.status(text)
    tell.status("wrote " + ", ".join(str(path) for path in made.files if path.exists()))
    return 0


def _refuse_foreign(job: Job, report: str) -> None:
    """Raise InputError where the last step's previews would replace files of somebody else."""
    from relumix.farm.review import review  # noqa: PLC0415
    from relumix.pipeline.check import refuse_foreign_preview  # noqa: PLC0415

    made = review(job, report)
    for path in (made.preview, made.contact_sheet):
        refuse_foreign_preview(path, overwrite=job.source.settings.overwrite)


def _would_fail(job: Job) -> tuple[FrameError, ...]:
    """Return the errors of frames that would fail. Raises InputError where all of them would, or the run."""
    from relumix.pipeline.rehearse import rehearse  # noqa: PLC0415

    errors = rehearse(job)
    if len(errors) == len(job.frames):
        raise InputError(str(errors[0]))
    return errors


def _checked(args: argparse.Namespace) -> Job:
    """Return the job that a parsed command line of relight describes, without its engine. Raises InputError."""
    from relumix.pipeline.check import check  # noqa: PLC0415

    return check(args.source, parse_references(args.reference), args.output, settings_of(args))


def _given(args: argparse.Namespace) -> dict[str, str]:
    """Return the options of relight that a job passes on, with paths as they are on this machine. Raises InputError."""
    rules = _rules(args)
    pairs = [text.partition("=") for text in args.values]
    if bare := next((name for name, equals, _ in pairs if not equals), None):
        raise InputError(f"'{bare}' is no OPTION=VALUE: expected something like work_size=768")
    return {name: rules.mapped(value) for name, _, value in pairs}


def _rules(args: argparse.Namespace) -> Rules:
    from relumix.farm.paths import Rules  # noqa: PLC0415

    return Rules.read(args.path_mapping) if args.path_mapping else Rules()


@contextmanager
def _told() -> Iterator[None]:
    """Tell the scheduler why it could not be done."""
    try:
        yield
    except InputError as error:
        OpenJD().fail(str(error))
        raise
