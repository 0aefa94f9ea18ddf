import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.color.rec709 import LUMINANCE
from relumix.gain.downsample import Canvas, light, proxy_frame, proxy_reference
from relumix.gain.log_gain import MID_GREY
from relumix.shot.box import Box


class Level:
    def __init__(self, rgb, alpha=None):
        self.rgb, self.alpha = rgb, alpha


def noise(height, width, seed=0):
    return (MID_GREY * np.exp2(np.random.default_rng(seed).normal(0, 1, (height, width, 3)))).astype(np.float32)


@pytest.mark.parametrize(
    ("window", "work_size", "size"),
    [
        ((1920, 1080), 960, (960, 540)),
        ((640, 360), 960, (640, 360)),
        ((100, 3000), 500, (17, 500)),
        ((5000, 1), 64, (64, 1)),
    ],
)
def test_the_long_edge_is_the_work_size_and_nothing_is_enlarged(window, work_size, size):
    canvas = Canvas.fit(Box(0, 0, *window), work_size)
    assert (canvas.width, canvas.height) == size


@given(stops=st.floats(-40, 40))
def test_exposure_brings_the_median_to_mid_grey(stops):
    rgb, box = noise(40, 60) * np.float32(2.0**stops), Box(0, 0, 60, 40)
    seen = proxy_frame(Canvas.fit(box, 64), 1, Level(rgb), box)
    assert np.median(seen.rgb @ LUMINANCE) == pytest.approx(MID_GREY, rel=1e-4)
    np.testing.assert_allclose(seen.rgb, rgb * np.float32(seen.exposure), rtol=1e-6)


@given(share=st.integers(-40, 40))
def test_a_fade_changes_nothing_of_what_is_seen(share):
    rgb, box = noise(40, 60), Box(0, 0, 60, 40)
    canvas = Canvas.fit(box, 30)
    whole, faded = (proxy_frame(canvas, 1, Level(each), box) for each in (rgb, rgb * np.float32(2.0**share)))
    np.testing.assert_array_equal(faded.rgb, whole.rgb)
    assert faded.exposure == whole.exposure * 2.0**-share
    assert faded.noise == whole.noise


@given(scale=st.floats(2**-8, 2**8, width=16), seed=st.integers(0, 99), alpha=st.booleans())
def test_any_exposure_that_float32_holds_exactly_has_the_same_proxy_to_the_last_bit(scale, seed, alpha):
    whole, lit = (noise(40, 60, seed + i).astype(np.float16).astype(np.float32) for i in (0, 100))
    matte = np.linspace(0, 1, 60, dtype=np.float32) * np.ones((40, 1), np.float32) if alpha else None
    whole[:7], whole[9, 9] = 0, np.nan
    box = Box(0, 0, 60, 40)
    canvas, known = Canvas(box, 60, 40), np.ones((40, 60), bool)
    plain, scaled = (
        proxy_reference(canvas, 1, Level(whole * k, matte), box, lit * k, known)[0] for k in np.float32([1, scale])
    )
    for name in ("rgb", "known", "gain_stops", "lit"):
        np.testing.assert_array_equal(getattr(scaled, name), getattr(plain, name))


def test_a_black_frame_has_exposure_one():
    box = Box(0, 0, 64, 64)
    seen = proxy_frame(Canvas.fit(box, 64), 1, Level(np.zeros((64, 64, 3), np.float32)), box)
    assert (seen.exposure, seen.noise, seen.black) == (1, 0, True)


def test_a_data_window_lands_in_its_place_and_the_rest_is_unseen():
    canvas = Canvas(Box(0, 0, 64, 64), 32, 32)
    seen = proxy_frame(canvas, 7, Level(np.full((20, 10, 3), 0.5, np.float32)), Box(40, 8, 10, 20))
    assert seen.frame == 7
    np.testing.assert_array_equal(np.argwhere(seen.known > 0).min(0), [4, 20])
    np.testing.assert_array_equal(np.argwhere(seen.known > 0).max(0), [13, 24])
    np.testing.assert_allclose(seen.rgb, MID_GREY, rtol=1e-5)  # unseen pixels take after their surroundings


def test_overscan_beyond_the_canvas_is_left_out():
    rgb = noise(100, 100)
    canvas = Canvas(Box(10, 20, 64, 64), 64, 64)
    seen = proxy_frame(canvas, 1, Level(rgb), Box(0, 0, 100, 100))
    np.testing.assert_array_equal(seen.rgb, (rgb[20:84, 10:74].astype(float) * seen.exposure).astype(np.float32))
    cropped = proxy_frame(canvas, 1, Level(rgb[20:84, 10:74]), canvas.window)
    assert (seen.exposure, seen.noise) == (cropped.exposure, cropped.noise)


def test_bad_pixels_are_unseen_and_their_neighbours_are_not_touched():
    rgb, box = noise(64, 64), Box(0, 0, 64, 64)
    spoilt = rgb.copy()
    spoilt[10, 12] = np.nan, 1, np.inf
    clean, seen = (proxy_frame(Canvas.fit(box, 64), 1, Level(x), box) for x in (rgb, spoilt))
    bad = np.zeros((64, 64), bool)
    bad[10, 12] = True
    np.testing.assert_array_equal(seen.known == 0, bad)
    np.testing.assert_allclose(seen.rgb[~bad], clean.rgb[~bad], rtol=1e-3)  # one less to the median
    assert np.isfinite(seen.rgb).all()


def test_alpha_is_divided_out_over_the_average():
    alpha = np.zeros((64, 64), np.float32)
    alpha[:, ::2] = 0.25
    rgb = np.full((64, 64, 3), 0.8, np.float32) * alpha[..., None]
    canvas = Canvas(Box(0, 0, 64, 64), 16, 16)
    seen = proxy_frame(canvas, 1, Level(rgb, alpha), canvas.window)
    np.testing.assert_allclose(seen.rgb, MID_GREY, rtol=1e-5)
    assert seen.exposure == pytest.approx(MID_GREY / 0.8)
    np.testing.assert_allclose(seen.known, 0.125, rtol=1e-5)


@given(gains=st.tuples(*[st.floats(0.05, 20)] * 3), half=st.booleans())
def test_a_grade_is_all_grade_and_no_local_gain(gains, half):
    rgb, box = noise(48, 64), Box(0, 0, 64, 48)
    relit = rgb * np.array(gains, np.float32)
    relit = relit.astype(np.float16).astype(np.float32) if half else relit
    canvas = Canvas.fit(box, 64)
    light, grade = proxy_reference(canvas, 1, Level(rgb), box, relit, np.ones((48, 64), bool))
    np.testing.assert_allclose(grade, np.log2(gains), atol=1e-4)
    np.testing.assert_allclose(light.gain_stops - grade, 0, atol=2**-10 if half else 1e-5)


def test_unknown_parts_of_a_reference_are_filled_from_its_surroundings():
    rgb, box = noise(48, 64), Box(0, 0, 64, 48)
    known = np.ones((48, 64), bool)
    known[10:20, 10:20] = False
    relit = rgb * np.where(known, 2, 50)[..., None].astype(np.float32)
    light, grade = proxy_reference(Canvas.fit(box, 64), 1, Level(rgb), box, relit, known)
    np.testing.assert_allclose(light.gain_stops, 1, atol=1e-4)
    np.testing.assert_allclose(grade, 1, atol=1e-5)
    np.testing.assert_array_equal(light.lit == 0, ~known)


def test_black_of_the_plate_says_nothing_of_the_gain():
    rgb, box = noise(48, 64), Box(0, 0, 64, 48)
    rgb[:8] = 0
    relit = rgb * 2
    relit[:4] = 0.3  # lifted blacks, or a title
    seen, grade = proxy_reference(Canvas.fit(box, 64), 1, Level(rgb), box, relit, np.ones((48, 64), bool))
    np.testing.assert_array_equal(seen.lit == 0, rgb[..., 0] == 0)
    np.testing.assert_allclose(seen.gain_stops, 1, atol=1e-4)
    np.testing.assert_allclose(grade, 1, atol=1e-5)


NO_LIGHT = [np.inf, -np.inf, np.nan, 3.4e38, -3.4e38, 1e37, -1e30, 1e9, -50.0]


@pytest.mark.parametrize("value", NO_LIGHT)
@pytest.mark.parametrize("stops", [-8, 0, 8])
@pytest.mark.filterwarnings("error")
def test_values_that_no_light_has_are_unseen_as_nan_is(value, stops):
    rgb, box = noise(64, 64), Box(0, 0, 64, 64)
    rgb *= np.float32(2.0**stops)
    spoilt, gone = rgb.copy(), rgb.copy()
    spoilt[10, 12, 1] = value if abs(value) > 1e9 else value * 2.0**stops
    gone[10, 12, 1] = np.nan
    canvas = Canvas.fit(box, 16)
    seen, without = (proxy_frame(canvas, 1, Level(each), box) for each in (spoilt, gone))
    np.testing.assert_array_equal(seen.rgb, without.rgb)
    np.testing.assert_array_equal(seen.known, without.known)
    assert (seen.exposure, seen.noise) == (without.exposure, without.noise)
    known = np.ones((64, 64), bool)
    lights = [proxy_reference(canvas, 1, Level(rgb), box, each, known)[0] for each in (spoilt, gone)]
    np.testing.assert_array_equal(lights[0].gain_stops, lights[1].gain_stops)


def test_highlights_and_ringing_are_light():
    rgb = np.full((4, 4, 3), MID_GREY, np.float32)
    rgb[0, 0], rgb[1, 1] = 65504, -0.5
    assert light(rgb, MID_GREY).all()
    assert light(rgb * np.float32(2.0**-20), MID_GREY * 2.0**-20).all()


def test_a_reference_without_a_known_pixel_is_no_light():
    rgb, box = noise(48, 64), Box(0, 0, 64, 48)
    light, grade = proxy_reference(Canvas.fit(box, 64), 1, Level(rgb), box, rgb * 3, np.zeros((48, 64), bool))
    assert not light.gain_stops.any()
    assert not grade.any()
