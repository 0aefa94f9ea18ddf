import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.evaluate.charts import HEIGHT_PX, WIDTH_PX, curve

FRAMES = st.lists(st.integers(-100, 12000), min_size=1, max_size=40, unique=True).map(sorted)
VALUES = st.one_of(st.none(), st.floats(-1e6, 1e6, allow_nan=False))


def elements(svg, kind):
    return [e for e in ET.fromstring(svg).iter() if e.get("class") == kind]


@given(st.data(), FRAMES)
def test_every_value_is_a_point_inside_the_chart(data, frames):
    values = data.draw(st.lists(VALUES, min_size=len(frames), max_size=len(frames)))
    svg = curve(frames, values, unit="dB", decimals=2)
    points = elements(svg, "point")
    assert len(points) == sum(v is not None for v in values)
    for point in points:
        assert 0 < float(point.get("cx")) < WIDTH_PX
        assert 0 < float(point.get("cy")) < HEIGHT_PX
    assert len(elements(svg, "grid")) <= 9


def test_points_tell_frame_and_value_and_lie_higher_for_more():
    svg = curve([1001, 1002], [20.123, 25.0], unit="dB", decimals=2)
    assert re.findall("<title>(.*?)</title>", svg) == ["frame 1001: 20.12 dB", "frame 1002: 25.00 dB"]
    low, high = (float(point.get("cy")) for point in elements(svg, "point"))
    assert high < low


def test_the_line_breaks_where_there_is_no_value():
    svg = curve([1, 2, 3, 4, 5], [1, 2, None, 3, 4], unit="", decimals=1)
    assert len(elements(svg, "curve")) == 2


def test_references_are_marked():
    svg = curve([2, 3], [1, 2], unit="", decimals=1, marks=[1])
    assert len(elements(svg, "mark")) == 1
    assert "frame 1: reference, not scored" in svg


@pytest.mark.parametrize("value", [0.0, 1e-12, 100.0])
def test_a_flat_line_has_an_axis(value):
    ticks = [t.text for t in elements(curve([1, 2], [value, value], unit="", decimals=4), "tick")]
    assert len(ticks) >= 3 + 2
    assert len(set(ticks)) == len(ticks)
    assert not any(tick.startswith("-") for tick in ticks)
