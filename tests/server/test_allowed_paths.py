"""Paths are resolved as the system does it, each folder once, and only so many of them."""

import os

import pytest

from relumix_server import allowed_paths
from relumix_server.allowed_paths import DEEPEST_PATH, AllowedPaths
from relumix_server.status_errors import StatusError


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root/a/b").mkdir(parents=True)
    (tmp_path / "root/a/b/f.exr").touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / "root/to_b").symlink_to("a/b")
    (tmp_path / "root/a/out").symlink_to(tmp_path / "outside")
    (tmp_path / "root/a/f.exr").symlink_to("b/f.exr")
    (tmp_path / "root/a/gone.exr").symlink_to(tmp_path / "outside/x.exr")
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("text", "relative"),
    [
        ("a/b/f.exr", "a/b/f.exr"),
        ("to_b/f.exr", "a/b/f.exr"),
        ("a/f.exr", "a/b/f.exr"),
        ("a/../to_b/../b/./f.exr", "a/b/f.exr"),
        ("new/folder/f.exr", "new/folder/f.exr"),
        ("a//b///f.exr", "a/b/f.exr"),
        ("a/out/f.exr", None),
        ("a/gone.exr", None),
        ("../outside/f.exr", None),
        ("a/b/..", "a"),
    ],
)
def test_links_and_dots(root, text, relative):
    jobs = AllowedPaths([str(root)]).for_a_job()
    for _ in range(2):  # The second time what is known of a folder is used.
        if relative is None:
            with pytest.raises(StatusError, match="is not below a --root"):
                jobs.resolve(f"{root}/{text}")
        else:
            assert jobs.resolve(f"{root}/{text}").path == root / relative
            assert str(root / relative) == os.path.realpath(f"{root}/{text}")


def test_another_job_looks_anew(root):
    allowed = AllowedPaths([str(root)])
    assert allowed.for_a_job().resolve(f"{root}/to_b/f.exr").path == root / "a/b/f.exr"
    (root / "to_b").unlink()
    (root / "to_b").symlink_to(root.parent / "outside")
    with pytest.raises(StatusError, match="is not below a --root"):
        allowed.for_a_job().resolve(f"{root}/to_b/f.exr")


def test_deep_paths(root):
    text = f"{root}/{'a/' * DEEPEST_PATH}f.exr"
    with pytest.raises(StatusError, match=f"lies too deep: expected up to {DEEPEST_PATH} folders on the way"):
        AllowedPaths([str(root)]).resolve(text)


def test_folders_are_counted_once_for_all_frames_in_them(root, monkeypatch):
    """4000 paths of 2000 folders each took 48 s; the folders of honest shots are few."""
    monkeypatch.setattr(allowed_paths, "MOST_FOLDERS", 1000)
    job = AllowedPaths([str(root)]).for_a_job()
    for frame in range(5000):
        job.resolve(f"{root}/a/b/f.{frame}.exr")
    with pytest.raises(StatusError, match="lead through more than 1000 folders: expected frames that share some"):
        for number in range(1000):
            job.resolve(f"{root}/{number}/f.exr")
