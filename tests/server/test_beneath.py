"""Files by descriptor: what is swapped for a link after it was resolved leads nowhere."""

import os
from pathlib import PurePosixPath

import pytest

from relumix_server.beneath import FileBeneath


@pytest.fixture
def root(tmp_path):
    for name in ("root/shot", "outside"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "root/shot/a.exr").write_bytes(b"ours")
    (tmp_path / "outside/a.exr").write_bytes(b"theirs")
    return tmp_path / "root"


def beneath(root, name="shot/a.exr"):
    return FileBeneath(root, PurePosixPath(name))


def read(file):
    with file.opened() as descriptor:
        return os.read(descriptor, 100)


def swap(root):
    (root / "shot").rename(root / "before")
    (root / "shot").symlink_to(root.parent / "outside")


def test_a_file_is_read_and_written(root, tmp_path):
    (tmp_path / "made").write_bytes(b"made")
    file, fresh = beneath(root), beneath(root, "new/folders/b.exr")
    assert read(file) == b"ours"
    file.put(tmp_path / "made")
    fresh.put(tmp_path / "made")
    assert read(file) == read(fresh) == b"made"
    assert sorted(path.name for path in root.rglob("*")) == ["a.exr", "b.exr", "folders", "new", "shot"]
    assert file.path == root / "shot/a.exr"


def test_a_folder_that_was_swapped_for_a_link(root, tmp_path):
    (tmp_path / "made").write_bytes(b"made")
    file = beneath(root)
    swap(root)
    with pytest.raises(OSError, match="Not a directory"):
        read(file)
    with pytest.raises(OSError, match="Not a directory"):
        file.put(tmp_path / "made")
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["a.exr"]
    assert (tmp_path / "outside/a.exr").read_bytes() == b"theirs"


def test_a_file_that_was_swapped_for_a_link(root, tmp_path):
    (root / "shot/a.exr").unlink()
    (root / "shot/a.exr").symlink_to(tmp_path / "outside/a.exr")
    with pytest.raises(OSError, match="symbolic links"):
        read(beneath(root))
    (tmp_path / "made").write_bytes(b"made")
    beneath(root).put(tmp_path / "made")
    assert read(beneath(root)) == b"made"
    assert (tmp_path / "outside/a.exr").read_bytes() == b"theirs"


def test_what_is_no_regular_file_is_not_read(root):
    os.mkfifo(root / "pipe.exr")
    (root / "folder.exr").mkdir()
    for name in ("pipe.exr", "folder.exr", "none.exr"):
        with pytest.raises(FileNotFoundError):
            read(beneath(root, name))


def test_a_file_that_cannot_be_put_leaves_nothing(root, tmp_path):
    (tmp_path / "made").write_bytes(b"made")
    (root / "folder.exr").mkdir()
    with pytest.raises(IsADirectoryError):
        beneath(root, "folder.exr").put(tmp_path / "made")
    assert sorted(path.name for path in root.iterdir()) == ["folder.exr", "shot"]
