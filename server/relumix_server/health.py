"""The standard health service, with limits on watchers, since it asks for no token."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio

from relumix_server.status_errors import peer_host

MOST_WATCHERS = 256
MOST_WATCHERS_OF_A_HOST = 32


class Health(aio.HealthServicer):  # type: ignore[misc]  # it comes without types
    """Reports whether the server serves. Bounds the watching calls, in all and per host.

    Theirs tells nobody any more once one watcher has left, and waits for each to read while it changes a status.
    """

    def __init__(self) -> None:
        super().__init__()
        self._watchers: Counter[str] = Counter()
        self._changed = asyncio.Condition()

    async def _set(self, service: str, status: int) -> None:
        async with self._changed:
            self._server_status[service] = status
            self._changed.notify_all()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:  # noqa: N802
        """Send the status, and each that follows it."""
        host = peer_host(context.peer())
        if self._watchers.total() >= MOST_WATCHERS or self._watchers[host] >= MOST_WATCHERS_OF_A_HOST:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls watch this server: ask it now and then"
            )
        self._watchers[host] += 1
        try:
            await self._tell(request.service, context)
        finally:
            self._watchers[host] -= 1
            self._watchers += Counter()  # forgets hosts without any

    async def _tell(self, service: str, context: Any) -> None:
        last = None
        while True:
            async with self._changed:
                while (status := self._status(service)) == last:
                    await self._changed.wait()
            last = status
            await context.write(health_pb2.HealthCheckResponse(status=status))

    def _status(self, service: str) -> int:
        return int(self._server_status.get(service, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN))
