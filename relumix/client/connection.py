"""Reaching servers: addresses, certificates, tokens, channels."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from os import PathLike
from pathlib import Path

import grpc

from relumix.client.rpc_errors import TryAgainError
from relumix.errors import InputError
from relumix.rpc import messages
from relumix.rpc.messages import Piece
from relumix.v1.relight_pb2 import GetInfoRequest, GetInfoResponse, RelightResponse
from relumix.v1.relight_pb2_grpc import RelightServiceStub

_ADDRESS = re.compile(r"(?:\[[0-9a-fA-F:.%]+\]|[^\s:/,\[\]]+):(\d{1,5})")

_INFO_SECONDS = 10.0
_KEEPALIVE_MS = 15_000
_LARGEST_MESSAGE_BYTES = 64 << 20

_OPTIONS = (
    # A dead machine or a hanging server sends nothing: ping it while a stream is open.
    ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", _KEEPALIVE_MS),
    ("grpc.http2.ping_timeout_ms", _KEEPALIVE_MS),
    ("grpc.http2.max_pings_without_data", 0),  # no end of it: gRPC would ask twice while an engine thinks, and stop
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _LARGEST_MESSAGE_BYTES),
    # A new channel tries at once; channels that share connections would wait for each other's back-off.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    *messages.FLOW_OPTIONS,
)


@dataclass(frozen=True)
class Server:
    """One server and how to reach it.

    address   host:port.
    tls_ca    PEM certificates that the server's is signed by; None: no TLS.
    tls_cert, tls_key  PEM certificate and key of the client, for servers that ask for one.
    token     of the server; None where it has none.
    """

    address: str
    tls_ca: bytes | None = None
    tls_cert: bytes | None = field(default=None, repr=False)
    tls_key: bytes | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    def channel(self) -> grpc.Channel:
        """Return a new channel; the caller closes it."""
        if self.tls_ca is None:
            return grpc.insecure_channel(self.address, options=_OPTIONS)
        credentials = grpc.ssl_channel_credentials(self.tls_ca, self.tls_key, self.tls_cert)
        return grpc.secure_channel(self.address, credentials, options=_OPTIONS)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Metadata of every call."""
        named = ((messages.CLIENT_KEY, _caller()),)
        return (*named, ("authorization", f"Bearer {self.token}")) if self.token else named

    def info(self, channel: grpc.Channel) -> GetInfoResponse:
        """Ask a server what it is; raises grpc.RpcError, and TryAgainError while it loads its engines."""
        stub = service(channel)
        info: GetInfoResponse = stub.GetInfo(GetInfoRequest(), timeout=_INFO_SECONDS, metadata=self.metadata)
        if not info.engines:
            raise TryAgainError(f"{self.address}: it is loading its engines")
        return info


def service(channel: grpc.Channel) -> RelightServiceStub:
    """Return the stub of the service over a channel."""
    return RelightServiceStub(channel)


def relight(channel: grpc.Channel) -> Callable[..., Iterator[RelightResponse | Piece]]:
    """Return the Relight call of a channel; chunks are sent and received as Pieces."""
    call: Callable[..., Iterator[RelightResponse | Piece]] = channel.stream_stream(
        messages.RELIGHT, request_serializer=messages.request_bytes, response_deserializer=messages.response_of
    )
    return call


def servers(
    addresses: str | Sequence[str],
    *,
    token: str | None = None,
    tls_ca: str | PathLike[str] | None = None,
    tls_cert: str | PathLike[str] | None = None,
    tls_key: str | PathLike[str] | None = None,
) -> tuple[Server, ...]:
    """Return the servers at `host:port` addresses (one text, with commas between, or several); raises InputError."""
    texts = addresses.split(",") if isinstance(addresses, str) else list(addresses)
    names = list(dict.fromkeys(text.strip() for text in texts))
    for name in names:
        match = _ADDRESS.fullmatch(name)
        if not match or not 0 < int(match[1]) < 1 << 16:
            raise InputError(f"'{name}' is no address of a server: expected HOST:PORT, like render7:50051")
    if (tls_cert is None) != (tls_key is None):
        raise InputError("a client's TLS certificate and its key go together: one of them is missing")
    if tls_cert is not None and tls_ca is None:
        raise InputError("a client's TLS certificate needs the server's too: give the CA that signed it")
    ca, cert, key = (_read(path) if path is not None else None for path in (tls_ca, tls_cert, tls_key))
    return tuple(Server(name, ca, cert, key, token) for name in names)


def read_token(path: str | PathLike[str]) -> str:
    """Return the token in a file, without the white space around it; raises InputError."""
    try:
        token = _read(path).decode("ascii").strip()
    except UnicodeDecodeError:
        token = ""
    if not token or not token.isprintable() or " " in token:
        raise InputError(f"{path} holds no token: expected one line of printable ASCII without spaces")
    return token


@lru_cache(maxsize=1)
def _caller() -> str:
    """Return user and host, like ada@ws12, in ASCII as metadata needs."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # in a container without users
        user = "somebody"
    return f"{user}@{socket.gethostname()}".encode("ascii", "replace").decode()


def _read(path: str | PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
