import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from relumix.errors import InputError
from relumix.shot import Picture, Plate, Sequence, write
from relumix.shot.writing import check_compression
from tests.shot import files

LOSSLESS = ["none", "rle", "zips", "zip", "piz", "htj2k256", "htj2k32", "zstd"]
ADDED = {"relumix:engine": "flow", "relumix:mix": 0.5, "relumix:references": 2}

HINT = "; choose another place or make room"


def read(path: Path, **choice: str | None) -> Picture:
    plate = Plate(Sequence.find(path), **choice)
    return plate.read(plate.frames[0])


def rewrite(source: Path, target: Path, gain: float = 1.0, choice: dict[str, str] | None = None, **how: Any) -> Picture:
    picture = read(source, **(choice or {}))
    write(target, picture, [level.rgb * np.float32(gain) for level in picture.levels], attributes=ADDED, **how)
    return picture


def header_without(path: Path, *names: str, part: int = 0) -> dict[str, tuple[str, bytes]]:
    return {name: value for name, value in files.headers(path)[part].items() if name not in names}


def test_all_but_the_light_is_what_it_was(tmp_path: Path) -> None:
    pixels = files.noise(9, 7)
    pixels[0, 0] = [np.nan, np.inf, -np.inf, np.nan]
    channels: dict[str, Any] = {name: pixels[..., index] for index, name in enumerate("RGBA")}
    channels["Z"] = files.noise(9, 7, 1, np.float32)[..., 0]
    channels["Z"][3, 3] = np.inf
    channels["id"] = np.random.default_rng(0).integers(0, 2**32, (9, 7), dtype=np.uint32)
    channels["id"][0, :4] = [0, 1, 2**32 - 1, 0x7F800001]  # The last is the bits of a signalling NaN.
    attributes = {
        "capDate": ("string", b"2026:01:02 03:04:05"),
        "chromaticities": ("chromaticities", struct.pack("<8f", 0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)),
        "timeCode": ("timecode", struct.pack("<II", 0x01020304, 5)),
        "keyCode": ("keycode", struct.pack("<7i", 1, 2, 3, 4, 5, 4, 64)),
        "framesPerSecond": ("rational", struct.pack("<iI", 24000, 1001)),
        "names": ("stringvector", struct.pack("<i", 1) + b"a" + struct.pack("<i", 2) + b"bc"),
        "preview": ("preview", struct.pack("<II", 2, 1) + bytes(range(8))),
        "window": ("box2f", struct.pack("<4f", 1, 2, 3, 4)),
        "precise": ("double", struct.pack("<d", 1 / 3)),
        "nobody knows this type": ("studio.thing", b"\0\1\2"),
        "empty": ("string", b""),
        "text": ("string", "Grüße".encode()),
    }
    source = files.by_hand(
        tmp_path / "a.exr", channels, origin=(-3, 4), display=(-10, 0, 9, 29), aspect=2.0, attributes=attributes
    )
    target = tmp_path / "new" / "folder" / "b.exr"
    rewrite(source, target, gain=2)
    files.assert_same_pixels(source, target, but="RGB")
    (own,), (before,) = files.pixels(target)[0], files.pixels(source)[0]
    for name in "RGB":
        assert np.array_equal(own[name], before[name] * np.float16(2), equal_nan=True)
    assert header_without(target, *ADDED) == header_without(source)
    assert {name: files.headers(target)[0][name] for name in ADDED} == {
        "relumix:engine": ("string", b"flow"),
        "relumix:mix": ("float", struct.pack("<f", 0.5)),
        "relumix:references": ("int", struct.pack("<i", 2)),
    }
    assert [path.name for path in target.parent.iterdir()] == ["b.exr"]


@pytest.mark.parametrize("compression", LOSSLESS)
@pytest.mark.parametrize("order", ["increasingY", "decreasingY"])
def test_scanlines(tmp_path: Path, compression: str, order: str) -> None:
    source = files.plain(
        tmp_path / "a.exr", files.noise(1100, 5), compression=compression, openexr__lineOrder=order, window=(3, -7)
    )
    rewrite(source, tmp_path / "b.exr")
    files.assert_same_pixels(source, tmp_path / "b.exr")
    assert header_without(tmp_path / "b.exr", *ADDED) == header_without(source)


@pytest.mark.parametrize("compression", ["none", "zip", "piz"])
@pytest.mark.parametrize("order", ["increasingY", "decreasingY", "randomY"])
@pytest.mark.parametrize("tile", [(16, 16), (64, 32), (50, 48), (512, 700)])
def test_tiles(tmp_path: Path, compression: str, order: str, tile: tuple[int, int]) -> None:
    source = files.plain(
        tmp_path / "a.exr",
        files.noise(610, 70),
        compression=compression,
        openexr__lineOrder=order,
        tile=tile,
        window=(-9, 11),
        display=(0, 0, 64, 64),
    )
    rewrite(source, tmp_path / "b.exr")
    files.assert_same_pixels(source, tmp_path / "b.exr")
    assert header_without(tmp_path / "b.exr", *ADDED) == header_without(source)


@pytest.mark.parametrize("round_up", [0, 1])
@pytest.mark.parametrize("tile", [(16, 16), (64, 8)])
def test_mip_levels(tmp_path: Path, round_up: int, tile: tuple[int, int]) -> None:
    sizes = [(50, 41)]
    while sizes[-1] != (1, 1):
        width, height = ((size + round_up) // 2 for size in sizes[-1])
        sizes.append((max(width, 1), max(height, 1)))
    levels = [files.noise(height, width, seed=width) for width, height in sizes]
    spec = files.spec_of(
        levels[0], tile=tile, textureformat="Plain Texture", openexr__levelmode=1, openexr__roundingmode=round_up
    )
    source = files.by_oiio(tmp_path / "a.exr", (spec, levels))
    rewrite(source, tmp_path / "b.exr", gain=2)
    files.assert_same_pixels(source, tmp_path / "b.exr", but="RGB")
    for before, after in zip(files.pixels(source)[0], files.pixels(tmp_path / "b.exr")[0], strict=True):
        assert np.array_equal(after["G"], before["G"] * np.float16(2))
    assert header_without(tmp_path / "b.exr", *ADDED) == header_without(source)


def parts_of(tiles: list[tuple[int, int] | None]) -> list[tuple[Any, list[Any]]]:
    display = (0, 0, 40, 40)
    beauty, depth, mask = files.noise(20, 21), files.noise(15, 16, 1, np.float32), files.noise(7, 9, 2)
    specs = [
        files.spec_of(beauty, tile=tiles[0], display=display, oiio__subimagename="beauty", view="left", comments="one"),
        files.spec_of(depth, ["Z"], tile=tiles[1], display=display, window=(5, 6), oiio__subimagename="depth"),
        files.spec_of(mask, ["m.x", "m.y"], tile=tiles[2], display=display, window=(-2, 0), oiio__subimagename="m"),
    ]
    return list(zip(specs, [[beauty], [depth], [mask]], strict=True))


@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_parts(tmp_path: Path, tile: tuple[int, int] | None) -> None:
    source = files.by_oiio(tmp_path / "a.exr", parts_of([tile] * 3))
    rewrite(source, tmp_path / "b.exr")
    files.assert_same_pixels(source, tmp_path / "b.exr")
    assert header_without(tmp_path / "b.exr", *ADDED) == header_without(source)
    assert files.headers(tmp_path / "b.exr")[1:] == files.headers(source)[1:]


def test_tiles_beside_scanlines_become_scanlines(tmp_path: Path) -> None:
    source = files.by_oiio(tmp_path / "a.exr", parts_of([(16, 16)] * 3))
    picture = read(source)
    beauty, depth, mask = picture.contents.parts
    contents = replace(picture.contents, parts=(beauty, replace(depth, tile=None), mask))
    write(tmp_path / "b.exr", replace(picture, contents=contents), [picture.rgb], attributes={})
    files.assert_same_pixels(source, tmp_path / "b.exr")
    for part in range(3):
        header = header_without(tmp_path / "b.exr", part=part)
        assert "tiles" not in header
        assert header["type"] == ("string", b"scanlineimage")
        storage = ("tiles", "type", "chunkCount")
        assert header_without(source, *storage, part=part) == header_without(tmp_path / "b.exr", *storage, part=part)


def test_the_relit_part_is_the_one_that_is_marked(tmp_path: Path) -> None:
    display = (0, 0, 40, 40)
    views = [
        (files.spec_of(files.noise(9, 9), display=display, oiio__subimagename=v, view=v), [files.noise(9, 9)])
        for v in ("left", "right")
    ]
    source = files.by_oiio(tmp_path / "a.exr", views)
    rewrite(source, tmp_path / "b.exr", gain=2, choice={"view": "right"})
    (left,), (right,) = files.pixels(tmp_path / "b.exr")
    (before,), _ = files.pixels(source)
    assert np.array_equal(left["R"], before["R"])
    assert np.array_equal(right["R"], before["R"] * np.float16(2))
    assert [ADDED.keys() <= header.keys() for header in files.headers(tmp_path / "b.exr")] == [False, True]


@pytest.mark.parametrize("compression", ["pxr24", "dwaa", "b44"])
@pytest.mark.parametrize("name", ["id", "x.A", "x.R"])
def test_whole_numbers_survive_lossy_compression(tmp_path: Path, compression: str, name: str) -> None:
    smooth = np.linspace(0.1, 1, 40 * 50).reshape(40, 50)
    channels: dict[str, Any] = dict.fromkeys("RGB", smooth.astype(np.float16))
    channels[name] = np.random.default_rng(0).integers(0, 2**32, (40, 50), dtype=np.uint32)
    source = files.by_hand(tmp_path / "a.exr", channels)
    rewrite(source, tmp_path / "b.exr", compression=compression)
    files.assert_same_pixels(source, tmp_path / "b.exr", but="RGB")
    ((light,),) = files.pixels(tmp_path / "b.exr")
    assert np.allclose(light["R"].astype("f4"), smooth, rtol=0.02)


@pytest.mark.parametrize(
    ("asked", "stored", "level"),
    [("dwaa:200", 8, 200.0), ("zip:9", 3, None), ("none", 0, None), ("piz", 4, None), (None, 3, None)],
)
def test_compression(tmp_path: Path, asked: str | None, stored: int, level: float | None) -> None:
    source = files.plain(tmp_path / "a.exr", files.noise(40, 50), compression="dwaa:80")
    rewrite(source, tmp_path / "b.exr", compression=asked)
    header = files.headers(tmp_path / "b.exr")[0]
    assert header["compression"][1] == bytes([stored])
    found = header.get("dwaCompressionLevel")
    assert (found and struct.unpack("<f", found[1])[0]) == level


@pytest.mark.parametrize("compression", ["pxr24", "b44", "b44a", "dwaa", "dwab"])
def test_a_lossy_plate_loses_nothing_more(tmp_path: Path, compression: str) -> None:
    source = files.plain(tmp_path / "a.exr", files.noise(40, 50, dtype=np.float32), compression=compression)
    rewrite(source, tmp_path / "b.exr")
    files.assert_same_pixels(source, tmp_path / "b.exr")


def test_a_dwa_level_is_used(tmp_path: Path) -> None:
    source = files.plain(tmp_path / "a.exr", files.noise(200, 200), compression="zip")
    for level in (20, 500):
        rewrite(source, tmp_path / f"b{level}.exr", compression=f"dwaa:{level}")
    assert (tmp_path / "b500.exr").stat().st_size < 0.8 * (tmp_path / "b20.exr").stat().st_size


def test_unknown_compression(tmp_path: Path) -> None:
    source = files.plain(tmp_path / "a.exr", files.noise(4, 5))
    with pytest.raises(InputError) as caught:
        rewrite(source, tmp_path / "b.exr", compression="jpeg")
    assert str(caught.value) == (
        "unknown compression 'jpeg': expected one of none, rle, zips, zip, piz, pxr24, b44, b44a, dwaa, dwab, "
        "htj2k256, htj2k32, zstd"
    )


@pytest.mark.parametrize("level", ["", "high", "-1", "nan", "1:2"])
def test_a_compression_level_is_a_number(level: str) -> None:
    with pytest.raises(InputError) as caught:
        check_compression(f"dwaa:{level}")
    assert str(caught.value) == (
        f"compression 'dwaa:{level}' has no level behind its colon: expected a number, as in dwaa:45"
    )


@pytest.mark.parametrize(("kind", "bits"), [("f2", "float"), ("f4", "half"), ("f2", None), ("f4", None)])
def test_bits(tmp_path: Path, kind: str, bits: Any) -> None:
    source = files.plain(tmp_path / "a.exr", files.noise(6, 5, dtype=kind))
    rewrite(source, tmp_path / "b.exr", bits=bits)
    ((own,),) = files.pixels(tmp_path / "b.exr")
    wanted = {"half": np.float16, "float": np.float32, None: np.dtype(kind)}[bits]
    assert [own[name].dtype for name in "RGBA"] == [wanted] * 3 + [np.dtype(kind)]
    ((before,),) = files.pixels(source)
    assert np.array_equal(own["R"], before["R"].astype(wanted))
    assert np.array_equal(own["A"], before["A"])


def test_half_is_clipped_where_it_is_finite(tmp_path: Path) -> None:
    picture = read(files.plain(tmp_path / "a.exr", files.noise(2, 3, 3)))
    light = np.array([1e6, -1e6, 65504, np.inf, -np.inf, np.nan], np.float32)
    write(tmp_path / "b.exr", picture, [np.repeat(light, 3).reshape(2, 3, 3)], attributes={})
    found = read(tmp_path / "b.exr").rgb[..., 0].ravel()
    assert np.array_equal(found, np.array([65504, -65504, 65504, np.inf, -np.inf, np.nan]), equal_nan=True)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    half=arrays.arrays(np.float16, (5, 4, 4), elements=st.floats(width=16)),
    whole=arrays.arrays(np.uint32, (5, 4)),
    single=arrays.arrays(np.float32, (5, 4), elements=st.floats(width=32)),
)
def test_any_bits_come_back(tmp_path: Path, half: Any, whole: Any, single: Any) -> None:
    channels = {**{name: half[..., index] for index, name in enumerate("RGBA")}, "id": whole, "Z": single}
    source = files.by_hand(tmp_path / "a.exr", channels)
    rewrite(source, tmp_path / "b.exr")
    files.assert_same_pixels(source, tmp_path / "b.exr")


def test_light_of_another_size_is_a_mistake(tmp_path: Path) -> None:
    picture = read(files.plain(tmp_path / "a.exr", files.noise(4, 5)))
    with pytest.raises(ValueError, match=r"light of shape \[\(4, 4, 3\)\]: expected \[\(4, 5, 3\)\]"):
        write(tmp_path / "b.exr", picture, [picture.rgb[:, :4]], attributes={})


def test_other_formats_become_half(tmp_path: Path) -> None:
    pixels = np.arange(80, dtype=np.uint8).reshape(4, 5, 4) * 3
    source = files.plain(tmp_path / "a.tif", pixels, PixelAspectRatio=2.0)
    picture = rewrite(source, tmp_path / "b.exr", choice={"colorspace": "sRGB"})
    ((own,),) = files.pixels(tmp_path / "b.exr")
    assert list(own) == ["R", "G", "B", "A"]
    assert np.array_equal(own["G"], picture.rgb[..., 1].astype(np.float16))
    assert picture.alpha is not None
    assert np.array_equal(own["A"], picture.alpha.astype(np.float16))
    header = files.headers(tmp_path / "b.exr")[0]
    assert header["colorInteropID"] == ("string", b"lin_rec709_scene")
    assert header["pixelAspectRatio"] == ("float", struct.pack("<f", 2))
    assert "capDate" not in header
    assert "name" not in header


def test_film_time_of_other_formats(tmp_path: Path) -> None:
    spec = files.spec_of(np.zeros((4, 5, 3), np.uint16), oiio__BitsPerSample=10)
    spec.attribute("smpte:TimeCode", oiio.TypeDesc("timecode"), (0x01020304, 0))
    source = files.by_oiio(tmp_path / "a.dpx", (spec, [np.full((4, 5, 3), 30000, np.uint16)]))
    rewrite(source, tmp_path / "b.exr", choice={"colorspace": "ACEScct"})
    assert files.headers(tmp_path / "b.exr")[0]["timeCode"] == ("timecode", struct.pack("<II", 0x01020304, 0))


def test_decoded_colour_is_named(tmp_path: Path) -> None:
    source = files.by_hand(
        tmp_path / "a.exr",
        dict.fromkeys("RGB", np.full((4, 5), 0.4, np.float16)),
        attributes={"colorInteropID": ("string", b"ocio:acescct_ap1_scene"), "owner": ("string", b"me")},
    )
    rewrite(source, tmp_path / "b.exr", choice={"colorspace": "ACEScct"})
    header = files.headers(tmp_path / "b.exr")[0]
    assert header["colorInteropID"] == ("string", b"lin_ap1_scene")
    assert struct.unpack("<8f", header["chromaticities"][1])[:2] == pytest.approx((0.713, 0.293))
    assert header["owner"] == ("string", b"me")


def test_no_permission(tmp_path: Path) -> None:
    picture = read(files.plain(tmp_path / "a.exr", files.noise(4, 5)))
    with pytest.raises(InputError) as caught:
        write(tmp_path / "a.exr" / "b.exr", picture, [picture.rgb], attributes={})
    assert (
        str(caught.value) == f"{tmp_path}/a.exr/b.exr cannot be written: File exists; choose another place or make room"
    )
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(InputError, match=r"locked/b\.exr cannot be written: Permission denied"):
        write(tmp_path / "locked" / "b.exr", picture, [picture.rgb], attributes={})


@pytest.mark.parametrize("compression", ["none", "zip", "dwaa"])
def test_channels_whose_names_are_no_utf8(tmp_path: Path, compression: str) -> None:
    names = ("R", "G", "B", "A", "Xxx.Z", "Zed.R")
    source = files.plain(tmp_path / "a.exr", files.noise(20, 30, 6), names, compression="zip")
    # As long, and elsewhere in the order in which files hold channels.
    foreign = source.read_bytes().replace(b"Xxx.Z\0", b"X\xe9x.Z\0").replace(b"Zed.R\0", b"\xe9ed.R\0")
    source.write_bytes(foreign)
    before = rewrite(source, tmp_path / "b.exr", 2.0, compression=compression)
    after = read(tmp_path / "b.exr")
    assert after.contents.parts[0].channels == before.contents.parts[0].channels
    assert "X\udce9x.Z" in after.contents.parts[0].channels
    assert files.headers(tmp_path / "b.exr")[0]["channels"] == files.headers(source)[0]["channels"]
    (plane,), (written,) = (each.contents.parts[0].levels[0].planes for each in (before, after))
    same = [
        plane.channels.index(index) for index, name in enumerate(before.contents.parts[0].channels) if name not in "RGB"
    ]
    np.testing.assert_array_equal(written.pixels[..., same], plane.pixels[..., same])
    np.testing.assert_allclose(after.rgb, 2 * before.rgb, atol=0 if compression != "dwaa" else 1, equal_nan=True)


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Make the system refuse what files have beyond so many bytes. The output of the tests may be such a file too."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 100, 5_000, 150_000, 600_000, 1_100_000, 1_190_000])
def test_no_room_for_a_file(tmp_path: Path, room: int) -> None:
    picture = read(files.plain(tmp_path / "a.exr", files.noise(600, 500), compression="none"))
    with pytest.raises(InputError) as caught, limited(room):
        write(tmp_path / "b.exr", picture, [picture.rgb], attributes={}, bits="float")
    assert str(caught.value) == f"{tmp_path}/b.exr cannot be written: File too large; choose another place or make room"
    assert [path.name for path in tmp_path.iterdir()] == ["a.exr"]


@pytest.fixture
def one_mebibyte(tmp_path: Path) -> Iterator[Path]:
    """A file system of that size."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root alone, and not in every container")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.mark.parametrize(("tile", "compression"), [(0, "none"), (0, "zip"), (32, "zip"), (0, "dwaa")])
def test_a_full_disk_keeps_nothing_half_and_nobody_waiting(
    tmp_path_factory: pytest.TempPathFactory, one_mebibyte: Path, tile: int, compression: str
) -> None:
    tiles = {"tile": (tile, tile)} if tile else {}
    source = tmp_path_factory.mktemp("plate") / "a.exr"
    picture = read(files.plain(source, files.noise(200, 300), compression=compression, **tiles))
    for room in range(0, 1024, 128):
        (one_mebibyte / "others").write_bytes(bytes((1024 - room) << 10))
        try:
            write(one_mebibyte / "b.exr", picture, [picture.rgb], attributes={})
        except InputError as error:
            assert "cannot be written: No space left on device; choose another place" in str(error)
            assert [path.name for path in one_mebibyte.iterdir()] == ["others"]
        else:
            read(one_mebibyte / "b.exr")
            (one_mebibyte / "b.exr").unlink()


def test_a_disk_that_tells_no_size_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = read(files.plain(tmp_path / "a.exr", files.noise(4, 5)))
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result([4096, 4096, *[0] * 8]))
    write(tmp_path / "b.exr", picture, [picture.rgb], attributes={})
    assert read(tmp_path / "b.exr").rgb == pytest.approx(picture.rgb, nan_ok=True)


@pytest.mark.parametrize("failure", ["_write_pixels", "transplant", "replace"])
def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str) -> None:
    picture = read(files.plain(tmp_path / "a.exr", files.noise(4, 5)))
    (tmp_path / "b.exr").write_bytes(b"what was there")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    place = {"_write_pixels": "relumix.shot.writing._write_pixels", "transplant": "relumix.shot.exr_header.transplant"}
    monkeypatch.setattr(place.get(failure, "pathlib.Path.replace"), fail)
    with pytest.raises(InputError) as caught:
        write(tmp_path / "b.exr", picture, [picture.rgb], attributes={})
    assert (
        str(caught.value)
        == f"{tmp_path}/b.exr cannot be written: No space left on device; choose another place or make room"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.exr", "b.exr"]
    assert (tmp_path / "b.exr").read_bytes() == b"what was there"


def test_a_full_disk_is_told_by_the_encoder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = read(files.plain(tmp_path / "a.exr", files.noise(4, 5)))
    monkeypatch.setattr("relumix.shot.writing._spec", lambda *_: oiio.ImageSpec(0, 0, 4, "half"))
    with pytest.raises(InputError, match=r"b\.exr cannot be written: .*resolution"):
        write(tmp_path / "b.exr", picture, [picture.rgb], attributes={})
    assert [path.name for path in tmp_path.iterdir()] == ["a.exr"]


def test_real_plates(shared: Path, tmp_path: Path) -> None:
    plates = shared / "plates"
    names = ["beachball/beachball.0001.exr", "multipart/multipart.0001.exr"]
    names += [f"windows/t0{number}.exr" for number in range(1, 10)]
    for name in names:
        rewrite(plates / name, tmp_path / "b.exr")
        files.assert_same_pixels(plates / name, tmp_path / "b.exr")
        assert header_without(tmp_path / "b.exr", *ADDED) == header_without(plates / name)
        assert files.headers(tmp_path / "b.exr")[1:] == files.headers(plates / name)[1:]
