"""The engine around a tiny random network: weights, pixels, what is remembered."""

import shutil

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from relumix.engines.registry import load_engine
from relumix.errors import InputError
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.propagate import Propagation
from relumix.shot.array_source import ArraySource
from tests.engines.svd.shots import QUICK, run, small_shot


def test_without_weights_one_message_says_how_to_get_them():
    with pytest.raises(InputError) as caught:
        load_engine("svd")
    said = str(caught.value)
    assert said.startswith("engine svd ships without weights, and no --model was given: get them with: hf download")
    for part in (
        "lez/relumix",
        "relumix convert relumix.pth --base svd -o relumix-svd",
        "licence",
        "--model relumix-svd",
    ):
        assert part in said
    assert "\n" not in said


def test_a_folder_that_lacks_a_part_is_named(tmp_path):
    (tmp_path / "unet").mkdir()
    with pytest.raises(InputError, match=r"lacks unet/config.json or its .safetensors: expected a folder that"):
        load_engine("svd", model=str(tmp_path))


def test_light_stays_within_the_reach_of_the_reference(model):
    shot = small_shot(5)
    result = run(model, shot, [1001])
    low, high = shot.stops[1001].min(), shot.stops[1001].max()
    slack = 0.3 * (high - low)
    for frame in shot.frames[1:]:
        assert low - slack < result[frame].stops.min() and result[frame].stops.max() < high + slack


def test_without_calibration_light_is_what_the_network_says(model):
    shot = small_shot(4)
    bound, free = run(model, shot, [1001]), run(model, shot, [1001], "calibrate=no")
    reach = np.abs(shot.stops[1001]).max()
    assert np.abs(free[1003].stops).max() > 1.5 * reach > np.abs(bound[1003].stops).max()


@pytest.fixture(scope="module")
def night():
    """A shot whose reference is far darker, so that its median gain counts."""
    shot = small_shot(3)
    shot.truth[1001] = shot.truth[1001] * np.float32([0.3, 0.2, 0.15])
    return shot


@pytest.fixture(scope="module")
def by_default(model, night):
    return run(model, night, [1001])[1003].stops


@pytest.mark.parametrize(
    "option", ["median_gain=none", "exposure=plate", "tone=srgb", "crop=64", "reference_range=unsigned"]
)
def test_each_departure_changes_what_is_seen(model, night, by_default, option):
    stops = run(model, night, [1001], option)[1003].stops
    assert np.isfinite(stops).all() and np.abs(stops - by_default).max() > 1e-3


def test_outside_of_a_crop_light_is_the_references_median_gain(model):
    shot = small_shot(3)
    stops = run(model, shot, [1001], "crop=64", "calibrate=no")[1003].stops
    beside = np.concatenate([stops[:, :7], stops[:, -7:]], axis=1)  # 48 x 32: the central square is 32 wide
    assert beside.std(axis=(0, 1)).max() < 0.02 < stops[:, 8:-8].std(axis=(0, 1)).min()


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
        assert len(light._propagator._clips.encoder._known) <= 3 * 4


@pytest.mark.parametrize(
    ("part", "layer", "said"),
    [
        ("unet", "conv_out.bias", "network gave values .* load it with precision=bf16 or precision=fp32"),
        ("vae", "decoder.conv_out.bias", "VAE gave values .* load it with decode_precision=fp32"),
    ],
)
@pytest.mark.parametrize("transfer", ["gain", "direct"])
def test_an_answer_that_is_not_finite_is_an_error_and_no_frame(model, tmp_path, part, layer, said, transfer):
    """As from half precision that overflows."""
    folder = shutil.copytree(model, tmp_path / "svd")
    path = folder / part / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    weights[layer] *= float("nan")
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(InputError, match=rf"frames 1001 to 1003: svd's {said}"):
        run(str(folder), small_shot(3), [1001], transfer=transfer)


def test_the_seed_decides(model):
    shot = small_shot(3)
    one, same, other = (run(model, shot, [1001], f"seed={seed}")[1003].stops for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0


@pytest.mark.parametrize("options", [(), ("chained=true",), ("calibrate=no",)], ids=str)
def test_it_expects_what_it_was_off_where_the_light_is_known(model, options):
    shot = small_shot(5)
    engine = load_engine("svd", model=model, device="cpu", options=(*QUICK, *options))
    with Propagation(DownsampledShot(ArraySource(shot.plate, {1001: shot.truth[1001]}, None), 64), engine) as light:
        errors = [gain.error_stops for gain in light.gains(shot.frames)]
    assert not errors[0].any()
    assert all(np.isfinite(error).all() and error.min() > 0.01 for error in errors[1:])
    if options == ("chained=true",):  # each link of a chain adds its own
        assert errors[-1].mean() > errors[1].mean()
