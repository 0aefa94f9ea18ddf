"""`--transfer direct`: an engine's pixels at full size."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.gain.direct_transfer import DirectTransfer, shown_under, stops_between, stops_to
from relumix.gain.downsample import Canvas, proxy_frame
from relumix.gain.log_gain import MID_GREY
from relumix.gain.relight import relight
from relumix.gain.transfer import Gain, black_offset
from relumix.shot.box import Box

HEIGHT, WIDTH = 96, 128
BOX = Box(0, 0, WIDTH, HEIGHT)
HALF = Canvas(BOX, WIDTH // 2, HEIGHT // 2)


class Level:
    def __init__(self, rgb, alpha=None):
        self.rgb, self.alpha = rgb, alpha


def noise(height=HEIGHT, width=WIDTH, seed=0, spread=1.0):
    stops = np.random.default_rng(seed).normal(0, spread, (height, width, 3))
    return (MID_GREY * np.exp2(stops)).astype(np.float32)


def stripes(along):
    """Light that rises and falls by a stop every 16 pixels, the same in all channels."""
    wave = np.sin(np.indices((HEIGHT, WIDTH))[along] * (2 * np.pi / 16))
    return np.repeat((MID_GREY * np.exp2(wave))[..., None], 3, -1).astype(np.float32)


def relit(rgb, shown, canvas=HALF, box=BOX, *, alpha=None, grade=0.0):
    """The full-size result of an engine that shows `shown` [h, w, 3], without the grade, at the canvas' size."""
    seen = proxy_frame(canvas, 1, Level(rgb, alpha), box)
    grade = np.full(3, grade, np.float32)
    gain = Gain.on(seen, stops_to(seen.rgb, shown) + grade, grade)
    return relight(DirectTransfer(canvas), gain, Level(rgb, alpha), box, keep_gain=True)


def direct(*args, **options):
    return relit(*args, **options).pixels


def as_seen(rgb, canvas=HALF, box=BOX, alpha=None):
    return proxy_frame(canvas, 1, Level(rgb, alpha), box).rgb


def halved(rgb):
    return cv2.resize(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2), interpolation=cv2.INTER_AREA)


@given(width=st.integers(1, 90), height=st.integers(1, 70), work=st.integers(8, 96), stops=st.floats(-4, 4))
@settings(max_examples=30)
def test_an_engine_that_shows_the_plate_gives_the_plate(width, height, work, stops):
    rgb, box = noise(height, width, spread=3), Box(0, 0, width, height)
    canvas = Canvas.fit(box, work)
    result = direct(rgb, as_seen(rgb, canvas, box), canvas, box, grade=stops)
    np.testing.assert_allclose(result, rgb * np.exp2(np.float32(stops)), rtol=1e-3, atol=1e-5)


@given(seed=st.integers(0, 99), exposure=st.floats(0.01, 100))
@settings(max_examples=20)
def test_at_the_working_size_it_is_what_is_shown(seed, exposure):
    rgb, shown = noise(seed=seed) / np.float32(exposure), noise(seed=seed + 1, spread=3)
    canvas = Canvas(BOX, WIDTH, HEIGHT)
    exposed = direct(rgb, shown, canvas) * np.float32(proxy_frame(canvas, 1, Level(rgb), BOX).exposure)
    np.testing.assert_allclose(exposed, shown, rtol=1e-3, atol=1e-5)


def test_content_that_was_replaced_comes_through_without_the_plates_own():
    plate, other = stripes(0), stripes(1)
    grainy = plate * np.exp2(np.random.default_rng(0).normal(0, 0.5, plate.shape)).astype(np.float32)
    result = direct(grainy, halved(other))
    # What is left of a plate that has nothing in common with it is a tenth of a stop, where its detail had half of one.
    assert np.abs(np.log2(result / other)).mean() < 0.15
    assert np.abs(np.log2(grainy / plate)).mean() > 0.35


def test_fine_detail_is_added_back_where_both_agree():
    coarse = stripes(1)
    texture = np.exp2(np.random.default_rng(1).normal(0, 0.2, coarse.shape)).astype(np.float32)
    plate = coarse * texture
    result = direct(plate, 3 * as_seen(plate))
    np.testing.assert_allclose(np.log2(result / plate), np.log2(3), atol=0.1)
    # Interpolated alone it would have none of it.
    assert np.abs(np.log2(cv2.resize(3 * as_seen(plate), (WIDTH, HEIGHT)) / plate) - np.log2(3)).mean() > 0.1


def test_highlights_are_shown_and_kept():
    shown = np.full((HEIGHT // 2, WIDTH // 2, 3), 0.2, np.float32)
    shown[10:20, 10:20] = 180
    assert (direct(noise(), shown) * np.float32(proxy_frame(HALF, 1, Level(noise()), BOX).exposure))[
        24:36, 24:36
    ].min() > 100
    bright = noise()
    bright[20:40, 20:40] *= 4000
    np.testing.assert_allclose(direct(bright, as_seen(bright)), bright, rtol=1e-3)


def test_premultiplied_plates_stay_so():
    straight = noise()
    alpha = np.repeat(np.linspace(0, 1, WIDTH, dtype=np.float32)[None], HEIGHT, 0)
    rgb = straight * alpha[..., None]
    result = direct(rgb, as_seen(rgb, alpha=alpha), alpha=alpha)
    np.testing.assert_array_equal(result[:, 0], 0)
    np.testing.assert_allclose(result, rgb, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("window", [Box(0, 0, 128, 96), Box(-16, 8, 160, 80), Box(40, 30, 64, 32)])
def test_data_windows_and_mip_levels_lie_where_they_belong(window):
    columns = MID_GREY * np.exp2(np.arange(window.x, window.x + window.width) / 64)
    rgb = np.ascontiguousarray(np.broadcast_to(columns[None, :, None], (window.height, window.width, 3)), np.float32)
    seen = proxy_frame(HALF, 1, Level(rgb), window)
    gain = Gain.on(seen, stops_to(seen.rgb, 2 * seen.rgb), np.zeros(3, np.float32))
    inside = window.intersect(BOX).slices_in(window)
    whole = relight(DirectTransfer(HALF), gain, Level(rgb), window).pixels
    np.testing.assert_allclose(whole[inside], 2 * rgb[inside], rtol=0.03)
    small = relight(DirectTransfer(HALF), gain, Level(halved(rgb)), window).pixels
    np.testing.assert_allclose(small, halved(whole), rtol=0.03)


def test_the_gain_map_makes_the_result_of_the_plate():
    rgb = noise()
    result = relit(rgb, noise(HEIGHT // 2, WIDTH // 2, seed=1))
    offset = black_offset(None, proxy_frame(HALF, 1, Level(rgb), BOX).exposure)
    again = (rgb + offset) * np.exp2(result.gain_stops) - offset
    np.testing.assert_allclose(again, result.pixels, rtol=1e-3, atol=1e-5)


def test_direct_stops_are_undone():
    random = np.random.default_rng(3)
    plate, shown = random.uniform(0, 9, (2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(shown_under(plate, stops_to(plate, shown)), shown, rtol=1e-4, atol=1e-5)


def test_where_alpha_has_nothing_there_is_no_gain():
    plate = np.zeros((2, 2, 3), np.float32)
    plate[0] = 0.2
    offset = np.array([[[0.01], [0.01]], [[0.0], [0.0]]], np.float32)
    stops = stops_between(plate, plate * 2, offset)
    assert np.isfinite(stops).all() and (stops[1] == 0).all() and (stops[0] > 0.9).all()
