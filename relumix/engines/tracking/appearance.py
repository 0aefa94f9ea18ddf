"""Light by appearance: a frame's pixels get the gain of the reference's pixels that look alike and lie where expected.

It is kernel regression (Nadaraya 1964, Watson 1964), or attention with hand-made features: queries from the frame, keys
from the reference's plate, values from its gain, at a small size; then upsampled along the frame's own edges. Where
nothing looks alike it falls back to the nearest neighbour in colour and position, so it never invents a gain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from relumix.engines.tracking.correspondence import Track
from relumix.engines.tracking.log_frame import LogFrame, darker
from relumix.gain.guided_filter import upsample_by_color
from relumix.types import Float32

MATCH_EDGE_PX = 176
"""Default long edge of the picture that is matched."""

# One unit of distance for each feature, in stops: luminance, colour, the frame blurred a little and a lot, edges.
_LUMA, _CHROMA, _NEAR, _FAR, _EDGE = 1 / 8, 1 / 12, 1 / 2, 1 / 0.7, 2.0
_NEAR_SIGMA_PX, _FAR_SIGMA_PX = 1.5, 5.0
_LOOSE, _TIGHT = 0.4, 1.2  # 1 / percent of the long edge: precision of a position that the flow lost, or holds
_LEAST_STATIC = 0.02  # below it the camera moves, and the second guess would only cost time
_ROWS = 64  # queries at a time: their distances to all keys stay in the CPU cache
_MOST_COST = 40.0


Attend = Callable[[Sequence[Float32], Float32, Float32], Float32]
"""(queries, each [pixels, f]; keys [n, f]; stops [n, 3]) to [pixels, 3]: the mean of stops, weighted by the exponential
of a pixel's product with a key, summed over its queries. `attend_in_numpy` is one; `lite` has a faster one."""


@dataclass(frozen=True)
class Bank:
    """A reference's gain, indexed by appearance and position.

    features  [n, f] float32 of its plate; positions [n, 2] in percent of the long edge from the middle.
    stops     [n, 3] float32: its gain there.
    edge_px   long edge of the picture that is matched.
    """

    features: Float32
    positions: Float32
    stops: Float32
    edge_px: int

    @classmethod
    def of(cls, reference: LogFrame, stops: Float32, lit: Float32, edge_px: int = MATCH_EDGE_PX) -> Bank:
        """Keep every second pixel (a quincunx) of the small picture, where its light is known.

        stops [h, w, 3]; lit [h, w] in 0..1.
        """
        share = shrink(lit, edge_px)
        light = shrink(stops * lit[..., None], edge_px) / np.maximum(share, 1e-6)[..., None]
        height, width = share.shape
        y, x = np.mgrid[:height, :width]
        # Half of the keys take half of the time, and neighbours are nearly equal.
        kept = ((x + y) % 2 == 0) & (share > 0.5)
        return cls(_features(reference, 0.0, edge_px)[kept], _positions(height, width)[kept], light[kept], edge_px)


def match(bank: Bank, frame: LogFrame, track: Track, attend: Attend | None = None) -> Float32:
    """Return [h, w, 3] stops for a frame whose track to the bank's reference is given.

    A pixel searches around the position that the flow gives, narrowly where the flow is consistent. If the camera is
    locked off it also searches around its own position, for light that stays put while objects move through it.

    attend  the implementation; None for numpy.
    """
    if len(bank.stops) == 0:
        return np.zeros_like(frame.log_rgb)
    queries, (height, width) = _asked(bank, frame, track)
    stops = (attend or attend_in_numpy)(queries, _keys(bank), bank.stops).reshape(height, width, 3)
    return upsample_by_color(stops, shrink(frame.log_rgb, bank.edge_px), frame.log_rgb)


def match_cost(bank: Bank, frame: LogFrame, track: Track) -> Float32:
    """Return [h, w] in 0..40: how badly pixels are matched, of every second row and column of the small picture.

    It is minus the logarithm of the sum of a pixel's weights over all keys, in nats, at least 0. Where a reference
    never showed a surface all keys are unlike it, and what `match` makes of the least unlike is a guess.
    """
    queries, size = _asked(bank, frame, track, every=2)
    cost = np.full(len(queries[0]), _MOST_COST, np.float32)
    across = _keys(bank).T.copy()
    for i in range(0, len(cost) if len(bank.stops) else 0, _ROWS):
        scores = np.stack([query[i : i + _ROWS] @ across for query in queries])
        highest = scores.max((0, 2))
        total = np.exp(scores - highest[:, None]).sum((0, 2))
        cost[i : i + _ROWS] = np.clip(-highest - np.log(total), 0, _MOST_COST)
    return cost.reshape(size)


def _asked(bank: Bank, frame: LogFrame, track: Track, every: int = 1) -> tuple[list[Float32], tuple[int, int]]:
    """Return the queries of a frame's pixels, of every so many rows and columns, and how many of these there are."""
    features = _features(frame, track.exposure_stops, bank.edge_px)
    here = _positions(*features.shape[:2])
    motion = shrink(track.forward, bank.edge_px) * np.float32(100 / max(frame.log_luma.shape))
    precision = _LOOSE + (_TIGHT - _LOOSE) * shrink(track.consistency, bank.edge_px)
    guesses = [(here + motion, precision, 0.0)]
    if track.static_share > _LEAST_STATIC:
        # A mixture of two: moving surfaces are found where they were, a light's effect where the light stands.
        guesses.append((here, np.full_like(precision, _LOOSE), float(np.log(track.static_share))))
    some = np.s_[::every, ::every]
    queries = _queries(features[some], [(at[some], sharpness[some], prior) for at, sharpness, prior in guesses])
    height, width = features[some].shape[:2]
    return queries, (height, width)


def shrink(image: Float32, edge_px: int) -> Float32:
    """Area-average to a long edge of edge_px, or leave as it is when it is no larger."""
    height, width = image.shape[:2]
    scale = min(1.0, edge_px / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cast(Float32, cv2.resize(image, size, interpolation=cv2.INTER_AREA)).reshape(
        size[1], size[0], *image.shape[2:]
    )


def _keys(bank: Bank) -> Float32:
    """[n, f]: the bank's entries, their columns in the order of `_queries`."""
    ones, reach = np.ones((len(bank.stops), 1), np.float32), np.square(bank.positions).sum(1, keepdims=True)
    return np.concatenate([bank.features, bank.positions, reach, _half_square(bank.features), ones], 1)


def _queries(features: Float32, guesses: list[tuple[Float32, Float32, float]]) -> list[Float32]:
    """[pixels, f] for each guess of the position: (position [h, w, 2], precision [h, w], log of the prior).

    The product with a key is the logarithm of its weight, prior * exp(-distance² / 2) in features a and position x,
    with t for the precision: log prior - |a_q - a_k|² / 2 - t² |x_q - x_k|² / 2, its squares multiplied out.
    """
    own_features = features.reshape(-1, features.shape[-1])
    queries = []
    for position, precision, prior in guesses:
        at, squared = position.reshape(-1, 2), np.square(precision).reshape(-1, 1)
        constant = np.float32(prior) - _half_square(own_features) - squared * _half_square(at)
        queries.append(
            np.concatenate([own_features, squared * at, -0.5 * squared, -np.ones_like(constant), constant], 1)
        )
    return queries


def attend_in_numpy(queries: Sequence[Float32], keys: Float32, stops: Float32) -> Float32:
    """See `Attend`."""
    across = keys.T.copy()
    values = np.concatenate([stops, np.ones((len(stops), 1), np.float32)], 1)
    out = np.empty((len(queries[0]), 3), np.float32)
    scratch = np.empty((len(queries), _ROWS, len(values)), np.float32)
    for i in range(0, len(out), _ROWS):
        scores = scratch[:, : min(_ROWS, len(out) - i)]
        for query, score in zip(queries, scores, strict=True):
            np.matmul(query[i : i + _ROWS], across, out=score)
        # Less the maximum, so that no exponential overflows; it cancels in the quotient.
        scores -= scores.max((0, 2), keepdims=True)
        total = np.sum([weights @ values for weights in np.exp(scores, out=scores)], axis=0)
        out[i : i + _ROWS] = total[:, :3] / total[:, 3:]
    return out


def _half_square(vectors: Float32) -> Float32:
    return cast(Float32, 0.5 * np.square(vectors).sum(1, keepdims=True))


def _features(frame: LogFrame, exposure_stops: float, edge_px: int) -> Float32:
    """[h, w, 11] of the small picture, each divided by its unit of distance."""
    rgb = darker(shrink(frame.log_rgb, edge_px), exposure_stops)
    luma = rgb.mean(-1)
    near, far = (cv2.GaussianBlur(rgb, (0, 0), sigma) for sigma in (_NEAR_SIGMA_PX, _FAR_SIGMA_PX))
    smooth = cv2.GaussianBlur(luma, (0, 0), 1)
    edges = [cv2.Sobel(smooth, cv2.CV_32F, dx, dy) / _EDGE for dx, dy in ((1, 0), (0, 1))]
    chroma = [(rgb[..., i] - rgb[..., 1]) / _CHROMA for i in (0, 2)]
    planes = np.stack([luma / _LUMA, *chroma, *edges], -1)
    features: Float32 = np.concatenate([planes, near / _NEAR, far / _FAR], -1, dtype=np.float32)
    return features


def _positions(height: int, width: int) -> Float32:
    """[h, w, 2] (x, y) in percent of the long edge, from the middle."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    middle = (np.float32(width - 1) / 2, np.float32(height - 1) / 2)
    positions: Float32 = np.stack([x - middle[0], y - middle[1]], -1) * np.float32(100 / max(height, width))
    return positions
