"""Entry point of the `relumix` command: which subcommand, and how it ends."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from relumix.cli import (
    bridge,
    colorspaces,
    completion,
    console,
    convert,
    dataset,
    evaluate,
    farm,
    info,
    ofx,
    presets,
    reference,
    relight,
    serve,
    suggest,
    train,
    web,
)
from relumix.cli.parser import Parser
from relumix.errors import InputError
from relumix.util.system_errors import as_input_errors
from relumix.util.words import one_line
from relumix.version import __version__

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class _TerminatedError(Exception):
    """SIGTERM arrived: unwind, so that nothing half-written is left."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser: argparse.ArgumentParser = Parser(
        prog="relumix",
        description="Relight one frame of a shot; relumix relights the rest.",
        epilog="`relumix COMMAND --help` says more of each.",
        examples=(
            "relumix relight plate.####.exr -r relit.1001.exr -o relit/ --contact-sheet sheet.png",
            "relumix info plate.####.exr",
            "relumix evaluate relit/ --source plate.####.exr",
        ),
    )
    parser.add_argument("--version", action="version", version=f"relumix {__version__}")
    commands: argparse._SubParsersAction[argparse.ArgumentParser] = parser.add_subparsers(
        metavar="COMMAND", required=True
    )
    for command in (
        relight,
        reference,
        suggest,
        info,
        evaluate,
        colorspaces,
        dataset,
        train,
        convert,
        serve,
        web,
        farm,
        ofx,
        bridge,
    ):
        command.add_parser(commands)
    completion.add_parser(commands, parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0 done, 2 bad input or usage, 3 some frames failed, 130 interrupted, 143 terminated."""
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        with console.forgiving():
            return _ended(sys.argv[1:] if argv is None else argv)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _ended(argv: Sequence[str]) -> int:
    """Run the command, and say in one line why it ended early."""
    try:
        return _run(argv)
    except InputError as error:
        print(f"relumix: {one_line(str(error))}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("relumix: interrupted; finished frames are kept, run the same command again to go on", file=sys.stderr)
        return EXIT_INTERRUPTED
    except _TerminatedError:
        print("relumix: terminated; finished frames are kept, run the same command again to go on", file=sys.stderr)
        return EXIT_TERMINATED
    except BrokenPipeError:
        # The reader of our output went away: nothing more can be said, and closing stdout must not say so either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_TERMINATED


def _run(argv: Sequence[str]) -> int:
    parser = build_parser()
    if not argv:
        parser.print_help()
        _look_at_what_was_lost(all_that_was_wanted=True)
        return 0
    try:
        args = parser.parse_args(argv)
    except SystemExit:
        _look_at_what_was_lost(all_that_was_wanted=True)  # --help and --version answer there
        raise
    with as_input_errors():
        if hasattr(args, "presets_for"):
            args = presets.applied(parser, argv, args)
        code: int = args.run(args)
    answers = getattr(args, "answers", False) or getattr(args, "dry_run", False)
    _look_at_what_was_lost(all_that_was_wanted=answers)
    return code


def _look_at_what_was_lost(*, all_that_was_wanted: bool) -> None:
    """Say that stdout could not be written. Raises InputError where that was all that was wanted of the command."""
    if error := console.lost(sys.stdout):
        text = f"stdout cannot be written ({error.strerror}): what was said there is lost"
        if all_that_was_wanted:
            raise InputError(text)
        print(f"relumix: {text}", file=sys.stderr)


def _terminate(number: int, frame: object) -> NoReturn:
    raise _TerminatedError


if __name__ == "__main__":
    sys.exit(main())
