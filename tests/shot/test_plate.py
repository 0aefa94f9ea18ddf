import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from relumix.errors import FrameError, InputError
from relumix.shot import Box, Plate, Sequence, nonfinite
from tests.shot import files


def plate_of(path: Path, **choice: str | None) -> Plate:
    return Plate(Sequence.find(path), **choice)


def refusal(path: Path, **choice: str | None) -> str:
    with pytest.raises(InputError) as caught:
        plate_of(path, **choice)
    return str(caught.value)


def test_pixels_windows_and_names(tmp_path: Path) -> None:
    pixels = files.noise(6, 5)
    path = files.by_hand(
        tmp_path / "a.0007.exr",
        {name: pixels[..., index] for index, name in enumerate("RGBA")},
        origin=(-3, 4),
        display=(-10, 0, 9, 29),
        aspect=2.0,
    )
    plate = plate_of(path, premult="yes")
    assert (plate.frames, plate.rgb_names, plate.display_window) == ((7,), ("R", "G", "B"), Box(-10, 0, 20, 30))
    picture = plate.read(7)
    assert (picture.frame, picture.path, picture.pixel_aspect) == (7, path, 2.0)
    assert (picture.data_window, picture.display_window) == (Box(-3, 4, 5, 6), Box(-10, 0, 20, 30))
    assert picture.rgb.dtype == np.float32
    assert picture.rgb.flags.c_contiguous
    assert np.array_equal(picture.rgb, pixels[..., :3])
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, pixels[..., 3])


def test_mixed_types_are_each_their_own(tmp_path: Path) -> None:
    half, depth = files.noise(4, 5), files.noise(4, 5, 1, np.float32)[..., 0]
    identity = np.arange(20, dtype=np.uint32).reshape(4, 5) + np.uint32(0xFFFFFF00)
    channels = {name: half[..., index] for index, name in enumerate("RGBA")}
    path = files.by_hand(tmp_path / "a.exr", {**channels, "Z": depth, "id": identity, "G": half[..., 1].astype("f4")})
    picture = plate_of(path).read(1)
    assert np.array_equal(picture.rgb, half[..., :3])
    (part,) = picture.contents.parts
    planes = {plane.pixels.dtype.name: plane for plane in part.levels[0].planes}
    assert {kind: [part.channels[c] for c in plane.channels] for kind, plane in planes.items()} == {
        "float16": ["R", "B", "A"],
        "float32": ["G", "Z"],
        "uint32": ["id"],
    }
    assert np.array_equal(planes["uint32"].pixels[..., 0], identity)
    assert np.array_equal(planes["float32"].pixels[..., 1], depth)


def test_nonfinite_pixels_are_kept_and_counted(tmp_path: Path) -> None:
    pixels = files.noise(6, 5)
    pixels[0, 0, 0], pixels[0, 0, 1], pixels[2, 3, 2], pixels[5, 4, 3] = np.nan, np.inf, -np.inf, np.nan
    picture = plate_of(files.plain(tmp_path / "a.exr", pixels)).read(1)
    assert np.array_equal(picture.rgb, pixels[..., :3], equal_nan=True)
    assert nonfinite(picture) == 2


def test_values_that_overflow_in_sum_are_finite(tmp_path: Path) -> None:
    pixels = np.full((6, 5, 3), 3e38, np.float32)
    assert nonfinite(plate_of(files.plain(tmp_path / "a.exr", pixels)).read(1)) == 0


def test_layer_and_view_of_one_part(tmp_path: Path) -> None:
    pixels = files.noise(4, 5, 7)
    names = ["R", "G", "B", "left.R", "left.G", "left.B", "left.A"]
    spec = files.spec_of(pixels, names)
    spec.attribute("multiView", oiio.TypeDesc("string[2]"), ("right", "left"))
    path = files.by_oiio(tmp_path / "a.exr", (spec, [pixels]))
    assert plate_of(path, view="left").rgb_names == ("left.R", "left.G", "left.B")
    picture = plate_of(path, view="left", premult="yes").read(1)
    assert np.array_equal(picture.rgb, pixels[..., 3:6])
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, pixels[..., 6])
    assert plate_of(path).read(1).alpha is None


def test_part_of_many(tmp_path: Path) -> None:
    one, other = files.noise(4, 5, 1), files.noise(6, 7, 4, seed=1)
    display = (0, 0, 20, 20)
    path = files.by_oiio(
        tmp_path / "a.exr",
        [
            (files.spec_of(one, ["Z"], display=display, oiio__subimagename="depth"), [one]),
            (files.spec_of(other, window=(3, 2), display=display, oiio__subimagename="beauty", view="left"), [other]),
        ],
    )
    picture = plate_of(path, layer="beauty", view="left").read(1)
    assert np.array_equal(picture.rgb, other[..., :3])
    assert picture.data_window == Box(3, 2, 7, 6)


def test_mip_levels(tmp_path: Path) -> None:
    levels = [files.noise(16, 16), files.noise(8, 8), files.noise(4, 4), files.noise(2, 2), files.noise(1, 1)]
    spec = files.spec_of(levels[0], tile=(16, 16), textureformat="Plain Texture", openexr__levelmode=1)
    picture = plate_of(files.by_oiio(tmp_path / "a.exr", (spec, levels))).read(1)
    assert len(picture.levels) == 5
    assert all(np.array_equal(mine.rgb, its[..., :3]) for mine, its in zip(picture.levels, levels, strict=True))


def test_a_data_window_may_move(tmp_path: Path) -> None:
    display = (0, 0, 20, 20)
    files.plain(tmp_path / "a.1.exr", files.noise(4, 5), window=(1, 1), display=display)
    files.plain(tmp_path / "a.2.exr", files.noise(6, 3), window=(-2, 5), display=display)
    plate = plate_of(tmp_path)
    assert [plate.read(frame).data_window for frame in (1, 2)] == [Box(1, 1, 5, 4), Box(-2, 5, 3, 6)]


@pytest.mark.parametrize(
    ("layout", "difference"),
    [
        ({"display": (0, 0, 9, 9)}, "display window 9x9+0+0, but {0} has 20x20+0+0"),
        ({"names": ["R", "G", "B", "Z"]}, "channels R,G,B,Z, but {0} has R,G,B,A"),
        ({"PixelAspectRatio": 2.0}, "pixel aspect 2, but {0} has 1"),
    ],
)
def test_frames_that_are_not_like_the_first(tmp_path: Path, layout: dict[str, object], difference: str) -> None:
    first = files.plain(tmp_path / "a.1.exr", files.noise(4, 5), display=(0, 0, 20, 20))
    second = files.plain(tmp_path / "a.2.exr", files.noise(4, 5), **{"display": (0, 0, 20, 20), **layout})
    with pytest.raises(FrameError) as caught:
        plate_of(tmp_path).read(2)
    assert caught.value.frame == 2
    assert str(caught.value) == (
        f"frame 2: {second} has {difference.format(first)}; expected all frames of a shot to agree"
    )


def test_parts_in_another_order(tmp_path: Path) -> None:
    pixels = files.noise(4, 5)
    for frame, views in enumerate((("left", "right"), ("right", "left")), 1):
        parts = [(files.spec_of(pixels, oiio__subimagename="rgba_" + view, view=view), [pixels]) for view in views]
        files.by_oiio(tmp_path / f"a.{frame}.exr", parts)
    with pytest.raises(FrameError) as caught:
        plate_of(tmp_path).read(2)
    assert str(caught.value) == (
        f"frame 2: {tmp_path}/a.2.exr has parts rgba_right right, rgba_left left, but {tmp_path}/a.1.exr has "
        "rgba_left left, rgba_right right; expected all frames of a shot to agree"
    )


def test_a_missing_frame(tmp_path: Path) -> None:
    files.plain(tmp_path / "a.1.exr", files.noise(4, 5))
    with pytest.raises(FrameError) as caught:
        plate_of(tmp_path / "a.#.exr").read(2)
    assert str(caught.value) == f"frame 2: {tmp_path}/a.2.exr cannot be read: there is no such file"


def test_deep_images_are_refused(tmp_path: Path) -> None:
    spec = oiio.ImageSpec(4, 4, 5, "float")
    spec.channelnames, spec.deep = ("R", "G", "B", "A", "Z"), True
    deep = oiio.DeepData()
    deep.init(16, 5, oiio.TypeFloat, spec.channelnames)
    output, path = oiio.ImageOutput.create("a.exr"), tmp_path / "a.exr"
    assert output.open(str(path), spec)
    assert output.write_deep_image(deep)
    output.close()
    assert refusal(path) == f"{path} is a deep image: relumix relights flat ones; flatten it first (DeepToImage)"


def test_luminance_chroma_is_refused(tmp_path: Path) -> None:
    channel = files.noise(4, 4, 1)[..., 0]
    path = files.by_hand(tmp_path / "a.exr", {"Y": channel, "BY": channel, "RY": channel}, sampling={"BY": 2, "RY": 2})
    assert refusal(path) == (
        f"{path} cannot be read: it is a subsampled luminance-chroma image (BY, RY lack pixels); "
        "convert it to RGB first"
    )


def test_rip_maps_are_refused(tmp_path: Path) -> None:
    pixels = files.noise(16, 16)
    spec = files.spec_of(pixels, tile=(16, 16), textureformat="Plain Texture", openexr__levelmode=2)
    path = files.by_oiio(tmp_path / "a.exr", (spec, [pixels]))
    assert refusal(path) == f"{path} is rip-mapped: save it with mip levels, or one level, first"


def test_parts_with_mip_levels_are_refused(tmp_path: Path) -> None:
    pixels = files.noise(16, 16)
    mips = {"tile": (16, 16), "textureformat": "Plain Texture", "openexr__levelmode": 1}
    parts = [(files.spec_of(pixels, oiio__subimagename=name, **mips), [pixels]) for name in ("one", "two")]
    path = files.by_oiio(tmp_path / "a.exr", parts)
    assert refusal(path) == f"{path} has several parts and mip levels: save it with one of the two first"


def test_whole_numbers_are_no_light(tmp_path: Path) -> None:
    path = files.by_hand(tmp_path / "a.exr", dict.fromkeys("RGB", np.zeros((4, 4), np.uint32)))
    assert refusal(path) == f"{path}: R, G, B hold whole numbers; expected half or float"


@pytest.mark.parametrize("colorspace", ["sRGB", None])
def test_other_formats_are_srgb_unless_they_are_said_to_be_otherwise(tmp_path: Path, colorspace: str | None) -> None:
    path = files.plain(tmp_path / "a.png", np.full((4, 5, 3), 128, np.uint8))
    plate = plate_of(path, colorspace=colorspace)
    assert (plate.colorspace, plate.is_assumed, plate.is_coded) == ("sRGB", colorspace is None, True)
    assert plate.space.linear == "Linear Rec.709 (sRGB)"
    assert plate.read(1).rgb == pytest.approx(0.2158605, abs=1e-5)


def test_straight_alpha_is_multiplied_in_linear_light(tmp_path: Path) -> None:
    pixels = np.full((4, 5, 4), 128, np.uint8)
    picture = plate_of(files.plain(tmp_path / "a.png", pixels, oiio__UnassociatedAlpha=1), colorspace="sRGB").read(1)
    assert picture.alpha == pytest.approx(128 / 255)
    assert picture.rgb == pytest.approx(0.2158605 * 128 / 255, abs=1e-5)


def test_colour_that_is_not_linear_is_decoded(tmp_path: Path) -> None:
    path = files.plain(tmp_path / "a.exr", np.full((4, 5, 3), 0.4135884, np.float32))
    assert plate_of(path, colorspace="ACEScct").read(1).rgb == pytest.approx(0.18, abs=1e-4)
    assert plate_of(path, colorspace="ACEScg").read(1).rgb == pytest.approx(0.4135884)


@pytest.mark.parametrize("compression", ["none", "zip", "piz", "dwaa"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("kept", [0.99, 0.6, 0.2])
def test_a_truncated_file_is_an_error(
    tmp_path: Path, compression: str, tile: tuple[int, int] | None, kept: float
) -> None:
    path = files.plain(tmp_path / "a.exr", files.noise(70, 60), compression=compression, tile=tile)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(FrameError, match=r"frame 1: .*a\.exr cannot be read: "):
        plate_of(path).read(1)


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    path.write_bytes(b"nonsense" * 100)
    assert refusal(path).startswith(f"{path} cannot be read: ")
    path.write_bytes(b"")
    assert refusal(path).startswith(f"{path} cannot be read: ")


def test_an_error_that_quotes_what_is_no_text(tmp_path: Path) -> None:
    path = files.by_hand(tmp_path / "a.exr", {"R": files.noise(3, 4, 1)[..., 0]})
    path.write_bytes(path.read_bytes().replace(b"R\0\1\0\0\0\0", b"\xff\0\1\0\0\0\xf4"))
    assert refusal(path) == f"{path} cannot be read: its header is damaged"


@pytest.mark.parametrize("seed", range(40))
def test_damage_is_a_picture_or_one_line(tmp_path: Path, seed: int) -> None:
    path = files.plain(tmp_path / "a.exr", files.noise(40, 30), compression="zips", comments="hello")
    random = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for place in random.integers(4, 1000 if seed % 2 else len(data), 1 + seed % 5):
        data[place] = random.integers(256)
    path.write_bytes(data)
    try:
        assert plate_of(path).read(1).rgb.shape[2] == 3
    except (InputError, FrameError) as error:
        assert "\n" not in str(error)


def test_files_known_to_break_decoders(shared: Path) -> None:
    program = """
import sys
from relumix.errors import RelumixError
from relumix.shot import Plate, Sequence
for name in sys.argv[1:]:
    try:
        plate = Plate(Sequence.find(name))
        plate.read(plate.frames[0])
    except RelumixError as error:
        assert name in str(error) and "\\n" not in str(error) and str(error).isprintable()
    print(name)
"""
    names = sorted(map(str, (shared / "damaged_exr").iterdir()))
    done = subprocess.run([sys.executable, "-c", program, *names], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == names, done.stderr
    assert done.returncode == 0


def test_a_real_plate(shared: Path) -> None:
    plate = plate_of(shared / "plates" / "beachball")
    windows = [plate.read(frame).data_window for frame in (1, 8)]
    assert windows == [Box(654, 245, 911, 876), Box(1384, 328, 926, 889)]
    assert plate_of(shared / "plates" / "beachball", view="left").rgb_names == ("left.R", "left.G", "left.B")
    left = plate_of(shared / "plates" / "multipart", view="left")
    assert (left.choice.part, left.read(1).data_window) == (4, Box(688, 245, 877, 876))
    gray = shared / "plates" / "windows" / "luminance_chroma.exr"
    assert refusal(gray) == f"{gray} is a luminance image (Y): convert it to RGB first"


@pytest.mark.parametrize(("rate", "told"), [((24, 1), 24.0), ((0, 1), None), ((24, 0), None), ((-24, 1), None)])
def test_a_frame_rate_that_is_none(tmp_path: Path, rate: tuple[int, int], told: float | None) -> None:
    path = files.by_hand(
        tmp_path / "a.exr",
        dict.fromkeys("RGB", np.zeros((4, 5), np.float16)),
        attributes={"framesPerSecond": ("rational", struct.pack("<iI", *rate))},
    )
    assert plate_of(path).frames_per_second == told


def test_alpha_that_is_no_coverage_is_left_out_of_a_colour_space(tmp_path: Path) -> None:
    """Colour of a curve is divided by coverage before it is decoded, and never by a matte."""
    colour = np.random.default_rng(2).uniform(0.2, 0.9, (8, 10, 3)).astype(np.float32)
    matte = np.zeros((8, 10), np.float32)
    matte[2:6, 2:6] = 1
    bare = plate_of(files.plain(tmp_path / "bare.exr", colour), colorspace="sRGB").read(1).rgb
    for name, more in (("a.exr", {}), ("a.tif", {"oiio__UnassociatedAlpha": 1})):
        picture = plate_of(files.plain(tmp_path / name, np.dstack([colour, matte]), **more), colorspace="sRGB").read(1)
        assert np.array_equal(picture.rgb, bare)
        assert picture.matte is not None
    covered = colour * matte[..., None]
    picture = plate_of(files.plain(tmp_path / "c.exr", np.dstack([covered, matte])), colorspace="sRGB").read(1)
    assert picture.alpha is not None
    assert picture.rgb == pytest.approx(bare * matte[..., None], abs=1e-5)


def test_the_first_mip_level_decides_for_all(tmp_path: Path) -> None:
    matte = np.zeros((16, 16), np.float32)
    matte[:4, :4] = 1
    pixels = np.dstack([np.full((16, 16, 3), 0.5, np.float32), matte])
    spec = files.spec_of(pixels, tile=(16, 16), textureformat="Plain Texture", openexr__levelmode=1)
    levels = [pixels[::step, ::step] for step in (1, 2, 4, 8, 16)]
    picture = plate_of(files.by_oiio(tmp_path / "a.exr", (spec, levels))).read(1)
    assert [level.alpha for level in picture.levels] == [None] * 5
