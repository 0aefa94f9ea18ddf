"""What alpha means, on pictures of which it is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from relumix.shot.alpha import Uncovered, is_coverage, looked_at, sampled

HEIGHT, WIDTH = 90, 160
Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
TEXTURE = np.random.default_rng(1).uniform(0.05, 0.7, (HEIGHT, WIDTH, 3)).astype(np.float32)


def disc(soft: float, radius: float = 30) -> np.ndarray:
    """A matte with an edge of so many pixels."""
    return np.clip((radius - np.hypot(X - 60, Y - 45)) / max(soft, 0.01) + 0.5, 0, 1).astype(np.float32)


FLAME = np.exp(-((X - 110) ** 2 / 300 + (Y - 45) ** 2 / 800)).astype(np.float32)
SOLID = TEXTURE * disc(6)[..., None]


@pytest.mark.parametrize("exposure", [2.0**-12, 1, 2.0**10])
@pytest.mark.parametrize(
    ("name", "rgb", "alpha"),
    [
        ("a hard roto matte", TEXTURE, disc(0)),
        ("a soft roto matte", TEXTURE, disc(24)),
        ("a matte of a small part's surroundings", TEXTURE, 1 - disc(0, 6)),
        ("a depth matte", TEXTURE, X / WIDTH),
        ("zeros", TEXTURE, 0 * X),
        ("hardly more than zeros", TEXTURE, 0 * X + np.float32(1 / 255)),
        ("fire of alpha 0 beside a solid", SOLID + TEXTURE * FLAME[..., None], disc(6)),
        ("fire of some alpha beside a solid", SOLID + TEXTURE * FLAME[..., None], np.maximum(disc(6), 0.1 * FLAME)),
        ("fire alone, of alpha 0", TEXTURE * FLAME[..., None], 0 * X),
        ("a sky that the renderer left out of alpha", np.where(disc(0)[..., None] > 0, TEXTURE, 0.4), disc(0)),
        ("a lamp in a dark room", np.where(disc(0, 6)[..., None] > 0, 500, TEXTURE / 20), disc(0, 6)),
    ],
)
def test_alpha_that_is_no_coverage(name: str, rgb: np.ndarray, alpha: np.ndarray, exposure: float) -> None:
    assert not is_coverage((rgb * exposure).astype(np.float32), alpha, "auto"), name


@pytest.mark.parametrize("exposure", [2.0**-12, 1, 2.0**10])
@pytest.mark.parametrize(
    ("name", "rgb", "alpha"),
    [
        ("no hole", TEXTURE, 0 * X + 1),
        ("a solid with soft edges", SOLID, disc(6)),
        ("a blur of motion", TEXTURE * disc(80)[..., None], disc(80)),
        ("smoke", TEXTURE * 0.2 * FLAME[..., None], 0.2 * FLAME),
        (
            "a bright rim on dark hair",
            TEXTURE / 50 * disc(12)[..., None] + (disc(12) * (1 - disc(12)))[..., None],
            disc(12),
        ),
        ("an empty frame", 0 * TEXTURE, 0 * X),
        ("a spark of alpha 0", SOLID + 5 * (np.hypot(X - 140, Y - 10) < 1)[..., None], disc(6)),
        ("rounding where alpha is 0", SOLID + np.float32(1e-5), disc(6)),
    ],
)
def test_alpha_that_is_coverage(name: str, rgb: np.ndarray, alpha: np.ndarray, exposure: float) -> None:
    assert is_coverage((rgb * exposure).astype(np.float32), alpha, "auto"), name


def test_straight_colour_where_alpha_is_0_is_a_picture_only_where_it_varies() -> None:
    matte = disc(0)
    assert not is_coverage(TEXTURE, matte, "auto", straight=True)
    for left in (0, 0.5, 1):
        assert is_coverage(np.where(matte[..., None] > 0, TEXTURE, np.float32(left)), matte, "auto", straight=True)
    # Straight colour of partial alpha is as bright as it is.
    assert is_coverage(TEXTURE, X / (2 * WIDTH) + np.float32(0.3), "auto", straight=True)


def test_what_the_user_says_decides() -> None:
    for rgb, alpha in ((TEXTURE, disc(0)), (SOLID, disc(6))):
        assert is_coverage(rgb, alpha, "yes")
        assert not is_coverage(rgb, alpha, "no")


def test_how_much_light_alpha_cannot_have_covered() -> None:
    alpha = np.where(Y < 60, 1, 0).astype(np.float32)
    rgb = np.full((HEIGHT, WIDTH, 3), 0.3, np.float32)
    assert Uncovered.of(rgb, alpha, straight=False).share == pytest.approx(1 / 3, abs=0.02)
    assert Uncovered.of(0 * rgb, alpha, straight=False).share == 0


FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True, allow_subnormal=True)


@pytest.mark.filterwarnings("error")
@given(arrays(np.float32, (5, 6, 3), elements=FLOATS), arrays(np.float32, (5, 6), elements=FLOATS), st.booleans())
def test_any_value_is_an_answer(rgb: np.ndarray, alpha: np.ndarray, straight: bool) -> None:
    assert 0 <= Uncovered.of(rgb, alpha, straight=straight).share <= 1


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_alpha_that_is_nowhere_finite_is_no_coverage(value: float) -> None:
    assert not is_coverage(SOLID, np.full(SOLID.shape[:2], value, np.float32), "auto")


def test_values_that_are_not_finite_say_nothing() -> None:
    rgb, alpha = SOLID.copy(), disc(6)
    rgb[:20, 120:] = np.nan
    rgb[20:40, 120:] = np.inf
    assert is_coverage(rgb, alpha, "auto")


@pytest.mark.parametrize("shape", [(1, 1), (1, 100_000), (3, 5), (1080, 1920), (4320, 7680)])
def test_a_bounded_number_of_pixels_is_looked_at(shape: tuple[int, int]) -> None:
    count = sampled(np.broadcast_to(np.float32(0), shape)).size
    assert 0 < count <= max(1 << 15, shape[1] if shape[0] == 1 else 0)


def test_the_references_that_speak_for_the_shot() -> None:
    assert looked_at((7,)) == (7,)
    assert looked_at((1, 9)) == (1, 9)
    assert looked_at(range(1, 100)) == (1, 50, 99)
