"""Which clips the network is shown: how they follow each other, how long they are, and that nothing else decides."""

import numpy as np
import pytest
import torch

from relumix.engines.registry import load_engine
from relumix.engines.svd import chained_windows, clip_sampler
from relumix.engines.svd.clip_sampler import ClipSampler
from relumix.engines.svd.engine import SvdEngine
from relumix.engines.svd.model import SvdModel
from relumix.engines.svd.options import SvdOptions
from relumix.errors import InputError
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.arrays import relit
from relumix.pipeline.propagate import Propagation
from relumix.settings import Settings
from relumix.shot.array_source import ArraySource
from tests.engines.svd.shots import QUICK, run, small_shot


@pytest.fixture
def clips(monkeypatch):
    """The clips that are sampled: frame numbers, and how many frames the network saw. Their answer is their source."""
    seen = []

    def shown(self, source, reference, frames):
        seen.append([[frame.frame for frame in frames], 0])
        return whole(self, source, reference, frames)

    def sampled(unet, noise, source_latents, *args, **kwargs):
        seen[-1][1] = len(noise)
        return source_latents * 0.18215

    whole = ClipSampler.sample
    monkeypatch.setattr(ClipSampler, "sample", shown)
    monkeypatch.setattr(clip_sampler, "sample", sampled)
    return seen


def relight(model, frames, reference=1001, *options):
    shot = small_shot(frames)
    settings = Settings(engine="svd", model=model, work_size=64, engine_options=("steps=1", *options))
    return {f.frame: f for f in relit(shot.plate, {reference: shot.truth[reference]}, settings)}


def test_leading_clips_go_from_the_reference_frame_by_frame(model, clips):
    relight(model, 12, 1005, "window=9", "overlap=2")
    backward, forward = clips
    assert backward == [[1005, 1004, 1003, 1002, 1001], 9]
    assert forward == [[1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012], 9]


def test_beyond_its_reach_a_leading_window_begins_with_the_reference_and_jumps(model, clips):
    relight(model, 19, 1001, "window=8", "overlap=2")
    shown = [numbers for numbers, _ in clips]
    assert shown[0] == list(range(1001, 1009))
    assert shown[1:3] == [[1001, *range(1007, 1014)], [1001, *range(1008, 1015)]]  # one more than a clip: in two
    assert shown[3] == [1001, *range(1013, 1020)]
    assert {frames for _, frames in clips} == {8}


@pytest.mark.parametrize(("frames", "padded"), [(6, 14), (14, 14), (17, 30)])
def test_a_leading_clip_is_padded_to_a_length_that_was_trained(model, clips, frames, padded):
    relight(model, frames)
    assert [(len(numbers), seen) for numbers, seen in clips] == [(frames, padded)]


def test_anchored_clips_are_short_and_begin_with_the_reference(model, clips):
    relight(model, 16, 1001, "windows=anchored")
    assert clips == [[list(range(1001, 1014)), 14], [[1001, *range(1010, 1017)], 14]]


@pytest.mark.parametrize(
    "options", [[], ["windows=anchored"], ["windows=chained"]], ids=["leading", "anchored", "chained"]
)
@pytest.mark.parametrize("frames", [2, 3, 4, 5, 6, 15])
def test_short_clips_and_last_windows_are_shown_at_the_trained_length(model, clips, options, frames):
    relight(model, frames, 1001, *options)
    assert {seen for _, seen in clips} <= {14, 30}
    if frames <= 6:
        assert [seen for _, seen in clips] == [14]


@pytest.mark.parametrize("frames", [2, 6])
def test_compiled_or_not_the_picture_is_the_same(model, monkeypatch, frames):
    lengths = []

    def compiled(network, dynamic):
        assert dynamic is False

        def call(latents, *args):
            lengths.append(latents.shape[1])
            return network(latents, *args)

        call.config, call.dtype = network.config, network.dtype
        return call

    monkeypatch.setattr(torch, "compile", compiled)
    options = SvdOptions().changed(["steps=1", "guidance=batched"])
    eager = load_engine("svd", model=model, device="cpu", options=["steps=1", "guidance=batched"])
    loaded = eager._model
    other = SvdEngine(
        SvdModel(loaded._unet, loaded.encoders, device=loaded.device, precision="fp32", compile=True), options
    )
    shot = small_shot(frames)
    source = DownsampledShot(ArraySource(shot.plate, {1001: shot.truth[1001]}, None), 64)
    made = []
    for engine in (eager, other):
        with Propagation(source, engine) as light:
            made.append([gain.gain_stops for gain in light.gains(shot.frames)])
    np.testing.assert_array_equal(made[0], made[1])
    assert lengths == [14]


def test_anchored_and_chained_windows_begin_alike_and_part_later(model):
    def both(frames):
        return [run(model, small_shot(frames), [1001], f"windows={way}", "window=5") for way in ("anchored", "chained")]

    anchored, chained = both(4)
    for frame in anchored:
        np.testing.assert_array_equal(chained[frame].stops, anchored[frame].stops)
    anchored, chained = both(8)
    assert np.abs(chained[1008].stops - anchored[1008].stops).max() > 1e-3


def test_links_of_a_chain_that_were_forgotten_are_made_again_and_come_out_the_same(model, monkeypatch):
    """Frames before a reference are delivered first and come last in the chain."""
    shot = small_shot()
    remembered = run(model, shot, [1008], "chained=true")
    monkeypatch.setattr(chained_windows, "LINKS_KEPT", 1)
    forgotten = run(model, shot, [1008], "chained=true")
    for frame in shot.frames:
        np.testing.assert_array_equal(forgotten[frame].pixels, remembered[frame].pixels)


def test_a_chained_shot_is_not_cut(model):
    shot = small_shot()
    settings = Settings(engine="svd", model=model, work_size=64, engine_options=(*QUICK, "chained=true"))
    with pytest.raises(InputError, match="2 of 8 frames were chosen, and engine svd is chained"):
        list(relit(shot.plate, {1001: shot.truth[1001]}, settings, frames=[1002, 1003]))
