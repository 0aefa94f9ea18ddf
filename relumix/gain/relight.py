"""One frame at full size, relit: transferred strip by strip, blended with the plate and the artist's reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from relumix.gain.confidence import FittedConfidence
from relumix.gain.direct_transfer import DirectTransfer
from relumix.gain.downsample import Canvas, Pixels, finite
from relumix.gain.gain_transfer import GainTransfer
from relumix.gain.transfer import Gain, Strip, Transfer
from relumix.shot.box import Box
from relumix.types import Float32

_TRANSFERS: Mapping[str, type[GainTransfer | DirectTransfer]] = MappingProxyType(
    {"gain": GainTransfer, "direct": DirectTransfer}
)

_STRIP_PIXELS = 1 << 17
"""Pixels handled at once: bounds memory at any plate size, and fits the CPU cache."""


def transfer_for(name: str, canvas: Canvas) -> Transfer:
    """Return the transfer that `Settings.transfer` names, for the frames of one job."""
    return _TRANSFERS[name](canvas)


@dataclass(frozen=True)
class Blend:
    """How relit pixels are blended over the plate.

    mix        0 is the plate, bit for bit, 1 the relit pixels.
    mask       [h, w] float32 in 0..1, which counts as mix does; None for 1 everywhere.
    reference  at a reference's own frame, its pixels [h, w, 3] and where they are known [h, w] bool: there they are the
               relit pixels. Else None.
    """

    mix: float = 1.0
    mask: Float32 | None = None
    reference: tuple[Float32, NDArray[np.bool_]] | None = None

    def over(self, strip: Strip, relit: Float32) -> Float32:
        """Return relit pixels [n, W, 3] of a strip as they are delivered."""
        if self.reference is not None:
            # Before mix and matte, so that the artist's frame is mixed as all others are and does not stand out.
            pixels, known = (each[strip.rows] for each in self.reference)
            relit = np.where(known[..., None], pixels, relit)
        amount = self.mix if self.mask is None else self.mix * self.mask[strip.rows][..., None]
        return _between(strip.plate, relit, amount)


@dataclass(frozen=True)
class RelitLevel:
    """A frame, or a mip level of it, at full size.

    pixels      [h, w, 3] float32, premultiplied as the plate is.
    gain_stops  [h, w, 3] float32: the log2 gain from plate to relit pixels, before they were blended; None where it was
                not asked for.
    confidence  [h, w] float32 in 0..1 (see relumix.gain.confidence); None where it was not asked for.
    """

    pixels: Float32
    gain_stops: Float32 | None
    confidence: Float32 | None


def relight(
    transfer: Transfer,
    gain: Gain,
    pixels: Pixels,
    data_window: Box,
    blend: Blend = Blend(),
    *,
    keep_gain: bool = False,
    keep_confidence: bool = False,
) -> RelitLevel:
    """Relight one frame, or one mip level of it.

    pixels           the plate on `data_window`, in plate pixels; a mip level is given with the same data window.
    keep_gain        whether the gain at full size is wanted: it takes as much memory as the frame.
    keep_confidence  whether the confidence is, which takes a third of that.

    Pixels of the plate that are not finite come back as they are; so do those whose relit values float32 cannot hold.
    """
    # Whole-frame work is done at the proxy size; at full size only the results exceed a strip.
    fitted = transfer.fit(gain, pixels, data_window)
    out = np.empty_like(pixels.rgb)
    gain_stops = np.empty_like(pixels.rgb) if keep_gain else None
    fitted_confidence = FittedConfidence.fit(transfer.canvas, gain, pixels, data_window) if keep_confidence else None
    confidence = np.empty(pixels.rgb.shape[:2], np.float32) if keep_confidence else None
    for strip in _strips(pixels):
        with np.errstate(over="ignore", invalid="ignore"):  # found by what follows
            relit = fitted.relight(strip)
            delivered = blend.over(strip, relit.pixels)
        if gain_stops is not None:
            gain_stops[strip.rows] = relit.gain_stops
        if fitted_confidence is not None and confidence is not None:
            confidence[strip.rows] = fitted_confidence.of(strip)
        kept = finite(delivered) if strip.sound is None else finite(delivered) & strip.sound
        out[strip.rows] = delivered if kept.all() else np.where(kept[..., None], delivered, pixels.rgb[strip.rows])
    return RelitLevel(out, gain_stops, confidence)


def _strips(pixels: Pixels) -> Iterator[Strip]:
    height, width = pixels.rgb.shape[:2]
    count = max(1, _STRIP_PIXELS // width)
    for start in range(0, height, count):
        rows = slice(start, min(start + count, height))
        plate, alpha = pixels.rgb[rows], None if pixels.alpha is None else pixels.alpha[rows]
        sound = finite(plate)
        if sound.all():  # nearly always: the plate goes through uncopied
            yield Strip(rows, plate, alpha, None)
        else:
            # A single NaN would spread through the filters to its whole neighbourhood.
            yield Strip(rows, np.where(sound[..., None], plate, np.float32(0)), alpha, sound)


def _between(plate: Float32, relit: Float32, amount: float | Float32) -> Float32:
    """Return the plate where amount is 0 and the relit pixels where it is 1, both exactly."""
    if isinstance(amount, float) and amount in (0.0, 1.0):
        return relit if amount else plate
    amount = np.asarray(amount, np.float32)
    # plate + 1 * (relit - plate) need not equal relit, by rounding.
    return np.where(amount == 1, relit, plate + amount * (relit - plate))
