import dataclasses
import io
import os

import numpy as np
import pytest

from relumix.bridge.frame_file import FrameRecord
from relumix.bridge.store import Store
from relumix.bridge.wire import GoneError
from relumix.errors import InputError

SIZE = 4
PIXEL_BYTES = SIZE * SIZE * 16


def made(number, instance="aa", look="l"):
    key = f"{number:032x}"
    return FrameRecord(key, f"full {number}", look, instance, SIZE, SIZE, (0.5, 1.0), ("r",), ((0.25,),))


def values(number):
    return np.full((SIZE, SIZE, 3), number, np.float32)


def sure(number):
    return np.full((SIZE, SIZE), number, np.float32)


def send(store, fingerprint, number=1.0):
    data = memoryview(np.full((SIZE, SIZE, 4), number, "<f4").tobytes())
    store.keep(fingerprint, PIXEL_BYTES, iter([data[:100], data[100:]]))


def test_pixels_and_frames_are_there_after_a_crash(tmp_path):
    store = Store(tmp_path, 1 << 20)
    send(store, "p", 0.1)
    store.add(made(7), values(0.3), values(1.5), sure(0.25))
    (tmp_path / ".p.1-1.pixels").write_bytes(b"half")
    (tmp_path / ".k.1-1.frame").write_bytes(b"half")
    (tmp_path / "somebody's.txt").write_bytes(b"theirs")
    again = Store(tmp_path, 1 << 20)
    assert (again.pixels("p", SIZE, SIZE) == np.float32(0.1)).all()
    assert again.record(made(7).key) == made(7)
    assert (again.read(made(7).key, "result") == np.float32(0.3)).all()
    assert (again.read(made(7).key, "gain") == 1.5).all()
    assert again.read(made(7).key, "confidence").shape == (SIZE, SIZE, 3)
    assert (again.read(made(7).key, "confidence") == 0.25).all()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".frame", ".pixels", ".txt"]


def test_pixels_that_break_off_are_not_kept(tmp_path):
    store = Store(tmp_path, 1 << 20)

    def pieces():
        yield memoryview(bytes(100))
        raise GoneError

    with pytest.raises(GoneError):
        store.keep("a", PIXEL_BYTES, pieces())
    assert list(tmp_path.iterdir()) == []
    assert store.used_bytes == 0


def test_room_is_made_pixels_first_and_the_oldest_of_each(tmp_path):
    store = Store(tmp_path, 1 << 20)
    store.add(made(1), values(1), values(0), sure(1))
    store.add(made(2), values(2), values(0), sure(1))
    store = Store(tmp_path, store.used_bytes + PIXEL_BYTES + 100)
    send(store, "a")
    send(store, "b")
    assert (store.has_pixels("a"), store.has_pixels("b")) == (False, True)
    assert store.read(made(1).key, "result") is not None  # Now the one that was used last.
    store.add(made(3), values(3), values(0), sure(1))
    assert not store.has_pixels("b")
    assert [store.record(made(n).key) is not None for n in (1, 2, 3)] == [True, False, True]
    assert store.used_bytes <= store.most_bytes
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == store.used_bytes


def test_what_is_larger_than_all_of_it_is_refused(tmp_path):
    store = Store(tmp_path, PIXEL_BYTES - 1)
    with pytest.raises(InputError, match=f"a frame of {PIXEL_BYTES} bytes does not fit the store, of 255 bytes"):
        send(store, "a")


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "head"])
def test_damaged_frames_are_none(tmp_path, damage):
    store = Store(tmp_path, 1 << 20)
    store.add(made(1), values(1), values(0), sure(1))
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[-5] ^= 4
    path.write_bytes({"cut": data[:-1], "flip": bytes(flipped), "empty": b"", "head": b"RLXF" + data[9:]}[damage])
    assert Store(tmp_path, 1 << 20).read(made(1).key, "result") is None
    assert store.read(made(1).key, "result") is None
    assert store.record(made(1).key) is None


def test_the_one_used_last_comes_first_and_an_instance_is_forgotten(tmp_path):
    store = Store(tmp_path, 1 << 20)
    for number in (1, 2, 3):
        store.add(made(number, instance="b" if number == 2 else "a"), values(number), values(0), sure(1))
    store.read(made(1).key, "result")
    assert [each.key for each in store.records_with("l")] == [made(n).key for n in (1, 3, 2)]
    assert store.records_with("other") == []
    assert store.forget("a") == 2
    assert store.records_with("l") == [dataclasses.replace(made(2), instance="b")]


def test_a_full_disk_costs_the_frame_and_all_of_it_is_taken(tmp_path, monkeypatch):
    store = Store(tmp_path, 1 << 20)
    taken = []

    def pieces():
        for piece in range(4):
            taken.append(piece)
            yield memoryview(bytes(PIXEL_BYTES // 4))

    class Full(io.BytesIO):
        def write(self, piece):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "open", lambda *given: Full())
    with pytest.raises(
        InputError, match="cannot be written: No space left on device; choose another place or make room"
    ):
        store.keep("a", PIXEL_BYTES, pieces())
    assert taken == [0, 1, 2, 3]  # What follows on the connection can be read.
    assert store.used_bytes == 0


def test_a_folder_that_is_no_more_is_made_again(tmp_path):
    store = Store(tmp_path / "s", 1 << 20) if (tmp_path / "s").mkdir() is None else None
    os.rmdir(tmp_path / "s")  # noqa: PTH106
    store.add(made(1), values(1), values(0), sure(1))
    assert store.read(made(1).key, "result") is not None
