"""A job on numpy arrays, done by servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from relumix.client.files import settings_message
from relumix.client.payload import Payload
from relumix.client.remote_job import Delivery, RemoteEngine
from relumix.pipeline.relit_frame import RelitFrame
from relumix.pipeline.windows import Plan
from relumix.settings import Settings
from relumix.shot.array_source import ArraySource
from relumix.v1.relight_pb2 import (
    ENCODING_RAW,
    MASKS_EACH,
    MASKS_UNSPECIFIED,
    ROLE_CONFIDENCE,
    ROLE_GAIN,
    ROLE_MASK,
    ROLE_REFERENCE,
    ROLE_REFERENCE_MASK,
    ROLE_RESULT,
    Open,
    Role,
)


@dataclass(frozen=True)
class ArrayJob:
    """A RemoteJob of arrays: see relumix.pipeline.arrays.relit for what they are."""

    shot: ArraySource
    settings: Settings
    engine: RemoteEngine
    confidence: bool = False

    @property
    def plan(self) -> Plan:
        """The windows of the shot."""
        return self.engine.plan(self.shot)

    @property
    def roles(self) -> tuple[Role, ...]:
        """Roles of a delivery's payloads."""
        return (ROLE_RESULT, ROLE_GAIN, *([ROLE_CONFIDENCE] if self.confidence else []))

    def opening(self, frames: Sequence[int]) -> Open:
        """Return the message that asks for `frames`."""
        return Open(
            # Results are float32 whatever the input, as in-process.
            settings=settings_message(replace(self.settings, bits="float", confidence_layer=False)),
            frames=self.shot.frames,
            deliver=frames,
            references=self.shot.references,
            cuts=self.shot.cuts,
            reference_weights=self.shot.reference_weights,
            reference_masks=sorted(self.shot.reference_masks),
            masks=MASKS_EACH if self.shot.masked else MASKS_UNSPECIFIED,
            encoding=ENCODING_RAW,
            gains=True,
            confidence=self.confidence,
        )

    def load(self, frame: int, role: Role) -> Payload:
        """Return an array, after the checks of ArraySource. Raises FrameError, InputError."""
        if role == ROLE_MASK and (mask := self.shot.mask(frame)) is not None:
            return Payload.of_array(f"mask {frame}", mask)
        if role == ROLE_REFERENCE_MASK:
            return Payload.of_array(f"mask of reference {frame}", self.shot.reference_mask(frame))
        if role == ROLE_REFERENCE:
            return Payload.of_array(f"reference {frame}", self.shot.reference(frame))
        return Payload.of_array(f"frame {frame}", self.shot.plate(frame))

    def receive(self, delivery: Delivery) -> RelitFrame:
        """Return a relit frame."""
        pixels, stops, *confidence = (delivery.payloads[role].array() for role in self.roles)
        return RelitFrame(delivery.frame, pixels, stops, confidence[0][..., 0] if confidence else None)

    def account(self, stage_seconds: Mapping[str, float]) -> None:
        """Ignored: a job on arrays reports no times."""
