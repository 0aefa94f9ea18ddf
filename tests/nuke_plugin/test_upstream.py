"""The files that an input is made from."""

import os

import pytest

from tests.nuke_plugin.comps import Comp

FRAMES = range(1001, 1004)


@pytest.fixture
def comp(nuke, tmp_path):
    return Comp(nuke, tmp_path, frames=FRAMES)


def found(comp, node):
    from relumix_nuke import upstream

    return upstream.files_of(node, limited=False)


def touched(path):
    later = path.stat().st_mtime + 10
    os.utime(path, (later, later))


def test_a_frame_depends_on_its_own_file_and_the_last_one_after_the_end(comp):
    files = found(comp, comp.grade)
    before = {frame: files.stamp(frame) for frame in (1001, 1002, 1003, 1009)}
    touched(comp.folder / "plate/plate.1003.exr")
    files = found(comp, comp.grade)
    changed = [frame for frame, stamp in before.items() if files.stamp(frame) != stamp]
    assert changed == [1003, 1009]
    assert sorted(files.state()) == [f"{comp.folder.as_posix()}/plate/plate.{frame}.exr" for frame in FRAMES]


def test_one_frame_is_looked_at_without_a_list_of_all(comp, monkeypatch):
    from relumix_nuke import upstream

    monkeypatch.setattr(upstream.glob, "iglob", None)
    assert "plate.1002.exr" in found(comp, comp.source).stamp(1002)


@pytest.mark.parametrize("pattern", ["plate.%04d.exr", "plate.%d.exr", "plate.####.exr", "plate.#.exr"])
def test_every_sign_for_the_frame(comp, pattern):
    comp.source["file"].setValue(f"{comp.folder.as_posix()}/plate/{pattern}")
    assert len(found(comp, comp.source).state()) == 3
    assert "plate.1002.exr" in found(comp, comp.source).stamp(1002)


def test_views_and_folders_with_brackets(comp):
    folder = comp.folder / "take [1]"
    folder.mkdir()
    for view in ("left", "right"):
        (folder / f"p.{view}.1001.exr").write_bytes(b"x")
    comp.source["file"].setValue(f"{comp.folder.as_posix()}/take \\[1]/p.%V.####.exr")
    assert sorted(path.rpartition("/")[2] for path in found(comp, comp.source).state()) == [
        "p.left.1001.exr",
        "p.right.1001.exr",
    ]


def test_inside_groups_and_from_inside_of_one(comp):
    group = comp.nuke.nodes.Group()
    with group:
        inside = comp.nuke.nodes.Input(name="In")
        comp.nuke.nodes.Output(inputs=[inside])
    group.setInput(0, comp.source)
    assert len(found(comp, group).state()) == 3
    assert len(found(comp, inside).state()) == 3


def test_of_a_node_that_may_move_time_all_files_count(comp):
    hold = comp.nuke.nodes.FrameHold(inputs=[comp.source], first_frame=1001)
    before = found(comp, hold).stamp(1001)
    touched(comp.folder / "plate/plate.1003.exr")
    assert found(comp, hold).stamp(1001) != before
    comp.source["frame"].setValue("frame+1")
    assert not found(comp, comp.source).in_time


def test_a_write_is_no_file_that_is_read(comp):
    write = comp.nuke.nodes.Write(inputs=[comp.source], file=f"{comp.folder.as_posix()}/painted/painted.####.exr")
    assert len(found(comp, write).state()) == 3
    write["reading"].setValue(True)
    assert len(found(comp, write).state()) == 6
