from itertools import product

import av
import numpy as np
import pytest

from relumix.errors import InputError
from relumix.movie.pixels import Coding, default_matrix, of_rgb, planar, planes_of, to_rgb

YUV = ("yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv422p12le")
DEEP = ("yuv444p12le", "yuv444p16le", "yuva422p", "yuva444p10le", "yuva444p12le", "gray", "gray10le")
RGB = ("gbrp", "gbrp10le", "gbrp12le", "gbrap12le", "gbrp16le")
PACKED = ["rgb24", "bgra", "rgb48le", "rgba64le", "rgb48be", "yuyv422", "uyvy422", "nv12", "nv24"]


def noise(pixel_format, width, height, seed=0):
    frame = av.VideoFrame(width, height, pixel_format)
    depths = dict(zip(planes_of(frame), frame.format.components, strict=True))
    for name, plane in planes_of(frame).items():
        plane[...] = np.random.default_rng(seed).integers(0, 2 ** depths[name].bits, plane.shape)
    return frame


def codes(frame):
    return {name: plane.astype(int) for name, plane in planes_of(frame).items()}


@pytest.mark.parametrize("pixel_format", [*YUV, *DEEP, *RGB])
def test_every_code_comes_back_as_itself(pixel_format):
    for matrix, full_range, width, height, interlaced in product((1, 6, 9), (False, True), (18, 19), (12, 15), (0, 1)):
        coding = Coding(pixel_format, matrix, full_range, bool(interlaced))
        frame = noise(pixel_format, width, height)
        written, clipped = of_rgb(to_rgb(frame, coding), coding)
        assert clipped == 0
        for name, plane in codes(frame).items():
            assert np.array_equal(codes(written)[name], plane), (coding, name)


@pytest.mark.parametrize("pixel_format", PACKED)
def test_packed_formats_become_planar_without_loss(pixel_format):
    frame = av.VideoFrame(16, 8, pixel_format)
    for plane in frame.planes:
        plane.update(np.random.default_rng(1).integers(0, 256, plane.buffer_size, dtype=np.uint8).tobytes())
    back = planar(frame).reformat(format=pixel_format)
    assert [bytes(plane) for plane in back.planes] == [bytes(plane) for plane in frame.planes]


def test_chroma_of_a_quarter_of_the_rows_is_read_too():
    frame = planar(noise("yuv410p", 16, 12))
    assert frame.format.name == "yuv444p"
    assert to_rgb(frame, Coding("yuv444p", 6, False)).shape == (12, 16, 3)


def flat(pixel_format, **levels):
    frame = av.VideoFrame(8, 8, pixel_format)
    for name, plane in planes_of(frame).items():
        plane[...] = levels[name]
    return frame


@pytest.mark.parametrize(
    ("pixel_format", "full_range", "levels", "rgb"),
    [
        ("yuv420p", False, {"Y": 16, "U": 128, "V": 128}, (0, 0, 0)),
        ("yuv420p", False, {"Y": 235, "U": 128, "V": 128}, (1, 1, 1)),
        ("yuv420p", True, {"Y": 255, "U": 128, "V": 128}, (1, 1, 1)),
        ("yuv422p10le", False, {"Y": 940, "U": 512, "V": 512}, (1, 1, 1)),
        # 100 % colour bars, BT.709-6: red is Y 62.6, Cb 102.3, Cr 240.
        ("yuv444p", False, {"Y": 63, "U": 102, "V": 240}, (1, 0, 0)),
        ("gbrp", True, {"R": 255, "G": 0, "B": 51}, (1, 0, 0.2)),
    ],
)
def test_colours(pixel_format, full_range, levels, rgb):
    found = to_rgb(flat(pixel_format, **levels), Coding(pixel_format, 1, full_range))
    assert found[4, 4] == pytest.approx(rgb, abs=0.006)


def test_alpha_has_the_full_range():
    levels = {"Y": 64, "U": 512, "V": 512, "A": 1023}
    assert to_rgb(flat("yuva444p10le", **levels), Coding("yuva444p10le", 1, False))[0, 0] == pytest.approx((0, 0, 0, 1))


def test_what_codes_cannot_say_is_cut_and_counted():
    rgb = np.full((8, 8, 3), 0.5, np.float32)
    rgb[0, 0], rgb[1, 1], rgb[2, 2] = 1.2, np.nan, -0.2
    rgb[3, 3] = 1.05  # codes above white hold that
    for pixel_format in ("yuv444p", "yuv422p10le"):
        frame, clipped = of_rgb(rgb, Coding(pixel_format, 1, False))
        assert clipped == 3
        found = to_rgb(frame, Coding(pixel_format, 1, False))
        assert found[0, 0] == pytest.approx(1.09, abs=0.005)
        assert found[3, 3] == pytest.approx(1.05, abs=0.005)


def test_matrices():
    assert (default_matrix(1080), default_matrix(576)) == (1, 6)
    with pytest.raises(InputError, match=r"its colour matrix is number 14 of H\.273: expected one of RGB, BT.601"):
        to_rgb(flat("yuv420p", Y=16, U=128, V=128), Coding("yuv420p", 14, False))
