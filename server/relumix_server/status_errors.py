"""Errors that end a stream: a status code and one sentence. docs/service.md lists them."""

from __future__ import annotations

import ipaddress
from urllib.parse import unquote

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from relumix.errors import FrameError

Code = grpc.StatusCode

DETAILS_KEY = "grpc-status-details-bin"
"""Trailing metadata in which gRPC libraries look for a google.rpc.Status."""


MOST_MESSAGE_BYTES = 1024
"""Of a status message: if metadata gets too large, gRPC replaces the status by another."""


def shortened(text: str, most_bytes: int = MOST_MESSAGE_BYTES) -> str:
    """Return a sentence as one printable line, cut to fit as UTF-8."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    data = line.encode("utf-8", "replace")
    return line if len(data) <= most_bytes else data[: most_bytes - 3].decode("utf-8", "ignore") + "…"


class StatusError(Exception):
    """The stream ends with this status. Its text is one line.

    retry_seconds  when to try again, sent as a google.rpc.RetryInfo; None where trying again is of no use.
    """

    def __init__(self, code: Code, message: str, retry_seconds: float | None = None) -> None:
        super().__init__(shortened(message))
        self.code, self.retry_seconds = code, retry_seconds

    def details(self) -> tuple[tuple[str, bytes], ...]:
        """Return the trailing metadata that carries the retry time; empty without one."""
        if self.retry_seconds is None:
            return ()
        retry, packed = error_details_pb2.RetryInfo(), any_pb2.Any()
        retry.retry_delay.CopyFrom(duration_pb2.Duration(nanos=int(self.retry_seconds * 1e9) % 10**9))
        retry.retry_delay.seconds = int(self.retry_seconds)
        packed.Pack(retry)
        status = status_pb2.Status(code=self.code.value[0], message=str(self), details=[packed])
        return ((DETAILS_KEY, status.SerializeToString()),)


class CodedFrameError(FrameError):
    """A frame's error with its google.rpc.Code."""

    def __init__(self, frame: int, code: int, message: str) -> None:
        super().__init__(frame, message)
        self.code = code


def code_of(error: FrameError) -> int:
    """Return the google.rpc.Code of a frame's error: INVALID_ARGUMENT where the file is at fault."""
    return error.code if isinstance(error, CodedFrameError) else int(code_pb2.INVALID_ARGUMENT)


def peer_host(peer: str) -> str:
    """Return the host of a gRPC peer like ipv4:10.0.0.7:50412.

    For IPv6 it is the /64 network, since one host can use any number of addresses there.
    """
    host = unquote(peer.rpartition(":")[0])
    try:
        address = ipaddress.IPv6Address(host.removeprefix("ipv6:").strip("[]"))
    except ValueError:
        return host
    if address.ipv4_mapped:
        return f"ipv4:{address.ipv4_mapped}"
    return f"ipv6:{ipaddress.ip_network((int(address), 64), strict=False)}"


class SessionCancelledError(Exception):
    """The session was cancelled: raised on its threads to stop them."""
