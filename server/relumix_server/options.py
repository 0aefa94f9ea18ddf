"""The options of a server."""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from relumix.errors import InputError

MIB, GIB = 1 << 20, 1 << 30
MAX_CHUNK_BYTES = 4 * MIB
"""Largest piece of a frame in one message."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Options:
    """How to serve. Each field is an option of `relumix serve` under the same name.

    listen             HOST:PORT of the service; port 0 takes a free one.
    engine             names of the engines to load; the first is the default.
    model, device, engine_options   as for `relumix relight`; the first and the last go to engines that take them.
    max_connections    to the service at once.
    max_host_connections  of those, from one host.
    max_sessions       streams at once; more wait for a place.
    max_client_sessions  of one client, by host and token; None: all but one.
    max_waiting        streams that may wait for a place; more are told to come back.
    waiting_seconds    after which one that waits is told so, too.
    max_frames         of one shot.
    max_references     of one shot.
    max_frame_bytes    of one file as it is sent.
    max_frame_pixels   of one frame, its windows taken together.
    memory_budget      bytes of frames held in memory, over all sessions; more spool to disk.
    spool              folder for those; None: the system's for temporary files.
    root               folders below which frames may be named by path; none: not at all.
    workers            processes that read and write frames; None: as many as there are cores, 2 to 8.
    worker_memory      bytes that each of them may take.
    frame_seconds      that one of them may spend on a frame.
    window_memory      bytes that the engine may take for one window, by an estimate.
    window_seconds     that an engine may go without progress in a window, after which it hangs and the server ends.
    idle_seconds       after which a client that is waited for has gone, and a connection without a call is closed.
    drain_seconds      that running sessions get after SIGTERM.
    exit_idle_seconds  without a session, after which the server ends; None: never.
    lease              file whose absence ends the server; None: none.
    token_file         tokens, one a line, one of which a caller must bring; None: everyone may call.
    tls_cert, tls_key  PEM files; None: no TLS. tls_client_ca: callers must bring a certificate that it signed.
    metrics            HOST:PORT of the status page and metrics; None: none.
    page               address of the page that `relumix web` serves, which the status page links to; None: none.
    insecure           listen beyond loopback without TLS and a token all the same.
    """

    listen: str = "127.0.0.1:50051"
    engine: tuple[str, ...] = ("flow",)
    model: str | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    engine_options: tuple[str, ...] = ()
    max_connections: int = 1000
    max_host_connections: int = 128
    max_sessions: int = 8
    max_client_sessions: int | None = None
    max_waiting: int = 64
    waiting_seconds: float = 30.0
    max_frames: int = 20_000
    max_references: int = 1000
    max_frame_bytes: int = 2 * GIB
    max_frame_pixels: int = 1 << 27
    memory_budget: int = 4 * GIB
    spool: str | None = None
    root: tuple[str, ...] = ()
    workers: int | None = None
    worker_memory: int = 8 * GIB
    frame_seconds: float = 120.0
    window_memory: int = 8 * GIB
    window_seconds: float = 900.0
    idle_seconds: float = 120.0
    drain_seconds: float = 600.0
    exit_idle_seconds: float | None = None
    lease: str | None = None
    token_file: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_client_ca: str | None = None
    metrics: str | None = "127.0.0.1:9464"
    page: str | None = None
    insecure: bool = False
    log_format: Literal["text", "json"] = "text"

    def __post_init__(self) -> None:
        """Raise InputError for unusable options."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int | float) or isinstance(value, bool):
                continue
            least = 0 if field.name == "max_waiting" else 1e-9
            if not least <= value < math.inf:
                raise InputError(f"{field.name} is {value}: expected {'0 or more' if not least else 'more than 0'}")
        self._refuse_empty()
        if bool(self.tls_cert) != bool(self.tls_key):
            raise InputError("TLS needs a certificate and its key: give both --tls-cert and --tls-key")
        if self.tls_client_ca and not self.tls_cert:
            raise InputError("client certificates need TLS: give --tls-cert and --tls-key with --tls-client-ca")
        if self.lease and not Path(self.lease).is_file():
            raise InputError(f"the lease {self.lease} is not there: expected a file whose absence ends the server")
        if self.page is not None and not self.page.startswith(("http://", "https://")):
            raise InputError(f"the page is {self.page}: expected an address that begins with http:// or https://")
        for root in self.root:
            if not root:  # It would mean the current folder.
                raise InputError("a root is empty: expected a folder that is there")
            if not Path(root).is_dir():
                raise InputError(f"the root {root} is no folder: expected one that is there")
        self._refuse_open_doors()

    def _refuse_empty(self) -> None:
        expected = {"spool": "a folder", "token_file": "a file of tokens"}
        for name in ("token_file", "tls_cert", "tls_key", "tls_client_ca", "spool", "lease"):
            if getattr(self, name) == "":  # Perhaps a variable that is not set: it would mean no guard at all.
                raise InputError(f"{name} is empty: expected {expected.get(name, 'a file')}, or no such option")

    def _refuse_open_doors(self) -> None:
        guarded = self.tls_cert and (self.token_file or self.tls_client_ca)
        if not (is_local(self.listen) or guarded or self.insecure):
            raise InputError(
                f"{self.listen} can be reached from other machines: give --tls-cert, --tls-key and --token-file "
                "(or --tls-client-ca), or say --insecure"
            )
        if self.metrics and not is_local(self.metrics) and not self.insecure:
            raise InputError(
                f"the status page at {self.metrics} could be read from other machines: listen on 127.0.0.1, "
                "or say --insecure"
            )

    @property
    def worker_count(self) -> int:
        """Number of worker processes."""
        return self.workers or min(8, max(2, os.cpu_count() or 1))

    @property
    def ahead_bytes(self) -> int:
        """Bytes of frames not needed yet that a session may hold before it stops reading."""
        return max(self.memory_budget // self.max_sessions, 2 * MAX_CHUNK_BYTES)

    def asdict(self) -> dict[str, Any]:
        """Return every option by name, fit for JSON."""
        return dataclasses.asdict(self)


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT or [HOST]:PORT. Raises InputError."""
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise InputError(f"'{address}' is no address: expected HOST:PORT, like 127.0.0.1:50051")
    return host, int(port)


def asked_host(header: str) -> str | None:
    """Return the host that a Host header of HTTP names, without port and brackets; None where it names none.

    A site's name may resolve to this machine (DNS rebinding): whoever answers browsers compares it with its own.
    """
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


def is_local(address: str) -> bool:
    """Tell whether only this machine can reach an address HOST:PORT. Raises InputError."""
    host, _ = split_address(address)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
