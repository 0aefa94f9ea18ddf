"""Whether a result is that of its inputs as they are: what decides the pixels, and nothing else, tells."""

import os

import numpy as np
import pytest

from tests.nuke_plugin.comps import Comp
from tests.shot import files

FRAMES = range(1001, 1004)


@pytest.fixture
def comp(nuke, tmp_path):
    comp = Comp(nuke, tmp_path, frames=FRAMES)
    comp.node.setInput(1, comp.grade)
    return comp


def checked(comp):
    comp.press("check")
    return comp.status()


def test_scrubbing_proxy_mode_and_a_reduced_viewer_change_nothing(comp):
    comp.relight()
    folder, rendered = comp.node["folder"].value(), len(comp.session.rendered)
    comp.all_shown()
    comp.session.root["proxy"].setValue(True)
    comp.session.down = 4
    comp.all_shown(comp.source)
    steps = len(comp.session.undos.steps)
    assert checked(comp) == "up to date"
    assert len(comp.session.undos.steps) == steps, "nothing to undo"
    comp.relight()
    assert (comp.node["folder"].value(), len(comp.session.rendered)) == (folder, rendered)
    assert comp.session.root["proxy"].value() is True
    comp.session.root["proxy"].setValue(False)
    assert checked(comp) == "up to date"


def test_what_has_changed_is_said_with_its_frames(comp):
    assert checked(comp) == "not relit yet"
    comp.relight()
    comp.grade["white"].setValue(3)
    assert checked(comp) == "stale: Reference at 1001"
    assert comp.session.drawn_label(comp.node) == "Relumix1\n(stale)"
    comp.grade["white"].setValue(2)
    assert checked(comp) == "up to date"
    assert comp.session.drawn_label(comp.node) == "Relumix1"
    comp.node["work_size"].setValue(512)
    assert comp.session.drawn_label(comp.node) == "Relumix1\n(stale)", "a knob of its own draws it"
    assert checked(comp) == "stale: knobs or connected inputs have changed since"


def test_labels_are_drawn_without_a_look_at_the_inputs(comp):
    comp.relight()
    validated = len(comp.session.validations)
    comp.grade["white"].setValue(3)
    assert comp.session.drawn_label(comp.node) == "Relumix1", "a knob elsewhere does not draw this node"
    comp.nuke.frame(1003)
    assert len(comp.session.validations) == validated


def test_an_opened_panel_looks_at_one_frame_alone(comp):
    comp.relight()
    comp.grade["white"].setValue(3)
    validated, whole = len(comp.session.validations), comp.session.labels.whole
    comp.node.showControlPanel()
    assert comp.session.drawn_label(comp.node) == "Relumix1\n(stale)"
    assert comp.status() == "stale: Reference at 1001"
    assert len(comp.session.validations) - validated == 2
    assert comp.session.labels.whole == whole


@pytest.mark.parametrize("frame", [1001, 1003])
def test_a_plate_that_is_written_over_in_place_is_noticed_and_read_again(comp, frame):
    comp.relight()
    comp.all_shown()
    path = comp.folder / f"plate/plate.{frame}.exr"
    files.plain(path, files.light(path)[..., :3].astype(np.float16) * np.float16(0.5))
    later = path.stat().st_mtime + 10
    os.utime(path, (later, later))
    assert checked(comp).startswith(f"stale: Source at {frame}")
    rendered = len(comp.session.rendered)
    comp.relight()
    assert ("Write1", frame) in comp.session.rendered[rendered:]
    assert checked(comp) == "up to date"
    np.testing.assert_allclose(comp.shown(frame), 2 * files.light(path)[..., :3], rtol=2e-3)


def test_behind_a_node_that_moves_time_every_file_counts(comp):
    comp.node.setInput(0, comp.nuke.nodes.FrameHold(inputs=[comp.source], first_frame=1002))
    comp.node["range"].setValue("custom")
    comp.node["frames"].setValue("1001-1003")
    comp.relight()
    later = (comp.folder / "plate/plate.1002.exr").stat().st_mtime + 10
    os.utime(comp.folder / "plate/plate.1002.exr", (later, later))
    assert checked(comp) == "stale: Source at 1001-1003"


def test_where_nuke_keeps_old_hashes_new_nodes_are_asked(comp):
    comp.session.keeps_old_ops = True
    comp.relight()
    rendered = len(comp.session.rendered)
    assert checked(comp) == "up to date"
    comp.relight()
    assert len(comp.session.rendered) == rendered
    comp.grade["white"].setValue(3)
    assert checked(comp) == "stale: Reference at 1001"


def test_what_cannot_be_known_is_said_and_rendered_again(comp):
    comp.session.keeps_old_ops = True
    comp.session.module.env["indie"] = True
    comp.relight()
    assert checked(comp).startswith("unknown: Nuke does not tell the state of Source at 100")
    assert comp.session.drawn_label(comp.node) == "Relumix1\n(unknown)"
    rendered = len(comp.session.rendered)
    comp.relight()
    assert len(comp.session.rendered) > rendered


def test_looking_at_the_inputs_shows_a_bar_and_can_be_stopped(comp):
    comp.relight()
    comp.session.tasks.history.clear()
    checked(comp)
    said = [
        text for title, text in comp.session.tasks.history if title.startswith("Checking") and isinstance(text, str)
    ]
    assert [text.split(",")[0] for text in said] == [
        *(f"checking Source {f}" for f in FRAMES),
        "checking Reference 1001",
    ]
    comp.session.tasks.cancel_after = 2
    validated = len(comp.session.validations)
    nodes = set(comp.nuke.allNodes(recurseGroups=True))
    assert checked(comp) == "cancelled while the inputs were checked"
    assert len(comp.session.validations) - validated == 1
    comp.session.tasks.cancel_after = 2
    comp.press("relight")
    assert comp.status() == "cancelled while the inputs were checked"
    assert comp.session.dialogs.messages == []
    assert set(comp.nuke.allNodes(recurseGroups=True)) == nodes


def test_ten_nodes_are_enough_however_many_are_selected(comp):
    comp.session.module.env["indie"] = True
    for _ in range(20):
        comp.nuke.nodes.NoOp().setSelected(True)
    comp.session.touches.nodes.clear()
    comp.session.touches.limit = 10
    comp.relight()
    assert checked(comp).startswith("up to date, as far as Nuke tells: this edition lets a plugin see ten nodes")


def test_a_layer_with_a_mask_needs_more_than_ten_and_is_refused_before_it_begins(comp):
    comp.session.module.env["nc"] = True
    comp.node["layer"].setValue("depth")
    comp.node.setInput(2, comp.painted)
    comp.press("relight")
    assert comp.session.dialogs.messages == [
        "this edition of Nuke lets Python touch ten nodes, which a layer and a mask together exceed: "
        "shuffle the layer into rgb before the node, or relight without a mask"
    ]
    assert comp.session.validations == [] and comp.session.rendered == []


@pytest.mark.parametrize("masked", [False, True])
def test_ten_nodes_are_enough_for_a_layer_and_for_a_mask(comp, masked):
    comp.session.module.env["indie"] = True
    for node in (comp.source, comp.painted):
        node["file"].setValue(f"{comp.folder.as_posix()}/layers.####.exr")
    for frame in FRAMES:
        pixels = np.concatenate([comp.made.plate[frame], comp.made.plate[frame]], -1).astype(np.float16)
        files.plain(comp.folder / f"layers.{frame}.exr", pixels, ["R", "G", "B", "spec.R", "spec.G", "spec.B"])
    if masked:
        comp.node.setInput(2, comp.painted)
        comp.node["mask_invert"].setValue(True)
        comp.node["mask_channel"].setValue("spec.red")
    else:
        comp.node["layer"].setValue("spec")
    comp.session.touches.nodes.clear()
    comp.session.touches.limit = 10
    comp.relight()
    assert comp.status().endswith("are relit")


def test_the_self_check_says_what_this_nuke_does(comp):
    menu = comp.session.menus["Nodes"].findItem("Relumix/Self-check of hashes")
    menu.invoke()
    assert comp.session.dialogs.messages.pop().startswith("Select a node")
    comp.source.selectOnly()
    menu.invoke()
    assert comp.session.dialogs.messages.pop().splitlines()[-1] == "All is as expected."
    comp.session.keeps_old_ops = True
    menu.invoke()
    assert "is not as expected" in comp.session.dialogs.messages.pop()
    assert "is not as expected" in "".join(comp.session.dialogs.printed)
