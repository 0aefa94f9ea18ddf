"""What the network's pictures say about light.

The network shows a frame under new light; the VAE showed the same frame under its own. One over the other is the gain:
what the VAE blurs, it blurs in both. It is trusted where a picture can carry it: not in its whites, nor in blacks.
"""

from __future__ import annotations

import cv2
import numpy as np

from relumix.engines.svd.shown_light import ShownLight
from relumix.gain.direct_transfer import stops_to
from relumix.gain.log_gain import measure
from relumix.gain.proxy import ProxyFrame
from relumix.types import Float32

_WHITE, _BLACK = 0.06, 0.04  # of a picture's 0..1: how near to its ends it carries no gain
_AROUND_SHARE = 1 / 32  # of the long edge: from how far light is taken where a picture carries none


def gain(shown: ShownLight, source: Float32, result: Float32) -> Float32:
    """Return the local gain from decoded source frames to decoded results in stops, [n, h, w, 3] float32.

    source, result  [n, h, w, 3] pictures around -1..1. Where they carry no gain it is that of the surroundings.
    """
    return np.stack([_gain_of_frame(shown, before, after) for before, after in zip(source, result, strict=True)])


def _gain_of_frame(shown: ShownLight, source: Float32, result: Float32) -> Float32:
    stops = measure(shown.plate_light(source), shown.relit_light(result))
    return _filled(stops, _carries(source, dark=True) * _carries(result, dark=False))


def pixels(shown: ShownLight, frame: ProxyFrame, result: Float32, factor: np.float32) -> Float32:
    """Return the stops that make of a frame what a decoded picture shows, highlights and all; [h, w, 3].

    factor  what the frame's light was multiplied by for pictures.
    """
    return stops_to(frame.rgb, shown.relit_light(result) / factor)


def _carries(picture: Float32, *, dark: bool) -> Float32:
    """Return in 0..1 [h, w] how well a picture carries a gain: not in its whites, nor with `dark` in its blacks."""
    brightest = np.asarray((picture.max(-1) + 1) / 2, np.float32)
    sure = np.clip((1 - brightest) / _WHITE, 0, 1)
    return sure * np.clip(brightest / _BLACK, 0, 1) if dark else sure


def _filled(stops: Float32, weight: Float32) -> Float32:
    """Return stops [h, w, 3], taken from around where weight [h, w] falls to 0."""
    if (weight == 1).all():
        return stops
    sigma = max(1.0, _AROUND_SHARE * max(weight.shape))
    light = cv2.GaussianBlur(stops * weight[..., None], (0, 0), sigma)
    share = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    # Far from anything that carries a gain, it fades to none.
    around = light / (share + np.float32(1e-3))
    return np.asarray(weight[..., None] * stops + (1 - weight[..., None]) * around, np.float32)
