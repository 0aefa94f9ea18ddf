import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.engines.base import Carried, Engine
from relumix.engines.flow.engine import FlowEngine
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float32
from tests.engines.tracking.frames import Keyframe, keyframes, reference, working
from tests.synthetic import SyntheticShot, grade_light, make_shot, shadow_light

few = settings(max_examples=5)


@pytest.fixture(scope="module")
def panned() -> SyntheticShot:
    return make_shot(size=(96, 64), frames=range(1001, 1007), pan=(2.0, 0.0), square_px=18, light=shadow_light(50))


def relight(
    frames: list[ProxyFrame], *references: ProxyReference, keyframe_paths: list[list[Keyframe]] | None = None
) -> Float32:
    return carried(frames, *references, keyframe_paths=keyframe_paths).gain_stops


def carried(
    frames: list[ProxyFrame], *references: ProxyReference, keyframe_paths: list[list[Keyframe]] | None = None
) -> Carried:
    return FlowEngine().start().propagate(frames, references, keyframe_paths or [[] for _ in references])


def test_it_is_an_engine() -> None:
    engine: Engine = FlowEngine()
    assert (engine.name, engine.windowing.tracks) == ("flow", True)
    assert 0 < engine.windowing.overlap < engine.windowing.window


def test_a_shadow_edge_goes_with_the_surface(panned: SyntheticShot) -> None:
    out = relight(working(panned), reference(panned, 1001))
    truth = np.stack([panned.stops[f] for f in panned.frames])
    copied = np.abs(truth - panned.stops[1001]).mean()
    assert np.median(np.abs(out - truth)) < 0.05
    assert np.abs(out - truth).mean() < copied / 2


def test_no_light_is_exactly_no_light(panned: SyntheticShot) -> None:
    nothing = np.zeros_like(panned.stops[1001])
    assert not relight(working(panned), reference(panned, 1001, nothing), reference(panned, 1006, nothing)).any()


@few
@given(added=st.tuples(*[st.floats(-15, 15)] * 3))
def test_a_grade_on_top_passes_through(panned: SyntheticShot, added: tuple[float, float, float]) -> None:
    grade = np.array(added, np.float32)
    frames = working(panned)[:3]
    plain = relight(frames, reference(panned, 1001))
    graded = relight(frames, reference(panned, 1001, panned.stops[1001] + grade))
    assert graded == pytest.approx(plain + grade, abs=2e-4)


def test_a_reference_comes_back_as_it_is(panned: SyntheticShot) -> None:
    out = relight(working(panned), reference(panned, 1001), reference(panned, 1006))
    assert np.array_equal(out[0], panned.stops[1001])
    assert np.array_equal(out[-1], panned.stops[1006])


@pytest.mark.parametrize("at", [1001, 1003, 1006])
def test_a_still_shot_gets_the_references_light_everywhere(at: int) -> None:
    shot = make_shot(frames=range(1001, 1007), pan=(0.0, 0.0), light=shadow_light(30))
    out = relight(working(shot), reference(shot, at))
    assert out == pytest.approx(np.broadcast_to(shot.stops[at], out.shape), abs=1e-5)


def test_light_that_differs_between_references_changes_evenly() -> None:
    shot = make_shot(
        frames=range(1001, 1006), pan=(0.0, 0.0), light=grade_light(1, 1, 1), light_end=grade_light(4, 16, 1)
    )
    out = relight(working(shot), reference(shot, 1001), reference(shot, 1005))
    expected = np.linspace([0, 0, 0], [2, 4, 0], 5)
    assert out == pytest.approx(np.broadcast_to(expected[:, None, None], out.shape), abs=1e-4)


def test_a_reference_may_lie_behind_the_window(panned: SyntheticShot) -> None:
    frames = working(panned)
    out = relight(frames[:2], reference(panned, 1006), keyframe_paths=[keyframes(frames[5], frames[3])])
    assert np.median(np.abs(out[0] - panned.stops[1001])) < 0.05


def test_a_window_does_not_depend_on_those_before_it(panned: SyntheticShot) -> None:
    frames, light = working(panned), [reference(panned, 1001)]
    used = FlowEngine().start()
    used.propagate(frames[:4], light, [[]])
    used.propagate(frames[2:4], light, [keyframes(frames[0], frames[2])])
    again = used.propagate(frames[4:], light, [keyframes(frames[0], frames[2])])
    fresh = FlowEngine().start().propagate(frames[4:], light, [keyframes(frames[0], frames[2])])
    assert np.array_equal(again.gain_stops, fresh.gain_stops)
    assert np.array_equal(again.error_stops, fresh.error_stops)


def test_other_ways_are_not_mistaken_for_those_before(panned: SyntheticShot) -> None:
    frames, light = working(panned), [reference(panned, 1001)]
    used = FlowEngine().start()
    used.propagate(frames[5:], light, [keyframes(frames[1], frames[3])])
    again = used.propagate(frames[5:], light, [keyframes(frames[2], frames[3])])
    fresh = FlowEngine().start().propagate(frames[5:], light, [keyframes(frames[2], frames[3])])
    assert np.array_equal(again.gain_stops, fresh.gain_stops)


class Lost:
    """A keyframe that cannot be read."""

    frame = 1003

    def read(self) -> None:
        return None


def test_a_keyframe_that_cannot_be_read_is_stepped_over(panned: SyntheticShot) -> None:
    frames, light = working(panned), [reference(panned, 1001)]
    out = FlowEngine().start().propagate(frames[5:], light, [[Keyframe(frames[1]), Lost(), Keyframe(frames[3])]])
    assert np.array_equal(out.gain_stops, relight(frames[5:], *light, keyframe_paths=[keyframes(frames[1], frames[3])]))


class Counted:
    """A keyframe that counts how often it was read."""

    def __init__(self, frame: ProxyFrame) -> None:
        self.frame, self.reads, self._frame = frame.frame, 0, frame

    def read(self) -> ProxyFrame:
        self.reads += 1
        return self._frame


def test_the_way_is_not_walked_again_for_each_window(panned: SyntheticShot) -> None:
    frames, light = working(panned), [reference(panned, 1001)]
    counted = [Counted(frame) for frame in frames]
    propagator = FlowEngine().start()
    for i in range(2, len(frames)):
        propagator.propagate(frames[i:], light, [counted[1:i]])
    assert [keyframe.reads for keyframe in counted] == [0, *[2] * (len(frames) - 3), 1, 0]


def test_frames_and_keyframes_may_be_missing(panned: SyntheticShot) -> None:
    frames = working(panned)
    out = relight([frames[3], frames[5]], reference(panned, 1001), keyframe_paths=[keyframes(frames[2])])
    assert np.median(np.abs(out[1] - panned.stops[1006])) < 0.1


def test_what_it_remembers_is_bounded(panned: SyntheticShot) -> None:
    frames = working(panned)
    propagator = FlowEngine().start()
    for _ in range(3):
        propagator.propagate(frames[-1:], [reference(panned, 1001)], [keyframes(*frames) * 3])
    assert len(propagator._tracker._keyframes) <= 8


def test_light_that_is_not_known_reaches_nothing(panned: SyntheticShot) -> None:
    plain = reference(panned, 1001)
    lit = np.ones_like(plain.lit)
    lit[:, :30] = 0
    outs = []
    for wild in (0, 50):
        stops = plain.gain_stops.copy()
        stops[:, :30] = wild
        outs.append(relight(working(panned)[1:], ProxyReference(1001, plain.rgb, plain.known, stops, lit)))
    assert np.array_equal(*outs)


def test_where_light_is_not_known_it_is_that_of_the_surroundings(panned: SyntheticShot) -> None:
    plain = reference(panned, 1001)
    stops, lit = np.zeros_like(plain.gain_stops), np.ones_like(plain.lit)
    stops[16:48, 30:66] = 3
    lit[28:36, 44:52] = 0
    out = relight(working(panned)[1:2], ProxyReference(1001, plain.rgb, plain.known, stops, lit))
    assert out[0, 30:34, 44:48].min() > 2


def test_a_shot_of_one_frame(panned: SyntheticShot) -> None:
    out = relight(working(panned)[:1], reference(panned, 1001))
    assert np.array_equal(out[0], panned.stops[1001])


def test_exposure_that_flickers_does_not_disturb(panned: SyntheticShot) -> None:
    frames = working(panned)
    flickering = [
        ProxyFrame(f.frame, f.rgb * np.float32(2 ** (0.5 * (-1) ** i)), f.known) if i else f
        for i, f in enumerate(frames)
    ]
    out, steady = relight(flickering, reference(panned, 1001)), relight(frames, reference(panned, 1001))
    assert np.abs(out - steady).mean() < 0.1


def test_it_expects_more_error_where_the_reference_shows_less(panned: SyntheticShot) -> None:
    out = carried(working(panned), reference(panned, 1001))
    truth = np.stack([panned.stops[f] for f in panned.frames])
    assert not out.error_stops[0].any()
    assert (np.diff(out.error_stops.mean((1, 2))) > 0).all()  # the pan moves on to what it never showed
    wrong, unsure = np.abs(out.gain_stops - truth).mean(-1), out.error_stops
    assert wrong[unsure > 0.3].mean() > 3 * wrong[unsure < 0.1].mean()


def test_of_a_plain_grade_no_error_is_expected(panned: SyntheticShot) -> None:
    grade = np.full_like(panned.stops[1001], 1.5)
    assert not carried(working(panned), reference(panned, 1001, grade)).error_stops.any()


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (33, 5)])
def test_tiny_frames(size: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    known = np.ones(size, np.float32)
    frames = [ProxyFrame(i, random.random((*size, 3), np.float32), known) for i in range(3)]
    stops = random.random((*size, 3), np.float32)
    out = carried(frames, ProxyReference(0, frames[0].rgb, known, stops, known))
    for planes, shape in ((out.gain_stops, (3, *size, 3)), (out.error_stops, (3, *size))):
        assert planes.shape == shape
        assert planes.dtype == np.float32
        assert np.isfinite(planes).all()
    assert (out.error_stops >= 0).all()
