"""Metrics of a frame against the truth, as functions of arrays.

The metrics look at a frame in one of two domains, both at one exposure for the whole shot (of the truth's first frame,
see relumix.preview.display.auto_exposure), so that a wrong level counts as the error it is:

    display   exposed, clipped to 0..1 and sRGB-encoded: what a viewer shows
    absolute  100 cd/m2 for an exposed 1.0, nothing clipped: highlights count

Channels are taken as linear Rec.709.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import flip_evaluator
import numpy as np
from skimage.metrics import structural_similarity

from relumix.color.rec709 import LUMINANCE
from relumix.preview.display import UInt8
from relumix.types import Float32

SMALLEST_EDGE_PX = 11
"""The window of SSIM: a smaller picture has none."""

_WHITE_NITS = 100.0
_DB_LIMIT = 100.0


class Difference(NamedTuple):
    """FLIP of a frame: its mean, and the map [h, w] float32 in 0..1, higher where the eye sees more."""

    mean: float
    map: Float32


def psnr(display: Float32, truth: Float32) -> float:
    """Return the peak signal-to-noise ratio in dB of display values [h, w, 3]; at most 100 for equal ones."""
    return _decibel(float(np.mean((display - truth) ** 2)), 1.0)


def ssim(display: Float32, truth: Float32) -> float:
    """Return the structural similarity of display values [h, w, 3], 1 for equal ones (Wang et al. 2004).

    Gaussian window, sigma 1.5, mean over the channels. The picture is at least SMALLEST_EDGE_PX on each edge.
    """
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    similarity = structural_similarity(truth, display, channel_axis=-1, data_range=1, **window)  # type: ignore[no-untyped-call]
    return float(similarity)


def pu_psnr(exposed: Float32, truth: Float32) -> float:
    """Return the PSNR in dB of PU21-encoded absolute values, in which equal steps look equal up to 10000 cd/m2.

    exposed, truth  [h, w, 3] float32, linear, 1.0 = 100 cd/m2. The peak is 256, the code of 100 cd/m2.
    """
    return _decibel(float(np.mean((_pu21(exposed) - _pu21(truth)) ** 2)), 256.0)


def ldr_flip(display: Float32, truth: Float32) -> Difference:
    """Return the FLIP of display values [h, w, 3] at 67 pixels per degree (Andersson et al. 2020)."""
    error, mean, _ = flip_evaluator.evaluate(truth, display, "LDR", applyMagma=False)
    return Difference(float(mean), error[..., 0])


def hdr_flip(exposed: Float32, truth: Float32) -> float | None:
    """Return the mean HDR-FLIP of linear values [h, w, 3]: the worst over exposures (Andersson et al. 2021).

    The exposures run from where the truth's brightest pixel is about to clip to where its median is. A truth that has
    no such range, half of it black or all of it of one value, has no HDR-FLIP: None.
    """
    luminance = truth @ LUMINANCE
    median, brightest = float(np.median(luminance)), float(luminance.max())
    # FLIP ends the process on an empty range, so it must never see one.
    if median <= 1e-6 or brightest <= 1.01 * median:
        return None
    _, mean, _ = flip_evaluator.evaluate(np.maximum(truth, 0), np.maximum(exposed, 0), "HDR", applyMagma=False)
    return float(mean)


def temporal_error(error: Float32, previous: Float32) -> float:
    """Return how much the error moves from one frame to the next, in 8-bit display codes.

    error, previous  [h, w, 3] float32: display values less those of the truth, in this frame and in the one before.

    |(o_t - o_t-1) - (g_t - g_t-1)|, the change of the result against that of the truth, is the same as the change of
    o - g: a constant error does not count, a flickering one does.
    """
    return float(np.mean(np.abs(error - previous))) * 255


def heat(error: Float32) -> UInt8:
    """Return an error map [h, w] in 0..1 as magma false colour, [h, w, 3] RGB."""
    codes = (np.clip(error, 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(codes, cv2.COLORMAP_MAGMA)[..., ::-1], np.uint8)


def _decibel(mean_square: float, peak: float) -> float:
    return min(_DB_LIMIT, float(10 * np.log10(peak**2 / max(mean_square, 1e-30))))


def _pu21(linear: Float32) -> Float32:
    """Return perceptually uniform codes of linear values, 1.0 = 100 cd/m2 (Mantiuk and Azimi 2021, banding_glare)."""
    p1, p2, p3 = 0.353487901, 0.3734658629, 8.277049286e-05
    p4, p5, p6, p7 = 0.9062562627, 0.09150303166, 0.9099517204, 596.3148142
    nits = np.clip(linear * np.float32(_WHITE_NITS), 0.005, 10000) ** p4
    return np.asarray(p7 * (((p1 + p2 * nits) / (1 + p3 * nits)) ** p5 - p6), np.float32)
