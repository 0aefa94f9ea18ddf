"""The bridge as a process: its socket, who may connect, and when it ends."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from relumix.bridge import folders, wire
from relumix.bridge.relighter import Engines
from relumix.bridge.request import Servers
from relumix.bridge.session import Session
from relumix.bridge.store import Store
from relumix.bridge.tasks import Context
from relumix.errors import InputError
from relumix.util.atomic_file import replacing

MOST_CONNECTIONS = 64
FIRST_SECONDS = 30.0
"""How long it waits for its first client."""

_POLL_SECONDS = 0.2
_END_SECONDS = 5.0


@dataclass(frozen=True)
class Options:
    """How a bridge is run.

    folder          of its socket: this user's alone.
    store           folder of pixels and relit frames; store_bytes: what it may use.
    linger_seconds  without a client, after which it ends; None: never.
    tcp             listen on the loopback and want a token, in place of a socket in the file system.
    most_frame_bytes  of one picture.
    servers         for requests that name none; None: this machine.
    """

    folder: Path
    store: Path
    store_bytes: int
    linger_seconds: float | None
    tcp: bool
    most_frame_bytes: int
    servers: Servers | None


class AlreadyRunningError(InputError):
    """Another bridge has the folder."""


def serve(options: Options, ready: Callable[[str], None]) -> None:
    """Serve until the last client has gone. `ready` gets the socket's path once plugins can connect.

    Raises InputError where it cannot begin, AlreadyRunningError where another one has the folder or the store.
    """
    folder, store = folders.private(options.folder), folders.private(options.store)
    with _locked(folder / "bridge.lock"), _locked(store / "store.lock"):
        context = Context(Store(store, options.store_bytes), Engines(), options.servers)
        with _listening(folder, options.tcp) as (listener, token, where):
            ready(where)
            _Clients(context, token, options).accept(listener)


class _Clients:
    def __init__(self, context: Context, token: str | None, options: Options) -> None:
        self._context, self._token, self._options = context, token, options
        self._threads: dict[threading.Thread, socket.socket] = {}
        self._asked = False

    def accept(self, listener: socket.socket) -> None:
        """Take connections until there was none for a while."""
        listener.settimeout(_POLL_SECONDS)
        linger, last = self._options.linger_seconds, time.monotonic()
        first = last + FIRST_SECONDS
        try:
            # Who merely looks whether a bridge listens is not the first client.
            while linger is None or time.monotonic() < (last if self._asked else max(last, first)) + linger:
                with contextlib.suppress(TimeoutError):
                    connection, _ = listener.accept()
                    self._begin(connection)
                self._threads = {thread: each for thread, each in self._threads.items() if thread.is_alive()}
                if self._threads:
                    last = time.monotonic()
        finally:
            self._end()

    def _note_asked(self) -> None:
        self._asked = True

    def _begin(self, connection: socket.socket) -> None:
        if len(self._threads) >= MOST_CONNECTIONS:
            with contextlib.suppress(wire.GoneError), connection:
                connection.settimeout(_POLL_SECONDS)
                wire.send(connection, "error", {"text": f"the bridge has {MOST_CONNECTIONS} clients: close some hosts"})
            return
        session = Session(
            connection, self._context, self._token, self._options.most_frame_bytes, on_request=self._note_asked
        )
        thread = threading.Thread(target=session.run, name="relumix-bridge-client", daemon=True)
        self._threads[thread] = connection
        thread.start()

    def _end(self) -> None:
        """Hang up on all clients, which cancels their work."""
        for connection in self._threads.values():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        end = time.monotonic() + _END_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))


@contextlib.contextmanager
def _listening(folder: Path, tcp: bool) -> Iterator[tuple[socket.socket, str | None, str]]:
    """Yield a listening socket, the token that callers must bring (None: none), and its path."""
    path = folder / (folders.PORT_NAME if tcp else folders.SOCKET_NAME)
    path.unlink(missing_ok=True)  # Left by a bridge that was killed: we hold the lock.
    listener = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
    token = secrets.token_hex(32) if tcp else None
    try:
        with listener:
            _bind(listener, path, token)
            yield listener, token, str(path)
    finally:
        path.unlink(missing_ok=True)


def _bind(listener: socket.socket, path: Path, token: str | None) -> None:
    try:
        if token is None:
            before = os.umask(0o177)
            try:
                listener.bind(str(path))
            finally:
                os.umask(before)
            listener.listen()
            return
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with (
            replacing(path, durable=False) as name,
            os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file,
        ):
            file.write(f"{listener.getsockname()[1]} {token}\n")
    except OSError as error:
        raise InputError(f"the bridge cannot listen at {path}: {error.strerror or error}") from None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file lock, which the system frees however this process ends; the file has its pid.

    Raises AlreadyRunningError.
    """
    with path.open("a") as file:
        try:
            if sys.platform == "win32":
                import msvcrt  # noqa: PLC0415

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl  # noqa: PLC0415

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunningError(f"another bridge has {path.parent}") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
