"""Access: tokens and certificates."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from relumix.errors import InputError
from relumix_server.options import Options

SHORTEST_TOKEN = 16
MOST_WITHOUT_MESSAGE = 256
MESSAGE_SECONDS = 10.0
LARGEST_MESSAGE_BYTES = 64 << 10
"""Of calls with one message: what they ask fits into a few bytes, and is kept as long as the call."""

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

    # Never as one that awaits its message: it may not come.
    return _made("stream", handler, refuse)


def _made(request_kind: str, handler: Any, behaviour: Callable[..., Any]) -> Handler:
    """A handler like another, with another behaviour."""
    kind = f"{request_kind}_{'stream' if handler.response_streaming else 'unary'}"
    make = getattr(grpc, f"{kind}_rpc_method_handler")
    return make(behaviour, handler.request_deserializer, handler.response_serializer)


class PromptMessages(aio.ServerInterceptor):
    """Ends calls that are begun without their one message: after some seconds, or when there are too many of them.

    Those that came first are ended then, so that who sends the message with the call is answered at all times. Without
    this they cost memory until their connections are closed, and no token is needed for that.
    """

    def __init__(self, most: int = MOST_WITHOUT_MESSAGE, seconds: float = MESSAGE_SECONDS) -> None:
        self._most, self._seconds = most, seconds
        self._waiting: dict[asyncio.Future[None], None] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Let a call through; where it has one message, once that is there."""
        handler: Any = await continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler
        answer = handler.unary_stream if handler.response_streaming else handler.unary_unary

        async def behave(_: object, context: Any) -> Any:
            return await answer(await self._message(context), context)

        return _made("stream", handler, behave)

    async def _message(self, context: Any) -> Any:
        over = asyncio.get_running_loop().create_future()
        self._waiting[over] = None
        if len(self._waiting) > self._most:
            first = next(iter(self._waiting))
            del self._waiting[first]
            first.set_result(None)
        reading = asyncio.ensure_future(context.read())
        try:
            await asyncio.wait({reading, over}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.pop(over, None)
            reading.cancel()
        if not reading.done():
            return await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the call came without its message")
        try:
            message = reading.result()
        except DecodeError:
            return await context.abort(grpc.StatusCode.INTERNAL, "what came is no message of this call")
        if message is aio.EOF:
            return await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the call came without its message")
        if message.ByteSize() > LARGEST_MESSAGE_BYTES:
            del message, reading  # else the error's traceback would keep them until garbage is collected
            return await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"the message has more than {LARGEST_MESSAGE_BYTES} bytes"
            )
        return message
