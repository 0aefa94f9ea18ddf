"""Compares a result with truth and source, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from relumix.color.rec709 import srgb_encode
from relumix.evaluate import metrics
from relumix.evaluate.confidence import Expected, correlation, true_error, within
from relumix.evaluate.files import DisplayFrame
from relumix.evaluate.flicker import Flicker, GainFlicker
from relumix.evaluate.report import Row
from relumix.gain.log_gain import BLACK_OFFSET
from relumix.preview.contact_sheet import false_color
from relumix.preview.display import UInt8, fit
from relumix.types import Float32

PICTURE_EDGE_PX = 560
"""Long edge of a picture in a report."""

LIGHT_STOPS = 3.0
"""Where the false colour of light in a report ends, either way."""

ERROR_STOPS = 2.0
"""Where that of its error ends."""

_NOT_FOLLOWED = np.array([70, 70, 74], np.uint8)


@dataclass(frozen=True)
class Step:
    """A frame's metrics, and its pictures by title (none where none were asked for), [h, w, 3] uint8 each."""

    row: Row
    pictures: Mapping[str, UInt8]


class Comparison:
    """Measures frames in ascending order; keeps of each what the temporal metrics need for the next.

    exposure         factor at which result and truth are compared.
    source_exposure  factor that brings the source to mid-grey, for following it.
    hdr_flip         whether to measure it; it takes long.
    """

    def __init__(self, exposure: float, source_exposure: float, *, hdr_flip: bool = True) -> None:
        self._exposure = np.float32(exposure)
        self._hdr_flip = hdr_flip
        self._flicker = GainFlicker(source_exposure)
        self._error: Float32 | None = None

    def forget(self) -> None:
        """Do not compare the next frame with the last: one between them was left out."""
        self._error = None
        self._flicker.forget()

    def step(
        self,
        frame: int,
        result: DisplayFrame,
        truth: DisplayFrame | None,
        source: DisplayFrame | None,
        expected: Expected | None = None,
        *,
        pictures: bool,
    ) -> Step:
        """Measure a frame. All are of one size; result and truth are finite where there is a truth.

        expected  measured where there is a truth.
        pictures  whether to make some; they take time.
        """
        values: dict[str, float | None] = {}
        shown: dict[str, UInt8] = {"result": self._thumbnail(result.rgb)} if pictures else {}
        if truth is not None:
            flip = self._against_truth(result.rgb, truth.rgb, values)
            if pictures:
                shown["truth"] = self._thumbnail(truth.rgb)
                shown["FLIP error"] = metrics.heat(_shrink(flip.map))
            if expected is not None:
                true = true_error(result.rgb * self._exposure, truth.rgb * self._exposure)
                known = expected.known & result.known & truth.known
                values |= _believed(expected.error_stops[known], true[known])
                if pictures:
                    shown["expected error"], shown["error"] = map(_heat, (expected.error_stops, true))
        if source is not None:
            change = self._flicker.step(result.rgb, source.rgb, source.known & result.known)
            values |= {"gain_flicker_stops": change.stops, "followed": change.followed} if change else {}
            if pictures:
                shown["source"] = self._thumbnail(source.rgb)
                shown |= self._light(result, source, change)
        return Step(Row(frame, **values), shown)

    def _against_truth(self, result: Float32, truth: Float32, values: dict[str, float | None]) -> metrics.Difference:
        """Add the metrics of a frame to `values`; return its FLIP."""
        result, truth = result * self._exposure, truth * self._exposure
        shown, aim = srgb_encode(result), srgb_encode(truth)
        flip = metrics.ldr_flip(shown, aim)
        values["psnr_db"] = metrics.psnr(shown, aim)
        values["ssim"] = metrics.ssim(shown, aim)
        values["pu_psnr_db"] = metrics.pu_psnr(result, truth)
        values["flip"] = flip.mean
        values["hdr_flip"] = metrics.hdr_flip(result, truth) if self._hdr_flip else None
        error = shown - aim
        if self._error is not None:
            values["temporal_error_codes"] = metrics.temporal_error(error, self._error)
        self._error = error
        return flip

    def _thumbnail(self, rgb: Float32) -> UInt8:
        """Return scene-linear pixels as the metrics see them, small."""
        return (srgb_encode(_shrink(rgb) * self._exposure) * 255 + 0.5).astype(np.uint8)

    def _light(self, result: DisplayFrame, source: DisplayFrame, change: Flicker | None) -> dict[str, UInt8]:
        """Return pictures of the light and of its change since the frame before."""
        floor = np.float32(BLACK_OFFSET) / self._exposure
        after, before = (np.maximum(_shrink(seen.rgb), 0) + floor for seen in (result, source))
        pictures = {"light": false_color(np.log2(after / before).mean(-1), LIGHT_STOPS)}
        if change is not None:
            height, width = after.shape[:2]
            followed = fit(np.isfinite(change.map).astype(np.float32), width, height) > 0.5
            moved = metrics.heat(fit(change.map, width, height))
            pictures["change of the light"] = np.where(followed[..., None], moved, _NOT_FOLLOWED)
        return pictures


def _believed(expected: Float32, true: Float32) -> dict[str, float | None]:
    if not expected.size:
        return {}
    return {"within_expected": within(expected, true), "error_correlation": correlation(expected, true)}


def _heat(error_stops: Float32) -> UInt8:
    return metrics.heat(_shrink(error_stops) / np.float32(ERROR_STOPS))


def _shrink(values: Float32) -> Float32:
    height, width = values.shape[:2]
    scale = min(1.0, PICTURE_EDGE_PX / max(height, width))
    return fit(values, max(1, round(width * scale)), max(1, round(height * scale)))
