"""Frames through the plugin are what relumix makes of the same plate."""

import numpy as np
import OpenImageIO as oiio
import pytest

import relumix
from relumix.color.spaces import working_space
from tests.ofx_plugin.rig import FILTER
from tests.shot import files
from tests.synthetic import make_shot

HALF = 2.0**-11
"""What rounding to half float may change, as a share of the value."""


@pytest.fixture(scope="module")
def relit(shot):
    made = relumix.relit(shot.plate, {1001: shot.truth[1001]}, confidence=True)
    return {frame.frame: frame for frame in made}


def test_frames_equal_the_commands(shared, host, shot, tmp_path):
    for frame, pixels in shot.plate.items():
        files.plain(tmp_path / f"plate/p.{frame}.exr", pixels)
    files.plain(tmp_path / "relit.exr", shot.truth[1001])
    relumix.relight(tmp_path / "plate", {1001: tmp_path / "relit.exr"}, tmp_path / "out")
    host.press("relight")
    for frame in shot.frames:
        pixels, message = host.render(frame)
        assert message == ""
        np.testing.assert_allclose(pixels[..., :3], files.light(tmp_path / f"out/p.{frame}.exr"), rtol=HALF)
        assert (pixels[..., 3] == 1).all()


def test_in_any_order_with_rows_from_the_top_and_in_the_filter_context(host, shared, relit):
    host.press("relight")
    host.create("b", FILTER)
    host.press("relight", name="b")
    for frame in (1008, 1002, 1005):
        for options, name in (((), "a"), (("negative",), "a"), ((), "b")):
            np.testing.assert_array_equal(host.render(frame, *options, name=name)[0][..., :3], relit[frame].pixels)


def test_the_references_own_frame_is_the_reference_and_gain_is_in_stops(host, shot, relit):
    host.press("relight")
    np.testing.assert_array_equal(host.render(1001)[0][..., :3], shot.truth[1001])
    host.set("output", 1)
    np.testing.assert_allclose(host.render(1004)[0][..., :3], relit[1004].stops, rtol=HALF, atol=1e-6)


def test_confidence_is_the_librarys_and_1_where_the_light_was_given(host, relit):
    host.press("relight")
    host.set("output", 3)
    assert (host.render(1001)[0][..., :3] == 1).all()
    expected = np.repeat(relit[1004].confidence[..., None], 3, -1)
    assert expected.min() < 0.9
    np.testing.assert_allclose(host.render(1004)[0][..., :3], expected, rtol=HALF)
    small = expected.reshape(24, 2, 32, 2, 3).mean((1, 3))
    np.testing.assert_allclose(host.render(1004, "scale=2")[0][..., :3], small, rtol=2 * HALF)


@pytest.mark.parametrize("mix", [0.3, 0.0])
def test_mix_and_mask_are_the_librarys(host, shared, shot, mix):
    mask = np.linspace(-0.5, 1.5, 64, dtype=np.float32) + np.zeros((48, 1), np.float32)
    mask[3, 3] = np.nan
    shared.put("mattes", {1004: np.repeat(mask[..., None], 4, axis=-1)})
    host.press("relight")
    host.say(f"clip a Mask {shared.folder / 'mattes'} 1001 1008")
    host.set("mix", mix)
    masks = dict.fromkeys(shot.frames, mask)
    (expected,) = relumix.relit(
        shot.plate, {1001: shot.truth[1001]}, relumix.Settings(mix=mix), masks=masks, frames=[1004]
    )
    np.testing.assert_array_equal(host.render(1004)[0][..., :3], expected.pixels)
    host.set("maskInvert", 1)
    host.set("maskChannel", 2)
    inverted = 1 - np.clip(np.nan_to_num(mask, nan=0), 0, 1)
    (expected,) = relumix.relit(
        shot.plate,
        {1001: shot.truth[1001]},
        relumix.Settings(mix=mix),
        masks=dict.fromkeys(masks, inverted),
        frames=[1004],
    )
    np.testing.assert_array_equal(host.render(1004)[0][..., :3], expected.pixels)


def test_mattes_that_are_not_there_change_nothing(host, relit):
    host.press("relight")
    host.say("clip a Mask null 1001 1008")
    np.testing.assert_array_equal(host.render(1003)[0][..., :3], relit[1003].pixels)


def test_alpha_and_pixels_that_are_no_numbers_are_the_plates(bench):
    shot = make_shot(size=(64, 48), frames=range(1, 4), alpha=True, bad_pixels=3)
    bench.put("Source", shot.plate)
    bench.put("Reference", {2: shot.truth[2]})
    host = bench.host().load(first=1, last=3)
    host.set("referenceFrames", "2")
    assert host.press("relight") == "3 frames relit"
    for expected in relumix.relit(shot.plate, {2: shot.truth[2]}):
        np.testing.assert_array_equal(host.render(expected.frame)[0], expected.pixels)


def test_alpha_that_is_nothing_or_is_not_multiplied_is_passed_through(bench, shot, relit):
    without = {frame: np.concatenate([pixels, 0 * pixels[..., :1]], -1) for frame, pixels in shot.plate.items()}
    bench.put("Source", without)
    bench.put("Reference", {1001: shot.truth[1001]}, premultiplied=False)
    host = bench.host().load()
    host.press("relight")
    pixels, _ = host.render(1005)
    np.testing.assert_array_equal(pixels[..., :3], relit[1005].pixels)
    assert (pixels[..., 3] == 0).all()


def test_proxies_and_thumbnails_are_the_frame_made_small(host, relit):
    host.press("relight")
    small = relit[1004].pixels.reshape(24, 2, 32, 2, 3).mean((1, 3))
    for options in (("scale=2",), ("scale=2", "thumbnail"), ("scale=2", "draft", "interactive=0")):
        np.testing.assert_allclose(host.render(1004, *options)[0][..., :3], small, rtol=1e-5)


def test_a_proxy_of_another_picture_is_not_taken_for_this_one(host, shared, shot):
    host.press("relight")
    shared.put("other", {frame: pixels * 1.3 for frame, pixels in shot.plate.items()})
    host.say(f"clip a Source {shared.folder / 'other'} 1001 1008")
    pixels, message = host.render(1004, "scale=2")
    assert message.startswith("OfxMessageWarning: frame 1004 is not relit")
    np.testing.assert_allclose(pixels[..., :3], 1.3 * shot.plate[1004].reshape(24, 2, 32, 2, 3).mean((1, 3)), rtol=1e-5)


@pytest.mark.parametrize(("choice", "space"), [(1, "sRGB Encoded Rec.709 (sRGB)"), (6, "ARRI LogC3 (EI800)")])
def test_coded_clips_are_relit_scene_linear(bench, shot, choice, space, monkeypatch):
    config = "ocio://studio-config-latest"
    monkeypatch.setenv("OCIO", config)
    bench.variables["OCIO"] = config
    linear = working_space(space).linear

    def converted(pixels, source, target):
        # By name: OpenImageIO keeps the first configuration that this process has used.
        return oiio.ImageBufAlgo.colorconvert(oiio.ImageBuf(pixels), source, target, colorconfig=config).get_pixels()

    def coded(pixels):
        return converted(pixels, linear, space)

    plate = {frame: coded(pixels) for frame, pixels in shot.plate.items() if frame < 1004}
    bench.put("Source", plate)
    bench.put("Reference", {1001: coded(shot.truth[1001])})
    host = bench.host().load(last=1003)
    host.set("coding", choice)
    host.press("relight")
    decoded = {frame: converted(pixels, space, linear) for frame, pixels in plate.items()}
    reference = converted(coded(shot.truth[1001]), space, linear)
    for expected in relumix.relit(decoded, {1001: reference}):
        np.testing.assert_allclose(host.render(expected.frame)[0][..., :3], coded(expected.pixels), atol=2e-4)
    bench.put("Reference", {1001: plate[1001]})  # No other light: not even a rounding of it.
    host.press("relight")
    np.testing.assert_array_equal(host.render(1003)[0][..., :3], plate[1003])


def test_a_colour_space_that_is_not_known_is_said(host):
    host.set("coding", 17)
    host.set("codingName", "ACEScgg")
    assert host.press("relight").startswith("unknown colour space 'ACEScgg': did you mean ACEScg")


def test_a_reference_from_a_file(host, shared, shot, relit, tmp_path):
    files.plain(tmp_path / "relit.1001.exr", shot.truth[1001])
    host.say("clip a Reference null 1001 1008")  # As in hosts with one input.
    assert host.press("relight").startswith("Reference has no picture at frame 1001: connect it, or name")
    host.set("referenceFrom", 1)
    assert host.press("relight") == "no reference file is named: choose one, or take the Reference input"
    host.set("referenceFile", tmp_path / "relit.####.exr")
    assert host.press("relight") == "8 frames relit"
    np.testing.assert_array_equal(host.render(1004)[0][..., :3], relit[1004].pixels)
    assert host.render(1004, "scale=2")[1] == ""
    files.plain(tmp_path / "relit.1001.exr", shot.plate[1001] * 2)
    assert host.render(1004)[1].startswith("OfxMessageWarning: frame 1004 is not relit, or has changed")
    host.set("referenceFrames", "1002")
    assert host.press("relight") == (f"the reference file for frame 1002 is not there: {tmp_path}/relit.1002.exr")
    host.set("referenceFile", tmp_path / "relit.1001.exr")
    host.set("referenceFrames", "1001, 1002")
    assert "is one file, but there are 2 reference frames" in host.press("relight")
