"""The standard health service, with a limit on watchers, since it asks for no token."""

from __future__ import annotations

from collections import Counter
from typing import Any

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio

from relumix_server.status_errors import peer_host

MOST_WATCHERS = 256
MOST_WATCHERS_OF_A_HOST = 32


class Health(aio.HealthServicer):  # type: ignore[misc]  # it comes without types
    """Reports whether the server serves. Bounds the watching calls, in all and per host."""

    def __init__(self) -> None:
        super().__init__()
        self._watchers: Counter[str] = Counter()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:  # noqa: N802
        """Send the status, and each that follows it."""
        host = peer_host(context.peer())
        if self._watchers.total() >= MOST_WATCHERS or self._watchers[host] >= MOST_WATCHERS_OF_A_HOST:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls watch this server: ask it now and then"
            )
        self._watchers[host] += 1
        try:
            await super().Watch(request, context)
        finally:
            self._watchers[host] -= 1
            self._watchers += Counter()  # forgets hosts without any
