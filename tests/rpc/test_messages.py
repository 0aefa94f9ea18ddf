"""What goes over the wire is what protobuf would have sent, and is read as protobuf would read it."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from relumix.rpc import messages
from relumix.v1 import relight_pb2 as pb

INT32, UINT64 = st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**64 - 1)
SIDES = [
    (pb.RelightRequest, messages.request_bytes, messages.request_of),
    (pb.RelightResponse, messages.response_bytes, messages.response_of),
]


@st.composite
def heads(draw):
    made = pb.FrameChunk(
        frame=draw(INT32),
        role=draw(st.integers(0, 7)),
        name=draw(st.text(max_size=200)),
        offset=draw(UINT64),
        total_bytes=draw(UINT64),
        crc32c=draw(st.integers(0, 2**32 - 1)),
    )
    if draw(st.booleans()):
        made.raw.CopyFrom(pb.RawPlanes(width=draw(st.integers(0, 2**32 - 1)), height=1, channels=["R", "é"], type=1))
    return made


def whole(kind, message):
    """A Piece as the message that it stands for."""
    if not isinstance(message, messages.Piece):
        return message
    made = kind(chunk=message.head)
    made.chunk.data = bytes(message.data)
    return made


@pytest.mark.parametrize(("kind", "to_bytes", "of"), SIDES, ids=["request", "response"])
@given(heads(), st.binary(max_size=400))
def test_a_piece_is_a_chunk_for_protobuf(kind, to_bytes, of, head, data):
    piece = messages.Piece(head, data)
    assert kind.FromString(to_bytes(piece)) == whole(kind, piece)
    for serialized in (to_bytes(piece), whole(kind, piece).SerializeToString()):
        assert of(serialized) == piece


@pytest.mark.parametrize(("kind", "to_bytes", "of"), SIDES, ids=["request", "response"])
def test_other_messages_are_protobufs(kind, to_bytes, of):
    message = pb.RelightRequest(close=pb.Close()) if kind is pb.RelightRequest else pb.RelightResponse()
    assert to_bytes(message) == message.SerializeToString()
    assert of(to_bytes(message)) == message
    assert messages.kind(message) == message.WhichOneof("message")
    assert messages.kind(messages.Piece(pb.FrameChunk(), b"")) == "chunk"


def parsed(kind, serialized):
    """What protobuf reads, None where it reads nothing."""
    try:
        return kind.FromString(serialized)
    except DecodeError:
        return None


CHUNK = b"\x32\x03abc"  # data alone
ODD = [
    b"\x12\x05" + CHUNK,
    b"\x12\x05" + CHUNK + b"\x12\x02\x08\x02",  # two halves of one chunk
    b"\x12\x0a" + CHUNK + CHUNK,  # the last data count
    b"\x12\x05" + CHUNK + b"\x22\x00",  # a chunk, and then a close
    b"\x12\x06\x32\x04abc",  # longer than there is
    b"\x12\x05\x32\x04abc",
    b"\x12\x04\x32\x02a",
    b"\x12\x09" + CHUNK + b"\x3d\x01\x02\x03",  # a number cut short
    b"\x12\x0a" + CHUNK + b"\xa2\x06\x02no",  # a field that nobody knows yet
    b"\x12\x07" + CHUNK + b"\x53\x54",  # a group
    b"\x12\x07" + CHUNK + b"\x00\x00",  # no field has number 0
    b"\x12\x08" + CHUNK + b"\x1a\x01\xff",  # a name that is no text
    b"\x12\x8b\x80\x80\x80\x80\x00" + CHUNK,
    b"\x12\x10" + CHUNK + b"\x10" + b"\xff" * 9 + b"\x01",  # a role below zero
    b"\x12\x06\xb2\x00\x03abc",  # a key in two bytes
]


@given(st.binary(max_size=40) | st.binary(max_size=30).map(lambda tail: b"\x12" + bytes([len(tail)]) + tail))
def test_whatever_comes_is_read_as_protobuf_reads_it(serialized):
    check(serialized)


@pytest.mark.parametrize("serialized", ODD, ids=bytes.hex)
def test_odd_messages_are_read_as_protobuf_reads_them(serialized):
    check(serialized)


@given(heads(), st.binary(min_size=1, max_size=40), st.data())
def test_broken_chunks_are_read_as_protobuf_reads_them(head, data, draws):
    serialized = bytearray(messages.request_bytes(messages.Piece(head, data)))
    place = draws.draw(st.integers(0, len(serialized) - 1))
    serialized[place] = draws.draw(st.integers(0, 255))
    check(bytes(serialized))


def check(serialized):
    expected = parsed(pb.RelightRequest, serialized)
    if expected is None:
        with pytest.raises(DecodeError):
            messages.request_of(serialized)
        return
    found = messages.request_of(serialized)
    assert messages.kind(found) == expected.WhichOneof("message")
    if isinstance(found, messages.Piece):  # what nobody knows beside a chunk is left out
        assert whole(pb.RelightRequest, found).chunk.SerializeToString() == expected.chunk.SerializeToString()
    else:
        assert found == expected
