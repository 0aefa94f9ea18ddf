"""Openings are counted before they are parsed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.v1 import relight_pb2 as pb
from relumix_server import opening_size
from relumix_server.opening_size import names_more_than
from tests.server.harness import opening

PATHS = {frame: f"/jobs/shot/plate.{frame}.exr" for frame in range(50)}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(opening_size, "FEWEST_BYTES", 0)


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"frames": range(1000), "references": [1]}, 1000 + 1 + 1 + 1),  # and its settings' engine, and `open`
        ({"frames": [], "references": [], "keys": dict.fromkeys(range(300), "a")}, 300 + 2),
        ({"frames": [], "references": [], "by_path": pb.ByPath(sources=PATHS, results=PATHS, overwrite=True)}, 103),
        ({"settings": pb.Settings(engine_options=["a"] * 77), "frames": [1], "references": [1]}, 77 + 3),
        ({"frames": [-(2**31), 2**31 - 1], "references": []}, 2 + 2),
    ],
    ids=["frames", "keys", "paths", "options", "long numbers"],
)
def test_what_is_counted(fields, count):
    message = opening(**fields).SerializeToString()
    assert names_more_than(count - 1, message)
    assert not names_more_than(count, message)


def test_fields_before_it_hide_nothing():
    junk, opened = b"\x7a\x01x", opening(frames=range(1000)).SerializeToString()
    for message in (junk + opened, opened + junk, opened + opened):
        assert names_more_than(1000, message)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 100))
def test_bytes_of_any_kind_are_counted_or_left_to_the_parser(message, most):
    names_more_than(most, message)
    names_more_than(most, b"\x0a" + bytes((len(message) & 127,)) + message)


def test_small_messages_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(opening_size, "FEWEST_BYTES", 1 << 16)
    assert not names_more_than(10, opening(frames=range(1000)).SerializeToString())
