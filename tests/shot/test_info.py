import json
import struct
from pathlib import Path

import numpy as np
import pytest

from relumix.errors import InputError
from relumix.shot.info import describe
from tests.shot import files

REC709 = struct.pack("<8f", 0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)


def test_everything_about_a_plate(tmp_path: Path) -> None:
    for frame, x in ((1001, 0), (1003, 2), (1007, 5)):
        pixels = files.noise(4, 6)
        pixels[:2, 0, 1] = np.nan if frame == 1003 else 0
        files.by_hand(
            tmp_path / f"a.{frame}.exr",
            {**{name: pixels[..., i] for i, name in enumerate("RGBA")}, "id": np.zeros((4, 6), np.uint32)},
            origin=(x, 1),
            display=(0, 0, 19, 9),
            aspect=2.0,
            attributes={
                "chromaticities": ("chromaticities", REC709),
                "timeCode": ("timecode", struct.pack("<II", 0x10203000 + frame % 10, 0)),
                "framesPerSecond": ("rational", struct.pack("<iI", 24000, 1001)),
            },
        )
    (tmp_path / "a.1009.exr").write_bytes(b"damaged")
    found = describe(tmp_path)
    assert found.text() == "\n".join(
        [
            f"plate           {tmp_path}/a.####.exr (openexr)",
            "frames          1001,1003,1007,1009 (4, step 2)",
            "missing         1005 (1)",
            "timecode        10:20:30:01 to 10:20:30:07",
            "frames/second   23.976",
            "unreadable      frame 1009: Unable to read magic and version flags",
            "non-finite      2 in frame 1003 (pixels)",
            "display window  20x10+0+0",
            "data window     changes: 6x4+0+1 to 6x4+5+1, 3 in all, within 11x4+0+1",
            "pixel aspect    2",
            "part            (unnamed): none, scanlines",
            "  half          R, G, B, A",
            "  uint          id",
            "layers          (plain)",
            "relit           R, G, B",
            "alpha           A: a matte, passed through and not used",
            "colour          Linear Rec.709 (sRGB)",
            "primaries       0.64 0.33, 0.3 0.6, 0.15 0.06, 0.3127 0.329",
        ]
    )
    facts = json.loads(json.dumps(found.to_json()))
    assert facts["frames"] == [1001, 1003, 1007, 1009]
    assert facts["per_frame"][1]["nonfinite"] == 2
    assert facts["per_frame"][1]["data_window"] == {"x": 2, "y": 1, "width": 6, "height": 4}


def test_headers_alone(tmp_path: Path) -> None:
    files.plain(tmp_path / "a.1.exr", files.noise(4, 6))
    found = describe(tmp_path, scan=False)
    assert found.per_frame[0].nonfinite is None
    assert "non-finite" not in found.text()


def test_tiles_levels_layers_and_views(tmp_path: Path) -> None:
    display = (0, 0, 20, 20)
    files.by_oiio(
        tmp_path / "a.exr",
        [
            (
                files.spec_of(files.noise(4, 5), tile=(16, 8), display=display, view="left", oiio__subimagename=name),
                [files.noise(4, 5)],
            )
            for name in ("beauty", "spec")
        ],
    )
    text = describe(tmp_path / "a.exr").text()
    assert "part            beauty view left: zip, tiles 16x8" in text
    assert "layers          beauty, spec\nviews           left\n" in text
    assert "relit           R, G, B (part beauty, view left)\n" in text


def test_how_alpha_is_read_frame_by_frame(tmp_path: Path) -> None:
    colour = np.full((8, 8, 3), 0.5, np.float32)
    matte = np.tile(np.float32([0, 0, 1, 1, 1, 1, 1, 1]), (8, 1))
    for frame, pixels in ((1, colour * matte[..., None]), (2, colour), (3, colour)):
        files.plain(tmp_path / "p" / f"a.{frame}.exr", np.dstack([pixels, matte]))
    found = describe(tmp_path / "p")
    assert [each.coverage for each in found.per_frame] == [True, False, False]
    assert "alpha           A: coverage in 1; a matte, passed through and not used in 2-3\n" in found.text()
    assert "alpha           A: not looked at\n" in describe(tmp_path / "p", scan=False).text()
    files.plain(tmp_path / "b.exr", colour)
    assert "alpha           none: all is covered\n" in describe(tmp_path / "b.exr").text()


def test_the_part_that_would_be_relit_or_asked_for(tmp_path: Path) -> None:
    def write(*names: str) -> Path:
        pixels = files.noise(4, 5, 3)
        parts = [(files.spec_of(pixels, oiio__subimagename=name), [pixels]) for name in names]
        return files.by_oiio(tmp_path / "a.exr", parts)

    found = describe(write("N", "albedo", "C"))
    assert (found.relit, found.relit_part, found.relit_layer) == (("R", "G", "B"), 2, "C")
    assert "relit           R, G, B (part C)\n" in found.text()
    asked = describe(write("N", "albedo", "diffuse"))
    assert (asked.relit, asked.relit_part) == (None, None)
    assert asked.refusal is not None
    assert asked.refusal.endswith(" does not say which layer is the picture; choose with --layer: N, albedo, diffuse")
    assert "relit           R, G, B (part albedo)\n" in describe(tmp_path / "a.exr", layer="albedo").text()


def test_a_frame_that_is_laid_out_otherwise_is_named_and_decides_nothing(tmp_path: Path) -> None:
    files.plain(tmp_path / "a.0.exr", files.noise(4, 6, 1), ["Y"], display=(0, 0, 50, 50))
    for frame in (1, 2):
        files.plain(tmp_path / f"a.{frame}.exr", files.noise(4, 6, 3))
    found = describe(tmp_path)
    assert found.relit == ("R", "G", "B")
    assert (
        f"differs         frame 0: {tmp_path}/a.0.exr has channels Y, but {tmp_path}/a.1.exr has R,G,B" in found.text()
    )
    assert "display window  6x4+0+0\n" in found.text()


def test_what_is_not_relit_is_described(tmp_path: Path) -> None:
    channel = files.noise(4, 4, 1)[..., 0]
    chroma = files.by_hand(tmp_path / "c.exr", dict.fromkeys(("Y", "BY", "RY"), channel), sampling={"BY": 2, "RY": 2})
    text = describe(chroma).text()
    assert "data window     4x4+0+0" in text
    assert "  half          BY, RY, Y" in text
    assert "relit           no: a subsampled luminance-chroma image (BY, RY lack pixels) is not relit" in text
    (tmp_path / "c.0.exr").write_bytes(b"damaged")
    chroma.rename(tmp_path / "c.1.exr")
    assert "relit           no: a subsampled luminance-chroma image" in describe(tmp_path / "c.#.exr").text()
    gray = files.plain(tmp_path / "g.exr", files.noise(4, 4, 1), ["Y"])
    assert describe(gray).refusal == f"{gray} is a luminance image (Y): convert it to RGB first"


def test_other_formats(tmp_path: Path) -> None:
    path = files.plain(tmp_path / "a.png", np.zeros((4, 5, 3), np.uint8))
    found = describe(path)
    assert (found.colour, found.assumed, found.movie) == ("sRGB", True, None)
    assert "relit           R, G, B\n" in found.text()
    assert "colour          not said: taken for sRGB (--colorspace)" in found.text()


def test_errors(tmp_path: Path) -> None:
    path = files.plain(tmp_path / "a.exr", files.noise(4, 5))
    with pytest.raises(InputError, match="has no layer 'x' with red, green and blue: it has the layers "):
        describe(path, layer="x")
    path.write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"a\.exr cannot be read: "):
        describe(path)
