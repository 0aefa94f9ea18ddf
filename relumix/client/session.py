"""One stream to one server: some frames of a shot, relit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import grpc

from relumix.client.connection import Server, relight
from relumix.client.payload import DamagedError, Joiner, Received
from relumix.client.remote_job import Delivery, RemoteEngine, RemoteJob
from relumix.client.rpc_errors import TryAgainError, error_of
from relumix.errors import FrameError, InputError
from relumix.events import Stage
from relumix.rpc.messages import Piece
from relumix.v1.relight_pb2 import (
    MASKS_EACH,
    MASKS_ONE,
    ROLE_MASK,
    ROLE_REFERENCE,
    ROLE_REFERENCE_MASK,
    ROLE_SOURCE,
    Accepted,
    Close,
    FrameAbsent,
    FrameDone,
    Limits,
    Open,
    RelightRequest,
    Role,
)

_SENDER_SECONDS = 2.0
"""How long to wait for the sending thread, which may be reading a file, when its stream is over: left alone it would
hold on to the plate while the program ends."""


class Session:
    """One stream to one server: `deliveries` yields frames as they come, `cancel` ends that from any thread.

    Sends on a thread of gRPC's, no faster than the server reads.
    """

    def __init__(
        self, server: Server, job: RemoteJob[Any], frames: Sequence[int], tell: Callable[[Stage], None] = lambda _: None
    ) -> None:
        """tell: called with the server's stage, on any thread."""
        self._server, self._job, self._frames, self._tell = server, job, frames, tell
        self._channel = server.channel()
        self._accepted: Future[Accepted] = Future()
        self._cancelled, self._sent = False, threading.Event()
        self._trouble: BaseException | None = None
        self._joiners: dict[tuple[int, Role], Joiner] = {}
        self._whole: dict[int, dict[Role, Received]] = {}

    def cancel(self) -> None:
        """End it, from any thread; may be called again."""
        self._cancelled = True
        self._accepted.cancel()
        self._channel.close()

    def deliveries(self) -> Iterator[Delivery | FrameError]:
        """Open the stream, send, and yield results.

        Raises TryAgainError where another attempt may succeed, InputError where none would.
        """
        try:
            info = self._server.info(self._channel)
            self._check(RemoteEngine.of(info, self._job.engine.name))
            opening = self._job.opening(self._frames)
            self._refuse_unknown(opening, info.limits)
            requests = self._requests(opening, info.limits.max_chunk_bytes)
            call = relight(self._channel)(requests, metadata=self._server.metadata)
            try:
                yield from self._responses(call)
            finally:
                self.cancel()
                self._sent.wait(_SENDER_SECONDS)
        except grpc.RpcError as error:
            if self._trouble is not None:
                raise self._trouble from error
            raise error_of(self._server.address, error) from error
        except DamagedError as error:
            raise TryAgainError(f"{self._server.address}: {error}") from error
        except ValueError as error:
            if not self._cancelled:
                raise
            raise TryAgainError(
                f"{self._server.address}: cancelled"
            ) from error  # what gRPC raises for a closed channel
        finally:
            self.cancel()

    def _check(self, engine: RemoteEngine | None) -> None:
        wanted = self._job.engine
        if engine != wanted:
            has = (
                f"{engine.name} {engine.windowing.version} of relumix {engine.program}"
                if engine
                else f"no {wanted.name}"
            )
            raise InputError(
                f"{self._server.address} has {has}: expected {wanted.name} {wanted.windowing.version} of relumix "
                f"{wanted.program} as at the start; run the same command again to go on with what is there now"
            )

    def _refuse_unknown(self, opening: Open, limits: Limits) -> None:
        """Raise InputError for wishes that a server of an older version would pass over."""
        if opening.cuts and not limits.cuts:
            raise InputError(
                f"{self._server.address} is of a version without cuts, and the shot has {len(opening.cuts)}: use a "
                "newer server, or relight each scene in a job of its own with --frames and --cuts none"
            )
        asked = opening.confidence or opening.settings.confidence_layer
        if asked and not limits.confidence:
            raise InputError(
                f"{self._server.address} is of a version without confidence: use a newer server, or leave it out"
            )
        if not limits.reference_parts and (
            opening.reference_weights or opening.reference_masks or opening.settings.align
        ):
            raise InputError(
                f"{self._server.address} is of a version without masks and weights of references, and align: use a "
                "newer server, or leave them out"
            )

    def _responses(self, call: Any) -> Iterator[Delivery | FrameError]:
        for response in call:
            if isinstance(response, Piece):
                self._take(response)
                continue
            kind = response.WhichOneof("message")
            if kind == "accepted" and not self._accepted.done():
                self._accepted.set_result(response.accepted)
            elif kind == "done":
                yield self._delivery(response.done)
            elif kind == "error":
                yield FrameError(response.error.frame, response.error.message)
            elif kind == "summary":
                self._job.account(response.summary.stage_seconds)
                return
        raise TryAgainError(f"{self._server.address}: the stream ended before its summary")

    def _take(self, piece: Piece) -> None:
        frame, role = piece.head.frame, piece.head.role
        joiner = self._joiners.setdefault((frame, role), Joiner())
        if (payload := joiner.add(piece)) is not None:
            del self._joiners[frame, role]
            self._whole.setdefault(frame, {})[role] = payload

    def _delivery(self, done: FrameDone) -> Delivery:
        payloads = self._whole.pop(done.frame, {})
        if lacking := [Role.Name(role) for role in self._job.roles if role not in payloads]:
            raise DamagedError(f"frame {done.frame} came without {', '.join(lacking)}")
        return Delivery(done.frame, payloads, done.nonfinite_pixels, done.matte)

    def _requests(self, opening: Open, most_bytes: int) -> Iterator[RelightRequest | Piece]:
        """Yield messages to send, in the order in which the server needs them. Runs on a thread of gRPC's."""
        try:
            yield RelightRequest(open=opening)
            accepted = self._accepted.result()
            if not opening.HasField("by_path"):
                count = len(accepted.sources)
                self._tell(Stage("send", f"sending {count} frame{'s'[: count > 1]} to {self._server.address}"))
                for frame, role in _order(opening, accepted.sources, self._frames):
                    yield from self._frame(frame, role, most_bytes)
            first, last = self._frames[0], self._frames[-1]
            named = f"frame {first}" if first == last else f"frames {first}-{last}"
            self._tell(Stage("light", f"{self._server.address} relights {named}"))
            yield RelightRequest(close=Close())
        except BaseException as error:  # raised again by `deliveries`, on the caller's thread
            if not self._cancelled:
                self._trouble = error
                self.cancel()
        finally:
            self._sent.set()

    def _frame(self, frame: int, role: Role, most_bytes: int) -> Iterator[RelightRequest | Piece]:
        try:
            payload = self._job.load(frame, role)
        except FrameError as error:
            yield RelightRequest(absent=FrameAbsent(frame=frame, role=role, message=str(error)))
            return
        yield from payload.pieces(frame, role, most_bytes)


def _order(opening: Open, sources: Sequence[int], deliver: Sequence[int]) -> Iterator[tuple[int, Role]]:
    """Yield each frame and role to send: what all frames need comes first, then each source with its mask."""
    for frame in opening.references:
        yield frame, ROLE_REFERENCE
        if frame in opening.reference_masks:
            yield frame, ROLE_REFERENCE_MASK
    if opening.masks == MASKS_ONE:
        yield opening.references[0], ROLE_MASK
    asked = set(deliver)
    for frame in sources:
        yield frame, ROLE_SOURCE
        if opening.masks == MASKS_EACH and frame in asked:
            yield frame, ROLE_MASK
