"""What the bridge answers, and that nothing that is said to it ends it."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import relumix
from relumix.bridge import wire
from tests.bridge.plugin import THUMBNAIL, Plugin, context_of, pictures
from tests.synthetic import make_shot

ORDER = {"purpose": "relight", "instance": "ab", "first": 1, "last": 4}


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path)


@pytest.fixture(scope="module")
def shot():
    return make_shot(size=(32, 24), frames=range(1, 5))


def test_a_shot_is_relit_and_rendered(context, shot):
    plugin = Plugin(context).greet()
    assert plugin.follow(plugin.ask("open", **ORDER), pictures(shot)).fields == {"text": "4 frames relit"}
    assert plugin.follow(plugin.ask("open", **ORDER), pictures(shot)).fields == {"text": "4 frames up to date"}
    for expected in relumix.relit(shot.plate, {1: shot.truth[1]}, confidence=True):
        confidence = np.repeat(expected.confidence[..., None].astype(np.float16), 3, -1)
        for output, values in (
            ("result", expected.pixels),
            ("gain", expected.stops.astype(np.float16)),
            ("confidence", confidence),
        ):
            query = plugin.ask("open", **{**ORDER, "purpose": "render", "frame": expected.frame, "output": output})
            end = plugin.follow(query, pictures(shot))
            assert (end.kind, end.fields["width"], end.fields["height"]) == ("result", "32", "24")
            assert plugin.body == values.astype("<f4").tobytes()


def test_a_farm_needs_references_far_away_too(context, shot):
    references, asked = (1, 2, 4), {**ORDER, "purpose": "farm", "references": "1 2 4", "frame": 3, "last": 3}
    clips = pictures(shot) | {("reference", n): 2 * pictures(shot)["source", n] for n in references}
    for wanted in (3, 1):
        plugin = Plugin(context).greet()
        assert plugin.follow(plugin.ask("open", **{**asked, "frame": wanted, "cuts": "none"}), clips).kind == "result"


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (("open", {}), "the first word is 'open': expected hello"),
        (("hello", {"version": 1}), "the token is not this bridge's"),
        (("hello", {"version": 1, "token": "ö"}), "the token is not this bridge's"),
        (
            ("hello", {"version": 2, "token": "abc"}),
            f"the plugin speaks version '2', this bridge of relumix {relumix.__version__} version 1: install both of "
            "the same release (relumix ofx install)",
        ),
    ],
)
def test_who_is_not_welcome(context, first, said):
    plugin = Plugin(context, token="abc")
    answer = plugin.ask(first[0], **first[1])
    assert (answer.kind, answer.fields["text"]) == ("error", said)
    assert plugin.is_over()


def test_what_is_wrong_with_an_order_costs_the_order(context, shot):
    plugin = Plugin(context).greet()
    for wrong in ({"purpose": "?"}, {"engine": "magic"}, {"coding": "nothing like it"}):
        end = plugin.follow(plugin.ask("open", **{**ORDER, **wrong}), pictures(shot))
        assert end.kind == "error"
    query = plugin.ask("open", **ORDER)
    assert plugin.ask("image", clip=query.fields["clip"], frame=query.fields["frame"]).fields["text"] == (
        "Reference has no picture at frame 1: connect it, or name a reference file"
    )
    assert plugin.follow(plugin.ask("open", **ORDER), pictures(shot)).kind == "done"


def test_a_picture_that_changes_meanwhile_is_said(context, shot):
    plugin = Plugin(context).greet()
    query = plugin.ask("open", **ORDER)
    while query.kind != "send":
        query = (
            plugin.answer(query, pictures(shot)[query.fields["clip"], 1])
            if query.kind == "look"
            else plugin.ask("next")
        )
    end = plugin.answer(query, 2 * pictures(shot)[query.fields["clip"], 1])
    assert end.fields["text"] == "Source changed at frame 1 while it was relit: press Relight range"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"frame": 3}, "got reference 3: expected reference 1"),
        ({"clip": "mask"}, "a picture is of 'mask' '1': expected a clip and a frame"),
        ({"fingerprint": "../../etc/passwd"}, "a picture's fingerprint is not of 32 hexadecimal digits"),
        ({"width": 0}, "a picture's edge is '0': expected 1 to 65536 pixels"),
        ({"height": 10**6}, "a picture's edge is '1000000': expected 1 to 65536 pixels"),
        ({"thumbnail": "1 2 3"}, "a picture's thumbnail is not of 192 numbers"),
        ({"thumbnail": THUMBNAIL.replace("0.5", "nan", 1)}, "a picture's thumbnail is not of 192 numbers"),
    ],
)
def test_pictures_that_cannot_be_end_the_connection(context, changed, said):
    plugin = Plugin(context).greet()
    answer = plugin.answer(plugin.ask("open", **ORDER), np.ones((4, 4, 4), np.float32), **changed)
    assert (answer.kind, answer.fields["text"]) == ("error", said)
    assert plugin.is_over()


def test_pixels_of_another_length_end_the_connection(context, shot):
    plugin = Plugin(context).greet()
    query = plugin.ask("open", **ORDER)
    while query.kind != "send":
        query = (
            plugin.answer(query, pictures(shot)[query.fields["clip"], 1])
            if query.kind == "look"
            else plugin.ask("next")
        )
    assert plugin.answer(query, pictures(shot)["source", 1], height=23).fields["text"] == (
        "a picture has 12288 bytes of pixels: expected 11776"
    )
    assert plugin.is_over()


def test_hanging_up_ends_the_work(context, shot):
    plugin = Plugin(context).greet()
    query = plugin.ask("open", **ORDER)
    plugin.answer(query, pictures(shot)[query.fields["clip"], 1])
    plugin.socket.close()
    assert plugin.is_over()


def valid_bytes(shot):
    """All that a plugin says while a shot is relit, as it goes over the socket, without waiting for answers."""
    import socket

    one, other = socket.socketpair()
    with one, other:
        wire.send(one, "hello", {"version": 1}, b"")
        wire.send(one, "open", ORDER, b"")
        for clip, frame in (("reference", 1), ("source", 1), ("source", 1), ("source", 2)):
            fields = {
                "clip": clip,
                "frame": frame,
                "fingerprint": "0" * 32,
                "thumbnail": THUMBNAIL,
                "width": 4,
                "height": 4,
            }
            wire.send(one, "image", fields, b"\0" * 256)
            wire.send(one, "next", {}, b"")
        one.shutdown(socket.SHUT_WR)
        data = b""
        while piece := other.recv(1 << 16):
            data += piece
    return data


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), cuts=st.integers(0, 8), greeted=st.booleans())
def test_anything_that_is_said_ends_that_connection_at_most(context, shot, seed, cuts, greeted):
    """Valid talk with bytes changed, lost and doubled: an error or an end, and the next plugin is served."""
    chance = random.Random(seed)
    data = bytearray(valid_bytes(shot))
    for _ in range(cuts):
        at = chance.randrange(len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at : at + chance.randrange(1, 40)]
        elif kind == 2:
            data[at:at] = data[at : at + chance.randrange(1, 400)]
        else:
            data[at:at] = chance.randbytes(chance.randrange(1, 40))
    plugin = Plugin(context)
    if greeted:
        plugin.greet()
        data = data[data.index(b"RLXB", 1) if data.count(b"RLXB") > 1 else 0 :]
    try:
        plugin.socket.sendall(data)
        plugin.socket.shutdown(1)
        while plugin.socket.recv(1 << 16):
            pass
    except OSError:
        pass
    assert plugin.is_over()
    plugin.socket.close()
    Plugin(context).greet().socket.close()
