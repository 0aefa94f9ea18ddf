"""`relumix bridge`: the process beside a host of OpenFX plugins."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from relumix.cli.threads import let_idle_threads_sleep
from relumix.cli.values import byte_count
from relumix.errors import InputError
from relumix.util.child import relumix_command

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_START_SECONDS = 60.0
_ANSWER_SECONDS = 10.0
_LOG_NAME = "bridge.log"
_MOST_LOG_BYTES = 1 << 20
_ANOTHER = "another bridge has"


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "bridge",
        help="relight what the OpenFX plugin sends; the plugin starts it by itself",
        description="Relight what the OpenFX plugin sends (docs/bridge.md). The plugin starts it by itself.",
    )
    add = parser.add_argument
    add("--store", metavar="DIR", help="where pixels and relit frames are kept (the user's cache folder)")
    add("--store-bytes", metavar="BYTES", default="20G", help="that they may take (%(default)s)")
    add("--max-frame-bytes", metavar="BYTES", default="2G", help="of one picture (%(default)s)")
    add("--linger", type=float, metavar="S", default=10.0, help="without a client, after which it ends (%(default)s)")
    add("--keep", action="store_true", help="do not end by itself")
    add("--tcp", action="store_true", default=sys.platform == "win32", help="listen on 127.0.0.1 and want a token")
    add("--server", metavar="HOST:PORT,...", help="relight there, where the plugin names no server")
    add("--tls-ca", metavar="FILE", default="", help="with --server: certificates that signed the servers'")
    add("--tls-cert", metavar="FILE", default="", help="with --server: certificate of this client")
    add("--tls-key", metavar="FILE", default="", help="with --server: key of that certificate")
    add("--token-file", metavar="FILE", default="", help="with --server: file of the token that they ask for")
    add("--background", action="store_true", help="return as soon as it listens, or another one does")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve, or start what does. Returns the exit code."""
    idle = [name for name in ("tls_ca", "tls_cert", "tls_key", "token_file") if getattr(args, name)]
    if idle and not args.server:
        raise InputError(f"--{idle[0].replace('_', '-')} goes with --server alone")
    return _in_background(args) if args.background else _here(args)


def _here(args: argparse.Namespace) -> int:
    let_idle_threads_sleep()
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Hosts speak of camera logs, which OpenImageIO's own built-in configuration lacks.
    os.environ.setdefault("OCIO", "ocio://studio-config-latest")
    from relumix.bridge.folders import bridge_folder, store_folder  # noqa: PLC0415
    from relumix.bridge.request import Servers  # noqa: PLC0415  the parser must not wait for numpy
    from relumix.bridge.serve import Options, serve  # noqa: PLC0415

    servers = Servers(args.server, args.token_file, args.tls_ca, args.tls_cert, args.tls_key) if args.server else None
    options = Options(
        folder=bridge_folder(),
        store=Path(args.store) if args.store else store_folder(),
        store_bytes=byte_count(args.store_bytes),
        linger_seconds=None if args.keep else args.linger,
        tcp=args.tcp,
        most_frame_bytes=byte_count(args.max_frame_bytes),
        servers=servers,
    )
    serve(options, lambda where: print(f"ready {where}", flush=True))
    return 0


def _in_background(args: argparse.Namespace) -> int:
    """Start another process and wait until plugins can connect. Raises InputError where it says that it cannot."""
    from relumix.bridge.folders import bridge_folder, private  # noqa: PLC0415

    folder = private(bridge_folder())
    if _answers(folder, args.tcp):
        return 0
    log = folder / _LOG_NAME
    with log.open("ab") as file:
        if file.tell() > _MOST_LOG_BYTES:
            file.truncate(0)
        child = subprocess.Popen(
            [*relumix_command(), "bridge", *_words(args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    end = time.monotonic() + _START_SECONDS
    while not _answers(folder, args.tcp):
        if child.poll() not in (None, 0):
            said = _last_line(log)
            if not said.startswith(_ANOTHER):  # which is about to listen
                raise InputError(said)
        if time.monotonic() > end:
            child.kill()
            raise InputError(f"the bridge does not listen after {_START_SECONDS:.0f} seconds: see {log}")
        time.sleep(0.05)
    return 0


def _words(args: argparse.Namespace) -> list[str]:
    """Return the options as they were given, but --background."""
    words = []
    for name, value in vars(args).items():
        option = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            words += [option] if value and name != "background" else []
        elif value not in (None, "") and name != "run":
            words += [f"{option}={value}"]
    return words


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1].removeprefix("relumix: ") if lines else "the bridge ended and said nothing"


def _answers(folder: Path, tcp: bool) -> bool:
    """Tell whether a bridge listens, and is not one that is just dying."""
    from relumix.bridge import wire  # noqa: PLC0415
    from relumix.bridge.folders import PORT_NAME, SOCKET_NAME  # noqa: PLC0415

    try:
        with socket.socket(socket.AF_INET if tcp else socket.AF_UNIX) as caller:
            caller.settimeout(_ANSWER_SECONDS)
            token = ""
            if tcp:
                port, token = (folder / PORT_NAME).read_text("ascii").split()
                caller.connect(("127.0.0.1", int(port)))
            else:
                caller.connect(str(folder / SOCKET_NAME))
            wire.send(caller, "hello", {"version": wire.VERSION, "token": token})
            return wire.receive(caller, 0).kind == "welcome"
    except (OSError, ValueError, wire.GoneError, wire.WireError):
        return False
