"""The client for asyncio: the blocking one, each step on a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import suppress
from os import PathLike
from typing import TypeVar

from relumix.client.client import PATIENCE_SECONDS, RelightClient
from relumix.client.stop import Stop
from relumix.events import AnyEvent
from relumix.pipeline.relit_frame import RelitFrame
from relumix.settings import Settings
from relumix.shot.array_source import Arrays
from relumix.shot.source import References
from relumix.v1.relight_pb2 import GetInfoResponse

Item = TypeVar("Item")


class AsyncRelightClient:
    """RelightClient for asyncio: the same arguments, results and errors.

    Cancelling the task that waits for a frame, or closing the generator, cancels the job on the servers too.
    """

    def __init__(
        self,
        addresses: str | Sequence[str],
        *,
        token: str | None = None,
        tls_ca: str | PathLike[str] | None = None,
        tls_cert: str | PathLike[str] | None = None,
        tls_key: str | PathLike[str] | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """See RelightClient."""
        self._client = RelightClient(
            addresses,
            token=token,
            tls_ca=tls_ca,
            tls_cert=tls_cert,
            tls_key=tls_key,
            patience_seconds=patience_seconds,
        )

    async def info(self) -> dict[str, GetInfoResponse]:
        """Return the GetInfo response of each server that answers, by address. Raises InputError if none answers."""
        return await asyncio.to_thread(self._client.info)

    def relight(
        self,
        source: str | PathLike[str],
        references: References,
        output: str | PathLike[str],
        settings: Settings | None = None,
        *,
        by_path: bool = False,
    ) -> AsyncGenerator[AnyEvent, None]:
        """Relight a shot on disk (see RelightClient.relight)."""
        return _stepped(
            lambda stop: self._client.relight(source, references, output, settings, by_path=by_path, stop=stop)
        )

    def relit(
        self,
        source: Arrays,
        references: Arrays,
        settings: Settings | None = None,
        *,
        masks: Arrays | None = None,
        reference_masks: Arrays | None = None,
        reference_weights: Mapping[int, float] | None = None,
        frames: Sequence[int] | None = None,
        confidence: bool = False,
    ) -> AsyncGenerator[RelitFrame, None]:
        """Relight a shot of arrays (see RelightClient.relit)."""
        return _stepped(
            lambda stop: self._client.relit(
                source,
                references,
                settings,
                masks=masks,
                reference_masks=reference_masks,
                reference_weights=reference_weights,
                frames=frames,
                confidence=confidence,
                stop=stop,
            )
        )


async def _stepped(start: Callable[[Stop], Generator[Item, None, None]]) -> AsyncGenerator[Item, None]:
    """Yield what an iterator yields, each step on a thread; left early, the iterator is stopped."""
    stop = Stop()
    items = start(stop)
    step: asyncio.Task[Item | None] | None = None
    try:
        while True:
            step = asyncio.create_task(asyncio.to_thread(next, items, None))
            if (item := await asyncio.shield(step)) is None:
                return
            yield item
    finally:
        stop.set()
        if step is not None and not step.done():
            # The thread is still in the generator, which cannot be closed until it leaves: `stop` makes that soon.
            with suppress(Exception):
                await step
        await asyncio.to_thread(items.close)
