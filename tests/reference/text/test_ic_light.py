"""IC-Light on a tiny Stable Diffusion: both variants of its checkpoint, held against the arithmetic of its authors."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from relumix.errors import InputError
from relumix.reference.text.folder import ModelFolder
from relumix.reference.text.ic_light import IcLight, add_offsets
from relumix.reference.text.options import TextOptions
from relumix.reference.text.sizing import Frame
from tests.reference.text import tiny


def loaded(base, offsets, direction="left", **options):
    asked = TextOptions("sun", steps=2, **{name: options.pop(name) for name in ("strength",) if name in options})
    return IcLight.load(ModelFolder.of(base), offsets, asked, "cpu", "auto", direction=direction, **options)


def picture(seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (48, 80, 3)).astype(np.float32)


def ignore(share, words):
    pass


@pytest.mark.parametrize("channels", [8, 12])
def test_offsets_are_added_to_every_weight(ic_light, channels):
    unet, weights = tiny.unet(), load_file(ic_light[channels])
    before = {name: value.clone() for name, value in unet.state_dict().items()}
    add_offsets(unet, weights, ic_light[channels])
    for name, value in unet.state_dict().items():
        base = before[name]
        if name == "conv_in.weight":
            wide = torch.zeros_like(value)
            wide[:, :4] = base
            base = wide
        torch.testing.assert_close(value, base + weights[name])


@pytest.mark.parametrize(("channels", "kind"), [(8, "fc"), (12, "fbc")])
def test_it_lights(stable_diffusion, ic_light, channels, kind):
    model = loaded(stable_diffusion, ic_light[channels])
    assert model.kind == kind
    made = model.edit(picture(), 3, ignore)
    assert made.shape == (48, 80, 3)
    np.testing.assert_array_equal(made, model.edit(picture(), 3, ignore))
    assert not np.array_equal(made, model.edit(picture(1), 3, ignore))
    other = loaded(stable_diffusion, ic_light[channels], "right")
    assert not np.array_equal(made, other.edit(picture(), 3, ignore))


def test_the_network_sees_noise_foreground_and_background(stable_diffusion, ic_light):
    model = loaded(stable_diffusion, ic_light[12])
    seen = []
    model.pipe.unet.conv_in.register_forward_pre_hook(lambda module, args: seen.append(args[0].clone()))
    model.edit(picture(), 3, ignore)
    frame = Frame.of((48, 80, 3), tiny.PX)
    foreground, background = (model._coded(each) for each in (frame.fitted(picture()), model._around(frame)))
    for sample in seen:
        assert sample.shape[:2] == (2, 12)  # without and with the prompt
        torch.testing.assert_close(sample[:, 4:8], foreground.expand(2, -1, -1, -1))
        torch.testing.assert_close(sample[:, 8:], background.expand(2, -1, -1, -1))


@pytest.mark.parametrize(
    ("channels", "direction", "ends"),
    [(8, "left", (255, 0)), (8, "right", (0, 255)), (12, "left", (224, 32)), (12, "right", (32, 224))],
)
def test_the_direction_of_the_light_is_a_ramp(stable_diffusion, ic_light, channels, direction, ends):
    ramp = loaded(stable_diffusion, ic_light[channels], direction)._around(Frame.of((64, 64, 3), 64)) * 255
    assert (round(float(ramp[0, 0, 0])), round(float(ramp[0, -1, 0]))) == ends
    assert np.ptp(ramp, axis=0).max() == 0


def test_from_above_and_from_everywhere(stable_diffusion, ic_light):
    frame = Frame.of((64, 64, 3), 64)
    above = loaded(stable_diffusion, ic_light[8], "top")._around(frame)
    assert above[0].min() == 1
    assert above[-1].max() == 0
    assert np.unique(loaded(stable_diffusion, ic_light[12], "ambient")._around(frame) * 255).round() == [64]


def test_what_is_no_subject_is_grey(stable_diffusion, ic_light):
    subject = np.zeros((48, 80), np.float32)
    model = loaded(stable_diffusion, ic_light[8]).lighting(subject)
    grey = model._foreground(picture(), Frame.of((48, 80, 3), 64))
    np.testing.assert_allclose(grey, 127 / 255, atol=1e-6)


def test_a_background_covers_the_picture(stable_diffusion, ic_light):
    background = np.linspace(0, 1, 200, dtype=np.float32)[None, :, None] * np.ones((50, 1, 3), np.float32)
    model = loaded(stable_diffusion, ic_light[12], None, background=background)
    around = model._around(Frame.of((64, 64, 3), 64))
    assert around.shape == (64, 64, 3)
    assert around[0, 0, 0] == pytest.approx(3 / 8, abs=0.02)
    assert around[0, -1, 0] == pytest.approx(5 / 8, abs=0.02)


def test_without_a_direction_fc_begins_with_noise(stable_diffusion, ic_light):
    steps = []
    model = loaded(stable_diffusion, ic_light[8], None)
    made = model.edit(picture(), 3, lambda share, words: steps.append(words))
    assert made.std() > 0
    assert steps == ["step 1 of 2", "step 2 of 2"]


@pytest.mark.parametrize(
    ("channels", "options", "words"),
    [
        (12, {"direction": None}, "fbc, which lights by a background: give --background or --light-from"),
        (8, {"direction": "ambient"}, "fc, which knows no ambient light: leave --light-from out"),
        (12, {"strength": 0.5}, "fbc, which has no use for --strength: leave it out"),
        (4, {}, "is no IC-Light: its conv_in.weight has 4 channels, expected 8 .fc. or 12 .fbc."),
    ],
)
def test_what_does_not_go_together(stable_diffusion, ic_light, channels, options, words):
    with pytest.raises(InputError, match=words):
        loaded(stable_diffusion, ic_light[channels], **options)


def test_another_network_is_refused(ic_light, tmp_path):
    weights = load_file(ic_light[8])
    lacks = {name: value for name, value in weights.items() if name != "conv_out.bias"}
    with pytest.raises(InputError, match=r"differ in conv_out\.bias: expected Stable Diffusion 1\.5's"):
        add_offsets(tiny.unet(), lacks, tmp_path / "a")
    other = {**weights, "conv_out.bias": torch.zeros(7)}
    with pytest.raises(InputError, match=r"has conv_out\.bias as \[7\], its base as \[4\]"):
        add_offsets(tiny.unet(), other, tmp_path / "a")


def test_a_checkpoint_that_is_none(stable_diffusion, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"a\.safetensors cannot be read as safetensors"):
        loaded(stable_diffusion, tmp_path / "a.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "b.safetensors")
    with pytest.raises(InputError, match="has 0 channels"):
        loaded(stable_diffusion, tmp_path / "b.safetensors")
