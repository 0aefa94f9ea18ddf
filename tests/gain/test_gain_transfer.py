from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.gain.downsample import Canvas, proxy_frame
from relumix.gain.gain_transfer import GainTransfer
from relumix.gain.log_gain import MID_GREY
from relumix.gain.relight import relight
from relumix.gain.transfer import Gain
from relumix.shot.box import Box
from tests.synthetic import make_shot, shadow_light


class Level:
    def __init__(self, rgb, alpha=None):
        self.rgb, self.alpha = rgb, alpha


def light_on(rgb, canvas, box, stops, grade=0.0, alpha=None):
    seen = proxy_frame(canvas, 1, Level(rgb, alpha), box)
    # Its noise is the picture here.
    return replace(Gain.on(seen, np.asarray(stops, np.float32), np.full(3, grade, np.float32)), noise=0.0)


def relit(level, box, canvas, gain):
    return relight(GainTransfer(canvas), gain, level, box).pixels


def stops_of(level, box, canvas, gain):
    """What `relight` says the full-size gain is."""
    return relight(GainTransfer(canvas), gain, level, box, keep_gain=True).gain_stops


def noise(height, width, seed=0):
    return (MID_GREY * np.exp2(np.random.default_rng(seed).normal(0, 1, (height, width, 3)))).astype(np.float32)


@given(width=st.integers(1, 90), height=st.integers(1, 70), work=st.integers(64, 96), alpha=st.booleans())
@settings(max_examples=30)
def test_no_light_is_the_plate_bit_for_bit(width, height, work, alpha):
    rgb, box = noise(height, width), Box(0, 0, width, height)
    canvas = Canvas.fit(box, work)
    matte = np.linspace(0, 1, width * height, dtype=np.float32).reshape(height, width) if alpha else None
    gain = light_on(rgb, canvas, box, np.zeros((canvas.height, canvas.width, 3)), alpha=matte)
    np.testing.assert_array_equal(relit(Level(rgb, matte), box, canvas, gain), rgb)


@given(grade=st.floats(-5, 5), x=st.integers(-30, 30), y=st.integers(-30, 30))
@settings(max_examples=30)
def test_a_pure_grade_is_exact_wherever_the_data_window_lies(grade, x, y):
    rgb, box = noise(40, 60) * 100, Box(x, y, 60, 40)
    canvas = Canvas(Box(0, 0, 64, 48), 32, 24)
    gain = light_on(rgb, canvas, box, np.full((24, 32, 3), grade, np.float32), grade)
    np.testing.assert_allclose(relit(Level(rgb), box, canvas, gain), rgb * np.exp2(np.float32(grade)), rtol=1e-5)
    np.testing.assert_allclose(stops_of(Level(rgb), box, canvas, gain), np.float32(grade), atol=1e-5)


def test_nothing_of_the_gain_is_lost_at_the_working_size():
    rgb, box = noise(48, 64), Box(0, 0, 64, 48)
    canvas = Canvas.fit(box, 64)
    stops = np.random.default_rng(1).normal(0, 2, (48, 64, 3)).astype(np.float32)
    result = stops_of(Level(rgb), box, canvas, light_on(rgb, canvas, box, stops))
    np.testing.assert_allclose(result, stops, atol=1e-4)


def test_strips_join_without_a_trace():
    rgb, box = noise(1200, 900), Box(0, 0, 900, 1200)
    canvas = Canvas.fit(box, 96)
    ramp = np.linspace(-2, 2, canvas.height, dtype=np.float32)[:, None, None]
    stops = np.broadcast_to(ramp, (canvas.height, canvas.width, 3))
    flat = np.full_like(rgb, MID_GREY)
    result = stops_of(Level(flat), box, canvas, light_on(flat, canvas, box, stops))
    steps = np.diff(result[:, 450, 0])
    assert steps.max() < 1.1 * (4 / 1200) * canvas.height / (canvas.height - 1)
    assert steps.min() >= -1e-6


def test_a_shadow_edge_on_an_edge_of_the_plate_is_sharper_than_plain_enlarging():
    size = (480, 270)
    step = (np.arange(480) > 233)[None, :, None]
    rgb = np.broadcast_to(np.where(step, 4 * MID_GREY, MID_GREY), (270, 480, 3)).astype(np.float32)
    stops = np.broadcast_to(np.where(step, 1.0, -3.0), rgb.shape).astype(np.float32)
    box = Box(0, 0, *size)
    canvas = Canvas.fit(box, 80)
    small = canvas.shrink(np.ascontiguousarray(stops), box)
    result = stops_of(Level(rgb), box, canvas, light_on(rgb, canvas, box, small))
    edge = slice(220, 248)
    plain = np.asarray(__import__("cv2").resize(small, size, interpolation=2))
    ours, theirs = (np.abs(r[:, edge] - stops[:, edge]).mean() for r in (result, plain))
    assert ours < 0.5 * theirs


def test_grain_is_the_plates_own():
    shot = make_shot(size=(256, 160), frames=[1], light=shadow_light(120, edge_px=40), grain_stops=0.08)
    clean = make_shot(size=(256, 160), frames=[1], light=shadow_light(120, edge_px=40))
    box = Box(0, 0, 256, 160)
    canvas = Canvas.fit(box, 64)
    gain = light_on(shot.plate[1], canvas, box, canvas.shrink(shot.stops[1], box))
    before = np.log2(shot.plate[1] / clean.plate[1])
    after = np.log2(relit(Level(shot.plate[1]), box, canvas, gain))
    after -= np.log2(relit(Level(clean.plate[1]), box, canvas, gain))
    assert after.std() == pytest.approx(before.std(), rel=0.1)
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.97


def test_highlights_keep_their_ratio_to_white():
    rgb, box = noise(32, 64), Box(0, 0, 64, 32)
    rgb[10:14, 10:14] = 500
    canvas = Canvas.fit(box, 64)
    gain = light_on(rgb, canvas, box, np.full((32, 64, 3), -1.5, np.float32))
    assert relit(Level(rgb), box, canvas, gain)[12, 12] == pytest.approx([500 * 2**-1.5] * 3, rel=1e-3)


@given(share=st.integers(-30, 30), grade=st.floats(-3, 3))
@settings(max_examples=30)
def test_a_faded_frame_is_that_share_of_the_relit_one_bit_for_bit(share, grade):
    rgb, box, scale = noise(48, 64), Box(0, 0, 64, 48), np.float32(2.0**share)
    rgb[:9], rgb[20, 30] = 0, (0.5, -0.01, 0)
    canvas = Canvas.fit(box, 32)
    stops = np.random.default_rng(1).normal(0, 2, (24, 32, 3)).astype(np.float32)
    whole, faded = (relit(Level(x), box, canvas, light_on(x, canvas, box, stops, grade)) for x in (rgb, rgb * scale))
    np.testing.assert_array_equal(faded, whole * scale)
    assert not whole[:9].any()


def test_alpha_edges_are_the_relit_picture_premultiplied():
    straight, box = noise(32, 64), Box(0, 0, 64, 32)
    straight[:] = straight.mean()
    alpha = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32), (32, 64)).copy()
    canvas = Canvas.fit(box, 64)
    premultiplied = straight * alpha[..., None]
    gain = light_on(premultiplied, canvas, box, np.full((32, 64, 3), 3, np.float32), alpha=alpha)
    np.testing.assert_allclose(relit(Level(premultiplied, alpha), box, canvas, gain), 8 * premultiplied, rtol=1e-5)


def spread(values):
    return float(np.std(values))


@pytest.mark.parametrize("kind", ["around zero", "clipped"])
@pytest.mark.parametrize("stops", [-8, 0, 8])
def test_noise_without_light_is_not_raised(kind, stops):
    box, canvas = Box(0, 0, 256, 160), Canvas.fit(Box(0, 0, 256, 160), 128)
    grain = np.random.default_rng(0).normal(0, 1e-3 * 2.0**stops, (160, 256, 3)).astype(np.float32)
    grain = np.maximum(grain, 0) if kind == "clipped" else grain
    seen = proxy_frame(canvas, 1, Level(grain), box)
    gain = Gain.on(seen, np.full((80, 128, 3), 3, np.float32), np.zeros(3, np.float32))
    assert spread(relit(Level(grain), box, canvas, gain)) < 1.6 * spread(grain)  # of 8


def test_noise_in_the_blacks_of_a_picture_is_not_raised_and_the_picture_is_lit():
    box, canvas = Box(0, 0, 256, 160), Canvas.fit(Box(0, 0, 256, 160), 128)
    rgb = np.random.default_rng(0).normal(0, 1e-4, (160, 256, 3)).astype(np.float32)
    rgb[:, 128:] += make_shot(size=(128, 160), frames=[1]).plate[1]
    seen = proxy_frame(canvas, 1, Level(rgb), box)
    gain = Gain.on(seen, np.full((80, 128, 3), 3, np.float32), np.zeros(3, np.float32))
    result = relit(Level(rgb), box, canvas, gain)
    assert spread(result[:, :112]) < 1.1 * spread(rgb[:, :112])
    np.testing.assert_allclose(result[:, 144:], 8 * rgb[:, 144:], rtol=0.02)


@given(x=st.integers(-20, 20), scale=st.sampled_from([1, 2, 4]))
def test_a_mip_level_gets_the_light_of_its_place(x, scale):
    box = Box(x, 0, 64, 32)
    canvas = Canvas(Box(0, 0, 64, 32), 64, 32)
    ramp = np.broadcast_to(np.arange(64, dtype=np.float32)[None, :, None] / 32, (32, 64, 3))
    level = np.full((32 // scale, 64 // scale, 3), MID_GREY, np.float32)
    zeros = np.zeros((32, 64), np.float32)
    flat = Gain(1, ramp, np.zeros(3, np.float32), zeros, zeros)
    place = np.clip(x + (np.arange(64 // scale) + 0.5) * scale - 0.5, 0, 63)
    result = stops_of(Level(level), box, canvas, flat)
    np.testing.assert_allclose(result[5, :, 1], place / 32, atol=1e-5)
