"""A relit frame as numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass

from relumix.types import Float32


@dataclass(frozen=True)
class RelitFrame:
    """One relit frame.

    pixels      [h, w, 3] or, where the plate has alpha, [h, w, 4] float32, scene-linear, premultiplied.
    stops       [h, w, 3] float32: the log2 gain that made it.
    confidence  [h, w] float32 in 0..1: 2 ** -error, where error is the absolute error in stops that is expected of the
                light, whatever mix and mask let through of it; None where it was not asked for.
    """

    frame: int
    pixels: Float32
    stops: Float32
    confidence: Float32 | None = None
