import numpy as np
import pytest

from relumix.errors import FrameError, InputError
from relumix.shot.array_source import ArraySource

PLATE = {1: np.ones((4, 6, 3), np.float32)}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, bool])
def test_whole_numbers_are_refused_with_what_to_do(dtype: type) -> None:
    codes = {1: np.ones((4, 6, 3), dtype)}
    with pytest.raises(InputError) as caught:
        ArraySource(codes, PLATE, None)
    assert str(caught.value) == (
        f"frame 1 is {np.dtype(dtype)}: expected floats of scene-linear light; decode it first, with "
        "np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4) of x = image / 255 for 8-bit sRGB"
    )
    with pytest.raises(InputError, match=r"^the reference for frame 1 is "):
        ArraySource(PLATE, codes, None).reference(1)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((4, 6), "[height, width, 3 or 4]"), ((4, 5, 3), "(4, 6, 3), as the first reference's frame")],
)
def test_another_shape_is_refused_with_the_one_that_is_meant(shape: tuple[int, ...], expected: str) -> None:
    source = ArraySource({**PLATE, 2: np.ones(shape, np.float32)}, PLATE, None)
    with pytest.raises(FrameError) as caught:
        source.plate(2)
    assert str(caught.value) == f"frame 2 has shape {shape}: expected {expected}"


def test_floats_of_all_sizes_and_masks_of_booleans_are_taken() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        kept = np.float16 if dtype == np.float16 else np.float32
        assert ArraySource({1: PLATE[1].astype(dtype)}, PLATE, None).plate(1).dtype == kept
    mask = ArraySource(PLATE, PLATE, {1: np.ones((4, 6), bool)}).mask(1)
    assert mask is not None
    assert mask.all()


def test_alpha_is_used_where_it_is_coverage() -> None:
    matte = np.zeros((4, 6), np.float32)
    matte[:2] = 1
    light = np.random.default_rng(0).uniform(0.1, 1, (4, 6, 3)).astype(np.float32)
    beside, covering = np.dstack([light, matte]), np.dstack([light * matte[..., None], matte])

    def used(premult: str, **frames: np.ndarray) -> list[bool]:
        plates = {int(name[1:]): pixels for name, pixels in frames.items()}
        source = ArraySource(plates, {1: light}, None, premult)  # type: ignore[arg-type]
        pictures = [source.read(frame) for frame in plates]
        assert all(np.array_equal(each.stored_alpha, matte) for each in pictures)
        return [each.levels[0].alpha is not None for each in pictures]

    assert used("auto", f1=covering, f2=beside, f3=covering) == [True, False, True]
    assert used("auto", f1=beside, f2=covering) == [False, False]  # The reference's frame speaks for the shot.
    assert used("yes", f1=beside, f2=covering) == [True, True]
    assert used("no", f1=beside, f2=covering) == [False, False]
