import struct
from pathlib import Path

import numpy as np
import pytest

from relumix.shot import exr_header
from relumix.shot.exr_header import Attribute, HeaderError, read_headers
from tests.shot import files


def test_a_header_as_stored(tmp_path: Path) -> None:
    path = files.by_hand(
        tmp_path / "a.exr",
        {"R": files.noise(3, 4, 1)[..., 0], "id": np.zeros((3, 4), np.uint32)},
        attributes={"owner": ("string", b"me"), "custom": ("bytes", b"\0\1\2")},
    )
    version, (header,) = read_headers(path)
    assert version == 2
    assert {name: (each.type, each.value) for name, each in header.items()} == files.headers(path)[0]
    red, identity = exr_header.channels(header)
    assert (red.name, red.type, red.sampling) == ("R", exr_header.HALF, (1, 1))
    assert (identity.name, identity.type) == ("id", exr_header.UINT)
    assert exr_header.channel_list([red, identity]) == header["channels"]


def test_damage_is_told(tmp_path: Path) -> None:
    whole = files.by_hand(tmp_path / "a.exr", {"R": files.noise(3, 4, 1)[..., 0]}).read_bytes()
    path = tmp_path / "b.exr"
    for size in (0, 3, 8, 20, 100):
        path.write_bytes(whole[:size])
        with pytest.raises(HeaderError, match="the file ends within its header"):
            read_headers(path)
    path.write_bytes(b"\x89PNG....")
    with pytest.raises(HeaderError, match="this is no OpenEXR file"):
        read_headers(path)
    path.write_bytes(whole[:8] + b"a" * 300)
    with pytest.raises(HeaderError, match="a name in its header has no end"):
        read_headers(path)
    path.write_bytes(whole[:8] + b"a\0int\0" + struct.pack("<i", -1))
    with pytest.raises(HeaderError, match="its attribute 'a' has -1 bytes"):
        read_headers(path)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("flow", Attribute("string", b"flow")),
        ("µ", Attribute("string", b"\xc2\xb5")),
        (-3, Attribute("int", b"\xfd\xff\xff\xff")),
        (0.5, Attribute("float", b"\0\0\0\x3f")),
    ],
)
def test_attributes_of_python_values(value: str | int | float, stored: Attribute) -> None:
    assert Attribute.of(value) == stored


def test_a_number_above_32_bits_is_no_attribute() -> None:
    with pytest.raises(ValueError, match="4294967296 does not fit an OpenEXR attribute: expected 32 bits"):
        Attribute.of(2**32)


@pytest.mark.parametrize("order", ["increasingY", "decreasingY"])
@pytest.mark.parametrize("rows", [1, 100, 5000])
def test_chunks_under_another_header(tmp_path: Path, order: str, rows: int) -> None:
    pixels = files.noise(rows, 3)
    path = files.plain(tmp_path / "a.exr", pixels, compression="zips", openexr__lineOrder=order)
    version, (header,) = read_headers(path)
    long_name = "a name that needs the flag of long names"
    other = {**header, long_name: Attribute.of("x"), "comments": Attribute.of("much more text " * 1000)}
    exr_header.transplant(path, tmp_path / "b.exr", [other], version)
    files.assert_same_pixels(path, tmp_path / "b.exr")
    assert read_headers(tmp_path / "b.exr") == (version | exr_header.LONG_NAMES, (other,))


@pytest.mark.parametrize("kept", ["half the table", "a hole in the table"])
def test_chunks_that_are_missing_are_told(tmp_path: Path, kept: str) -> None:
    path = files.plain(tmp_path / "a.exr", files.noise(40, 3), compression="zips")
    version, headers = read_headers(path)
    data = bytearray(path.read_bytes())
    table = next(place for place in range(len(data)) if struct.unpack_from("<Q", data, place)[0] == place + 8 * 40)
    if kept == "half the table":
        del data[table + 8 * 20 :]
    else:
        data[table + 8 * 20 : table + 8 * 21] = bytes(8)
    path.write_bytes(data)
    with pytest.raises(HeaderError, match="some of its chunks were not written"):
        exr_header.transplant(path, tmp_path / "b.exr", headers, version)
