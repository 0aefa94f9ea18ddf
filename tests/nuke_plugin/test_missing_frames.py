"""What the node gives at a frame that is not relit: the plate while an artist works, an error in a render."""

import numpy as np
import pytest

from tests.nuke_plugin.comps import Comp
from tests.nuke_plugin.host import expressions, pictures

FRAMES = range(1001, 1005)


@pytest.fixture
def partly(nuke, tmp_path):
    """A comp whose first two frames of four are relit, with a Write behind the node."""
    comp = Comp(nuke, tmp_path, frames=FRAMES)
    comp.node["range"].setValue("custom")
    comp.node["frames"].setValue("1001-1002")
    comp.relight()
    comp.write = comp.nuke.nodes.Write(inputs=[comp.node], file_type="exr")
    comp.write["file"].setValue(f"{tmp_path.as_posix()}/comp.####.exr")
    return comp


def in_a_render(comp, running):
    """Save the script and open it in a Nuke without a window, as `nuke -x` does; that Nuke's module."""
    path = str(comp.folder / "comp.nk")
    comp.nuke.scriptSaveAs(path)
    nuke = running(gui=False).module
    nuke.scriptOpen(path)
    return nuke


def test_a_render_of_a_partly_relit_shot_fails_and_says_where(partly, running):
    nuke = in_a_render(partly, running)
    write = nuke.toNode("Write1")
    nuke.execute(write, 1001, 1002)
    with pytest.raises(RuntimeError, match=r"NotRelit: .*Relumix1 has no relit frame 1003, press Relight\.exr"):
        nuke.execute(write, 1003, 1004)
    assert sorted(path.name for path in partly.folder.glob("comp.*.exr")) == ["comp.1001.exr", "comp.1002.exr"]


def test_a_gap_in_the_relit_range_fails_a_render_too_whatever_lies_in_the_folder(partly, running):
    partly.node["frames"].setValue("1001, 1003")
    partly.relight()
    nuke = in_a_render(partly, running)
    nuke.execute(nuke.toNode("Write1"), 1003, 1003)
    assert list((partly.folder / "cache").rglob("result.main.1002.exr")), "of the range before"
    with pytest.raises(RuntimeError, match="has no relit frame 1002"):
        nuke.execute(nuke.toNode("Write1"), 1002, 1002)


def test_a_node_that_was_never_relit_fails_a_render_unless_the_plate_is_wanted(nuke, tmp_path, running):
    comp = Comp(nuke, tmp_path, frames=FRAMES)
    comp.nuke.nodes.Write(inputs=[comp.node], file=f"{tmp_path.as_posix()}/comp.####.exr", file_type="exr")
    nuke = in_a_render(comp, running)
    write, node = nuke.toNode("Write1"), nuke.toNode("Relumix1")
    with pytest.raises(RuntimeError, match="has no relit frame 1001"):
        nuke.execute(write, 1001, 1001)
    for knob, value in (("missing_frames", "plate"), ("output", "plate"), ("mix", 0)):
        before = node[knob].value()
        node[knob].setValue(value)
        nuke.execute(write, 1001, 1001)
        node[knob].setValue(before)


def test_each_choice(partly):
    plate, relit = partly.all_shown(partly.source), partly.all_shown()
    np.testing.assert_array_equal(relit[2:], plate[2:])
    node = partly.node
    node["missing_frames"].setValue("error")
    np.testing.assert_array_equal(partly.shown(1002), relit[1])
    with pytest.raises(RuntimeError, match="has no relit frame 1003"):
        partly.shown(1003)
    node["missing_frames"].setValue("plate")
    np.testing.assert_array_equal(partly.shown(1003), plate[2])
    node["missing_frames"].setValue("black")
    assert not partly.shown(1003).any()
    node["missing_frames"].setValue("checkerboard")
    board = pictures.checkered(partly.session.root_format()).channels["rgba.red"]
    np.testing.assert_array_equal(partly.shown(1003)[..., 0], board)
    node["missing_frames"].setValue("nearest")
    np.testing.assert_array_equal(partly.shown(1004), relit[1])
    np.testing.assert_array_equal(partly.shown(1001), relit[0])


def test_the_nearest_before_anything_is_relit_is_the_plate(nuke, tmp_path):
    comp = Comp(nuke, tmp_path, frames=FRAMES)
    comp.node["missing_frames"].setValue("nearest")
    np.testing.assert_array_equal(comp.all_shown(), comp.all_shown(comp.source))


def test_a_half_frame_is_the_nearest_one(partly):
    relit = partly.all_shown()

    def at(frame):
        picture = partly.node._looked_at(expressions.At(partly.node, frame, "main"))
        return picture.channels["rgba.red"]

    np.testing.assert_array_equal(at(1001.4), relit[0, ..., 0])
    np.testing.assert_array_equal(at(1001.6), relit[1, ..., 0])
    np.testing.assert_array_equal(at(1002.4), relit[1, ..., 0])
    partly.node["missing_frames"].setValue("error")
    with pytest.raises(RuntimeError, match="no relit frame"):
        at(1002.6)
