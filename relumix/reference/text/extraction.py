"""The light of an edited picture: what it says of the plate's light, without what it says of its content.

An image model redraws what it lights: softer, a little elsewhere, with other detail. Taken over is the ratio of the two
pictures in stops, each as its display tells it, after these steps:

1. A shift of the whole picture is found by phase correlation of its edges, and undone. A dense alignment would take
   moved shadows for moved content.
2. A median over 5 pixels takes out lines that lie elsewhere, and a guided filter along the plate's own edges the rest
   of what has no edge there (`filtered`). Where the ratio does not undo the plate's detail, as it does of a softer
   picture, its fine structure is light, and kept.
3. Where both pictures show detail and none of it is common, content has changed: there the light of a much smaller
   picture counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import LUMINANCE
from relumix.gain.downsample import fill
from relumix.gain.guided_filter import upsample_by_color
from relumix.gain.log_gain import BLACK_OFFSET
from relumix.reference.text.display import Display, quantized, tells_light
from relumix.shot.box import Box
from relumix.shot.content import changed_part
from relumix.types import Float32

_OFFSET = np.float32(BLACK_OFFSET)
_MEDIAN_PX = 5
_DETAIL_PX, _AROUND_PX = 2.0, 8.0
"""Standard deviations: detail is what is finer than the first, and compared over neighbourhoods of the second."""

_LEAST_DETAIL_STOPS2 = 1e-3
_MOST_SHIFT = 1 / 40
"""Of the long edge: a larger shift is no shift, but other content."""

_LEAST_SHIFT_PX = 0.5
"""Below it light alone may move the edges so far, and sampling anew would cost more than it mends."""

_LEAST_RESPONSE = 0.1
"""Of phase correlation: below it the two pictures have no shift that could be told."""

_CHANGED_COARSE = 8
_MOST_STOPS = 10.0


@dataclass(frozen=True)
class EditedLight:
    """What an edited picture says.

    gain_stops  [h, w, 3] float32: log2 gain from the plate to its light.
    pixels      [h, w, 3] float32 >= 0: the picture itself as light, in the plate's values, its shift undone.
    shift_px    how far its content lay from the plate's, to the right and down.
    kept        -1..1: how much of the plate's detail it has, the median correlation of the two.
    changed     the area whose content is not the plate's, in pixels of the working size; None without a large one.
    """

    gain_stops: Float32
    pixels: Float32
    shift_px: tuple[float, float]
    kept: float
    changed: Box | None


def light_of(
    plate: Float32, picture: Float32, display: Display, coarse: int = 1, taken: NDArray[np.bool_] | None = None
) -> EditedLight:
    """Return the light of an edited picture of the plate.

    plate    [h, w, 3] float32 >= 0, exposed to mid-grey.
    picture  [h, w, 3] float32 in 0..1: what was made of `quantized(display.encode(plate))`.
    coarse   1: light as fine as the picture tells it; more: of pictures so many times smaller.
    taken    [h, w]: where light is taken from the picture; elsewhere it goes on from there. None: everywhere.
    """
    shown = quantized(display.encode(plate))
    shift = _shift(shown, picture)
    picture = _moved(picture, shift)
    before, after = display.decode(shown), display.decode(picture)
    known = tells_light(shown) & tells_light(picture)
    if taken is not None:
        known &= taken
    # Both as a display tells them: so a picture that changes nothing gives no light at all.
    ratio = np.log2((after + _OFFSET) / (before + _OFFSET)) * known[..., None]
    ratio = np.clip(fill(ratio, known.astype(np.float32)), -_MOST_STOPS, _MOST_STOPS).astype(np.float32)
    guide = np.log2(before + _OFFSET)
    gain = _fine(ratio, guide) if coarse <= 1 else _coarse(ratio, guide, coarse)
    changed = changed_part(before, after, softened=True)
    if changed is not None and coarse < _CHANGED_COARSE:
        gain += _inside(changed, gain.shape) * (_coarse(ratio, guide, _CHANGED_COARSE) - gain)
    return EditedLight(gain, after, shift, _kept(guide, np.log2(after + _OFFSET)), changed)


def filtered(ratio: Float32, guide: Float32) -> Float32:
    """Return a ratio [h, w, 3] in stops without lines, and along the edges of the guide [h, w, 3] alone."""
    return upsample_by_color(_median(ratio), guide, guide)


def _fine(ratio: Float32, guide: Float32) -> Float32:
    """Return the ratio filtered, and as it is where its detail is not what the plate's detail was taken from.

    Of a softer picture it is the plate's detail with the sign turned: a slope of -1. Of light it knows nothing.
    """
    own, other = _detail(guide @ LUMINANCE), _detail(ratio @ LUMINANCE)
    slope = _around(own * other) / (_around(own * own) + np.float32(_LEAST_DETAIL_STOPS2))
    trusted = np.clip(1 + slope, 0, 1)[..., None]
    smooth = filtered(ratio, guide)
    return np.asarray(smooth + trusted * (ratio - smooth), np.float32)


def _coarse(ratio: Float32, guide: Float32, times: int) -> Float32:
    """Return the ratio of pictures so many times smaller, enlarged along the plate's edges."""
    height, width = ratio.shape[:2]
    size = max(_MEDIAN_PX, round(width / times)), max(_MEDIAN_PX, round(height / times))
    small, small_guide = (
        np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_AREA), np.float32) for each in (ratio, guide)
    )
    return upsample_by_color(_median(small), small_guide, guide)


def _median(values: Float32) -> Float32:
    return np.asarray(cv2.medianBlur(values, _MEDIAN_PX), np.float32)


def _shift(shown: Float32, picture: Float32) -> tuple[float, float]:
    """Return how far a picture's content lies from the plate's, right and down, in pixels; 0 where that is not told."""
    if min(shown.shape[:2]) < 2:  # a line of pixels has no edges across it
        return 0.0, 0.0
    window = cv2.createHanningWindow(shown.shape[1::-1], cv2.CV_32F)
    one, other = (_edges(each @ LUMINANCE) for each in (shown, picture))
    if min(one.std(), other.std()) < 1e-4 or np.array_equal(shown, picture):
        return 0.0, 0.0
    (right, down), response = cv2.phaseCorrelate(one - one.mean(), other - other.mean(), window)
    far = max(abs(right), abs(down))
    if response < _LEAST_RESPONSE or not _LEAST_SHIFT_PX < far < _MOST_SHIFT * max(shown.shape):
        return 0.0, 0.0
    return float(right), float(down)


def _edges(values: Float32) -> Float32:
    """Return the strength of edges [h, w], each over that around it: light changes it less than anything else."""
    coded = np.log2(values + np.float32(0.02))
    across, down = cv2.Sobel(coded, cv2.CV_32F, 1, 0), cv2.Sobel(coded, cv2.CV_32F, 0, 1)
    strength = np.hypot(across, down)
    return np.asarray(strength / (strength + _around(strength) + np.float32(0.05)), np.float32)


def _moved(picture: Float32, shift: tuple[float, float]) -> Float32:
    if shift == (0.0, 0.0):
        return picture
    way = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(picture, way, picture.shape[1::-1], flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(moved, 0, 1)


def _kept(guide: Float32, other: Float32) -> float:
    """Return the median correlation of the detail of two pictures in stops, [h, w, 3]."""
    one, two = (_detail(each @ LUMINANCE, 2 * _DETAIL_PX) for each in (guide, other))
    least = np.float32(_LEAST_DETAIL_STOPS2)
    own, others = _around(one * one), _around(two * two)
    correlation = (_around(one * two) + least) / np.sqrt((own + least) * (others + least))
    telling = own > least
    return float(np.median(correlation[telling])) if telling.any() else 1.0


def _inside(box: Box, shape: tuple[int, ...]) -> Float32:
    """Return 1 in a box and 0 around it, with a soft edge, [h, w, 1]."""
    inside = np.zeros(shape[:2], np.float32)
    inside[box.y : box.bottom, box.x : box.right] = 1
    return _around(inside)[..., None]


def _detail(values: Float32, sigma: float = _DETAIL_PX) -> Float32:
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), sigma), np.float32)


def _around(values: Float32) -> Float32:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), _AROUND_PX), np.float32)
