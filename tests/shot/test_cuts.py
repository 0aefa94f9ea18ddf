"""Cuts of a shot: where they are found, and what is none."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from relumix.errors import InputError
from relumix.shot.cuts import find_cuts, given_cuts, look_at
from relumix.types import Float32

HEIGHT, WIDTH = 90, 160


def world(seed: int, width: int = 1200) -> Float32:
    """A wide picture of many sizes of detail, [HEIGHT, width, 3]."""
    rng = np.random.default_rng(seed)
    total = np.zeros((HEIGHT, width, 3), np.float32)
    for size in (4, 8, 16, 32):
        noise = rng.random((HEIGHT // size + 2, width // size + 2, 3)).astype(np.float32)
        total += cv2.resize(noise, (width, HEIGHT), interpolation=cv2.INTER_CUBIC) * size**0.7
    total -= total.min()
    return np.asarray(0.02 + 0.6 * (total / total.max()) ** 1.5, np.float32)


def pan(seed: int, offsets: Sequence[float], *, shutter: float = 0.5) -> list[Float32]:
    """A camera that pans over a world, blurred by how far it goes while the shutter is open."""
    whole, frames = world(seed), []
    for i, offset in enumerate(offsets):
        speed = abs(offset - offsets[max(0, i - 1)])
        blurred = cv2.blur(whole, (max(1, round(speed * shutter)), 1))
        frames.append(np.ascontiguousarray(blurred[:, round(offset) : round(offset) + WIDTH]))
    return frames


def noisy(frames: Sequence[Float32], amount: float = 0.01) -> list[Float32]:
    rng = np.random.default_rng(3)
    return [np.maximum(f + rng.normal(0, amount, f.shape).astype(np.float32), 0) for f in frames]


def cuts_of(frames: Sequence[Float32]) -> tuple[int, ...]:
    return find_cuts((1001 + i, look_at(frame)) for i, frame in enumerate(frames))


STILL, SLOW = [100.0] * 8, [100.0 + 3 * i for i in range(8)]


@pytest.mark.parametrize("offsets", [STILL, SLOW, [100.0 + 40 * i for i in range(8)]], ids=["still", "slow", "fast"])
@pytest.mark.parametrize("light", [1.0, 0.02, np.array([2, 1, 0.2], np.float32)], ids=["same", "dark", "other"])
def test_a_cut_is_found(offsets, light):
    frames = noisy([*pan(1, offsets), *(f * light for f in pan(2, offsets))], 0.0001)
    assert cuts_of(frames) == (1009,)


def test_several_cuts_are_found_also_of_short_scenes():
    frames = [f for seed, count in ((1, 8), (2, 2), (3, 2), (1, 5)) for f in pan(seed, SLOW[:count])]
    assert cuts_of(frames) == (1009, 1011, 1013)


def test_a_scene_of_one_frame_at_an_end_is_cut_off():
    assert cuts_of([*pan(1, [0]), *pan(2, SLOW)]) == (1002,)
    assert cuts_of([*pan(2, SLOW), *pan(1, [0])]) == (1009,)


def test_black_between_two_scenes_belongs_to_the_first():
    black = [np.zeros((HEIGHT, WIDTH, 3), np.float32)] * 3
    assert cuts_of([*pan(1, SLOW), *black, *pan(2, SLOW)]) == (1012,)
    assert cuts_of([*pan(1, STILL), *black, *pan(1, STILL)]) == ()


def whip() -> list[Float32]:
    """Still, then one field of view after another, then still somewhere else."""
    return pan(1, [0] * 5 + [60, 200, 360, 520, 680, 800] + [840] * 5)


def fade() -> list[Float32]:
    frames = pan(1, SLOW + SLOW[::-1])
    return [f * max(0.0, abs(i - 7.5) / 7.5 - 0.1) for i, f in enumerate(frames)]


def dissolve() -> list[Float32]:
    shares = np.clip((np.arange(16) - 3) / 9, 0, 1).astype(np.float32)
    return [a * (1 - s) + b * s for a, b, s in zip(pan(1, SLOW + SLOW), pan(2, SLOW + SLOW), shares, strict=True)]


def lit(side: float) -> Float32:
    """A light from one side that falls off, and a shadow with a hard edge."""
    x = np.linspace(0, 1, WIDTH, dtype=np.float32)[None, :, None]
    light = 0.1 + 4 * np.exp(-((x - side) ** 2) * 8) * np.array([1, 0.7, 0.4], np.float32)
    return np.asarray(np.where(np.abs(x - 0.6) < 0.1, light * 0.2, light), np.float32)


def flash(count: int) -> list[Float32]:
    frames = pan(1, SLOW + SLOW)
    return [f * 50 * lit(0.9) if 5 <= i < 5 + count else f for i, f in enumerate(frames)]


def crossing() -> list[Float32]:
    """Something dark with detail of its own goes through the whole picture, near the camera."""
    near = world(7) * 0.1
    frames = pan(1, STILL + STILL)
    for i, frame in enumerate(frames):
        left = max(0, WIDTH - 50 * max(0, i - 3))
        right = min(WIDTH, max(left, left + 220 - max(0, 50 * (i - 3) - WIDTH)))
        frame[:, left:right] = near[:, left:right]
    return frames


def zoom() -> list[Float32]:
    frame, frames = cv2.resize(world(1)[:, :WIDTH], (640, 360), interpolation=cv2.INTER_CUBIC), []
    for i in range(12):
        half_width, half_height = round(320 * 0.93**i), round(180 * 0.93**i)
        part = frame[180 - half_height : 180 + half_height, 320 - half_width : 320 + half_width]
        frames.append(cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
    return frames


NO_CUTS = {
    "still": lambda: pan(1, STILL),
    "pan": lambda: pan(1, [40.0 * i for i in range(12)]),
    "very fast pan": lambda: pan(1, [100.0 * i for i in range(10)]),
    "whip pan": whip,
    "whip pan of one frame": lambda: pan(1, [0] * 6 + [400] + [800] * 6),
    "zoom": zoom,
    "fade": fade,
    "dissolve": dissolve,
    "flash": lambda: flash(1),
    "longer flash": lambda: flash(4),
    "flicker": lambda: [f * (1.0, 0.3, 2.0, 0.05)[i % 4] for i, f in enumerate(pan(1, SLOW + SLOW))],
    "lights alternate": lambda: [f * lit((0.1, 0.9)[i % 2]) for i, f in enumerate(pan(1, SLOW + SLOW))],
    "a lamp is switched on": lambda: [f * lit(0.0 if i < 8 else 0.8) for i, f in enumerate(pan(1, SLOW + SLOW))],
    "black frames": lambda: [f * (i % 3 > 0) for i, f in enumerate(pan(1, SLOW + SLOW))],
    "white frames": lambda: [np.full_like(f, 900) if i % 5 == 2 else f for i, f in enumerate(pan(1, SLOW + SLOW))],
    "something crosses": crossing,
    "noise alone": lambda: noisy([np.zeros((HEIGHT, WIDTH, 3), np.float32)] * 8),
    "no two frames alike": lambda: [f for seed in range(8) for f in pan(seed, [0])],
}


@pytest.mark.parametrize("name", NO_CUTS)
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_what_is_no_cut(name, noise):
    assert cuts_of(noisy(NO_CUTS[name](), noise)) == ()


def test_frames_that_cannot_be_read_are_passed_over():
    looks = [(1001 + i, look_at(f)) for i, f in enumerate([*pan(1, SLOW), *pan(2, SLOW)])]
    looks[7] = looks[3] = (looks[7][0], None)
    assert find_cuts(looks) == (1009,)


def test_values_no_camera_makes_are_no_cut():
    frames = pan(1, SLOW)
    frames[3] = frames[3].copy()
    frames[3][10:20, 10:20] = [np.nan, np.inf, -3e38]
    frames[5] = frames[5] * np.float32(1e37)
    assert cuts_of(frames) == ()


def test_given_cuts():
    frames = range(1001, 1050)
    assert given_cuts("auto", frames) is None
    assert given_cuts("none", frames) == ()
    assert given_cuts("1040,1008", frames) == (1008, 1040)
    with pytest.raises(InputError, match="cuts has 1001: expected first frames of scenes, from 1002 to 1049"):
        given_cuts("1001", frames)
