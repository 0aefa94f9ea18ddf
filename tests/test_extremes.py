"""Pixels that no light has, in any frame, reference, alpha or mask: no neighbour and no other frame knows of them."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relumix.gain.downsample import light
from relumix.pipeline.arrays import relit
from relumix.settings import Settings
from tests.synthetic import make_shot, shadow_light

SHOT = make_shot(size=(48, 32), frames=range(1, 5), pan=(2, 0), light=shadow_light(25), seed=3)
MATTE = np.linspace(0.2, 1, 32 * 48, dtype=np.float32).reshape(32, 48)
LEVEL = 0.15  # about the median luminance of the shot
AT = (14, 20)

TOP, TINY = np.float32(3.4028235e38), np.float32(1e-45)
values = st.one_of(
    st.sampled_from([TOP, -TOP, TOP / 2, 1e37, -1e30, 1e20, 65504, -65504, TINY, -TINY, 0.0, -0.0]),
    st.sampled_from([np.nan, np.inf, -np.inf]),
    st.floats(width=32),
).map(np.float32)
few = settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
both = pytest.mark.parametrize("transfer", ["gain", "direct"])


def run(plate, truth, transfer="gain", masks=None):
    """The relit shot, without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = Settings(work_size=64, transfer="gain")
        if transfer == "direct":
            return direct(plate, truth)
        return {f.frame: f.pixels for f in relit(plate, {1: truth}, made, masks=masks)}


def direct(plate, truth):
    """The same gain under the other transfer: no engine but svd has it."""
    from relumix.engines.flow import engine

    shots = relit(
        plate, {1: truth}, Settings(engine="svd", work_size=64, transfer="direct"), engine=engine.FlowEngine()
    )
    return {f.frame: f.pixels for f in shots}


def spoilt(pixels, value, channel):
    pixels = pixels.copy()
    pixels[AT][channel] = value
    return pixels


def elsewhere(frames):
    rest = np.ones((32, 48), bool)
    rest[AT] = False
    return {frame: pixels[rest] for frame, pixels in frames.items()}


def same(frames, others):
    for frame, pixels in frames.items():
        np.testing.assert_array_equal(pixels, others[frame])


@both
@given(value=values, frame=st.sampled_from([1, 3]), channel=st.integers(0, 2))
@few
def test_a_pixel_that_is_no_light_is_to_all_others_as_if_unknown(transfer, value, frame, channel):
    made, unknown = (
        run(SHOT.plate | {frame: spoilt(SHOT.plate[frame], each, channel)}, SHOT.truth[1], transfer)
        for each in (value, np.nan)
    )
    if not light(np.full((1, 1, 3), value, np.float32), LEVEL * 4).any():
        same(elsewhere(made), elsewhere(unknown))
    assert all(np.isfinite(pixels).all() for pixels in elsewhere(made).values())
    own = made[frame][AT]
    if not np.isfinite(value):
        np.testing.assert_array_equal(own, spoilt(SHOT.plate[frame], value, channel)[AT])
    else:
        assert np.isfinite(own).all()


@given(value=values, channel=st.integers(0, 2))
@few
def test_a_pixel_of_a_reference_is_delivered_and_reaches_no_other(value, channel):
    made, unknown = (run(SHOT.plate, spoilt(SHOT.truth[1], each, channel)) for each in (value, np.nan))
    if not light(np.full((1, 1, 3), value, np.float32), LEVEL * 4).any():
        same(elsewhere(made), elsewhere(unknown))
    assert all(np.isfinite(pixels).all() for pixels in made.values())
    if np.isfinite(value):
        np.testing.assert_array_equal(made[1][AT], spoilt(SHOT.truth[1], value, channel)[AT])


@given(value=values)
@few
def test_a_pixel_of_a_mask_is_clipped_and_reaches_no_other(value):
    mask = MATTE.copy()
    mask[AT] = value
    made = run(SHOT.plate, SHOT.truth[1], masks=dict.fromkeys(SHOT.frames, mask))
    same(elsewhere(made), elsewhere(run(SHOT.plate, SHOT.truth[1], masks=dict.fromkeys(SHOT.frames, MATTE))))
    assert all(np.isfinite(pixels).all() for pixels in made.values())


@both
@given(value=values)
@few
def test_a_pixel_of_alpha_reaches_no_other_and_makes_nothing_infinite(transfer, value):
    whole = {f: np.concatenate([p, np.ones((32, 48, 1), np.float32)], -1) for f, p in SHOT.plate.items()}
    made = run(whole | {3: spoilt(whole[3], value, 3)}, SHOT.truth[1], transfer)
    clean = run(whole, SHOT.truth[1], transfer)
    for frame in SHOT.frames:
        assert np.isfinite(made[frame][..., :3]).all()
        off = np.abs(np.log2(elsewhere(made)[frame][:, :3] / elsewhere(clean)[frame][:, :3]))
        assert np.median(off) < 1e-3
        assert np.quantile(off, 0.95) < 0.05


@given(value=st.floats(width=32, allow_nan=False, allow_infinity=False).map(np.float32))
@few
def test_frames_of_one_value_only_stay_as_they_would_be(value):
    plate = dict.fromkeys(SHOT.frames, np.full((32, 48, 3), value, np.float32))
    same(run(plate, plate[1]), plate)
