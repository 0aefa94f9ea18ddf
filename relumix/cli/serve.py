"""`relumix serve`: load the engines and relight shots that clients send."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relumix.cli.presets import read
from relumix.cli.threads import let_idle_threads_sleep
from relumix.cli.values import byte_count
from relumix.errors import InputError
from relumix.util.extras import needed

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

Add = Callable[..., argparse.Action]
"""Adds an option to a group of them."""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand. Its options are the fields of relumix_server.options.Options, and their defaults."""
    parser = commands.add_parser(
        "serve",
        help="relight shots that clients send",
        examples=(
            "relumix serve",
            "relumix serve --engine flow,lite --config server.toml",
            "relumix serve --listen 0.0.0.0:50051 --tls-cert server.pem --tls-key server.key --token-file tokens",
        ),
        description="Relight shots that clients send (docs/service.md). What is given here goes before --config.",
        argument_default=argparse.SUPPRESS,
    )
    _add_access(parser.add_argument_group("who may call").add_argument)
    _add_engines(parser.add_argument_group("engines").add_argument)
    _add_frames(parser.add_argument_group("frames").add_argument)
    _add_life(parser.add_argument_group("the run").add_argument)
    parser.set_defaults(run=run)


def _add_access(add: Add) -> None:
    add("--listen", metavar="HOST:PORT", help="where clients call (127.0.0.1:50051)")
    add("--token-file", metavar="FILE", help="tokens, one a line, of which a caller must bring one")
    add("--tls-cert", metavar="FILE", help="certificate of the server, PEM")
    add("--tls-key", metavar="FILE", help="its key, PEM")
    add("--tls-client-ca", metavar="FILE", help="callers must bring a certificate that it signed, PEM")
    add(
        "--root",
        metavar="DIR",
        action="append",
        help="frames below it may be named by path; may be given several times",
    )
    add("--insecure", action="store_true", help="listen beyond this machine without TLS and a token")


def _add_engines(add: Add) -> None:
    add("--engine", metavar="NAMES", type=_names, help="engines to load, by commas; the first is the default (flow)")
    add(
        "--engine-option",
        dest="engine_options",
        action="append",
        metavar="NAME=VALUE",
        help="an option of the engine that has some; may be given several times",
    )
    add("--model", metavar="PATH", help="weights of the engine that takes some (its own)")
    add("--device", choices=("auto", "cpu", "cuda"), help="where engines run (auto)")
    add("--window-memory", type=byte_count, metavar="BYTES", help="that the engine may take for a window (8G)")
    add("--window-seconds", type=float, metavar="S", help="without progress in a window: the engine hangs (900)")


def _add_frames(add: Add) -> None:
    add("--max-connections", type=int, metavar="N", help="connections at once (1000)")
    add("--max-host-connections", type=int, metavar="N", help="of those, the connections of one host (128)")
    add("--max-sessions", type=int, metavar="N", help="streams at once (8)")
    add("--max-client-sessions", type=int, metavar="N", help="of those, of one client: host and token (all but one)")
    add("--max-waiting", type=int, metavar="N", help="streams that may wait for a place (64)")
    add("--waiting-seconds", type=float, metavar="S", help="for how long each may (30)")
    add("--max-frames", type=int, metavar="N", help="frames of one shot (20000)")
    add("--max-references", type=int, metavar="N", help="references of one shot (1000)")
    add("--max-frame-bytes", type=byte_count, metavar="BYTES", help="of one file, like 500M (2G)")
    add("--max-frame-pixels", type=int, metavar="N", help="of one frame (134217728)")
    add("--memory-budget", type=byte_count, metavar="BYTES", help="for frames in memory; more spool to disk (4G)")
    add("--spool", metavar="DIR", help="where they spool (the system's folder for temporary files)")
    add("--workers", type=int, metavar="N", help="processes that read and write frames (as many as cores, 2 to 8)")
    add("--worker-memory", type=byte_count, metavar="BYTES", help="that each of them may take (8G)")
    add("--frame-seconds", type=float, metavar="S", help="that one of them may spend on a frame (120)")


def _add_life(add: Add) -> None:
    add("--config", metavar="FILE", help="a TOML file of these options, by their names with _")
    add("--dry-run", action="store_true", help="check the options, print them, and stop")
    add("--metrics", metavar="HOST:PORT", help="status page and metrics; 'none' for none (127.0.0.1:9464)")
    add("--page", metavar="URL", help="page of `relumix web`, which the status page links to (none)")
    add("--log-format", choices=("text", "json"), help="of the lines on stderr (text)")
    add("--idle-seconds", type=float, metavar="S", help="after which a client that is waited for has gone (120)")
    add("--drain-seconds", type=float, metavar="S", help="that running sessions get after SIGTERM (600)")
    add("--exit-idle-seconds", type=float, metavar="S", help="without a session, after which the server ends (never)")
    add("--lease", metavar="FILE", help="end when this file is gone, as after SIGTERM (none)")


@needed("the server", "server")
def run(args: argparse.Namespace) -> int:
    """Serve until told to stop. Returns the exit code."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # or a port that is taken is told twice, at length first
    given = {name: value for name, value in vars(args).items() if name not in ("run", "config", "dry_run")}
    from relumix_server.options import Options  # noqa: PLC0415

    options = Options(**_settled({**(read(Path(args.config), "serve") if "config" in args else {}), **given}))
    if getattr(args, "dry_run", False):
        print(json.dumps(options.asdict(), indent=2))
        return 0
    let_idle_threads_sleep()
    from relumix_server.serve import ready_line, serve  # noqa: PLC0415

    serve(options, ready_line)
    return 0


def _settled(values: dict[str, Any]) -> dict[str, Any]:
    """Return options in the types that they have; raises InputError for what is none."""
    import dataclasses  # noqa: PLC0415

    from relumix_server.options import Options  # noqa: PLC0415

    known = {field.name: field.default for field in dataclasses.fields(Options)}
    if unknown := sorted(set(values) - set(known)):
        raise InputError(f"{unknown[0]} is no option of the server: expected one of {', '.join(known)}")
    settled = dict(values)
    for name, value in values.items():
        default = known[name]
        if name in ("engine", "engine_options", "root"):
            settled[name] = tuple([value] if isinstance(value, str) else value)
        elif isinstance(default, bool):
            if not isinstance(value, bool):
                raise InputError(f"{name} is {value!r}: expected true or false")
        elif isinstance(default, int) and isinstance(value, str):
            settled[name] = byte_count(value)
        elif isinstance(default, int | float) and not isinstance(value, int | float):
            raise InputError(f"{name} is {value!r}: expected a number")
        elif (isinstance(default, str) or name == "metrics") and not isinstance(value, str):
            raise InputError(f"{name} is {value!r}: expected text")
    if settled.get("metrics") == "none":
        settled["metrics"] = None
    return settled


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
