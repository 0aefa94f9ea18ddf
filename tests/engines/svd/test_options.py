"""The options of the svd engine, as texts."""

import dataclasses

import pytest

from relumix.engines.registry import configured, load_engine
from relumix.engines.svd.options import PUBLISHED, SvdOptions
from relumix.errors import InputError


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("speed=9", "'speed=9' is no option of engine svd: expected NAME=VALUE with steps, windows,"),
        ("steps=1001", "svd's steps is 1001: expected 1000 or fewer"),
        ("rho=0", "svd's rho is 0.0: expected 1 or more"),
        ("fps=-1", "svd's fps is -1.0: expected 0 or more"),
        ("fps=nan", "svd's fps is nan: expected a finite number"),
        ("guidance_high=nan", "svd's guidance_high is nan: expected a finite number"),
        ("sigma_max=inf", "svd's sigma_max is inf: expected a finite number"),
        ("augmentation=inf", "svd's augmentation is inf: expected a finite number"),
        ("steps=many", "svd's steps is 'many': expected a whole number"),
        ("chained=maybe", "svd's chained is 'maybe': expected true or false"),
        ("guidance=some", "svd's guidance is 'some': expected one of auto, batched, in_turn"),
        ("overlap=60", "svd's overlap is 60: expected at most 59 in windows of 61 frames"),
        ("window=2", "svd's window is 2: expected 3 or more, or 0 for what suits the windows"),
        ("crop=500", "svd's crop is 500: expected a multiple of 64, or 0 for the whole frame"),
        ("median_gain=half", "svd's median_gain is 'half': expected one of bounded, whole, none"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(option, said):
    with pytest.raises(InputError) as caught:
        SvdOptions().changed([option])
    assert said in str(caught.value)


def test_what_is_for_a_gpu_is_refused_without_one(model):
    with pytest.raises(InputError, match="svd's offload is for a GPU: got device cpu, leave it out"):
        load_engine("svd", model=model, device="cpu", options=["offload=true"])


def test_guidance_is_as_the_published_command_line_has_it():
    assert (SvdOptions().guidance_low, SvdOptions().guidance_high) == (1.0, 1.5)


def test_published_sets_every_departure_back_and_gives_way_to_what_is_said_beside_it():
    options = SvdOptions().changed(["crop=0", "published=yes"])
    fields = {**dataclasses.asdict(SvdOptions()), **PUBLISHED, "crop": 0}
    assert dataclasses.asdict(options) == fields
    assert options.changed(["published=no"]) == SvdOptions()
    departures = {name for name, value in PUBLISHED.items() if getattr(SvdOptions(), name) != value}
    assert departures == PUBLISHED.keys() - {"windows"}


@pytest.mark.parametrize(
    ("texts", "clip_frames", "chained"),
    [
        ([], 61, False),
        (["window=30"], 30, False),
        (["windows=anchored"], 14, False),
        (["windows=chained"], 14, True),
        (["chained=true"], 14, True),
        (["chained=false", "window=8"], 8, False),
        (["published=yes"], 14, False),
    ],
)
def test_how_long_clips_are(texts, clip_frames, chained):
    options = SvdOptions().changed(texts)
    assert (options.clip_frames, options.chained) == (clip_frames, chained)


@pytest.mark.parametrize(
    ("texts", "padded"),
    [
        ([], {2: 14, 6: 14, 14: 14, 15: 30, 30: 30, 31: 61, 61: 61}),
        (["window=40"], {5: 14, 29: 30, 31: 40}),
        (["window=8"], {2: 8, 8: 8}),
        (["windows=anchored"], {2: 14, 14: 14}),
        (["window=61", "pad=window"], {2: 61, 61: 61}),
    ],
)
def test_what_clips_are_padded_to(texts, padded):
    options = SvdOptions().changed(texts)
    assert {frames: options.padded(frames) for frames in padded} == padded


def test_weights_are_shared_and_what_loads_them_stays(model):
    engine = load_engine("svd", model=model, device="cpu", options=["windows=anchored"])
    other = configured(engine, ["steps=3", "window=6", "overlap=2"])
    assert [(each.windowing.window, each.windowing.overlap) for each in (engine, other)] == [(13, 4), (5, 2)]
    assert other._model is engine._model
    told = "svd's {} is chosen where its weights are loaded: leave it out here"
    with pytest.raises(InputError, match=told.format("precision") + ", and published, which sets it too$"):
        configured(engine, ["published=yes"])
    with pytest.raises(InputError, match=told.format("compile") + "$"):
        configured(engine, ["compile=yes"])


def test_flow_has_neither_options_nor_pixels():
    with pytest.raises(InputError, match="engine flow has no options: got steps=3, leave it out"):
        load_engine("flow", options=["steps=3"])
    with pytest.raises(InputError, match="engine flow makes light and no pixels"):
        configured(load_engine("flow"), (), transfer="direct")
