"""The confidence in results: what it is called, that all else stays, and how it is read again."""

import re

import numpy as np
import OpenImageIO as oiio
import pytest

from relumix.errors import InputError
from relumix.shot import Plate, Sequence, write
from relumix.shot.channels import PartNames
from relumix.shot.confidence_layer import MAP_CHANNEL, channel_name, read_confidence, refuse_taken, with_confidence
from relumix.shot.map_images import confidence_image
from tests.shot import files


@pytest.mark.parametrize(
    ("channels", "views", "red", "named"),
    [
        ("RGB", (), "R", "confidence.Y"),
        (("beauty.R",), (), "beauty.R", "confidence.Y"),
        (("R", "right.R"), ("left", "right"), "R", "confidence.Y"),
        (("R", "right.R"), ("left", "right"), "right.R", "confidence.right.Y"),
        (("R", "beauty.right.R"), ("left", "right"), "beauty.right.R", "confidence.right.Y"),
    ],
)
def test_its_name_says_the_view_where_a_part_has_several(channels, views, red, named):
    assert channel_name(PartNames("", "", tuple(channels), views), red) == named


def read(path, **choice):
    plate = Plate(Sequence.find(path), **choice)
    return plate, plate.read(plate.frames[0])


def rewritten(tmp_path, source, **choice):
    """A plate and the same with a confidence of its own in every level; and what that is."""
    plate, picture = read(source, **choice)
    random = np.random.default_rng(1)
    values = [random.random(level.rgb.shape[:2]).astype(np.float16).astype(np.float32) for level in picture.levels]
    wider = with_confidence(picture, plate.confidence_channel, values)
    result = tmp_path / "result.0001.exr"
    write(result, wider, [level.rgb for level in wider.levels], attributes={})
    np.testing.assert_array_equal(read_confidence(result, plate.confidence_channel, picture), values[0])
    return plate, result, values


def assert_the_rest_is_the_same(plate, source, result, values):
    mine, theirs = files.pixels(source), files.pixels(result)
    for number, (part, other) in enumerate(zip(mine, theirs, strict=True)):
        for level, (own, its) in enumerate(zip(part, other, strict=True)):
            if number == plate.choice.part:
                added = its.pop(plate.confidence_channel)
                assert added.dtype == np.float16
                np.testing.assert_array_equal(added, values[level])
            assert own.keys() == its.keys()
            for name in own:
                np.testing.assert_array_equal(own[name], its[name], name)
                assert own[name].dtype == its[name].dtype


def test_it_lies_beside_channels_of_every_type(tmp_path):
    channels = {name: files.noise(9, 7, 1)[..., 0] for name in "RGBA"}
    channels["Z"] = files.noise(9, 7, 1, np.float32)[..., 0]
    channels["a.id"] = np.random.default_rng(0).integers(0, 2**32, (9, 7), dtype=np.uint32)
    source = files.by_hand(tmp_path / "p.0001.exr", channels, origin=(3, -2))
    plate, result, values = rewritten(tmp_path, source)
    assert_the_rest_is_the_same(plate, source, result, values)
    kind, listed = files.headers(result)[0]["channels"]
    names = [each.group(1).decode() for each in re.finditer(rb"([A-Za-z.]+)\0.{16}", listed, re.DOTALL)]
    assert kind == "chlist"
    assert names == sorted([*channels, "confidence.Y"])


def test_every_mip_level_has_it(tmp_path):
    levels = [files.noise(16 >> level, 32 >> level, 3) for level in range(3)]
    spec = files.spec_of(levels[0], "RGB", tile=(16, 16), textureformat="Plain Texture", openexr__levelmode=1)
    levels += [files.noise(2, 4, 3), files.noise(1, 2, 3), files.noise(1, 1, 3)]
    source = files.by_oiio(tmp_path / "p.0001.exr", (spec, levels))
    plate, result, values = rewritten(tmp_path, source)
    assert len(values) == 6
    assert_the_rest_is_the_same(plate, source, result, values)


def test_of_several_parts_the_relit_one_has_it(tmp_path):
    first, second = files.noise(8, 8, 1), files.noise(8, 8, 3)
    parts = [
        (files.spec_of(first, ["Z"], oiio__subimagename="depth"), [first]),
        (files.spec_of(second, "RGB", oiio__subimagename="rgb"), [second]),
    ]
    source = files.by_oiio(tmp_path / "p.0001.exr", parts)
    plate, result, values = rewritten(tmp_path, source)
    assert plate.choice.part == 1
    assert_the_rest_is_the_same(plate, source, result, values)


@pytest.mark.parametrize("compression", ["piz", "dwaa:45", "zips"])
def test_compressed(tmp_path, compression):
    pixels = files.noise(20, 30, 3)
    source = files.plain(tmp_path / "p.0001.exr", pixels, "RGB")
    plate, picture = read(source)
    certain = np.ones((20, 30), np.float32)
    result = tmp_path / "r.0001.exr"
    wider = with_confidence(picture, plate.confidence_channel, [certain])
    write(result, wider, [wider.rgb], attributes={}, compression=compression)
    np.testing.assert_array_equal(read_confidence(result, "confidence.Y", picture), certain)


def test_a_channel_of_the_plate_is_not_written_over(tmp_path):
    source = files.plain(tmp_path / "p.0001.exr", files.noise(4, 4, 4), ["B", "G", "R", "confidence.Y"])
    plate, picture = read(source)
    said = (
        f"^{source} has a channel confidence.Y already: leave out --confidence-layer, or write files of their own with "
        "--confidence-out$"
    )
    with pytest.raises(InputError, match=said):
        with_confidence(picture, plate.confidence_channel, [np.ones((4, 4), np.float32)])
    with pytest.raises(InputError, match=said):
        refuse_taken(plate.confidence_channel, plate.relit_part.channels, source)


def test_a_file_of_its_own_has_one_channel_and_the_plates_windows(tmp_path):
    pixels = files.noise(6, 8, 4)
    source = files.plain(tmp_path / "p.0001.exr", pixels, "RGBA", window=(2, 1), display=(0, 0, 20, 10))
    _, picture = read(source)
    values = np.linspace(0, 1, 48).reshape(6, 8).astype(np.float32)
    path = tmp_path / "c.0001.exr"
    write(path, confidence_image(picture), [values[..., None]], attributes={"relumix:unit": "2 ** -stops"})
    image = oiio.ImageInput.open(str(path))
    spec = image.spec()
    assert (spec.channelnames, str(spec.format), spec.x, spec.y) == (("Y",), "half", 2, 1)
    assert (spec.full_width, spec.full_height) == (20, 10)
    image.close()
    np.testing.assert_array_equal(read_confidence(path, MAP_CHANNEL, picture), values.astype(np.float16))


@pytest.mark.parametrize(
    ("pixels", "where", "said"),
    [
        (np.full((6, 8, 1), 1.5, np.float16), (0, 0), "has values that are no confidence: expected 0 to 1"),
        (np.full((6, 8, 1), np.nan, np.float16), (0, 0), "has values that are no confidence: expected 0 to 1"),
        (np.ones((6, 8, 1), np.float16), (1, 0), r"has the data window 8x6\+1\+0: expected the plate's, 8x6\+0\+0"),
    ],
)
def test_what_is_no_confidence_of_the_frame_is_told(tmp_path, pixels, where, said):
    _, picture = read(files.plain(tmp_path / "p.0001.exr", files.noise(6, 8, 3), "RGB"))
    path = files.plain(tmp_path / "c.0001.exr", pixels, "Y", window=where)
    with pytest.raises(InputError, match=said):
        read_confidence(path, MAP_CHANNEL, picture)


def test_a_file_without_it_is_told(tmp_path):
    path = files.plain(tmp_path / "p.0001.exr", files.noise(6, 8, 3), "RGB")
    _, picture = read(path)
    with pytest.raises(InputError, match=f"^{path} has no channel confidence.Y: expected the confidence there$"):
        read_confidence(path, "confidence.Y", picture)
    with pytest.raises(InputError, match=r"x\.exr cannot be read: there is no such file$"):
        read_confidence(tmp_path / "x.exr", "confidence.Y", picture)
