"""The map of colours: a ladder from no change over known grades to other content."""

from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.color.rec709 import LUMINANCE, srgb_encode
from relumix.reference.match.color_map import MOST_LOCAL_STOPS, ColorMap, Palette

PLATES = Path(__file__).resolve().parents[4] / "shared/plates"
EXAMPLE = Path(__file__).resolve().parents[3] / "examples/shot"


def scene(seed=0, shape=(48, 64)):
    """A picture of some surfaces under a light that falls off, with grain."""
    random = np.random.default_rng(seed)
    colours = random.uniform(0.05, 0.8, (12, 3))
    cells = cv2.resize(random.integers(0, 12, (6, 8)).astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST)
    fall = np.exp2(np.linspace(-3, 1, shape[1]))[None, :, None] * random.uniform(0.9, 1.1, (*shape, 3))
    return (colours[cells] * fall).astype(np.float32)


def fitted(plate, other):
    return ColorMap.fit(*(Palette.of(each.reshape(-1, 3)) for each in (plate, other)))


def test_a_picture_is_matched_to_itself_by_no_change_at_all():
    plate = scene()
    np.testing.assert_array_equal(np.exp2(fitted(plate, plate).gain(plate)), np.ones_like(plate))


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=3, max_size=3), st.integers(0, 9))
def test_a_plain_grade_is_given_back(stops, seed):
    plate = scene(seed)
    gain = fitted(plate, plate * np.exp2(np.float32(stops))).gain(plate)
    np.testing.assert_allclose(gain, np.broadcast_to(np.float32(stops), gain.shape), atol=1e-3)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(0.75, 1.33), min_size=3, max_size=3), st.floats(-2, 2), st.integers(0, 9))
def test_a_contrast_of_each_channel_is_given_back(power, stops, seed):
    """Within 0.1 stops, mean over the picture."""
    plate = scene(seed)
    graded = 0.18 * (plate / 0.18) ** np.float32(power) * np.float32(2**stops)
    error = np.abs(fitted(plate, graded).gain(plate) - np.log2(graded / plate))
    assert error.mean() < 0.1


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 99), st.integers(0, 99), st.floats(1e-3, 1e3))
def test_other_content_is_bounded(one, other, exposure):
    plate = scene(one)
    found = fitted(plate, scene(other) * np.float32(exposure))
    local = found.gain(plate) - found.grade
    assert np.abs(local).max() <= MOST_LOCAL_STOPS + 1e-4
    assert 0 <= found.contrast <= 1
    assert 0 <= found.explained <= 1


def test_scaling_the_plate_changes_the_grade_alone():
    plate, other = scene(1), scene(2)
    once, twice = fitted(plate, other), fitted(plate * 4, other)
    np.testing.assert_allclose(twice.gain(plate * 4), once.gain(plate) - 2, atol=1e-4)


def test_without_contrast_it_is_a_plain_grade_and_at_the_exposure_no_change_of_brightness():
    plate, other = scene(1), scene(2) * np.float32([8, 4, 2])
    found = fitted(plate, other)
    gain = found.gain(plate, contrast=0)
    np.testing.assert_allclose(gain, np.broadcast_to(found.grade.astype(np.float32), gain.shape))
    held = found.at_exposure()
    assert (held.level * np.exp2(held.grade)) @ LUMINANCE == pytest.approx(held.level @ LUMINANCE)
    assert np.ptp(held.grade - found.grade) < 1e-9


@pytest.mark.parametrize("picture", [np.zeros((8, 3)), np.full((8, 3), 0.2), np.zeros((1, 3))])
def test_pictures_without_colours_are_borne(picture):
    gain = fitted(scene(), picture.astype(np.float32)).gain(scene())
    assert np.isfinite(gain).all()


# Plates with the truth under other lights.


def small(path, long_edge=192):
    pixels = np.asarray(oiio.ImageBuf(str(path)).get_pixels("float"))[..., :3]
    scale = long_edge / max(pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)


def shots():
    yield "example", EXAMPLE / "plate", EXAMPLE / "truth"
    for source, light in (("exterior", "golden_hour"), ("turntable", "side_rim"), ("turntable", "warm_top")):
        yield f"{source}-{light}", PLATES / source / "source", PLATES / source / light


SHOTS = [pytest.param(plate, truth, id=name) for name, plate, truth in shots()]
GRADES = {
    "gamma": lambda x: 0.18 * (x / 0.18) ** np.float32([1.3, 1.2, 1.1]),
    "saturation": lambda x: np.maximum(0.5 * (x @ LUMINANCE)[..., None] + 0.5 * x, 0),
    "cdl": lambda x: (x * np.float32([1.2, 1, 0.8]) + np.float32([0, 0.01, 0.02])) ** np.float32(1.1),
}


def frames(folder):
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    paths = sorted(folder.glob("*.exr"))
    return small(paths[0]), small(paths[len(paths) // 2])


def psnr(result, truth):
    scale = 0.8 / np.percentile(truth, 97)
    shown = [srgb_encode(np.clip(each * scale, 0, 1)) for each in (result, truth)]
    return -10 * np.log10(np.mean(np.square(shown[0] - shown[1])))


@pytest.mark.parametrize("grade", GRADES.values(), ids=GRADES)
@pytest.mark.parametrize(("plate", "truth"), SHOTS)
def test_a_colourists_grade_is_given_back_on_plates(plate, truth, grade):
    """Of the same frame within 0.06 stops (mean), of one half a shot away within 0.2."""
    now, later = frames(plate)
    scale = np.float32(0.18 / np.median(now @ LUMINANCE))
    graded, graded_later = (grade(each * scale) / scale for each in (now, later))
    true = np.log2((graded * scale + 1e-3) / (now * scale + 1e-3))
    for picture, most, better in ((graded, 0.06, 8), (graded_later, 0.2, 1.5)):
        gain = fitted(now, picture).gain(now)
        assert np.abs(gain - true).mean() < most
        assert psnr(now * np.exp2(gain), graded) > psnr(now, graded) + better


@pytest.mark.parametrize(("plate", "truth"), SHOTS)
def test_the_plates_own_truth_brings_it_nearer(plate, truth):
    """Where light falls is not in its colours: little is gained of it, and nothing lost, by another frame too."""
    now, _ = frames(plate)
    for lit in frames(truth):
        found = fitted(now, lit)
        taken, whole = (now * np.exp2(found.gain(now, contrast)) for contrast in (None, 1.0))
        truth_now = frames(truth)[0]
        assert psnr(taken, truth_now) > max(psnr(now, truth_now), psnr(whole, truth_now))
