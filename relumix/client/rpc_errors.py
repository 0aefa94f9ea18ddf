"""Maps a call's status to an error: try again, or stop (docs/service.md lists all)."""

from __future__ import annotations

import re
from typing import Any

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from relumix.errors import InputError

_STATUS_DETAILS = "grpc-status-details-bin"

_FOR_GOOD = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
}

_ABOUT_THE_JOB = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}
"""Messages about the job, shown as they are; others are about a server, and are prefixed with its address."""

_UNREACHABLE = re.compile(r"failed to connect to all addresses; last error: .*: ([^:]+?)(?: \(\d+\))?$")

_SILENT = {"Deadline Exceeded", "ping timeout", "keepalive watchdog timeout"}
"""gRPC's texts for a server that does not answer: machine frozen, network gone, or hanging."""

_HUNG_UP = {"Socket closed", "Connection reset by peer", "End of TCP stream"}


class TryAgainError(Exception):
    """A call failed, and another attempt may succeed. The text is one line.

    wait_seconds  the server's RetryInfo; None without one.
    """

    def __init__(self, message: str, wait_seconds: float | None = None) -> None:
        super().__init__(" ".join(message.split()))
        self.wait_seconds = wait_seconds


def error_of(address: str, error: grpc.RpcError) -> TryAgainError | InputError:
    """Return the error for a failed call."""
    call: Any = error
    code, details = call.code(), call.details() or "no reason given"
    if code in _FOR_GOOD:
        return InputError(details if code in _ABOUT_THE_JOB else f"{address}: {details}")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        wait_seconds = _retry_seconds(call)
        if wait_seconds is None:
            return InputError(f"{address}: {details}")
        return TryAgainError(f"{address}: {details}", wait_seconds)
    if code is grpc.StatusCode.UNAVAILABLE and "handshake failed" in details:
        return InputError(f"{address}: no TLS connection that can be trusted: {_handshake(details)}")
    return TryAgainError(f"{address}: {_reason(details)}", _retry_seconds(call))


def _retry_seconds(call: Any) -> float | None:
    for name, value in call.trailing_metadata() or ():
        if name == _STATUS_DETAILS:
            for detail in Status.FromString(value).details:
                info = RetryInfo()
                if detail.Unpack(info):
                    return float(info.retry_delay.ToNanoseconds()) / 1e9
    return None


def _reason(details: str) -> str:
    """Shorten gRPC's message about a server that cannot be reached."""
    if details in _SILENT:
        return "it does not answer"
    found = _UNREACHABLE.search(details)
    if not found:
        return details
    # A server that hangs up at once expected another handshake.
    hint = " (does it want TLS, or a certificate of this client?)" if found[1] in _HUNG_UP else ""
    return f"it cannot be reached: {found[1]}{hint}"


def _handshake(details: str) -> str:
    """Translate TLS error symbols."""
    if "WRONG_VERSION_NUMBER" in details:
        return "the server speaks none, leave out --tls-ca"
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return "its certificate is not signed by the given CA, or is for another host"
    return details[details.index("handshake failed") :]
