"""What always holds, for every engine that can run: the numbered statements of README's "What always holds".

A new engine is added to ENGINES, in relumix/engines/registry.py, and goes through all of it (tests/engine_cases.py).
"""

import tracemalloc
from collections.abc import Mapping

import numpy as np
from hypothesis import strategies as st

from relumix.pipeline.arrays import relit
from tests.engine_cases import CASES, every_engine, loaded, models  # noqa: F401  a fixture
from tests.synthetic import grade_light, make_shot, shadow_light

HALF_MAX = 65504
TRAINED = [case for case in CASES if case.trained]


@st.composite
def shots(draw, **fixed):
    """Small shots of all kinds."""
    options = {
        "size": draw(st.sampled_from([(64, 48), (41, 57), (96, 40)])),
        "frames": range(1001, 1001 + draw(st.integers(1, 7))),
        "pan": draw(st.sampled_from([(0.0, 0.0), (2.0, 0.0), (-1.3, 0.7), (9.0, 4.0)])),
        "square_px": draw(st.sampled_from([0.0, 14.0])),
        "grain_stops": draw(st.sampled_from([0.0, 0.1])),
        "exposure_stops": draw(st.sampled_from([-6.0, 0.0, 5.0])),
        "alpha": draw(st.booleans()),
        "light": shadow_light(25),
        "seed": draw(st.integers(0, 5)),
    }
    return make_shot(**(options | fixed))


def run(shot_plate, references, engine, *, work_size=64, mix=1.0, **options):
    settings = engine(work_size=work_size, mix=mix)
    own = loaded(settings.engine, settings.engine_options, settings.model)
    result = relit(shot_plate, references, settings, engine=own, **options)
    return {frame.frame: frame.pixels for frame in result}


def some_frame(data, shot):
    return data.draw(st.sampled_from(shot.frames), label="reference")


def times(pixels, share):
    """A share of the light; alpha stays."""
    return np.concatenate([pixels[..., :3] * np.float32(share), pixels[..., 3:]], axis=-1)


@every_engine(data=st.data(), work_size=st.sampled_from([64, 80, 200]))
def test_1_a_reference_equal_to_its_frame_gives_the_plate_bit_for_bit(engine, data, work_size):
    shot = data.draw(shots(bad_pixels=5))
    at = some_frame(data, shot)
    result = run(shot.plate, {at: shot.plate[at]}, engine, work_size=work_size)
    for frame in shot.frames:
        np.testing.assert_array_equal(result[frame], shot.plate[frame])


@every_engine(data=st.data(), gains=st.tuples(*[st.floats(0.05, 20)] * 3))
def test_2_a_grade_of_the_reference_grades_every_frame(engine, data, gains):
    shot = data.draw(shots(light=grade_light(*gains)))
    at = some_frame(data, shot)
    # What an artist saves is half float: the grade arrives rounded, on the reference alone.
    reference = shot.truth[at].astype(np.float16).astype(np.float32)
    result = run(shot.plate, {at: reference}, engine)
    for frame in shot.frames:
        bright = shot.truth[frame] > 2.0**-14  # half float is exact to 0.05 % from here on
        np.testing.assert_allclose(result[frame][bright], shot.truth[frame][bright], rtol=1e-3)


@every_engine(data=st.data(), gain=st.floats(0.05, 20))
def test_2_a_grade_passes_highlights_up_to_the_end_of_half_float(engine, data, gain):
    shot = data.draw(shots(light=grade_light(gain), alpha=False))
    for plate in shot.plate.values():
        plate[5:8, 5:8] = HALF_MAX / 20
    at = some_frame(data, shot)
    result = run(shot.plate, {at: shot.plate[at] * np.float32(gain)}, engine)
    for frame in shot.frames:
        np.testing.assert_allclose(result[frame], shot.plate[frame] * np.float32(gain), rtol=1e-3)


@every_engine(data=st.data(), scale=st.one_of(st.sampled_from([2.0**-7, 0.5, 8.0]), st.floats(2**-8, 2**8, width=16)))
def test_3_scaling_plate_and_reference_scales_the_result(engine, data, scale):
    shot = data.draw(shots())
    at = some_frame(data, shot)
    for pictures in (shot.plate, shot.truth):
        for pixels in pictures.values():
            pixels[..., :3] = pixels[..., :3].astype(np.float16)  # as in a file: float32 then holds the scaled ones
    plain = run(shot.plate, {at: shot.truth[at]}, engine, work_size=96)
    scaled = run(
        {f: times(p, scale) for f, p in shot.plate.items()}, {at: times(shot.truth[at], scale)}, engine, work_size=96
    )
    for frame in shot.frames:
        if np.frexp(scale)[0] == 0.5:  # a power of two, by which nothing is rounded
            np.testing.assert_array_equal(scaled[frame], times(plain[frame], scale))
        tiny = 1e-8 * float(plain[frame].mean())
        np.testing.assert_allclose(scaled[frame], times(plain[frame], scale), rtol=1e-5, atol=tiny * scale)


@every_engine(data=st.data(), stops=st.floats(-8, 8))
def test_3_where_scaling_itself_rounds_the_result_is_within_one_code_of_it(engine, data, stops):
    shot = data.draw(shots())
    at = some_frame(data, shot)
    plain = run(shot.plate, {at: shot.truth[at]}, engine)
    scaled = run(
        *({f: times(p, 2.0**stops) for f, p in each.items()} for each in (shot.plate, {at: shot.truth[at]})), engine
    )
    for frame in shot.frames:
        expected = times(plain[frame], 2.0**stops)
        error = np.abs(scaled[frame] - expected) / (np.abs(expected) + 1e-3 * expected.mean())
        # Correspondence works on 8-bit pictures of 10 stops: a value on the edge of two codes may fall to either side,
        # as if the plate's grain were other by one code there. Few are that near an edge.
        assert np.quantile(error, 0.98) < 2 ** (10 / 255) - 1
        assert np.median(error) < 1e-4
        assert error.mean() < 1e-3


@every_engine(data=st.data())
def test_4_the_reference_comes_back_at_its_own_frame(engine, data):
    shot = data.draw(shots())
    at = some_frame(data, shot)
    result = run(shot.plate, {at: shot.truth[at]}, engine)
    np.testing.assert_array_equal(result[at][..., :3], shot.truth[at][..., :3])


@every_engine([case for case in CASES if not case.chained], data=st.data())
def test_5_any_split_into_chunks_gives_the_same_frames_bit_for_bit(engine, data):
    shot = data.draw(shots(frames=range(1001, 1001 + data.draw(st.integers(2, 40))), size=(48, 32)))
    references = {f: shot.truth[f] for f in data.draw(st.sets(st.sampled_from(shot.frames), min_size=1, max_size=3))}
    whole = run(shot.plate, references, engine)
    start = data.draw(st.sampled_from(shot.frames))
    chunk = [f for f in shot.frames if start <= f < start + data.draw(st.integers(1, 9))]
    for frame, pixels in run(shot.plate, references, engine, frames=chunk).items():
        np.testing.assert_array_equal(pixels, whole[frame])


@every_engine(data=st.data())
def test_6_without_mix_or_mask_the_plate_stays_bit_for_bit(engine, data):
    shot = data.draw(shots(bad_pixels=3))
    at = some_frame(data, shot)
    matte = np.zeros(shot.plate[at].shape[:2], np.float32)
    matte[:, : matte.shape[1] // 2] = 1
    unmixed = run(shot.plate, {at: shot.truth[at]}, engine, mix=0.0)
    masked = run(shot.plate, {at: shot.truth[at]}, engine, masks=dict.fromkeys(shot.frames, matte))
    full = run(shot.plate, {at: shot.truth[at]}, engine)
    for frame in shot.frames:
        np.testing.assert_array_equal(unmixed[frame], shot.plate[frame])
        np.testing.assert_array_equal(masked[frame][matte == 0], shot.plate[frame][matte == 0])
        np.testing.assert_array_equal(masked[frame][matte == 1], full[frame][matte == 1])


@every_engine(data=st.data())
def test_7_non_finite_pixels_come_through_and_make_no_others(engine, data):
    shot = data.draw(shots(bad_pixels=data.draw(st.integers(1, 12))))
    at = some_frame(data, shot)
    result = run(shot.plate, {at: shot.truth[at]}, engine)
    for frame in shot.frames:
        bad = ~np.isfinite(shot.plate[frame]).all(-1)
        np.testing.assert_array_equal(result[frame][bad], shot.plate[frame][bad])
        assert np.isfinite(result[frame][~bad]).all()


@every_engine(TRAINED, data=st.data())
def test_7_non_finite_pixels_spoil_no_neighbour(engine, data):
    options = {"seed": 3, "size": (64, 48), "pan": (2.0, 0.0), "frames": range(1, 6)}
    clean, spoilt = make_shot(**options), make_shot(**options, bad_pixels=data.draw(st.integers(1, 12)))
    at = some_frame(data, clean)
    good = run(clean.plate, {at: clean.truth[at]}, engine)
    result = run(spoilt.plate, {at: spoilt.truth[at]}, engine)
    for frame in clean.frames:
        bad = ~np.isfinite(spoilt.plate[frame]).all(-1)
        stops = np.abs(np.log2(result[frame][~bad] / good[frame][~bad]))
        assert np.median(stops) < 0.02
        assert stops.mean() < 0.1


def sure(shot, references, engine, **options):
    settings = engine(work_size=64)
    own = loaded(settings.engine, settings.engine_options, settings.model)
    made = relit(shot.plate, references, settings, engine=own, confidence=True, **options)
    return {frame.frame: frame.confidence for frame in made}


@every_engine(data=st.data())
def test_9_confidence_is_never_out_of_range_and_1_where_the_light_was_given(engine, data):
    shot = data.draw(shots(bad_pixels=data.draw(st.integers(0, 9))))
    at = some_frame(data, shot)
    for frame, confidence in sure(shot, {at: shot.truth[at]}, engine).items():
        assert confidence.shape == shot.plate[frame].shape[:2]
        assert ((confidence >= 0) & (confidence <= 1)).all()
        assert frame != at or (confidence == 1).all()


@every_engine([case for case in CASES if not case.chained], data=st.data())
def test_9_any_split_into_chunks_gives_the_same_confidence_bit_for_bit(engine, data):
    shot = data.draw(shots(frames=range(1001, 1001 + data.draw(st.integers(2, 24))), size=(48, 32)))
    references = {f: shot.truth[f] for f in data.draw(st.sets(st.sampled_from(shot.frames), min_size=1, max_size=2))}
    whole = sure(shot, references, engine)
    start = data.draw(st.sampled_from(shot.frames))
    chunk = [f for f in shot.frames if start <= f < start + data.draw(st.integers(1, 9))]
    for frame, confidence in sure(shot, references, engine, frames=chunk).items():
        np.testing.assert_array_equal(confidence, whole[frame])


@every_engine(data=st.data())
def test_10_black_stays_black_and_a_faded_frame_is_that_share_of_the_relit_one(engine, data):
    shot = data.draw(shots(exposure_stops=0.0))
    for pictures in (shot.plate, shot.truth):
        for pixels in pictures.values():
            pixels[:7, :, :3] = 0  # a letterbox
    at = some_frame(data, shot)
    # Shares by which every value stays exact; the reference's own frame may have faded too.
    share = {f: 2.0 ** data.draw(st.integers(-12, 3)) for f in shot.frames}
    whole = run(shot.plate, {at: shot.truth[at]}, engine)
    faded = {f: times(pixels, share[f]) for f, pixels in shot.plate.items()}
    result = run(faded, {at: times(shot.truth[at], share[at])}, engine)
    for frame in shot.frames:
        np.testing.assert_array_equal(result[frame], times(whole[frame], share[frame]))
        assert not result[frame][:7, :, :3].any()


@every_engine(TRAINED, data=st.data())
def test_10_black_frames_stay_black_and_the_others_are_relit_around_them(engine, data):
    shot = make_shot(size=(96, 64), frames=range(1001, 1010), pan=(2.0, 0.5), seed=2)
    black = data.draw(st.sets(st.sampled_from(shot.frames[1:]), max_size=3))
    plate = {f: p * np.float32(f not in black) for f, p in shot.plate.items()}
    result = run(plate, {1001: shot.truth[1001]}, engine, work_size=96)
    for frame in shot.frames:
        if frame in black:
            assert not result[frame].any()
            continue
        stops = np.abs(np.log2(result[frame] / shot.truth[frame]))[shot.seen(frame, 1001)]
        assert np.median(stops) < 0.05
        assert stops.mean() < 0.25 * np.abs(shot.stops[frame])[shot.seen(frame, 1001)].mean()


@every_engine(TRAINED, data=st.data())
def test_two_references_with_different_light_change_it_over_time_in_stops(engine, data):
    frames = range(1001, 1010)
    first, second = shadow_light(20), shadow_light(45)
    seed = data.draw(st.integers(0, 5))
    shot = make_shot(size=(64, 48), frames=frames, pan=(0, 0), light=first, light_end=second, seed=seed)
    result = run(shot.plate, {f: shot.truth[f] for f in (1001, 1009)}, engine)
    for frame in frames:
        stops = np.abs(np.log2(result[frame] / shot.truth[frame]))
        assert np.median(stops) < 0.02
        assert stops.mean() < 0.1


@every_engine(TRAINED, data=st.data(), gains=st.tuples(*[st.floats(0.05, 20)] * 3))
def test_9_of_a_grade_all_is_certain(engine, data, gains):
    shot = data.draw(shots(light=grade_light(*gains)))
    at = some_frame(data, shot)
    for confidence in sure(shot, {at: shot.truth[at]}, engine).values():
        assert confidence.min() > 0.98


@every_engine(TRAINED, pan=st.sampled_from([(6.0, 0.0), (-4.0, 3.0)]))
def test_another_reference_makes_no_frame_worse(engine, pan):
    shot = make_shot(size=(96, 64), frames=range(1001, 1010), pan=pan, seed=2)
    one, two = (
        run(shot.plate, {at: shot.truth[at] for at in given}, engine, work_size=96) for given in ((1001,), (1001, 1009))
    )
    for frame in shot.frames:
        before, after = (np.abs(np.log2(made[frame] / shot.truth[frame])).mean() for made in (one, two))
        assert after < 1.02 * before + 0.01


@every_engine(TRAINED, at=st.sampled_from([1001, 1005, 1009]))
def test_light_follows_a_pan_from_a_reference_anywhere(engine, at):
    shot = make_shot(size=(96, 64), frames=range(1001, 1010), pan=(3.0, 1.0), seed=2)
    result = run(shot.plate, {at: shot.truth[at]}, engine, work_size=96)
    for frame in shot.frames:
        seen = shot.seen(frame, at)
        stops = np.abs(np.log2(result[frame] / shot.truth[frame]))[seen]
        assert np.median(stops) < 0.05
        untouched = np.abs(shot.stops[frame])[seen]
        assert stops.mean() < 0.25 * untouched.mean()


class Endless(Mapping):
    """A shot of any length that is made as it is read: only the job itself holds frames."""

    def __init__(self, count):
        self.shot = make_shot(size=(64, 48), frames=range(1001, 1005), pan=(1, 0))
        self.frames = range(1001, 1001 + count)

    def __getitem__(self, frame):
        return self.shot.plate[1001 + (frame - 1001) % 4].copy()

    def __iter__(self):
        return iter(self.frames)

    def __len__(self):
        return len(self.frames)


@every_engine(TRAINED)
def test_8_memory_is_bounded_by_the_window_not_by_the_shot(engine):
    def peak(count):
        shot = Endless(count)
        tracemalloc.start()
        for _ in relit(shot, {1001: shot.shot.truth[1001]}, engine(work_size=64)):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(20)  # what is loaded once counts for neither
    # Both are long: the peak of a short one depends on how often its threads happened to be busy at once.
    assert peak(480) < 1.1 * peak(240)
