"""Headers are counted before a decoder sees them."""

import struct

import numpy as np
import pytest

from relumix_server.header_limits import MOST_ATTRIBUTES, MOST_CHANNELS, MOST_HEADER_BYTES, MOST_PARTS, excess
from tests.server.harness import write_exr

START = struct.pack("<ii", 20000630, 2)
PARTS = struct.pack("<ii", 20000630, 2 | 0x1000)


def attribute(name, kind, value):
    return name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value


def channels(count):
    return attribute(b"channels", b"chlist", b"".join(b"c%d\0" % i + bytes(16) for i in range(count)) + b"\0")


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (START + attribute(b"a", b"int", bytes(4)) * 1_000_000, f"more than {MOST_ATTRIBUTES} attributes"),
        (START + channels(100_000), f"more than {MOST_CHANNELS} channels"),
        (PARTS + (channels(1) + b"\0") * 1000, f"more than {MOST_PARTS} parts"),
        (START + attribute(b"a", b"x", bytes(20 << 20)), f"a header of more than {MOST_HEADER_BYTES} bytes"),
        (START + attribute(b"a", b"int", bytes(4)), None),
        (START + b"a\0int\0\xff\xff\xff\xff", None),
        (b"no header", None),
        (b"", None),
    ],
    ids=["attributes", "channels", "parts", "bytes", "cut short", "negative", "other", "empty"],
)
def test_what_is_too_much(tmp_path, header, sentence):
    (tmp_path / "a.exr").write_bytes(header)
    assert excess(tmp_path / "a.exr") == sentence


def test_a_whole_file_is_not(tmp_path, disk):
    write_exr(tmp_path / "a.exr", np.zeros((4, 4, 4)))
    assert excess(tmp_path / "a.exr") is None
    assert excess(disk.plate(1001)) is None
