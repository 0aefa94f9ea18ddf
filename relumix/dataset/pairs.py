"""From a light stage to training pairs: a clip as a plate, and the same clip under another light.

Every light of a scene was rendered alone, so a weighted, coloured sum of them is that scene as it would look under all
of them together; one rendered scene gives pairs without end. The plate then gets what cameras add: blur and grain.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from relumix.dataset.shards import Scene
from relumix.gain.proxy import ProxyFrame
from relumix.util.extras import needed

# Here and not in the package: scenes are rendered, and learned from, on machines that have no OpenCV.
with needed("dataset", "dataset"):
    import cv2

    from relumix.engines.tracking.correspondence import track_neighbour, warp
    from relumix.engines.tracking.log_frame import LogFrame

Float32 = NDArray[np.float32]

_MEAN = 0.18
_SHUTTER_STEPS = 7
_KEPT_LIGHT = 1e-5
"""A light that adds less than this on average (behind a wall, say) is not used: scaled up, it would be noise."""


@dataclass(frozen=True)
class Pair:
    """A clip under two lights. All arrays float32 but `moving`; scene-linear, finite, >= 0.

    plate     [T, h, w, 3] as a camera sees it; clean [T, h, w, 3] the same without blur and grain.
    relit     [T, h, w, 3] the clip under the other light, clean.
    reference [h, w, 3] frame 0 of the plate as an artist relights it: with the plate's own grain.
    moving    [T, h, w] uint8, 0 where the surface keeps still.
    """

    plate: Float32
    clean: Float32
    relit: Float32
    reference: Float32
    moving: NDArray[np.uint8]


def draw(scene: Scene, rng: np.random.Generator, frames: int) -> Pair:
    """Draw a pair of `frames` frames from a scene.

    The clip may run backwards or skip frames, be cropped, and be mirrored; its colour channels may change places.
    Raises ValueError where the scene has fewer frames.
    """
    picked = _pick_frames(rng, scene.light.shape[0], frames)
    light = scene.light[picked].astype(np.float32)
    moving = scene.moving[picked]
    if rng.random() < 0.5:
        light, moving = light[..., ::-1, :], moving[..., ::-1]
    if rng.random() < 0.5:
        light, moving = _nearer(light, moving, rng)
    light = light[..., rng.permutation(3)]
    level = light.mean((0, 2, 3, 4))
    usable = np.flatnonzero(level > _KEPT_LIGHT)
    if usable.size == 0:
        usable = np.array([int(level.argmax())])
    clean, relit = (mix(light, light_mix(rng, level, usable)) for _ in range(2))
    shutter = rng.uniform(0.2, 0.8) if rng.random() < 0.3 else 0.0
    plate = grainy(motion_blurred(clean, shutter) if shutter else clean, rng)
    # A grade, a paint-over or a render on top of the plate keeps its grain; a render instead of it has none.
    grain = plate[0] / np.maximum(clean[0], 1e-4) if rng.random() < 0.6 else np.float32(1)
    return Pair(plate, clean, relit, relit[0] * np.clip(grain, 0, 4), np.ascontiguousarray(moving))


def light_mix(rng: np.random.Generator, level: Float32, usable: NDArray[np.intp]) -> Float32:
    """Draw the strength and colour of each light, [L, 3]: one to four burn; the others give a little fill.

    Without fill what a light does not reach would be black, as no set and no landscape is.

    level [L]: the mean radiance that each light alone gives; a mix is about as bright as mid-grey, give or take.
    """
    burning = rng.choice(usable, size=min(len(usable), int(rng.integers(1, 5))), replace=False)
    share = rng.dirichlet(np.full(len(burning), 0.7)) + 0.02
    tint = np.exp2(rng.normal(0, 0.3, (len(burning), 3)) + rng.normal(0, 0.4) * np.array([1, 0, -1]))
    weights = np.zeros((len(level), 3))
    weights[usable] = (rng.uniform(0.05, 0.4) / len(usable) / level[usable].clip(_KEPT_LIGHT))[:, None]
    weights[burning] += (share / level[burning].clip(_KEPT_LIGHT))[:, None] * tint
    weights *= _MEAN * np.exp2(rng.normal(0, 0.7))
    return weights.astype(np.float32)


def mix(light: Float32, weights: Float32) -> Float32:
    """[T, h, w, 3] from light [T, L, h, w, 3] and weights [L, 3]."""
    mixed: Float32 = np.zeros_like(light[:, 0])
    for i, weight in enumerate(weights):
        if weight.any():
            mixed += light[:, i] * weight
    return mixed


def grainy(clean: Float32, rng: np.random.Generator) -> Float32:
    """Return a clip as a camera sees it: a little lens blur, and grain that grows with the root of the light."""
    blur, amount, floor = rng.choice([0.0, 0.5, 0.9]), rng.choice([0.0, 0.01, 0.025]), rng.uniform(0, 0.002)
    soft = np.stack([cv2.GaussianBlur(frame, (0, 0), blur) for frame in clean]) if blur else clean
    noise = rng.standard_normal(clean.shape, dtype=np.float32)
    return np.maximum(soft + noise * (np.float32(amount) * np.sqrt(soft * _MEAN) + np.float32(floor)), 0)


def motion_blurred(clean: Float32, shutter: float) -> Float32:
    """Return a clip [T, h, w, 3] as a shutter sees it that is open for a share of each frame.

    Every frame is drawn out along its optical flow (DIS) to the next; the last along that from the one before.
    """
    if len(clean) < 2:
        return clean
    known = np.ones(clean.shape[1:3], np.float32)
    frames = [LogFrame.of(ProxyFrame(t, frame, known)) for t, frame in enumerate(clean)]
    flows = [track_neighbour(frame, following).forward for frame, following in pairwise(frames)]
    shares = np.linspace(-shutter / 2, shutter / 2, _SHUTTER_STEPS, dtype=np.float32)
    return np.stack(
        [
            np.mean([warp(frame, share * flow) for share in shares], axis=0)
            for frame, flow in zip(clean, [*flows, flows[-1]], strict=True)
        ]
    )


def _nearer(light: Float32, moving: NDArray[np.uint8], rng: np.random.Generator) -> tuple[Float32, NDArray[np.uint8]]:
    """A part of the picture, as large as the whole was: what a longer lens sees."""
    height, width = moving.shape[1:]
    share = rng.uniform(0.5, 1)
    h, w = round(share * height), round(share * width)
    y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    enlarged = np.empty_like(light)
    for t, i in np.ndindex(*light.shape[:2]):
        enlarged[t, i] = cv2.resize(light[t, i, y : y + h, x : x + w], (width, height), interpolation=cv2.INTER_LINEAR)
    masks = [cv2.resize(m[y : y + h, x : x + w], (width, height), interpolation=cv2.INTER_NEAREST) for m in moving]
    return enlarged, np.stack(masks)


def _pick_frames(rng: np.random.Generator, length: int, frames: int) -> NDArray[np.intp]:
    if frames > length:
        raise ValueError(f"a clip of {frames} frames was asked of a scene of {length}")
    # Near frames teach little: what is carried over a long way is what fails.
    longest = max(1, (length - 1) // max(1, frames - 1))
    step = longest if rng.random() < 0.75 else int(rng.integers(1, longest + 1))
    start = int(rng.integers(0, length - step * (frames - 1)))
    picked = start + step * np.arange(frames)
    return picked[::-1] if rng.random() < 0.5 else picked
