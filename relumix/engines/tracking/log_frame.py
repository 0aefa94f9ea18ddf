"""Frames in stops, as flow and appearance compare them: a change of exposure is an offset there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import cast

import cv2
import numpy as np

from relumix.color.rec709 import LUMINANCE
from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY
from relumix.gain.proxy import ProxyFrame
from relumix.types import Float32, UInt8

SOLVER_EDGE_PX = 640
"""Long edge at which motion is solved: vectors are sub-pixel, and half of an engine's time goes there."""

_DARKEST_STOPS, _BRIGHTEST_STOPS = -6.0, 4.0  # around mid-grey: what the solver's 8 bits span
_PATCH_SIGMA_PX = 1.5


@dataclass(frozen=True)
class LogFrame:
    """A frame in stops around mid-grey.

    frame    its number.
    log_rgb  [h, w, 3] float32 stops; log_luma likewise, [h, w].
    known    [h, w] float32 in 0..1, see ProxyFrame.
    digest   of the pixels: frames with the same digest are the same picture.
    """

    frame: int
    log_rgb: Float32
    log_luma: Float32
    known: Float32
    digest: bytes

    @classmethod
    def of(cls, frame: ProxyFrame) -> LogFrame:
        """Take the logarithm of a frame."""
        log_rgb = np.log2((frame.rgb + BLACK_OFFSET) / MID_GREY)
        log_luma = np.log2((frame.rgb @ LUMINANCE + BLACK_OFFSET) / MID_GREY)
        # Held frames are common, and a reference is in its own window. Flow between equal pictures is noise, so
        # they are recognised by digest and get none.
        digest = blake2b(frame.rgb.tobytes(), digest_size=16, salt=str(frame.rgb.shape[1]).encode()).digest()
        return cls(frame.frame, log_rgb, log_luma, frame.known, digest)

    @cached_property
    def solver_luma(self) -> Float32:
        """log_luma at the size that the solver sees."""
        height, width = self.log_luma.shape
        scale = min(1.0, SOLVER_EDGE_PX / max(height, width))
        if scale == 1:
            return self.log_luma
        size = max(1, round(width * scale)), max(1, round(height * scale))
        return cast(Float32, cv2.resize(self.log_luma, size, interpolation=cv2.INTER_AREA))

    @cached_property
    def patches(self) -> Float32:
        """[h, w, 3] log_rgb, blurred, so that grain does not count."""
        return cast(Float32, cv2.GaussianBlur(self.log_rgb, (0, 0), _PATCH_SIGMA_PX))

    def grey(self, exposure_stops: float) -> UInt8:
        """Return 8 bits at the solver's size, as if exposed `exposure_stops` darker."""
        scale = 255 / (_BRIGHTEST_STOPS - _DARKEST_STOPS)
        luma = darker(self.solver_luma, exposure_stops)
        levels: Float32 = (luma - np.float32(_DARKEST_STOPS)) * np.float32(scale) + 0.5
        return levels.clip(0, 255).astype(np.uint8)


def darker(log_light: Float32, exposure_stops: float) -> Float32:
    """Return light in stops, as a LogFrame has it, as if it had been exposed `exposure_stops` darker.

    Not a mere difference: BLACK_OFFSET stays where it is, so that black looks alike whatever each frame was exposed at.
    """
    if exposure_stops == 0:
        return log_light
    offset = np.float32(BLACK_OFFSET / MID_GREY)
    light = np.maximum(np.exp2(log_light) - offset, 0) * np.float32(2**-exposure_stops)
    return np.asarray(np.log2(light + offset), np.float32)
