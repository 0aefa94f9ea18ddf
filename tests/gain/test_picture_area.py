import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.gain.picture_area import seen_area
from relumix.shot.box import Box

DISPLAY = Box(0, 0, 160, 90)


class Level:
    def __init__(self, rgb):
        self.rgb, self.alpha = rgb, None


def framed(data, *held, value=0.3):
    """Pixels of a data window that are black but for the boxes held."""
    rgb = np.zeros((data.height, data.width, 3), np.float32)
    for box in held:
        rgb[box.slices_in(data)] = value
    return Level(rgb)


@given(x=st.integers(-40, 0), y=st.integers(-20, 0), width=st.integers(1, 200), height=st.integers(1, 110))
def test_overscan_and_crops_are_seen_whole(x, y, width, height):
    data = Box(x, y, width, height)
    assert seen_area(framed(data), data, DISPLAY) == DISPLAY.union(data)


@pytest.mark.parametrize("data", [Box(-560, -315, 1280, 720), Box(-1000, 0, 1300, 90), Box(0, -500, 160, 700)])
def test_black_far_beyond_the_frame_is_not_seen(data):
    assert seen_area(framed(data, DISPLAY), data, DISPLAY) == DISPLAY
    assert seen_area(framed(data), data, DISPLAY) == DISPLAY


def test_picture_beyond_the_frame_is_seen_with_room_around_it():
    data = Box(-560, -315, 1280, 720)
    assert seen_area(framed(data, data), data, DISPLAY) == data
    seen = seen_area(framed(data, DISPLAY, Box(300, 0, 200, 90)), data, DISPLAY)
    assert seen.contains(Box(0, 0, 500, 90))
    assert seen.width < 600
    assert seen.height < 110


@pytest.mark.parametrize("value", [np.nan, np.inf, 3.4e38, -3.4e38, 40.0])
@pytest.mark.filterwarnings("error")
def test_lost_pixels_and_noise_are_no_picture(value):
    data = Box(-560, -315, 1280, 720)
    level = framed(data, DISPLAY)
    level.rgb += np.random.default_rng(0).normal(0, 1e-3, level.rgb.shape).astype(np.float32)
    level.rgb[5, 7] = level.rgb[-3, -9] = value
    assert seen_area(level, data, DISPLAY) == DISPLAY


def test_a_picture_beside_the_frame_is_seen():
    data, held = Box(200, 200, 1000, 1000), Box(300, 400, 100, 50)
    seen = seen_area(framed(data, held), data, DISPLAY)
    assert seen.contains(DISPLAY)
    assert seen.contains(held)
    assert seen.right < 420
