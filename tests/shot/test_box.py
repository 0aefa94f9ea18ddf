import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.shot.box import Box

boxes = st.builds(Box, st.integers(-20, 20), st.integers(-20, 20), st.integers(0, 15), st.integers(0, 15))


def pixels(box: Box) -> set[tuple[int, int]]:
    return {(x, y) for x in range(box.x, box.right) for y in range(box.y, box.bottom)}


@given(boxes, boxes)
def test_intersection_holds_the_pixels_of_both(one: Box, other: Box) -> None:
    assert pixels(one.intersect(other)) == pixels(one) & pixels(other)


@given(boxes, boxes)
def test_union_is_the_smallest_box_around_both(one: Box, other: Box) -> None:
    union, both = one.union(other), pixels(one) | pixels(other)
    assert both <= pixels(union)
    if both:
        columns, rows = zip(*both, strict=True)
        assert (union.x, union.right) == (min(columns), max(columns) + 1)
        assert (union.y, union.bottom) == (min(rows), max(rows) + 1)


@given(boxes, boxes)
def test_contains_is_a_subset_of_pixels(one: Box, other: Box) -> None:
    assert one.contains(other) == (pixels(other) <= pixels(one))


@given(boxes, boxes)
def test_slices_copy_what_overlaps_and_nothing_else(canvas_box: Box, box: Box) -> None:
    canvas = np.zeros((canvas_box.height, canvas_box.width), int)
    own = 1 + np.arange(box.width * box.height).reshape(box.height, box.width)
    canvas[box.slices_in(canvas_box)] = own[canvas_box.slices_in(box)]
    for x, y in pixels(canvas_box):
        expected = own[y - box.y, x - box.x] if (x, y) in pixels(box) else 0
        assert canvas[y - canvas_box.y, x - canvas_box.x] == expected


def test_text_is_that_of_x11_geometry() -> None:
    assert str(Box(-20, 5, 640, 360)) == "640x360-20+5"


def test_negative_size_is_refused() -> None:
    with pytest.raises(ValueError, match="a box of -1x2 pixels: expected a width and height of 0 or more"):
        Box(0, 0, -1, 2)
