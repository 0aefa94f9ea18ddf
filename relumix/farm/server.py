"""A server that a farm's worker holds for as long as it works on a job, so that its engine is loaded once.

The server's lease is a file in the session's folder: its address is read from it, and it ends the server by going away,
with the session if not before. A session that was killed leaves its folder behind; then the server ends for want of
work.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from relumix.errors import InputError
from relumix.util.atomic_file import replacing
from relumix.util.child import SERVES_ON, last_words, relumix_command, write_token

START_SECONDS, STOP_SECONDS = 900.0, 30.0
IDLE_SECONDS = 900.0
DRAIN_SECONDS = 5.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Held:
    """A server that answers at `address` (HOST:PORT) to who brings the token in `token_file`."""

    address: str
    token_file: str
    pid: int


def start(session: Path, *, engine: str, model: str | None, device: str) -> Held:
    """Start a server on a free port of this machine alone, and return once its engine is loaded.

    session  the session's own folder, which others cannot read.

    Raises InputError where the server does not come up; its log is in the folder then.
    """
    lease, token, log, out = _lease(session), *(session / f"relumix-server.{what}" for what in ("token", "log", "out"))
    write_token(token)
    lease.touch()
    command = [*relumix_command(), "serve", f"--lease={lease}", f"--token-file={token}"]
    command += ["--listen=127.0.0.1:0", "--metrics=none", f"--drain-seconds={DRAIN_SECONDS}"]
    command += [f"--exit-idle-seconds={IDLE_SECONDS}", f"--engine={engine}", f"--device={device}"]
    command += [f"--model={model}"] if model else []
    # Inherited pipes would keep the scheduler waiting for their end, and its signals are not meant for the server.
    with out.open("wb") as stdout, log.open("wb") as stderr:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
        )
    try:
        held = Held(_address(process, out, log), str(token), process.pid)
        with replacing(lease) as name:
            name.write_text(json.dumps(asdict(held)))
    except BaseException:
        lease.unlink(missing_ok=True)
        process.kill()
        process.wait()
        raise
    return held


def held(session: Path) -> Held | None:
    """Return the server that a session holds, None where it holds none."""
    lease = _lease(session)
    text = lease.read_text() if lease.exists() else ""
    return Held(**json.loads(text)) if text else None


def stop(session: Path) -> None:
    """End the session's server, if there is one, and return when it serves no more; one that does not end is killed."""
    server = held(session)
    _lease(session).unlink(missing_ok=True)
    give_up = time.monotonic() + STOP_SECONDS
    while server and _answers(server):
        if time.monotonic() > give_up:
            # Its port still answers, so the pid has not been reused by another process.
            with suppress(ProcessLookupError):
                os.kill(server.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
            return
        time.sleep(_POLL_SECONDS)


def _lease(session: Path) -> Path:
    return session / "relumix-server.json"


def _address(process: subprocess.Popen[bytes], out: Path, log: Path) -> str:
    """Wait for a server to say where it serves. Raises InputError where it does not."""
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        ended = process.poll() is not None
        told = out.read_text()
        if told.startswith(SERVES_ON) and told.endswith("\n"):
            return told[len(SERVES_ON) :].strip()
        if ended:
            why = last_words(log.read_text(errors="replace"), "it said nothing")
            raise InputError(f"the worker's server did not start: {why}")
        time.sleep(_POLL_SECONDS)
    raise InputError(f"the worker's server did not start within {START_SECONDS:.0f} s: see {log}")


def _answers(server: Held) -> bool:
    host, _, port = server.address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False
