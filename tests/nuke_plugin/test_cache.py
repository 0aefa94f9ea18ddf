"""What lies in the cache is whole, and what two folders share is not made twice."""

import os
from pathlib import Path

import pytest

from tests.nuke_plugin.comps import Comp

FILES = [("Source", "main", frame) for frame in (1001, 1002, 1003)]


@pytest.fixture
def cache(nuke):
    import relumix_nuke.cache

    return relumix_nuke.cache


def filled(parts, count):
    for number, each in enumerate(FILES[:count]):
        parts.file(*each).write_text(str(number))
        os.utime(parts.file(*each), (number, number))


def test_what_was_rendered_is_taken_over(cache, tmp_path):
    folder = cache.Folder(tmp_path)
    with cache.rendering(folder, FILES) as parts:
        filled(parts, 3)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [f"source.main.{f}.exr" for f in (1001, 1002, 1003)]


def test_the_frame_that_was_being_rendered_when_it_broke_off_is_not(cache, tmp_path):
    folder = cache.Folder(tmp_path)
    with pytest.raises(KeyboardInterrupt), cache.rendering(folder, FILES) as parts:
        filled(parts, 2)
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["source.main.1001.exr"]


def test_where_files_cannot_be_linked_they_are_copied_with_their_times(nuke, tmp_path, monkeypatch):
    comp = Comp(nuke, tmp_path, frames=range(1001, 1004))
    comp.relight()
    first = comp.node["folder"].value()

    def refuse(*paths):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    rendered = len(comp.session.rendered)
    comp.node["reference_frames"].setValue("1001, 1003")
    comp.relight()
    second = comp.node["folder"].value()
    assert first != second
    assert [frame for _, frame in comp.session.rendered[rendered:]] == [1003]
    times = [Path(folder, "source.main.1002.exr").stat().st_mtime_ns for folder in (first, second)]
    assert times[0] == times[1]


def test_going_back_finds_the_former_result(nuke, tmp_path):
    comp = Comp(nuke, tmp_path, frames=range(1001, 1004))
    comp.node.setInput(1, comp.grade)
    comp.relight()
    first, shown = comp.node["folder"].value(), comp.all_shown()
    comp.grade["white"].setValue(3)
    comp.relight()
    assert comp.node["folder"].value() != first
    rendered = len(comp.session.rendered)
    comp.grade["white"].setValue(2)
    comp.relight()
    assert comp.node["folder"].value() == first
    assert len(comp.session.rendered) == rendered
    assert (comp.all_shown() == shown).all()
