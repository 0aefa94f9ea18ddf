import numpy as np
import pytest

from relumix.engines.registry import ENGINES
from relumix.engines.tracking import expected_error
from relumix.engines.tracking.correspondence import Track, identity_track, track_neighbour
from relumix.engines.tracking.expected_error import INPUTS, ErrorGauge, Evidence
from relumix.engines.tracking.log_frame import LogFrame
from relumix.engines.tracking.reference_light import ReferenceLight, carry, combine
from relumix.types import Float32
from tests.engines.tracking.frames import reference, working
from tests.synthetic import SyntheticShot, make_shot, shadow_light


@pytest.fixture(scope="module")
def shot() -> SyntheticShot:
    return make_shot(size=(96, 64), frames=range(1, 4), pan=(6.0, 0.0), light=shadow_light(40))


def error(light: ReferenceLight, frame: LogFrame, track: Track) -> Float32:
    carried, matched = carry(light, frame, track), np.zeros_like(light.local_stops)
    gain = combine(light, carried, matched)
    return ErrorGauge("flow", light).error(frame, Evidence.of(track, carried, matched, gain), gain)[0]


def test_every_engine_that_tracks_has_its_network() -> None:
    nets = expected_error._shipped()
    assert set(nets) == set(ENGINES) - {"svd"}
    for net in nets.values():
        assert net.hidden.shape == (len(INPUTS) + 1, len(net.out) - 1)


def test_what_lies_outside_the_reference_is_less_sure(shot: SyntheticShot) -> None:
    light, frame = ReferenceLight.of(reference(shot, 1)), LogFrame.of(working(shot)[2])
    found = error(light, frame, track_neighbour(frame, light.log_frame))
    seen = shot.seen(3, 1)
    assert found.shape == (64, 96)
    assert found[~seen].mean() > 2 * found[seen].mean()


def test_it_goes_with_how_much_the_light_varies(shot: SyntheticShot) -> None:
    weak, strong = (ReferenceLight.of(reference(shot, 1, shot.stops[1] * np.float32(k))) for k in (0.5, 1))
    frame = LogFrame.of(working(shot)[1])
    track = track_neighbour(frame, weak.log_frame)
    assert error(strong, frame, track) == pytest.approx(2 * error(weak, frame, track), rel=1e-3)


def test_of_a_grade_no_error_is_expected(shot: SyntheticShot) -> None:
    light = ReferenceLight.of(reference(shot, 1, np.full_like(shot.stops[1], 2)))
    frame = LogFrame.of(working(shot)[1])
    assert not error(light, frame, track_neighbour(frame, light.log_frame)).any()


def test_on_the_references_own_picture_only_what_it_does_not_tell_is_unknown(shot: SyntheticShot) -> None:
    plain = reference(shot, 1)
    plain.lit[:, :32] = 0
    light = ReferenceLight.of(plain)
    found, outside, _ = ErrorGauge("flow", light).error(light.log_frame, None, light.own_gain())
    assert not outside.any()
    assert found[:, :30] == pytest.approx(np.full((64, 30), light.deviation_stops), rel=1e-5)
    assert not found[:, 33:].any()


def test_evidence_is_gathered_at_a_small_size() -> None:
    large = make_shot(size=(240, 128), frames=range(1, 3), light=shadow_light(40))
    light = ReferenceLight.of(reference(large, 1))
    assert error(light, light.log_frame, identity_track(light.log_frame)).shape == (51, 96)
