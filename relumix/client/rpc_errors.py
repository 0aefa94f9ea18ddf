"""What a call's status means for a client: come again, or stop (docs/service.md lists them all)."""

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
"""Their sentences are those of the command; the others are about a server, which is then named."""

_UNREACHABLE = re.compile(r"failed to connect to all addresses; last error: .*: ([^:]+?)(?: \(\d+\))?$")

_SILENT = {"Deadline Exceeded", "ping timeout", "keepalive watchdog timeout"}
"""How gRPC calls a server that says nothing: its machine froze, the network is gone, or it hangs."""

_HUNG_UP = {"Socket closed", "Connection reset by peer", "End of TCP stream"}


class TryAgainError(Exception):
    """A server did not do what it was asked to, and another attempt may be luckier. The text is one line.

    wait_seconds  how long the server wants to be left alone; None: it did not say.
    """

    def __init__(self, message: str, wait_seconds: float | None = None) -> None:
        super().__init__(" ".join(message.split()))
        self.wait_seconds = wait_seconds


def understood(address: str, error: grpc.RpcError) -> TryAgainError | InputError:
    """Return what a failed call means."""
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
    """Return the end of what gRPC says at length about a server that cannot be reached."""
    if details in _SILENT:
        return "it does not answer"
    found = _UNREACHABLE.search(details)
    if not found:
        return details
    # A server that hangs up before a word was said expected another kind of hello.
    hint = " (does it want TLS, or a certificate of this client?)" if found[1] in _HUNG_UP else ""
    return f"it cannot be reached: {found[1]}{hint}"


def _handshake(details: str) -> str:
    """Say in words what TLS said in symbols."""
    if "WRONG_VERSION_NUMBER" in details:
        return "the server speaks none, leave out --tls-ca"
    if "CERTIFICATE_VERIFY_FAILED" in details:
        return "its certificate is not signed by the given CA, or is for another host"
    return details[details.index("handshake failed") :]
