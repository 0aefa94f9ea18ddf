"""The maker of light by words, with a model that does as it is told."""

from pathlib import Path

import numpy as np
import pytest
import torch

from relumix.errors import FrameError, InputError
from relumix.reference.maker import PlateFrame
from relumix.reference.text.folder import ModelFolder
from relumix.reference.text.maker import Words
from relumix.reference.text.options import TextOptions
from relumix.shot.plate import Plate
from relumix.shot.sequence import Sequence
from tests.shot import files
from tests.synthetic import make_shot

NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to run on")


class Model:
    """Returns what `change` makes of the picture, by its seed."""

    def __init__(self, change):
        self.change = change

    def edit(self, picture, seed, tell):
        tell(0.5, "step 1 of 2")
        return self.change(picture, seed)


@pytest.fixture
def frame(tmp_path):
    pixels = make_shot(size=(320, 240), frames=range(1, 2)).plate[1]
    files.plain(tmp_path / "plate.0001.exr", pixels.astype(np.float16), "RGB")
    return PlateFrame.of(Plate(Sequence.find(tmp_path / "plate.0001.exr")).read(1), 320)


def words(change, **options):
    asked = TextOptions("sun", **{name: options.pop(name) for name in ("seed", "count") if name in options})
    return Words(ModelFolder(Path("model"), "APipeline", {}, None), asked, _loaded=[Model(change)], **options)


def made(maker, frame):
    told = []
    return list(maker.make(frame, lambda share, said: told.append((round(share, 3), said)))), told


def brighter(picture, seed):
    return np.clip(picture + 0.1 * seed, 0, 1)


def test_each_seed_gives_a_light_in_order(frame):
    maker = words(brighter, seed=1, count=2)
    lights, told = made(maker, frame)
    assert maker.labels == ["seed1", "seed2"]
    assert lights[0].median_gain.max() < lights[1].median_gain.min()
    assert [said for _, said in told][1:] == ["seed 1, step 1 of 2", "seed 2, step 1 of 2"]
    assert [share for share, _ in told] == [0, 0.25, 0.75]


def test_a_model_that_changes_nothing_gives_no_light(frame):
    (light,), _ = made(words(lambda picture, seed: picture), frame)
    assert not light.gain_stops.any()
    assert light.warnings == ()


def test_direct_delivers_the_pixels(frame):
    (light,), _ = made(words(lambda picture, seed: np.full_like(picture, 0.5), direct=True), frame)
    assert not light.median_gain.any()
    shown = (frame.proxy.rgb + 0.18 / 64) * np.exp2(light.gain_stops) - 0.18 / 64
    assert np.ptp(shown) < 1e-3 * shown.mean()


def test_what_shows_something_else_is_told_in_pixels_of_the_plate(frame):
    def other(picture, seed):
        out = picture.copy()
        out[:, 160:] = picture[::-1, :159:-1][:, :160]
        return np.clip(out + 0.02, 0, 1)

    (light,), _ = made(words(other), frame)
    (warning,) = light.warnings
    assert warning.startswith("the picture shows something else than the plate in the ")
    assert warning.endswith(": its broad light alone is taken")


def test_a_picture_of_nothing_is_told(frame):
    (light,), _ = made(words(lambda picture, seed: np.full_like(picture, 0.3)), frame)
    assert "kept little of the plate's detail (0." in light.warnings[0]


def test_light_of_what_is_left_out_comes_from_around(frame, tmp_path):
    mask = np.zeros((240, 320, 1), np.float16)
    mask[80:160, 100:200] = 1
    files.plain(tmp_path / "changed.exr", mask, "A")

    def dark_there(picture, seed):
        out = brighter(picture, 1)
        out[80:160, 100:200] = 0
        return out

    left_out, whole = (
        made(words(dark_there, leave_out=path), frame)[0][0].gain_stops[110:130, 140:160].mean()
        for path in (tmp_path / "changed.exr", None)
    )
    assert whole < -1
    assert left_out > 0.2


def test_a_matte_that_leaves_nothing(frame, tmp_path):
    files.plain(tmp_path / "all.exr", np.ones((240, 320, 1), np.float16), "Y")
    with pytest.raises(FrameError, match=r"frame 1: the matte .*all\.exr leaves nothing to take light from"):
        made(words(brighter, leave_out=tmp_path / "all.exr"), frame)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"direction": "left"}, "--light-from is for IC-Light"),
        ({"subject": "m.exr"}, "--subject is for IC-Light"),
        ({"coarse": 65}, "coarse is 65: expected 1 .fine. to 64"),
    ],
)
def test_what_does_not_go_together(options, sentence):
    with pytest.raises(InputError, match=sentence):
        words(brighter, **options)


def refused(call):
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    ("base", "channels", "options", "said"),
    [
        ("stable_diffusion", 12, {}, "is IC-Light's fbc, which lights by a background: give --background or --light-f"),
        ("stable_diffusion", 8, {"direction": "ambient"}, "is IC-Light's fc, which knows no ambient light: leave --li"),
        ("stable_diffusion", 4, {}, "is no IC-Light: its conv_in.weight has 4 channels, expected 8 (fc) or 12 (fbc)"),
        ("pix2pix", 8, {}, "config.json has a U-Net of 8 channels: expected Stable Diffusion 1.5, which has 4"),
        ("kontext", 8, {}, "was saved from FluxKontextPipeline and lacks unet, a part of StableDiffusionImg2ImgPipeli"),
        ("pix2pix", None, {"pipeline": "FluxKontextPipeline"}, "lacks text_encoder_2, a part of FluxKontextPipeline: "),
        pytest.param("pix2pix", None, {"device": "cuda"}, "reference text was asked for on cuda, and ", marks=NO_GPU),
    ],
)
def test_a_look_finds_what_a_run_would_be_refused_for(request, frame, base, channels, options, said):
    checkpoint = request.getfixturevalue("ic_light")[channels] if channels else None
    folder = ModelFolder.of(request.getfixturevalue(base))
    maker = Words(folder, TextOptions("sun", steps=2), ic_light=checkpoint, **options)
    looked = refused(lambda: maker.look(frame))
    assert said in looked
    assert refused(lambda: made(maker, frame)) == looked
