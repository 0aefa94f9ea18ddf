"""Results are shared by nodes and scripts that want the same; what somebody shows is not deleted."""

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tests.nuke_plugin.comps import Comp

FRAMES = range(1001, 1003)


@pytest.fixture
def comp(nuke, tmp_path):
    comp = Comp(nuke, tmp_path, frames=FRAMES)
    comp.relight()
    return comp


def cleared(comp, node=None):
    """Press Clear and mean it; what was asked."""
    comp.session.dialogs.answers = [True]
    comp.press("clear", node)
    assert not comp.session.dialogs.messages
    return comp.session.dialogs.questions.pop()


def pasted(comp):
    """A copy of the node, as Ctrl+C and Ctrl+V make it, on the same inputs."""
    comp.node.selectOnly()
    clipboard = str(comp.folder / "clipboard.nk")
    comp.nuke.nodeCopy(clipboard)
    copy = comp.nuke.nodePaste(clipboard)
    copy.setName("Copy")
    copy.setInput(0, comp.source)
    copy.setInput(1, comp.painted)
    return copy


def test_two_nodes_that_want_the_same_share_it(comp):
    other = comp.relumix(comp.source, comp.painted)
    rendered = len(comp.session.rendered)
    comp.relight(other)
    assert other["folder"].value() == comp.node["folder"].value()
    assert len(comp.session.rendered) == rendered


def test_paste_then_clear_leaves_the_other_its_result(comp):
    relit, copy = comp.all_shown(), pasted(comp)
    folder = Path(comp.node["folder"].value())
    asked = cleared(comp)
    assert asked == (
        f"Let Relumix1 show the plate again? Nothing is deleted.\nKept: {folder.name}, which is shown by Copy."
    )
    np.testing.assert_array_equal(comp.all_shown(), comp.all_shown(comp.source))
    np.testing.assert_array_equal(comp.all_shown(copy), relit)
    assert cleared(comp, copy).startswith("Delete what Copy has rendered and relit: 1 result, ")
    assert not folder.exists()


@pytest.mark.parametrize("cleared_in", ["v001", "v002"])
def test_save_as_then_clear_leaves_the_other_script_its_result(comp, cleared_in):
    relit = comp.all_shown()
    for version in ("v001", "v002"):
        comp.nuke.scriptSaveAs(str(comp.folder / f"{version}.nk"))
    other = {"v001": "v002", "v002": "v001"}[cleared_in]
    comp.nuke.scriptOpen(str(comp.folder / f"{cleared_in}.nk"))
    comp.node = comp.nuke.toNode("Relumix1")
    assert cleared(comp).endswith(f"which is shown by {other}.nk.")
    comp.nuke.scriptSave()
    comp.nuke.scriptOpen(str(comp.folder / f"{other}.nk"))
    comp.node = comp.nuke.toNode("Relumix1")
    np.testing.assert_array_equal(comp.all_shown(), relit)
    assert cleared(comp).startswith("Delete what Relumix1")


def test_a_script_that_was_saved_elsewhere_keeps_its_result_too(comp):
    comp.nuke.scriptSaveAs(str(comp.folder / "v001.nk"))
    (comp.folder / "delivery").mkdir()
    comp.nuke.scriptSaveAs(str(comp.folder / "delivery/final.nk"))
    comp.nuke.scriptOpen(str(comp.folder / "v001.nk"))
    comp.node = comp.nuke.toNode("Relumix1")
    assert cleared(comp).endswith("which is shown by final.nk.")


def test_clear_takes_what_a_node_has_shown_before(comp):
    first = comp.node["folder"].value()
    comp.node["work_size"].setValue(512)
    comp.relight()
    assert "2 results" in cleared(comp)
    assert not Path(first).exists()
    assert not list((comp.folder / "cache").iterdir())


def test_folders_of_the_former_plugin_go_with_their_node(comp):
    comp.nuke.scriptSaveAs(str(comp.folder / "shot.nk"))
    former = comp.folder / "cache/shot.Relumix1.0123456789abcdef"
    former.mkdir()
    (former / "made_from.json").write_text('{"inputs": {}, "seen": {}, "look": {}}')
    comp.node["folder"].setValue(former.as_posix())
    comp.press("check")
    assert comp.status() == "unknown: the result was made by another version of this plugin; Relight makes it again"
    cleared(comp)
    assert not former.exists()


def test_a_result_that_has_gone_is_said_to_be(comp):
    Path(comp.node["folder"].value()).rename(comp.folder / "elsewhere")
    import relumix_nuke.cache

    relumix_nuke.cache._made_from.cache_clear()
    comp.press("check")
    assert comp.status().startswith(f"unknown: the result is not in {comp.folder}/cache/")
    assert "(unknown)" in comp.session.drawn_label(comp.node)


@pytest.mark.parametrize("lost", ["the cache", "a frame"])
def test_what_was_lost_is_relit_and_nuke_reads_it_again(comp, lost):
    relit, copy = comp.all_shown(), pasted(comp)
    comp.nuke.scriptSaveAs(str(comp.folder / "v001.nk"))
    folder = Path(comp.node["folder"].value())
    if lost == "the cache":
        shutil.rmtree(folder.parent)
    else:
        (folder / "result.main.1002.exr").unlink()
    comp.nuke.scriptOpen(str(comp.folder / "v001.nk"))
    comp.node, copy = comp.nuke.toNode("Relumix1"), comp.nuke.toNode("Copy")
    for node in (comp.node, copy):
        with pytest.raises(RuntimeError, match=r"1002\.exr"):
            comp.shown(1002, node)
    comp.press("relight")
    comp.wait(lambda: comp.status() == "2 frames are relit")
    for node in (comp.node, copy):
        np.testing.assert_array_equal(comp.all_shown(node), relit)


def test_a_script_in_another_nuke_that_was_never_saved_keeps_its_result(comp):
    folder = Path(comp.node["folder"].value())
    entry = folder / "shown_by/0123456789abcdef.json"
    entry.write_text(json.dumps({"script": "", "node": "Relumix7", "process": "elsewhere.1"}))
    assert cleared(comp).endswith("shown by Relumix7 in a script that was not saved, in another Nuke.")
    assert folder.exists()
    yesterday = time.time() - 2 * 86400
    os.utime(entry, (yesterday, yesterday))
    comp.relight()
    assert cleared(comp).startswith("Delete what Relumix1")


def test_baked_reads_work_without_the_node_and_keep_their_files(comp):
    relit = comp.all_shown()
    comp.press("bake")
    reads = [node for node in comp.nuke.allNodes("Read") if "of Relumix1" in node["label"].value()]
    assert sorted(node["label"].value() for node in reads) == ["gain of Relumix1", "result of Relumix1"]
    assert "shown by Reads in a script that was not saved" in cleared(comp)
    comp.nuke.delete(comp.node)
    (result,) = [node for node in reads if node["label"].value().startswith("result")]
    np.testing.assert_array_equal(comp.all_shown(result), relit)
    assert (result.firstFrame(), result.lastFrame()) == (1001, 1002)


def test_baking_what_is_not_all_there_is_refused(comp):
    comp.node["arrived"].setValue("1001, 1004")
    comp.press("bake")
    assert comp.session.dialogs.messages == ["frames 1002-1003 are not relit: relight them, then bake"]


def results(comp, count):
    """Make so many results, one a day; their folders, the oldest first. The node shows the last."""
    made = []
    for number in range(count):
        comp.node["work_size"].setValue(256 + 64 * number)
        comp.relight()
        made.append(Path(comp.node["folder"].value()))
        day = time.time() - 86400 * (count - number)
        os.utime(made[-1] / "made_from.json", (day, day))
    return made


def test_the_cache_stays_below_its_limit_and_the_least_recently_used_goes_first(comp):
    comp.node["cache_limit"].setValue(1e-9)
    made = results(comp, 3)
    assert [folder.exists() for folder in made] == [False, False, True]
    np.testing.assert_array_equal(comp.all_shown(), comp.commanded(None, "--work-size=384"))


def test_what_cannot_be_deleted_stops_neither_the_others_nor_the_job(comp, monkeypatch):
    from relumix_nuke import cache, errors

    real, first = cache.delete, Path(comp.node["folder"].value())

    def delete(folder):
        if folder == first:
            raise errors.RelumixError("it is another user's")
        real(folder)

    monkeypatch.setattr(cache, "delete", delete)
    comp.node["cache_limit"].setValue(1e-9)
    made = results(comp, 2)
    assert comp.status() == "2 frames are relit; the cache is above its limit: it is another user's"
    assert [folder.exists() for folder in (first, *made)] == [True, False, True]


def test_what_a_saved_script_shows_is_never_deleted(comp):
    made = results(comp, 1)
    comp.nuke.scriptSaveAs(str(comp.folder / "v001.nk"))
    made += results(comp, 2)
    comp.node["cache_days"].setValue(1)
    comp.relight()
    assert made[0].exists()
    comp.nuke.scriptSaveAs(str(comp.folder / "v002.nk"))
    (comp.folder / "v001.nk").unlink()
    comp.node["work_size"].setValue(700)
    comp.relight()
    assert [folder.exists() for folder in made] == [False, False, True], "v002 shows the last of them"


def test_the_limit_is_that_of_the_preferences_and_then_of_the_environment(comp, monkeypatch):
    def limit():
        comp.press("cache_size")
        return comp.session.dialogs.messages.pop().splitlines()[0].rpartition("limit: ")[2]

    assert limit() == "none)."
    monkeypatch.setenv("RELUMIX_CACHE_GB", "40")
    monkeypatch.setenv("RELUMIX_CACHE_DAYS", "9")
    assert limit() == "40 GB and 9 days)."
    comp.nuke.toNode("preferences")["relumix_cache_gb"].setValue(30.0)
    assert limit() == "30 GB and 9 days)."
    comp.node["cache_limit"].setValue(20.0)
    assert limit() == "20 GB and 9 days)."
    monkeypatch.setenv("RELUMIX_CACHE_DAYS", "soon")
    comp.press("cache_size")
    assert comp.session.dialogs.messages == [
        "the environment variable RELUMIX_CACHE_DAYS is soon: expected a number, such as 50"
    ]


def test_the_button_says_how_much_there_is(comp):
    comp.press("cache_size")
    first, second = comp.session.dialogs.messages.pop().splitlines()
    assert first.startswith(f"{comp.folder}/cache holds ") and " MB in 1 results (limit: none)." in first
    assert second == "0.0 MB in 0 of them are shown by no script that is known here."
    comp.nuke.scriptSaveAs(str(comp.folder / "v001.nk"))
    comp.session.loop.pump()
    import relumix_nuke.shown_by

    folder = Path(comp.node["folder"].value())
    assert relumix_nuke.shown_by.others(folder) == ["Relumix1", "v001.nk"], "known as soon as it is saved"
