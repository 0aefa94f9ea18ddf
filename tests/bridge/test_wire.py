import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.bridge import wire


@pytest.fixture
def pair():
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(5)
        other.settimeout(5)
        yield one, other


def sent(pair, data):
    pair[0].sendall(data)
    pair[0].shutdown(socket.SHUT_WR)
    return wire.receive(pair[1], 1000)


def head(text, magic=b"RLXB", body=0):
    return magic + struct.pack("<IQ", len(text), body) + text


def test_a_message_is_a_kind_and_lines_and_bytes(pair):
    wire.send(pair[0], "image", {"clip": "source", "text": "one\nline"}, b"12345678")
    assert pair[1].recv(1000) == b"RLXB" + struct.pack("<IQ", 34, 8) + b"image\nclip: source\ntext: one line\n12345678"


def test_what_is_sent_is_what_comes(pair):
    wire.send(pair[0], "open", {"references": "1001 1016", "coding": "sRGB – D65"}, b"1234")
    message = wire.receive(pair[1], 4)
    assert message == wire.Message("open", {"references": "1001 1016", "coding": "sRGB – D65"}, 4)
    body = bytearray(4)
    wire.receive_into(pair[1], memoryview(body))
    assert body == b"1234"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (head(b"a\n", magic=b"HTTP"), "a message begins with b'HTTP': expected b'RLXB'"),
        (b"RLXB" + struct.pack("<IQ", 65537, 0), "a message's head is of 65537 bytes: expected at most 65536"),
        (head(b"a\n", body=1001), "a message's body is of 1001 bytes: expected at most 1000"),
        (head(b"\xff\n"), "a message's head is no UTF-8"),
        (head(b"a"), "a message's head does not end with a line break, or has no kind"),
        (head(b"\n"), "a message's head does not end with a line break, or has no kind"),
        (head(b"a\nb\n"), "a message's line is 'b': expected 'name: value', each name once"),
        (head(b"a\nb: 1\nb: 2\n"), "a message's line is 'b: 2': expected 'name: value', each name once"),
        (head(b"a\n" + b"x: y\n" * 65), "a message has 65 fields: expected at most 64"),
    ],
)
def test_what_is_no_message_is_said(pair, data, said):
    with pytest.raises(wire.WireError) as raised:
        sent(pair, data)
    assert str(raised.value) == said


def test_a_message_that_breaks_off(pair):
    with pytest.raises(wire.GoneError):
        sent(pair, head(b"hello\n")[:-1])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(data):
    one, other = socket.socketpair()
    with one, other:
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
        try:
            wire.receive(other, 1000)
        except (wire.WireError, wire.GoneError):
            return
        assert data.startswith(b"RLXB")
