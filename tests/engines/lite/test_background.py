"""How the picture moves because the camera does."""

import cv2
import numpy as np
import pytest

from relumix.engines.flow.correspondence import Track
from relumix.engines.lite.background import background

HEIGHT, WIDTH = 96, 160


def track_of(there: np.ndarray, lost: np.ndarray | None = None) -> Track:
    """A track whose way back is right, but for what is lost."""
    where = there + np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1)
    corners = np.float32([[0, 0], [WIDTH - 1, 0], [0, HEIGHT - 1], [WIDTH - 1, HEIGHT - 1]])
    ends = np.float32([where[int(y), int(x)] for x, y in corners])
    back = homography(cv2.getPerspectiveTransform(ends, corners))
    if lost is not None:
        back[lost] += 50
    return Track(there.astype(np.float32), back, 0.0)


def homography(matrix: np.ndarray) -> np.ndarray:
    grid = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1).astype(np.float32)
    return cv2.perspectiveTransform(grid.reshape(-1, 1, 2), matrix).reshape(grid.shape) - grid


@pytest.mark.parametrize(
    "camera",
    [
        np.eye(3),
        np.array([[1, 0, 6.5], [0, 1, -3], [0, 0, 1]]),
        np.array([[1.02, 0.03, -4], [-0.02, 0.99, 2], [2e-5, -3e-5, 1]]),
    ],
)
def test_a_camera_that_stands_or_turns_is_found_though_things_move(camera):
    there = homography(camera)
    moving = there.copy()
    moving[30:70, 50:110] += (9, 4)  # as well tracked, and not of the background
    found = background(track_of(moving))
    assert np.abs(found - there).max() < 0.1


def test_where_hardly_anything_is_seen_nothing_has_moved():
    there = homography(np.array([[1, 0, 6.5], [0, 1, -3], [0, 0, 1]]))
    assert not background(track_of(there, np.ones((HEIGHT, WIDTH), bool))).any()


@pytest.mark.parametrize("shape", [(1, 1), (4, 200)])
def test_tiny_pictures_have_one_too(shape):
    still = np.zeros((*shape, 2), np.float32)
    assert background(Track(still, still, 0.0)).shape == (*shape, 2)


def test_what_is_found_is_finite_and_no_longer_than_the_picture():
    there = np.random.default_rng(3).normal(0, 200, (HEIGHT, WIDTH, 2)).astype(np.float32)
    found = background(Track(there, -there, 0.0))
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= WIDTH
