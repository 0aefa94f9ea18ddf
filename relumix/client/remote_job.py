"""The interface of a job on servers: what to send, and what to do with results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Protocol, TypeVar

from relumix.client.payload import Payload, Received
from relumix.engines.base import Windowing
from relumix.errors import InputError
from relumix.pipeline.windows import Plan, plan
from relumix.v1.relight_pb2 import Engine, GetInfoResponse, Open, Role

Made = TypeVar("Made")
Made_co = TypeVar("Made_co", covariant=True)


class Shot(Protocol):
    """The frame numbers that decide the windows, ascending."""

    @property
    def frames(self) -> Sequence[int]:
        """All frames of the shot."""
        ...

    @property
    def references(self) -> Sequence[int]:
        """Those that have a relit version."""
        ...

    @property
    def cuts(self) -> Sequence[int]:
        """The first frame of each scene but the first."""
        ...


@dataclass(frozen=True)
class RemoteEngine:
    """An engine of a server (a relumix.engines.base.Traits), and the version of relumix around it.

    Two servers whose engines are equal make equal frames.
    """

    name: str
    windowing: Windowing
    program: str

    @classmethod
    def of(cls, info: GetInfoResponse, name: str) -> RemoteEngine | None:
        """Return the engine of a server by its name, None where it has no such. Raises InputError."""
        found: Engine | None = next((engine for engine in info.engines if engine.name == name), None)
        if found is None:
            return None
        sent = {field.name: getattr(found, field.name) for field in fields(Windowing)}
        try:
            return cls(found.name, Windowing(**sent), info.version)
        except ValueError as error:
            raise InputError(f"the server's engine {found.name} cannot be used: its {error}") from error

    def __str__(self) -> str:
        """Its name and versions, for errors."""
        return f"{self.name} {self.windowing.version} of relumix {self.program}"

    def plan(self, shot: Shot) -> Plan:
        """Lay its windows over a shot."""
        return plan(shot.frames, shot.references, self.windowing, shot.cuts)


@dataclass(frozen=True)
class Delivery:
    """A frame as a server sent it: its payloads by role (none where the server wrote files).

    matte  whether the plate's alpha was found to be no coverage, which was not said of the shot.
    """

    frame: int
    payloads: Mapping[Role, Received]
    nonfinite_pixels: int
    matte: bool = False


class RemoteJob(Protocol[Made_co]):
    """A job on servers; used from several threads."""

    @property
    def engine(self) -> RemoteEngine:
        """The engine that all servers must have."""
        ...

    @property
    def plan(self) -> Plan:
        """The windows of the shot."""
        ...

    @property
    def roles(self) -> Sequence[Role]:
        """Roles of a delivery's payloads."""
        ...

    def opening(self, frames: Sequence[int]) -> Open:
        """Return the message that asks for `frames`."""
        ...

    def load(self, frame: int, role: Role) -> Payload:
        """Return a source, reference or mask. Raises FrameError, InputError."""
        ...

    def receive(self, delivery: Delivery) -> Made_co:
        """Store a relit frame. Raises InputError where that cannot be done."""
        ...

    def account(self, stage_seconds: Mapping[str, float]) -> None:
        """Record the stage times of a session."""
        ...


def batches(planned: Plan, frames: Sequence[int]) -> list[list[int]]:
    """Cut frames, ascending, into batches for several servers: those that share a window stay together."""
    cut: dict[int, list[int]] = {}
    window = 0
    for frame in frames:
        shares = planned.shares.get(frame, ())
        window = shares[0].window if shares else window
        cut.setdefault(window, []).append(frame)
    return list(cut.values())
