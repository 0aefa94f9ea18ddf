import numpy as np
import pytest

from relumix.engines.tracking.coverage import REDUCED, coverage
from relumix.engines.tracking.tracks import WindowMotion
from relumix.types import Float32
from tests.engines.tracking.frames import working
from tests.synthetic import SyntheticShot, make_shot


@pytest.fixture(scope="module")
def panned() -> SyntheticShot:
    return make_shot(size=(128, 96), frames=range(1, 6), pan=(8.0, 0.0), square_px=0.0)


def found(shot: SyntheticShot, shown: Float32 | None = None) -> Float32:
    frames = working(shot)
    out = coverage(WindowMotion.of(frames), [frame.known if shown is None else shown for frame in frames])
    assert out.shape == (5, 5, 96 // REDUCED, 128 // REDUCED)
    return out.astype(np.float32)


def test_a_frame_shows_all_of_itself(panned: SyntheticShot) -> None:
    assert all((found(panned)[i, i] == 1).all() for i in range(5))


def test_what_two_frames_have_in_common_is_found_and_the_rest_is_not(panned: SyntheticShot) -> None:
    out = found(panned)
    for a, b in ((0, 1), (0, 4), (4, 0), (3, 1)):
        seen = panned.seen(panned.frames[b], panned.frames[a]).reshape(24, REDUCED, 32, REDUCED).mean((1, 3))
        assert out[a, b][seen == 1].mean() > 0.8
        assert out[a, b][seen == 0].mean() < 0.1


def test_a_part_without_light_shows_nothing(panned: SyntheticShot) -> None:
    shown = np.ones((96, 128), np.float32)
    shown[:, :64] = 0
    out, whole = found(panned, shown), found(panned)
    assert out[0, 1].mean() < 0.6 * whole[0, 1].mean()
    assert (out <= whole + 1e-3).all()
