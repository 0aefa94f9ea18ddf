"""Frames cut and joined."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.client.payload import DamagedError, Joiner, Payload, Received
from relumix.v1.relight_pb2 import PIXEL_TYPE_HALF, ROLE_SOURCE, RawPlanes


def cut(payload, most_bytes, frame=1):
    return list(payload.pieces(frame, ROLE_SOURCE, most_bytes))


def joined(pieces):
    joiner = Joiner()
    return [joiner.add(piece) for piece in pieces][-1]


@given(st.binary(min_size=1, max_size=300), st.integers(1, 400))
def test_what_was_cut_is_joined(data, most_bytes):
    pieces = cut(Payload("plate/p.0001.exr", data), most_bytes)
    assert all(len(piece.data) <= most_bytes for piece in pieces)
    whole = joined(pieces)
    assert [piece.head.name for piece in pieces] == ["plate/p.0001.exr", *[""] * (len(pieces) - 1)]
    assert (b"".join(whole.parts), whole.raw) == (data, None)


@given(st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3, 4]), st.sampled_from([np.float16, np.float32]))
def test_arrays_come_out_as_they_went_in(height, width, channels, dtype):
    array = np.random.default_rng(0).normal(size=(height, width, channels)).astype(dtype)
    whole = joined(cut(Payload.of_array("frame 1", array), 7))
    np.testing.assert_array_equal(whole.array(), array.astype(np.float32))
    assert (whole.raw.type == PIXEL_TYPE_HALF) == (dtype == np.float16)


def test_a_mask_is_one_channel():
    payload = Payload.of_array("mask 1", np.zeros((4, 6)))
    assert (payload.raw.width, payload.raw.height, list(payload.raw.channels)) == (6, 4, ["Y"])


@pytest.mark.parametrize("bad", ["data", "offset", "total", "again"])
def test_damage_is_noticed(bad):
    pieces = cut(Payload("p.exr", bytes(range(100))), 40, frame=7)
    if bad == "data":
        pieces[1] = replace(pieces[1], data=bytes(pieces[1].data[::-1]))
    elif bad == "offset":
        pieces[1].head.offset += 1
    elif bad == "total":
        pieces[1].head.total_bytes = 60
    else:
        pieces.insert(1, pieces[0])
    with pytest.raises(DamagedError, match=r"^frame 7 (was damaged on its way|came in the wrong order)$"):
        joined(pieces)


def test_raw_pixels_are_as_many_as_they_are_said_to_be():
    raw = RawPlanes(width=2, height=2, channels="RGB", type=PIXEL_TYPE_HALF)
    with pytest.raises(DamagedError, match=r"^23 bytes came for raw pixels \(2, 2, 3\) of float16$"):
        Received([bytes(20), bytes(3)], raw).array()
    with pytest.raises(DamagedError, match=r"^4 bytes came for raw pixels \(0, 0, 0\) of float32$"):
        Received([bytes(4)]).array()
