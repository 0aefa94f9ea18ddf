"""Access: tokens and certificates."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from grpc import aio

from relumix.errors import InputError
from relumix_server.options import Options

SHORTEST_TOKEN = 16
Handler = Any
"""A grpc.RpcMethodHandler, whose type says nothing of what it handles."""

HEALTH_PREFIX = "/grpc.health.v1.Health/"
"""Open without a token, for load balancers: it only says whether the server serves."""


def read_tokens(path: str) -> tuple[bytes, ...]:
    """Return the tokens of a file, one a line; lines with # are comments. Raises InputError."""
    lines = [line.strip() for line in _read(path).decode("utf-8-sig", "replace").splitlines()]
    tokens = tuple(line.encode() for line in lines if line and not line.startswith("#"))
    if not tokens or min(map(len, tokens)) < SHORTEST_TOKEN:
        raise InputError(f"{path} holds no tokens: expected one a line, of {SHORTEST_TOKEN} letters or more")
    return tokens


def credentials(options: Options) -> grpc.ServerCredentials | None:
    """Return the TLS credentials, None without TLS. Raises InputError."""
    if not (options.tls_cert and options.tls_key):
        return None
    client_ca = _read(options.tls_client_ca) if options.tls_client_ca else None
    return grpc.ssl_server_credentials(
        [(_read(options.tls_key), _read(options.tls_cert))], client_ca, require_client_auth=client_ca is not None
    )


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


class TokenCheck(aio.ServerInterceptor):
    """Refuses calls without one of the tokens, in `authorization: Bearer …`; the health service is open."""

    def __init__(self, tokens: tuple[bytes, ...], on_refusal: Callable[[], None] = lambda: None) -> None:
        self._tokens, self._on_refusal = tokens, on_refusal

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Return the call's handler, or one that refuses it."""
        handler = await continuation(handler_call_details)
        if (
            handler is None
            or handler_call_details.method.startswith(HEALTH_PREFIX)
            or self._knows(handler_call_details)
        ):
            return handler
        self._on_refusal()
        return _refusing(handler)

    def _knows(self, details: grpc.HandlerCallDetails) -> bool:
        given = [value for key, value in details.invocation_metadata or () if key == "authorization"]
        brought = given[0] if given else ""
        token = brought.encode() if isinstance(brought, str) else brought
        # All are compared, each in constant time: the duration reveals nothing.
        known = [hmac.compare_digest(token, b"Bearer " + each) for each in self._tokens]
        return any(known)


def _refusing(handler: Any) -> Handler:
    """A handler of the same kind that refuses."""

    async def refuse(_: object, context: Any) -> None:
        await context.abort(
            grpc.StatusCode.UNAUTHENTICATED,
            "no token that this server knows: give one of its own with --token-file (metadata 'authorization: Bearer "
            "…')",
        )

    kind = ("stream" if handler.request_streaming else "unary", "stream" if handler.response_streaming else "unary")
    make = getattr(grpc, f"{kind[0]}_{kind[1]}_rpc_method_handler")
    made: Handler = make(refuse, handler.request_deserializer, handler.response_serializer)
    return made
