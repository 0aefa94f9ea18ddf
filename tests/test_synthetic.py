"""The synthetic shots keep their word: what they call known is what their pixels show."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.synthetic import MID_GREY, SyntheticShot, grade_light, make_shot, relit, shadow_light, smooth_light


def fetch(shot: SyntheticShot, frame: int, other: int) -> np.ndarray:
    """The plate of `other` in stops, brought to `frame` along the motion."""
    y, x = np.indices(shot.on_square[frame].shape, dtype=np.float32)
    place = np.stack([x, y], axis=-1) + shot.motion(frame, other).astype(np.float32)
    return cv2.remap(np.log2(shot.plate[other]), place, None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)


def erode(mask: np.ndarray) -> np.ndarray:
    """The mask without what interpolation would mix with pixels outside it."""
    return cv2.erode(mask.astype(np.uint8), np.ones((9, 9)), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0


def test_a_shot_is_what_was_asked_for():
    shot = make_shot(size=(40, 30), frames=[-2, 0, 5])
    assert shot.frames == [-2, 0, 5]
    for values in (shot.plate, shot.truth, shot.stops):
        assert {(image.shape, image.dtype.name) for image in values.values()} == {((30, 40, 3), "float32")}


def test_one_seed_one_shot():
    one, same, another = (make_shot(grain_stops=0.1, square_px=16, seed=seed) for seed in (4, 4, 5))
    for frame in one.frames:
        np.testing.assert_array_equal(one.plate[frame], same.plate[frame])
        assert np.abs(one.plate[frame] - another.plate[frame]).max() > MID_GREY / 4


def test_a_frame_does_not_depend_on_the_others_asked_for():
    whole, part = make_shot(grain_stops=0.1), make_shot(grain_stops=0.1, frames=[1001, 1004])
    np.testing.assert_array_equal(whole.plate[1004], part.plate[1004])


@pytest.mark.parametrize("exposure_stops", [-2.0, 0.0, 3.0])
def test_exposure_is_around_mid_grey_with_highlights_above_one(exposure_stops: float):
    plate = make_shot(size=(96, 64), exposure_stops=exposure_stops).plate[1001] / 2**exposure_stops
    assert MID_GREY / 2 < np.median(plate) < MID_GREY * 2
    assert plate.min() > 0
    assert plate.max() > 1


def test_whole_pixels_pan_exactly():
    shot = make_shot(pan=(2, -1))
    np.testing.assert_allclose(shot.plate[1001][:-1, 2:], shot.plate[1002][1:, :-2], rtol=1e-5)
    np.testing.assert_allclose(shot.stops[1001][:-1, 2:], shot.stops[1002][1:, :-2], atol=1e-5)


@pytest.mark.parametrize("pan", [(2.0, 0.0), (0.5, 0.25), (-1.75, 1.5)])
@pytest.mark.parametrize("square_px", [0, 28])
def test_motion_and_seen_hold_for_the_pixels(pan: tuple[float, float], square_px: int):
    shot = make_shot(size=(96, 64), pan=pan, square_px=square_px, square_step=(-2.5, 0.5))
    frame, other = 1006, 1003
    seen, on_square = shot.seen(frame, other), shot.on_square[frame]
    inner = erode(seen & on_square) | erode(seen & ~on_square)
    error_stops = np.abs(fetch(shot, frame, other) - np.log2(shot.plate[frame]))
    assert inner.mean() > 0.2
    assert error_stops[inner].max() < 0.15
    assert error_stops.max() > 0.5


def test_the_square_hides_and_uncovers_the_plane():
    shot = make_shot(square_px=20, pan=(0, 0), square_step=(-4, 0))
    hidden = ~shot.seen(1008, 1001)
    np.testing.assert_array_equal(hidden, shot.on_square[1001] & ~shot.on_square[1008])
    assert hidden.sum() == 20 * 20
    assert shot.on_square[1004].sum() == 20 * 20


def test_without_a_square_there_is_none():
    assert not any(mask.any() for mask in make_shot().on_square.values())


def test_what_leaves_the_picture_is_not_seen():
    seen = make_shot(pan=(2, 0)).seen(1002, 1001)
    assert not seen[:, -2:].any()
    assert seen[:, :-2].all()


@pytest.mark.parametrize("alpha", [False, True])
def test_truth_is_the_plate_times_its_light(alpha: bool):
    shot = make_shot(square_px=16, grain_stops=0.2, alpha=alpha)
    for frame in shot.frames:
        expected = shot.plate[frame][..., :3] * np.exp2(shot.stops[frame])
        np.testing.assert_array_equal(shot.truth[frame][..., :3], expected)
        np.testing.assert_array_equal(shot.truth[frame][..., 3:], shot.plate[frame][..., 3:])


def test_light_stays_on_its_surface():
    shot = make_shot(square_px=20, pan=(1, 0), square_step=(-3, 1))
    frame, other = 1005, 1002
    y, x = np.indices(shot.on_square[frame].shape)
    dx, dy = np.moveaxis(shot.motion(frame, other).astype(int), -1, 0)
    seen = shot.seen(frame, other)
    there = shot.stops[other][(y + dy)[seen], (x + dx)[seen]]
    np.testing.assert_allclose(shot.stops[frame][seen], there, atol=1e-5)


def test_lights():
    shot_of = {
        "smooth": make_shot(light=smooth_light((64, 48), spread_stops=2)),
        "shadow": make_shot(light=shadow_light(36, edge_px=2)),
        "grade": make_shot(light=grade_light(2, 1, 0.5)),
    }
    assert 1 < np.ptp(shot_of["smooth"].stops[1001]) <= 4
    assert np.abs(np.diff(shot_of["smooth"].stops[1001], axis=1)).max() < 0.2
    assert np.abs(np.diff(shot_of["shadow"].stops[1001], axis=1)).max() > 1
    np.testing.assert_array_equal(shot_of["grade"].stops[1008], np.broadcast_to([1, 0, -1], (48, 64, 3)))


def test_light_changes_linearly_in_stops_between_the_references():
    shot = make_shot(light=grade_light(1), light_end=grade_light(4), references=(1003, 1007))
    found = [float(shot.stops[frame].mean()) for frame in shot.frames]
    np.testing.assert_allclose(found, [0, 0, 0, 0.5, 1, 1.5, 2, 2], atol=1e-6)


def test_grain_is_of_the_strength_asked_for_and_new_in_each_frame():
    clean, grained = make_shot(pan=(0, 0)), make_shot(pan=(0, 0), grain_stops=0.1)
    grain = [np.log2(grained.plate[frame] / clean.plate[frame]) for frame in (1001, 1002)]
    assert np.std(grain[0]) == pytest.approx(0.1, rel=0.1)
    assert abs(np.corrcoef(grain[0].ravel(), grain[1].ravel())[0, 1]) < 0.1
    np.testing.assert_array_equal(grained.stops[1001], clean.stops[1001])


def test_alpha_is_premultiplied():
    plain, matted = make_shot().plate[1001], make_shot(alpha=True).plate[1001]
    alpha = matted[..., 3:]
    assert (alpha.min(), alpha.max()) == (0, 1)
    assert ((alpha > 0) & (alpha < 1)).any()
    np.testing.assert_array_equal(matted[..., :3], plain * alpha)


def test_bad_pixels_are_counted_and_alike_in_plate_and_truth():
    shot = make_shot(bad_pixels=7, alpha=True)
    for frame in shot.frames:
        bad = ~np.isfinite(shot.plate[frame][..., :3]).all(axis=-1)
        assert bad.sum() == 7
        np.testing.assert_array_equal(shot.plate[frame][bad], shot.truth[frame][bad])
        assert np.isfinite(shot.plate[frame][..., 3]).all()
    assert np.isnan(shot.plate[1001]).any()
    assert np.isposinf(shot.plate[1001]).any()
    assert np.isneginf(shot.plate[1001]).any()


def test_relit_leaves_the_plate_alone():
    plate = np.ones((2, 2, 4), np.float32)
    result = relit(plate, np.ones((2, 2, 3), np.float32))
    np.testing.assert_array_equal(result[0, 0], [2, 2, 2, 1])
    assert (plate == 1).all()
