"""How much an opening message names, counted in its bytes: parsing a million entries of a map takes many seconds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from relumix.v1 import relight_pb2 as pb

VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5  # wire types
FIXED_BYTES = {EIGHT_BYTES: 8, FOUR_BYTES: 4}
FEWEST_BYTES = 64 << 10
"""Of a message that is looked at: smaller ones do no harm."""

_OPEN = pb.RelightRequest.DESCRIPTOR.fields_by_name["open"].number
_NUMBERS = frozenset(pb.Open.DESCRIPTOR.fields_by_name[name].number for name in ("frames", "deliver", "references"))
_PARTS = frozenset(pb.Open.DESCRIPTOR.fields_by_name[name].number for name in ("settings", "by_path"))


class TooMuchNamed:
    """What stands for an opening message that was not parsed."""


def names_more_than(most: int, message: bytes) -> bool:
    """Tell whether a message names more than so many things: fields, entries of lists and of maps.

    False where it cannot be read, as who parses it will say.
    """
    if len(message) < FEWEST_BYTES:
        return False
    count = 0
    try:
        for named in _named(memoryview(message)):
            count += named
            if count > most:
                return True
    except (IndexError, ValueError):
        return False
    return False


def _named(message: memoryview) -> Iterator[int]:
    """Yield how many things each field of a request is."""
    for number, value in _fields(message):
        yield 1
        if number != _OPEN:
            continue
        for inner, part in _fields(value):
            if inner in _NUMBERS and part:  # packed: each number ends with a byte below 128
                yield int(np.count_nonzero(np.frombuffer(part, np.uint8) < 128))
            elif inner in _PARTS:
                yield from (1 for _ in _fields(part))
            else:
                yield 1


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield number and value of each field; the value is empty where it is no string of bytes.

    Raises IndexError and ValueError for what no parser takes.
    """
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        wire = key & 7
        if wire == LENGTH:
            size, at = _varint(message, at)
            if at + size > end:
                raise ValueError("it ends within a field")
            yield key >> 3, message[at : at + size]
            at += size
            continue
        if wire == VARINT:
            _, at = _varint(message, at)
        else:
            at += FIXED_BYTES.get(wire, end + 1)
        if at > end:
            raise ValueError("it ends within a field, or holds one of an unknown kind")
        yield key >> 3, message[:0]


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    byte = message[at]
    if byte < 128:
        return byte, at + 1
    value, shift = byte & 127, 7
    while shift < 70:
        at += 1
        byte = message[at]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at + 1
        shift += 7
    raise ValueError("a number has no end")
