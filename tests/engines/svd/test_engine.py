"""The engine around a tiny random network: options, weights, windows, pixels, memory."""

from dataclasses import astuple

import numpy as np
import pytest

from relumix.engines.registry import configured, load_engine
from relumix.engines.svd import chain, clip
from relumix.engines.svd.canvas import NetworkCanvas
from relumix.engines.svd.memory import Weights, batched_if_it_fits, footprint
from relumix.engines.svd.sampler import sample
from relumix.errors import InputError
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.arrays import relit
from relumix.pipeline.propagate import Propagation
from relumix.settings import Settings
from relumix.shot.array_source import ArraySource
from tests.engines.svd.models import make_model
from tests.synthetic import make_shot, shadow_light

QUICK = ("steps=1", "window=4", "overlap=1")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(make_model(tmp_path_factory.mktemp("svd")))


def run(model, shot, references, *options, **settings):
    chosen = Settings(engine="svd", model=model, work_size=64, engine_options=(*QUICK, *options), **settings)
    return {f.frame: f for f in relit(shot.plate, {r: shot.truth[r] for r in references}, chosen)}


def small_shot(frames=8):
    return make_shot(size=(48, 32), frames=range(1001, 1001 + frames), light=shadow_light(20))


def test_without_weights_one_message_says_how_to_get_them():
    with pytest.raises(InputError) as caught:
        load_engine("svd")
    said = str(caught.value)
    assert said.startswith("engine svd ships without weights, and no --model was given: get them with: huggingface-cli")
    for part in (
        "lez/relumix",
        "relumix convert relumix.pth --base svd -o relumix-svd",
        "licence",
        "--model relumix-svd",
    ):
        assert part in said
    assert "\n" not in said


def test_a_folder_that_lacks_a_part_is_named(model, tmp_path):
    (tmp_path / "unet").mkdir()
    with pytest.raises(InputError, match=r"lacks unet/config.json or its .safetensors: expected a folder that"):
        load_engine("svd", model=str(tmp_path))


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("speed=9", "'speed=9' is no option of engine svd: expected NAME=VALUE with steps, window,"),
        ("steps=many", "svd's steps is 'many': expected a whole number"),
        ("chained=maybe", "svd's chained is 'maybe': expected true or false"),
        ("guidance=some", "svd's guidance is 'some': expected one of auto, batched, in_turn"),
        ("overlap=13", "svd's overlap is 13: expected at most 12 in windows of 14 frames"),
        ("offload=true", "svd's offload is for a GPU: got device cpu, leave it out"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(model, option, said):
    with pytest.raises(InputError) as caught:
        load_engine("svd", model=model, device="cpu", options=[option])
    assert said in str(caught.value)


def test_flow_has_neither_options_nor_pixels():
    with pytest.raises(InputError, match="engine flow has no options: got steps=3, leave it out"):
        load_engine("flow", options=["steps=3"])
    with pytest.raises(InputError, match="engine flow makes light and no pixels"):
        configured(load_engine("flow"), (), transfer="direct")


def test_weights_are_shared_and_what_loads_them_stays(model):
    engine = load_engine("svd", model=model, device="cpu")
    other = configured(engine, ["steps=3", "window=6", "overlap=2"])
    assert (*astuple(engine.windowing)[1:3], *astuple(other.windowing)[1:3]) == (13, 4, 5, 2)
    assert other._model is engine._model
    with pytest.raises(InputError, match="svd's precision is chosen where its weights are loaded"):
        configured(engine, ["precision=bf16"])


def test_anchored_and_chained_windows_begin_alike_and_part_later(model):
    shot = small_shot()
    # An anchored window has its anchor beside its frames, so a longer one begins with the same frames.
    anchored, chained = run(model, shot, [1001], "window=5"), run(model, shot, [1001], "chained=true")
    for frame in (1002, 1003):
        np.testing.assert_array_equal(chained[frame].stops, anchored[frame].stops)
    assert np.abs(chained[1007].stops - anchored[1007].stops).max() > 1e-3


def test_links_of_a_chain_that_were_forgotten_are_made_again_and_come_out_the_same(model, monkeypatch):
    """Frames before a reference are delivered first and come last in the chain."""
    shot = small_shot()
    remembered = run(model, shot, [1008], "chained=true")
    monkeypatch.setattr(chain, "_LINKS_KEPT", 1)
    forgotten = run(model, shot, [1008], "chained=true")
    for frame in shot.frames:
        np.testing.assert_array_equal(forgotten[frame].pixels, remembered[frame].pixels)


def test_a_compiled_network_sees_clips_of_one_length(model, monkeypatch):
    seen = []

    def sampled(unet, noise, *args, **kwargs):
        seen.append(len(noise))
        return sample(unet, noise, *args, **kwargs)

    monkeypatch.setattr(clip, "sample", sampled)
    engine, shot = load_engine("svd", model=model, device="cpu", options=QUICK), small_shot(6)
    engine._model.compiled = True
    with Propagation(DownsampledShot(ArraySource(shot.plate, {1001: shot.truth[1001]}, None), 64), engine) as light:
        assert [gain.gain_stops.shape for gain in light.gains(shot.frames)] == [(32, 48, 3)] * 6
    assert seen == [4, 4, 4]


def test_a_chained_shot_is_not_cut(model):
    shot = small_shot()
    settings = Settings(engine="svd", model=model, work_size=64, engine_options=(*QUICK, "chained=true"))
    with pytest.raises(InputError, match="2 of 8 frames were chosen, and engine svd is chained"):
        list(relit(shot.plate, {1001: shot.truth[1001]}, settings, frames=[1002, 1003]))


def test_light_stays_within_the_reach_of_the_reference(model):
    shot = small_shot(5)
    result = run(model, shot, [1001])
    low, high = shot.stops[1001].min(), shot.stops[1001].max()
    slack = 0.3 * (high - low)
    for frame in shot.frames[1:]:
        assert low - slack < result[frame].stops.min() and result[frame].stops.max() < high + slack


def test_direct_delivers_pixels_and_the_reference_as_it_is(model):
    shot = small_shot(4)
    light, direct = run(model, shot, [1001]), run(model, shot, [1001], transfer="direct")
    np.testing.assert_array_equal(direct[1001].pixels, shot.truth[1001])
    for frame in shot.frames[1:]:
        assert np.isfinite(direct[frame].pixels).all() and direct[frame].pixels.min() >= 0
        assert np.abs(direct[frame].stops - light[frame].stops).max() > 0.1


def test_what_is_remembered_is_bounded_by_the_window(model):
    engine = load_engine("svd", model=model, device="cpu", options=QUICK)
    shot = small_shot(24)
    with Propagation(DownsampledShot(ArraySource(shot.plate, {1001: shot.truth[1001]}, None), 64), engine) as light:
        for gain in light.gains(shot.frames):
            assert not isinstance(gain, Exception)
        clips = light._propagator._clips
    assert len(clips._seen) <= 3 * 4
    assert len(clips._decoded) <= 4


def test_the_seed_decides(model):
    shot = small_shot(3)
    one, same, other = (run(model, shot, [1001], f"seed={seed}")[1003].stops for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0


def test_what_does_not_fit_is_refused_with_advice():
    weights, canvas = Weights(3 << 30, 1 << 28, 1 << 30, 2), NetworkCanvas.fit(576, 1024, 1024 * 576)
    options = {"vae_slice": 4, "offload": False}
    both, one = (footprint(weights, canvas, 61, batched=b, **options).total for b in (True, False))
    assert both > one
    fits = {"weights": weights, "canvas": canvas, "frames": 61, **options}
    assert batched_if_it_fits(**fits, guidance="auto", free_bytes=both)
    assert not batched_if_it_fits(**fits, guidance="auto", free_bytes=one)
    with pytest.raises(InputError) as caught:
        batched_if_it_fits(**fits, guidance="batched", free_bytes=one)
    for advice in ("61 frames of 1024x576", "guidance=in_turn", "vae_slice=1", "offload=true", "--work-size"):
        assert advice in str(caught.value)
