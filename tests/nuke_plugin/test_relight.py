"""The way from the button to the picture, with the real command."""

import re
import tempfile
import threading
from collections import Counter

import numpy as np
import pytest

from tests.nuke_plugin.comps import Comp, spec
from tests.shot import files


@pytest.fixture
def comp(nuke, tmp_path):
    return Comp(nuke, tmp_path)


def test_the_button_relights_the_shot_as_the_command_does(comp):
    plate = comp.all_shown(comp.source)
    np.testing.assert_array_equal(comp.all_shown(), plate)
    comp.relight()
    assert comp.status() == "6 frames are relit"
    np.testing.assert_array_equal(comp.all_shown(), comp.commanded())
    assert np.abs(comp.shown(1001) - plate[0]).max() > 0.1
    assert comp.session.dialogs.messages == []
    assert list(comp.session.tasks.open) == []


def test_nuke_is_left_as_it_was_but_for_one_step_to_undo(comp):
    comp.session.root["proxy"].setValue(True)
    comp.nuke.frame(1003)
    comp.grade.setSelected(True)
    comp.source.setSelected(True)
    before = set(comp.nuke.allNodes(recurseGroups=True))
    comp.session.undos.steps.clear()
    comp.relight()
    assert set(comp.nuke.allNodes(recurseGroups=True)) == before
    assert {node.name() for node in comp.nuke.selectedNodes()} == {comp.grade.name(), comp.source.name()}
    assert comp.session.root["proxy"].value() is True
    assert comp.nuke.frame() == 1003
    assert [name for name, _ in comp.session.undos.steps] == ["Relight"]
    assert np.abs(comp.all_shown() - comp.all_shown(comp.source)).max() > 0.1
    comp.nuke.Undo.undo()
    np.testing.assert_array_equal(comp.all_shown(), comp.all_shown(comp.source))
    assert set(comp.nuke.allNodes(recurseGroups=True)) == before
    assert comp.session.root["proxy"].value() is True


def test_a_grade_comes_out_as_that_grade(comp):
    comp.node.setInput(1, comp.grade)
    comp.relight()
    np.testing.assert_allclose(comp.all_shown(), 2 * comp.all_shown(comp.source), rtol=2e-3)


def test_nothing_is_rendered_or_relit_twice(comp):
    comp.relight()
    rendered = len(comp.session.rendered)
    assert rendered == 6 + 1
    results = sorted((comp.folder / "cache").rglob("result.*.exr"))
    times = [path.stat().st_mtime_ns for path in results]
    comp.relight()
    assert len(comp.session.rendered) == rendered
    assert [path.stat().st_mtime_ns for path in results] == times
    assert len(sorted((comp.folder / "cache").rglob("result.*.exr"))) == len(results)


def test_another_reference_renders_that_reference_alone(comp):
    comp.relight()
    rendered = len(comp.session.rendered)
    comp.node["reference_frames"].setValue("1001, 1004")
    comp.relight()
    assert [frame for _, frame in comp.session.rendered[rendered:]] == [1004]
    references = [f"{frame}={comp.folder}/painted/painted.{frame}.exr" for frame in (1001, 1004)]
    np.testing.assert_array_equal(comp.all_shown(), comp.commanded(references))


def test_a_change_upstream_marks_the_result_stale_until_it_is_relit_or_taken_back(comp):
    comp.node.setInput(1, comp.grade)
    assert comp.session.drawn_label(comp.node) == "Relumix1"
    comp.relight()
    assert comp.session.drawn_label(comp.node) == "Relumix1"
    comp.grade["white"].setValue(3)
    comp.nuke.frame(1004)
    comp.press("check")
    assert "stale" in comp.session.drawn_label(comp.node)
    comp.grade["white"].setValue(2)
    comp.press("check")
    assert comp.session.drawn_label(comp.node) == "Relumix1"
    comp.grade["white"].setValue(3)
    comp.press("check")
    comp.relight()
    assert comp.session.drawn_label(comp.node) == "Relumix1"
    np.testing.assert_allclose(comp.all_shown(), 3 * comp.all_shown(comp.source), rtol=2e-3)
    comp.node["engine"].setValue("lite")
    assert "stale" in comp.session.drawn_label(comp.node)


def test_frames_show_as_they_arrive_and_cancelling_keeps_them(comp):
    comp.node["executable"].setValue(comp.slow(0.4).as_posix())
    comp.press("relight")
    comp.wait(comp.node["arrived"].value)
    comp.press("cancel")
    comp.wait(lambda: "cancelled" in comp.status())
    assert comp.status() == "cancelled; finished frames are kept, Relight goes on from there"
    assert comp.session.dialogs.messages == []
    arrived = comp.node["arrived"].value()
    assert arrived.startswith("1001") and "1006" not in arrived
    plate, shown = comp.all_shown(comp.source), comp.all_shown()
    expected = comp.commanded()
    np.testing.assert_array_equal(shown[0], expected[0])
    np.testing.assert_array_equal(shown[-1], plate[-1])
    assert not list((comp.folder / "cache").rglob("*.tmp*"))
    finished = {path: path.stat().st_mtime_ns for path in (comp.folder / "cache").rglob("result.*.exr")}
    assert 0 < len(finished) < 6
    comp.relight()
    np.testing.assert_array_equal(comp.all_shown(), expected)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished


def test_the_bar_cancels_too(comp):
    comp.node["executable"].setValue(comp.slow(0.4).as_posix())
    comp.press("relight")
    comp.wait(comp.node["arrived"].value)
    comp.session.tasks.cancel()
    comp.wait(lambda: "cancelled" in comp.status())
    assert comp.session.dialogs.messages == []


def test_progress_is_told_in_whole_percent(comp):
    comp.relight()
    history = [each for title, each in comp.session.tasks.history if title == "Relighting Relumix1"]
    told = [value for value in history if isinstance(value, int)]
    assert told == sorted(told) and told[0] == 0 and told[-1] == 100
    said = [text for text in history if isinstance(text, str)]
    assert re.fullmatch(r"0 of 6 frames, \d+:\d\d gone", said[0])
    assert any(re.fullmatch(r"0 of 6 frames, reading reference 1001, \d+:\d\d gone", text) for text in said)
    assert any(re.fullmatch(r"1 of 6 frames, light on frames 1001-1006, \d+:\d\d gone.*", text) for text in said)
    assert re.fullmatch(r"6 of 6 frames, \d+:\d\d gone", said[-1])


def test_the_clock_goes_on_while_nothing_is_told(comp):
    comp.node["executable"].setValue(comp.slow(2.5).as_posix())
    comp.relight()
    said = [text for _, text in comp.session.tasks.history if isinstance(text, str)]
    assert max(Counter(re.sub(r", \d+:\d\d (gone|to go)", "", text) for text in said).values()) >= 2


def test_output_and_mix(comp):
    comp.relight()
    plate, relit = comp.all_shown(comp.source), comp.all_shown()
    comp.node["output"].setValue("gain in stops")
    gain = comp.all_shown()
    np.testing.assert_allclose(relit, plate * np.exp2(gain), rtol=0.1, atol=0.02)
    comp.node["output"].setValue("plate")
    np.testing.assert_array_equal(comp.all_shown(), plate)
    comp.node["output"].setValue("result")
    comp.node["mix"].setAnimated()
    comp.node["mix"].setValueAt(0, 1001)
    comp.node["mix"].setValueAt(1, 1005)
    shown = comp.all_shown()
    np.testing.assert_array_equal(shown[0], plate[0])
    np.testing.assert_allclose(shown[2], (plate[2] + relit[2]) / 2, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(shown[5], relit[5])
    assert comp.session.drawn_label(comp.node) == "Relumix1"


def test_every_other_channel_and_the_windows_are_the_plates(comp):
    for frame in comp.frames:
        files.plain(
            comp.folder / f"deep/deep.{frame}.exr",
            np.concatenate([comp.made.plate[frame], np.full((48, 64, 1), frame, np.float32)], -1).astype(np.float16),
            ["R", "G", "B", "Z"],
            window=(3, 2),
            display=(0, 0, 80, 60),
            PixelAspectRatio=2.0,
        )
        files.plain(
            comp.folder / f"lit/lit.{frame}.exr",
            comp.made.truth[frame].astype(np.float16),
            window=(3, 2),
            display=(0, 0, 80, 60),
            PixelAspectRatio=2.0,
        )
    source = comp.read("deep")
    node = comp.relumix(source, comp.read("lit"))
    comp.relight(node)
    assert node.channels() == ["depth.Z", "rgba.blue", "rgba.green", "rgba.red"]
    assert node.sample("depth.Z", 20, 20) == 1001
    box, plate = node.bbox(), source.bbox()
    assert (box.x(), box.y(), box.w(), box.h()) == (plate.x(), plate.y(), plate.w(), plate.h()) == (3, 10, 64, 48)
    assert (node.width(), node.height(), node.pixelAspect()) == (80, 60, 2.0)
    reference = [f"1001={comp.folder}/lit/lit.1001.exr"]
    np.testing.assert_array_equal(comp.all_shown(node), comp.commanded(reference, source="deep"))


def test_a_mask_keeps_the_plate_where_it_is_black(comp):
    for frame in comp.frames:
        mask = np.zeros((48, 64, 1), np.float16)
        mask[:, 32:] = 1
        files.plain(comp.folder / f"mask/mask.{frame}.exr", mask, "A")
    comp.node.setInput(2, comp.read("mask"))
    comp.relight()
    plate, shown = comp.all_shown(comp.source), comp.all_shown()
    np.testing.assert_array_equal(shown[:, :, :32], plate[:, :, :32])
    assert np.abs(shown[:, :, 33:] - plate[:, :, 33:]).max() > 0.1


def test_a_range_of_its_own_and_one_frame(comp):
    comp.node["range"].setValue("custom")
    comp.node["frames"].setValue("1003")
    comp.node["reference_frames"].setValue("1003")
    comp.relight()
    assert comp.status() == "1 frame is relit"
    plate, shown = comp.all_shown(comp.source), comp.all_shown()
    np.testing.assert_array_equal(shown[3], plate[3])
    np.testing.assert_array_equal(shown[2], comp.all_shown(comp.painted)[2])
    assert [frame for _, frame in comp.session.rendered] == [1003, 1003]


def test_the_range_of_the_project(comp):
    comp.session.root["first_frame"].setValue(1003)
    comp.session.root["last_frame"].setValue(1004)
    comp.node["range"].setValue("global")
    comp.relight()
    assert comp.status() == "2 frames are relit"
    assert comp.node["arrived"].value() == "1003-1004"


def test_32_bit_float_from_end_to_end(comp):
    comp.node["bits"].setValue("EXR 32 bit float")
    comp.node["compression"].setValue("piz")
    comp.relight()
    (source,) = (comp.folder / "cache").rglob("source.*.1002.exr")
    (result,) = (comp.folder / "cache").rglob("result.*.1002.exr")
    assert [str(spec(path).format) for path in (source, result)] == ["float", "float"]
    assert spec(result)["compression"] == "piz"


def test_a_node_in_a_group(comp):
    group = comp.nuke.nodes.Group(inputs=[])
    with group:
        source, reference = (comp.nuke.nodes.Input(name=name) for name in ("plate", "relit"))
        reference["number"].setValue(1)
        node = comp.relumix(source, reference)
        comp.nuke.nodes.Output(inputs=[node])
    group.setInput(0, comp.source)
    group.setInput(1, comp.painted)
    before = set(comp.nuke.allNodes(recurseGroups=True))
    comp.relight(node)
    assert comp.status(node) == "6 frames are relit"
    assert set(comp.nuke.allNodes(recurseGroups=True)) == before
    np.testing.assert_array_equal(comp.all_shown(group), comp.commanded())


def test_two_nodes_at_once(comp):
    other = comp.relumix(comp.source, comp.grade)
    comp.press("relight")
    comp.press("relight", other)
    comp.wait(lambda: all(comp.status(node) == "6 frames are relit" for node in (comp.node, other)))
    np.testing.assert_array_equal(comp.all_shown(), comp.commanded())
    np.testing.assert_allclose(comp.all_shown(other), 2 * comp.all_shown(comp.source), rtol=2e-3)


def test_a_node_that_is_being_relit_is_not_started_again(comp):
    comp.node["executable"].setValue(comp.slow(0.3).as_posix())
    comp.press("relight")
    comp.press("relight")
    assert comp.session.dialogs.messages == [
        "Relumix1 is being relit already: wait for it, or press Cancel",
    ]
    comp.press("cancel")
    comp.wait(lambda: "cancelled" in comp.status())


def test_paths_with_spaces_and_letters_of_other_alphabets(nuke, tmp_path):
    folder = tmp_path / "Für Žofia 光 (v 2)"
    comp = Comp(nuke, folder)
    comp.relight()
    np.testing.assert_array_equal(comp.all_shown(), comp.commanded())


@pytest.mark.parametrize("work", ["closed", "deleted"])
def test_a_script_closed_and_a_node_deleted_in_the_middle_end_the_job(comp, work):
    comp.node["executable"].setValue(comp.slow(0.4).as_posix())
    comp.press("relight")
    comp.wait(comp.node["arrived"].value)
    if work == "closed":
        comp.nuke.scriptClear()
    else:
        comp.nuke.delete(comp.node)
    # The node's own threads; others of relumix's names may be left of other tests.
    comp.wait(
        lambda: not [t for t in threading.enumerate() if t.name in ("relumix", "relumix beside", "relumix output")]
    )
    assert len(list((comp.folder / "cache").rglob("result.*.exr"))) < 6
    assert comp.session.dialogs.messages == []


def test_a_saved_script_shows_its_result_when_it_is_opened_again(comp):
    comp.relight()
    relit = comp.all_shown()
    path = str(comp.folder / "shot v1.nk")
    comp.nuke.scriptSaveAs(path)
    comp.nuke.scriptOpen(path)
    comp.node, comp.source = comp.nuke.toNode("Relumix1"), comp.nuke.toNode("Read1")
    np.testing.assert_array_equal(comp.all_shown(), relit)
    assert comp.session.drawn_label(comp.node) == "Relumix1"
    assert comp.node["mix"].value() == 1
    comp.relight()
    assert len(comp.session.rendered) == 6 + 1


def test_the_cache_lies_with_the_script_once_that_is_saved(comp, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(comp.folder / "temporary"))
    comp.node["cache"].setValue("")
    comp.relight()
    assert len(list((comp.folder / "temporary").rglob("result.*.exr"))) == 6
    rendered = len(comp.session.rendered)
    (comp.folder / "scripts").mkdir()
    comp.nuke.scriptSaveAs(str(comp.folder / "scripts/shot.nk"))
    comp.relight()
    assert len(list((comp.folder / "scripts").rglob("result.*.exr"))) == 6
    assert len(comp.session.rendered) == rendered


def test_clear_goes_back_to_the_plate_and_empties_the_cache(comp):
    comp.relight()
    comp.session.dialogs.answers = [False, True]
    comp.press("clear")
    (asked,) = comp.session.dialogs.questions
    assert re.fullmatch(r"Delete what Relumix1 has rendered and relit: 1 result, 0\.\d MB\?", asked)
    assert list((comp.folder / "cache").rglob("*.exr"))
    comp.press("clear")
    np.testing.assert_array_equal(comp.all_shown(), comp.all_shown(comp.source))
    assert not list((comp.folder / "cache").rglob("*.exr"))
    comp.relight()
    np.testing.assert_array_equal(comp.all_shown(), comp.commanded())


def test_colour_management_does_not_touch_what_goes_through_files(comp):
    comp.session.root["colorManagement"].setValue("OCIO")
    comp.source["raw"].setValue(False)
    comp.painted["raw"].setValue(False)
    comp.relight()
    np.testing.assert_allclose(comp.shown(1001), comp.all_shown(comp.painted)[0], rtol=2e-3, atol=1e-3)


def test_frames_below_zero(nuke, tmp_path):
    comp = Comp(nuke, tmp_path, frames=range(-2, 3))
    comp.relight()
    assert comp.status() == "5 frames are relit"
    reference = [f"-2={tmp_path}/painted/painted.-002.exr"]
    np.testing.assert_array_equal(comp.shown(-2), files.light(tmp_path / "painted/painted.-002.exr"))
    assert len(comp.commanded(reference)) == 5
