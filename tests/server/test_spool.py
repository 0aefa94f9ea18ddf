"""Frames in memory up to a budget, then on disk; nothing is left."""

import shutil
import time

import pytest

from relumix_server import spool as spool_module
from relumix_server.spool import Spool
from relumix_server.status_errors import StatusError


@pytest.fixture
def spool(tmp_path, monkeypatch):
    (tmp_path / "memory").mkdir()
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(spool_module, "SHARED_MEMORY", tmp_path / "memory")
    made = Spool(100, str(tmp_path / "disk"))
    yield made
    made.close()


def where(path):
    return path.parent.parent.name


def test_memory_first_then_disk(spool):
    first, second, third = (spool.new_file(".exr", size) for size in (60, 60, 40))
    assert [where(path) for path in (first, second, third)] == ["memory", "disk", "memory"]
    assert spool.used() == (100, 60)
    spool.release(first)
    assert where(spool.new_file(".exr", 60)) == "memory"


def test_what_a_file_really_has_counts(spool):
    path = spool.new_file(".exr", 90)
    path.write_bytes(b"x" * 10)
    spool.settle(path)
    assert spool.used() == (10, 0)
    spool.release(path)
    spool.release(path)
    assert spool.used() == (0, 0)
    assert not path.exists()


def test_a_full_disk_is_told_with_a_time_to_come_back(spool, monkeypatch):
    monkeypatch.setattr(spool_module, "_free", lambda folder: 50)
    spool.new_file(".exr", 40)
    with pytest.raises(StatusError, match=r"^the server's spool is full: try again later$") as refused:
        spool.new_file(".exr", 51)
    assert (refused.value.code.name, refused.value.retry_seconds) == ("RESOURCE_EXHAUSTED", 30.0)


def test_a_disk_that_tells_no_size_is_no_full_disk(spool, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(0, 0, 0))
    assert [where(spool.new_file(".exr", 60)) for _ in range(2)] == ["memory", "disk"]


def test_closing_leaves_nothing_and_the_dead_are_buried(tmp_path, spool):
    path = spool.new_file(".exr", 10)
    path.write_bytes(b"x")
    other = Spool(100, str(tmp_path / "disk"))
    assert path.exists()
    other.close()
    dead = tmp_path / "disk/relumix-spool-dead"
    dead.mkdir()
    (dead / "lock").touch()
    (dead / "1.exr").touch()
    Spool(100, str(tmp_path / "disk")).close()
    assert not dead.exists()
    assert path.exists()
    spool.close()
    assert list((tmp_path / "disk").iterdir()) == list((tmp_path / "memory").iterdir()) == []


def test_what_is_reserved_is_not_free(spool, monkeypatch):
    """The file system calls bytes free that are not written yet: four clients once overcommitted a small disk."""
    monkeypatch.setattr(spool_module, "_free", lambda folder: 100)
    first, second = spool.new_file(".exr", 60), spool.new_file(".exr", 60)
    assert [where(path) for path in (first, second)] == ["memory", "disk"]
    with pytest.raises(StatusError, match="the server's spool is full"):
        spool.new_file(".exr", 60)
    first.write_bytes(bytes(10))
    spool.settle(first)
    assert where(spool.new_file(".exr", 60)) == "memory"
    spool.release(second)
    assert where(spool.new_file(".exr", 100)) == "disk"


@pytest.mark.slow  # a figure of time: what else runs on the machine moves it
def test_many_files_are_counted_as_quickly_as_few(spool):
    def seconds(count):
        began = time.process_time()
        for path in [spool.new_file(".exr", 1) for _ in range(count)]:
            spool.used()
            spool.release(path)
        return time.process_time() - began

    few = seconds(1000)
    assert seconds(16_000) < 60 * few  # 16 times as many: quadratic would be 256


def test_a_file_in_memory_that_is_needed_no_more_holds_the_next(spool):
    old = spool.new_file(".exr", 60)
    old.write_bytes(b"o" * 60)
    spool.settle(old)
    assert spool.reusable_bytes(old) == 60
    inode = old.stat().st_ino
    new = spool.reuse(old, ".raw", 40)
    assert (new.suffix, new.stat().st_ino, new.stat().st_size) == (".raw", inode, 40)
    assert not old.exists()
    assert spool.used() == (40, 0)
    larger = spool.reuse(new, ".exr", 100)
    assert (larger.stat().st_ino, spool.used()) == (inode, (100, 0))
    spool.release(larger)
    assert spool.used() == (0, 0)


def test_what_a_file_lacks_is_reserved_when_it_is_used_again(spool, monkeypatch):
    monkeypatch.setattr(spool_module, "_free", lambda folder: 40)
    old = spool.new_file(".exr", 30)
    old.write_bytes(b"o" * 30)
    spool.settle(old)
    new = spool.reuse(old, ".exr", 50)
    assert where(spool.new_file(".exr", 20)) == "memory"
    assert where(spool.new_file(".exr", 1)) == "disk"
    spool.settle(new)
    assert where(spool.new_file(".exr", 20)) == "memory"


def test_a_file_is_not_used_again_beyond_the_budget(spool):
    old, _ = spool.new_file(".exr", 30), spool.new_file(".exr", 50)
    old.write_bytes(b"o" * 30)
    spool.settle(old)
    assert where(spool.reuse(old, ".exr", 60)) == "disk"
    assert not old.exists()
    assert spool.used() == (50, 60)


def test_files_on_disk_or_with_another_name_are_not_used_again(spool):
    first, on_disk = spool.new_file(".exr", 60), spool.new_file(".exr", 60)
    for path in (first, on_disk):
        path.write_bytes(b"x")
        spool.settle(path)
    first.with_suffix(".link").hardlink_to(first)
    assert [spool.reusable_bytes(path) for path in (first, on_disk, first.with_name("gone"))] == [0, 0, 0]
