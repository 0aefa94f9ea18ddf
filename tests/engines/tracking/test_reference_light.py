import numpy as np
import pytest

from relumix.engines.tracking.correspondence import Track, identity_track
from relumix.engines.tracking.log_frame import LogFrame
from relumix.engines.tracking.reference_light import ReferenceLight, TrackedGain, carry, combine, deviation_stops
from relumix.gain.proxy import ProxyReference
from relumix.types import Float32
from tests.engines.tracking.frames import reference, working
from tests.synthetic import SyntheticShot, make_shot, shadow_light


@pytest.fixture(scope="module")
def shot() -> SyntheticShot:
    return make_shot(size=(64, 48), frames=range(1, 3), light=shadow_light(30))


def test_gain_is_taken_apart_into_its_median_and_the_rest(shot: SyntheticShot) -> None:
    light = ReferenceLight.of(reference(shot, 1, shot.stops[1] + np.float32(2)))
    assert np.median(light.local_stops, axis=(0, 1)) == pytest.approx([0, 0, 0], abs=1e-6)
    assert light.median_gain + light.local_stops == pytest.approx(light.gain_stops, abs=1e-5)


def test_where_nothing_moves_the_gain_is_carried_as_it_is(shot: SyntheticShot) -> None:
    light = ReferenceLight.of(reference(shot, 1))
    carried = carry(light, light.log_frame, identity_track(light.log_frame))
    assert carried.local_stops == pytest.approx(light.local_stops, abs=1e-6)
    assert (carried.confidence == 1).all()


def test_gain_goes_with_the_flow(shot: SyntheticShot) -> None:
    light = ReferenceLight.of(reference(shot, 1))
    right = np.zeros((48, 64, 2), np.float32) + np.array([3, 0], np.float32)
    carried = carry(light, light.log_frame, Track(right, -right, 0.0))
    assert carried.local_stops[:, :-3] == pytest.approx(light.local_stops[:, 3:], abs=1e-6)
    assert not carried.confidence[:, -3:].any()  # it comes from beyond the picture


def test_what_is_known_of_a_gain_is_not_thinned_by_what_is_not(shot: SyntheticShot) -> None:
    plain = reference(shot, 1, np.full_like(shot.stops[1], 2))
    lit = np.ones_like(plain.lit)
    lit[:, 32:] = 0
    wild = plain.gain_stops.copy()
    wild[:, 32:] = 50
    light = ReferenceLight.of(ProxyReference(1, plain.rgb, plain.known, wild, lit))
    between = np.full((48, 64, 2), (0.5, 0), np.float32)
    carried = carry(light, light.log_frame, Track(between, -between, 0.0))
    np.testing.assert_allclose((light.median_gain + carried.local_stops)[:, 31], np.full((48, 3), 2), rtol=0, atol=1e-5)
    assert carried.confidence[:, 31].max() <= 0.5
    assert not carried.confidence[:, 32:].any()


def test_a_surface_that_looks_other_is_not_believed(shot: SyntheticShot) -> None:
    light = ReferenceLight.of(reference(shot, 1))
    other = LogFrame.of(working(make_shot(size=(64, 48), frames=range(1, 3), seed=9))[0])
    confidence = carry(light, other, identity_track(other)).confidence
    assert np.median(confidence) < 0.5


@pytest.mark.parametrize(("confidence", "expected"), [(0.0, -1.0), (0.25, 0.0), (1.0, 3.0)])
def test_carried_gain_is_believed_as_far_as_it_is_sure(shot: SyntheticShot, confidence: float, expected: float) -> None:
    light = ReferenceLight.of(reference(shot, 1))
    sure = np.full(light.trusted.shape, confidence, np.float32)
    carried = TrackedGain(np.full_like(light.local_stops, 3), sure, sure)
    matched: Float32 = np.full_like(light.local_stops, -1)
    gain = combine(light, carried, matched)
    assert gain.gain_stops == pytest.approx(light.median_gain + np.full_like(matched, expected), abs=1e-5)
    np.testing.assert_allclose(gain.weight, np.full(light.trusted.shape, confidence + 0.2), rtol=1e-6)


def test_how_much_light_varies_is_told_where_it_is_known(shot: SyntheticShot) -> None:
    plain = reference(shot, 1, np.zeros_like(shot.stops[1]))
    stops, lit = plain.gain_stops.copy(), np.ones_like(plain.lit)
    stops[:, :16], stops[:, 48:] = 2, 50
    lit[:, 48:] = 0
    light = ProxyReference(1, plain.rgb, plain.known, stops, lit)
    assert deviation_stops(light) == pytest.approx(2 / 3)
    assert deviation_stops(ProxyReference(1, plain.rgb, plain.known, stops, np.zeros_like(lit))) == 0
