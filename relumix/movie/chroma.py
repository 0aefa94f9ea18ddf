"""Chroma between the grid of the colour difference planes and that of the luma: both ways, without loss.

Colour differences are stored at half the resolution. Here each way up has a way down that is its exact inverse on what
came from below: the pairs are the low-pass filters of biorthogonal wavelets (Cohen, Daubechies, Feauveau: Biorthogonal
bases of compactly supported wavelets, 1992), so down(up(x)) = x to the last bit but rounding, and a picture that is
read, left as it is and written has the same codes.

Samples lie as in MPEG-2, H.264 and HEVC by default ("left"): on every second column, and between two rows.
"""

from __future__ import annotations

import numpy as np

from relumix.types import Float32


def widened(chroma: Float32, width: int) -> Float32:
    """Return samples [h, ceil(width / 2), ...] that lie on even columns at all `width` columns: linear between them."""
    following = np.concatenate([chroma[:, 1:], chroma[:, -1:]], axis=1)
    wide = np.empty((chroma.shape[0], 2 * chroma.shape[1], *chroma.shape[2:]), np.float32)
    wide[:, 0::2] = chroma
    wide[:, 1::2] = (chroma + following) / 2
    return wide[:, :width]


def narrowed(wide: Float32) -> Float32:
    """Return the samples on even columns of [h, w, ...], low-passed (CDF 5/3): the inverse of `widened`."""
    padded = np.pad(wide, [(0, 0), (2, 3), *[(0, 0)] * (wide.ndim - 2)], mode="reflect")
    taps = [padded[:, at : at + wide.shape[1] : 2] for at in range(5)]
    return np.asarray(0.75 * taps[2] + 0.25 * (taps[1] + taps[3]) - 0.125 * (taps[0] + taps[4]), np.float32)


def heightened(chroma: Float32, height: int) -> Float32:
    """Return samples [ceil(height / 2), w, ...] that lie between two rows at all `height` rows: linear between them."""
    above = np.concatenate([chroma[:1], chroma[:-1]])
    below = np.concatenate([chroma[1:], chroma[-1:]])
    high = np.empty((2 * chroma.shape[0], *chroma.shape[1:]), np.float32)
    high[0::2] = 0.75 * chroma + 0.25 * above
    high[1::2] = 0.75 * chroma + 0.25 * below
    return high[:height]


def lowered(high: Float32) -> Float32:
    """Return the samples between two rows of [h, w, ...]: the inverse of `heightened` (CDF 3/1)."""
    pairs = len(high) // 2
    padded = np.concatenate([high[:1], high, high[-1:]])
    outer, inner = padded[: 2 * pairs : 2] + padded[3::2][:pairs], high[: 2 * pairs : 2] + high[1 : 2 * pairs : 2]
    low = np.asarray(0.75 * inner - 0.25 * outer, np.float32)
    if len(high) % 2 == 0:
        return low
    # The last row of an odd number lacks its partner: its sample follows from the row, and the sample above.
    last = (4 * high[-1:] - low[-1:]) / 3 if pairs else high
    return np.concatenate([low, last])
