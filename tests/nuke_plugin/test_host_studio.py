"""What a plugin meets in a studio, the stand-in has: hashes by context, few labels, defaults, ten nodes, held files."""

import os
import shutil

import numpy as np
import pytest

from tests.nuke_plugin import host
from tests.nuke_plugin.host import expressions, sharing
from tests.nuke_plugin.test_host import BLUR, plate
from tests.shot import files


@pytest.fixture
def session():
    return host.start()


@pytest.fixture
def nuke(session):
    return session.module


def test_hashes_tell_a_change_upstream_and_no_other(nuke, tmp_path):
    read = nuke.nodes.Read(file=plate(tmp_path), first=1, last=3)
    grade = nuke.nodes.Grade(inputs=[read])
    end = nuke.nodes.Dot(inputs=[grade])
    nuke.frame(1)
    assert end.opHashes() == [], "nothing has been validated"
    before = hash_now(end)
    grade.setXYpos(100, 200)
    grade["label"].setValue("a label")
    assert hash_now(end) == before
    plate(tmp_path, value=7)
    read["reload"].execute()
    read["version"].setValue(0)
    assert hash_now(end) == before, "a file that is overwritten leaves the hash"
    grade["white"].setValue(2)
    assert hash_now(end) != before


def test_a_node_has_a_hash_for_each_frame_view_and_size_that_it_was_looked_at_in(session, nuke, tmp_path):
    end = nuke.nodes.Grade(inputs=[nuke.nodes.Read(file=plate(tmp_path), first=1, last=3)])
    first = hash_now(end)
    for frame in (2, 3):
        nuke.frame(frame)
        end.sample("rgba.red", 1, 1)
    assert len(end.opHashes()) == 3
    nuke.root()["proxy"].setValue(True)
    nuke.frame(1)
    assert hash_now(end) not in (first, None)
    session.down = 4
    end.sample("rgba.red", 1, 1)
    assert len(set(end.opHashes())) == 5


def test_a_held_frame_has_one_hash_wherever_it_is_looked_at(session, nuke, tmp_path):
    read = nuke.nodes.Read(file=plate(tmp_path), first=1, last=3)
    hold = nuke.nodes.FrameHold(inputs=[read], first_frame=2)
    end = nuke.nodes.Multiply(inputs=[hold])
    assert hash_now(end) == (nuke.frame(3), hash_now(end))[1]
    assert end.sample("rgba.red", 1, 1) == 2.5
    session.keeps_old_ops = True
    hold["first_frame"].setValue(3)
    end.forceValidate()
    assert len(set(end.opHashes())) > 1


def hash_now(node):
    node.forceValidate()
    return node.opHashes()[-1]


def test_labels_are_drawn_at_few_events(session, nuke):
    told = []
    nuke.addAutolabel(lambda: told.append(nuke.thisNode().name()) or f"Drawn {len(told)}", nodeClass="*")
    one, other = nuke.nodes.NoOp(), nuke.nodes.Grade()
    assert told == ["NoOp1", "Grade1"]
    one["label"].setValue("x")
    assert told[2:] == ["NoOp1"], "a knob draws its own node"
    other.setInput(0, one)
    assert len(told) == 3, "a wire draws none"
    assert session.drawn_label(one) == "Drawn 3"
    nuke.frame(2)
    assert (told[3:], session.labels.whole) == (["NoOp1", "Grade1"], 1)
    nuke.executeInMainThread(one.name)
    session.loop.pump()
    assert session.labels.whole == 1
    nuke.executeInMainThread(one["label"].setValue, args=("y",))
    session.loop.pump()
    assert session.labels.whole == 2, "a knob that a thread has set draws all"


def test_an_edition_in_which_python_may_touch_so_many_nodes(session, nuke):
    one, other = (nuke.nodes.NoOp() for _ in range(2))
    nuke.nodes.Grade(inputs=[other])
    session.touches.nodes.clear()
    session.touches.limit = 1
    nuke.root()["proxy"].setValue(False)
    one["label"].setValue("x")
    one.setInput(0, None)
    for touch in (nuke.allNodes, other.name, lambda: nuke.toNode("Grade1"), lambda: other["label"]):
        with pytest.raises(RuntimeError, match="lets Python touch 1 nodes"):
            touch()
        session.touches.nodes = {one}
    nuke.addKnobChanged(other.name, nodeClass="NoOp")
    with pytest.raises(RuntimeError, match="touch"):
        one["label"].setValue("in a call of ours as well")


def test_defaults_are_for_every_class_and_for_nodes_in_gizmos_too(session, nuke, tmp_path):
    for knob, value in (
        *(("Write.exr.compression", "8"), ("Write.exr.channels", "all"), ("Write.beforeRender", "print('studio')")),
        *(("Multiply.value", "3"), ("Switch.disable", "True")),
    ):
        nuke.knobDefault(knob, value)
    write = nuke.nodes.Write(file_type="exr", file=f"{tmp_path}/w.exr")
    assert (write["compression"].value(), write["channels"].value()) == ("DWAB", "all")
    assert write["beforeRender"].value() == "print('studio')"
    (tmp_path / "Mine.gizmo").write_text(BLUR.replace("Group {", "Gizmo {", 1))
    nuke.pluginAddPath(str(tmp_path), addToSysPath=False)
    inside = nuke.nodes.Mine()
    assert inside.node("Pick")["disable"].value() is True
    assert inside.node("Twice")["value"].value(0) == 3, "what the gizmo itself says wins"


def test_a_file_that_is_open_keeps_its_name(session, nuke, tmp_path):
    read = nuke.nodes.Read(file=plate(tmp_path), first=1, last=3)
    nuke.frame(1)
    read.sample("rgba.red", 1, 1)
    os.link(tmp_path / "p.0001.exr", tmp_path / "link.exr")
    with sharing.violations(session):
        for act in (
            lambda: (tmp_path / "p.0002.exr").replace(tmp_path / "p.0001.exr"),
            (tmp_path / "link.exr").unlink,
            lambda: shutil.rmtree(tmp_path),
        ):
            with pytest.raises(PermissionError):
                act()
        files.plain(tmp_path / "q.exr", np.zeros((2, 2, 3), np.float32))
        (tmp_path / "q.exr").replace(tmp_path / "another.exr")


def test_a_half_frame_is_cut_unless_an_expression_says_otherwise(nuke, tmp_path):
    read = nuke.nodes.Read(file=plate(tmp_path), first=1, last=3)
    assert half(read) == 1.5
    read["frame"].setValue("rint(frame)")
    assert half(read) == 2.5


def half(read):
    return read._looked_at(expressions.At(read, 1.6, "main")).sample("rgba.red", 1, 1)
