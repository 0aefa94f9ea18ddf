"""The stand-in is as strict as Nuke: what a plugin may lean on holds, and what it must not lean on fails."""

import threading

import numpy as np
import pytest

from tests.nuke_plugin import host
from tests.nuke_plugin.host import script, tcl
from tests.shot import files

BLUR = """\
version 15.1 v1
Group {
 name Outer
 addUserKnob {20 tab l "A tab"}
 addUserKnob {7 strength l "How \\"much\\"" t "more \\[x] is\\nmore" R 0 2}
 strength 1.5
 addUserKnob {4 kind M {plain "two words"} -STARTLINE}
 addUserKnob {6 on}
 on true
 addUserKnob {22 go l Go T "import sys\\nsys.seen = (nuke.thisNode().name(), nuke.thisGroup().name())"}
}
 Input {
  inputs 0
  name Second
  number 1
 }
set Second [stack 0]
 Input {
  inputs 0
  name First
 }
 Multiply {
  value {{parent.strength*2}}
  name Twice
 }
push $Second
push 0
 Switch {
  inputs 3
  which {{"parent.on ? 2 : 1"}}
  name Pick
 }
 Output {
  name Output1
 }
end_group
"""


@pytest.fixture
def session():
    return host.start()


@pytest.fixture
def nuke(session):
    return session.module


def constant(nuke, *color):
    nuke.root()["format"].setValue("8 6 0 0 8 6 1 small")
    return nuke.nodes.Constant(color=list(color))


def plate(folder, value=0.5, frames=(1, 2, 3)):
    for frame in frames:
        files.plain(folder / f"p.{frame:04d}.exr", np.full((6, 8, 3), value + frame, np.float32))
    return f"{folder.as_posix()}/p.####.exr"


def test_a_group_is_read_as_nuke_reads_it(nuke):
    nuke.scriptReadText(BLUR)
    group = nuke.toNode("Outer")
    assert (group["strength"].value(), group["kind"].value(), group["on"].value()) == (1.5, "plain", True)
    assert (group["strength"].label(), group["strength"].tooltip()) == ('How "much"', "more [x] is\nmore")
    assert (group["strength"].min(), group["strength"].max()) == (0, 2)
    assert not group["kind"].getFlag(nuke.STARTLINE)
    assert [node.name() for node in group.nodes()] == ["Output1", "Pick", "Twice", "First", "Second"]
    pick = group.node("Pick")
    assert [pick.input(n) and pick.input(n).name() for n in range(3)] == [None, "Second", "Twice"]
    assert group.node("Twice").fullName() == "Outer.Twice"
    group.setInput(0, constant(nuke, 0.1, 0.2, 0.3, 1))
    group.setInput(1, constant(nuke, 0.7, 0.7, 0.7, 1))
    assert group.sample("rgba.red", 1, 1) == pytest.approx(0.3)
    group["on"].setValue(False)
    assert group.sample("rgba.red", 1, 1) == pytest.approx(0.7)


def test_a_button_of_a_group_runs_inside_it(nuke):
    import sys

    nuke.scriptReadText(BLUR)
    nuke.toNode("Outer")["go"].execute()
    assert sys.seen == ("Outer", "Outer")
    assert nuke.thisGroup() is nuke.root()


def test_a_script_is_written_and_read_without_a_loss(session, nuke, tmp_path):
    nuke.scriptReadText(BLUR)
    group = nuke.toNode("Outer")
    group.setInput(1, constant(nuke, 0.1, 0.2, 0.3, 1))
    group["strength"].setAnimated()
    group["strength"].setValueAt(2, 10)
    nuke.nodes.Grade(inputs=[group], white=2, label='a "label" with [brackets], {braces} and\nlines')
    path = str(tmp_path / "one.nk")
    nuke.scriptSaveAs(path)
    first = script.save(session)
    nuke.scriptOpen(path)
    assert script.save(session) == first
    assert nuke.toNode("Outer")["strength"].getValueAt(5.5) == 1.75
    assert nuke.toNode("Grade1").input(0).input(1).name() == "Constant1"


@pytest.mark.parametrize(
    "text",
    [
        'NoOp {\n label "[value x]"\n}\n',
        'NoOp {\n label "a { b"\n}\n',
        "NoOp {\n labl x\n}\n",
        "NoOp {\n label two words\n}\n",
        "NoOp {\n name A\n} # the end\n",
        "Group {\n name A\n}\nNoOp {\n}\n",
        "Group {\n name A\n end_group\n}\n",
        "push $gone\n",
        "end_group\n",
        "Group {\n addUserKnob {7 a Q 1}\n}\nend_group\n",
        "Group {\n addUserKnob {99 a}\n}\nend_group\n",
    ],
)
def test_what_nuke_refuses_to_read_is_refused(nuke, text):
    with pytest.raises(ValueError):
        nuke.scriptReadText(text)


@pytest.mark.parametrize("text", ["plain", "two words", 'q"[x] {y} $z \\ end', "line\nline", "", "Ž光"])
def test_any_text_is_one_word(text):
    ((word,),) = tcl.commands(tcl.quoted(text))
    assert word.text == text


def test_knobs_refuse_values_of_another_kind(nuke):
    nuke.scriptReadText(BLUR)
    group, read = nuke.toNode("Outer"), nuke.nodes.Read()
    for knob, value in (
        *((group["strength"], "1"), (group["kind"], "third"), (group["kind"], 1.0), (group["on"], "true")),
        *((read["first"], 1.5), (read["file"], 3), (read["on_error"], "nearest")),
    ):
        with pytest.raises(TypeError):
            knob.setValue(value)
    with pytest.raises(NameError, match="knob strenght does not exist"):
        group["strenght"]
    assert group.knob("strenght") is None


def test_another_thread_may_not_touch_nodes_and_knobs(session, nuke):
    node = nuke.nodes.NoOp()
    knob, failures = node["label"], []

    def touch():
        for call in (node.name, knob.value, nuke.root, nuke.nodes.NoOp, lambda: node["label"]):
            try:
                call()
            except RuntimeError as error:
                failures.append(str(error))
        nuke.executeInMainThread(knob.setValue, args=("from afar",))
        failures.append(nuke.executeInMainThreadWithResult(knob.value))

    thread = threading.Thread(target=touch)
    thread.start()
    session.loop.pump(lambda: not thread.is_alive())
    assert len(failures) == 6
    assert failures[-1] == "from afar"
    with pytest.raises(RuntimeError, match="waits for itself"):
        nuke.executeInMainThreadWithResult(knob.value)


def test_what_fails_on_the_main_thread_is_printed_and_not_handed_on(session, nuke):
    nuke.executeInMainThread([].pop)
    session.loop.pump()
    (failure,) = session.loop.failures
    assert "pop from empty list" in failure


def test_a_nuke_without_a_window_has_no_main_loop_and_no_dialogs():
    nuke = host.start(gui=False).module
    with pytest.raises(RuntimeError):
        nuke.executeInMainThread(print)
    with pytest.raises(RuntimeError):
        nuke.message("hello")
    assert nuke.menu("Nuke") is None


def test_undo_takes_back_a_step_at_a_time(session, nuke):
    node = nuke.nodes.Grade()
    with nuke.Undo("both"):
        node["white"].setValue(2)
        node.setName("Bright")
    nuke.delete(node)
    assert [name for name, _ in session.undos.steps] == ["create Grade1", "both", "delete Grade"]
    nuke.Undo.undo()
    assert nuke.toNode("Bright") is node
    nuke.Undo.undo()
    assert (node.name(), node["white"].value(0)) == ("Grade1", 1)
    nuke.Undo.disable()
    node["white"].setValue(3)
    nuke.Undo.enable()
    assert len(session.undos.steps) == 1


def test_a_deleted_node_is_attached_to_nothing(nuke):
    node = nuke.nodes.NoOp()
    nuke.delete(node)
    for use in (node.name, lambda: node["label"], lambda: node.knob("label")):
        with pytest.raises(ValueError, match="not attached to a node"):
            use()


def test_create_node_uses_the_selection_and_nodes_do_not(nuke):
    first = nuke.createNode("NoOp")
    assert nuke.createNode("Grade", "white 2 label {a b}").input(0) is first
    assert nuke.selectedNode().Class() == "Grade"
    assert nuke.nodes.Grade().input(0) is None
    assert nuke.selectedNode()["label"].value() == "a b"


def test_the_graph_has_no_circles(nuke):
    one, other = nuke.nodes.NoOp(), nuke.nodes.NoOp()
    assert other.setInput(0, one)
    assert not one.setInput(0, other)
    assert not one.setInput(1, other)


def test_a_write_renders_what_it_is_told_and_makes_no_folder(session, nuke, tmp_path):
    nuke.root()["format"].setValue("8 6 0 0 8 6 2 wide")
    write = nuke.nodes.Write(inputs=[constant(nuke, 0.1, 2000.1, 3, 1)])
    with pytest.raises(NameError):
        write["datatype"]
    write["file"].setValue(f"{tmp_path.as_posix()}/out/w.####.exr")
    write["datatype"].setValue("16 bit half")
    with pytest.raises(RuntimeError, match="No such file or directory"):
        nuke.execute(write, 1, 2)
    write["create_directories"].setValue(True)
    write["use_limit"].setValue(True)
    write["first"].setValue(1)
    write["last"].setValue(2)
    nuke.execute(write, 1, 9)
    assert session.rendered == [("Write1", 1), ("Write1", 2)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["w.0001.exr", "w.0002.exr"]
    half = np.asarray([0.1, 2000.1, 3], np.float16).astype(np.float32)
    np.testing.assert_array_equal(files.light(tmp_path / "out/w.0001.exr")[0, 0], half)
    with pytest.raises(RuntimeError, match="nothing to execute"):
        nuke.execute("Constant1", 1, 1)
    write["file"].setValue("C:\\out\\w.exr")
    with pytest.raises(RuntimeError, match="backslash"):
        nuke.execute(write, 1, 1)


def test_proxy_and_colour_management_change_what_is_written(nuke, tmp_path):
    write = nuke.nodes.Write(inputs=[constant(nuke, 0.1, 0.2, 0.3, 1)], file=f"{tmp_path.as_posix()}/w.exr")
    nuke.root()["colorManagement"].setValue("OCIO")
    nuke.execute(write, 1, 1)
    assert np.abs(files.light(tmp_path / "w.exr")[0, 0] - [0.1, 0.2, 0.3]).max() > 0.01
    write["raw"].setValue(True)
    nuke.execute(write, 1, 1)
    assert np.abs(files.light(tmp_path / "w.exr")[0, 0] - [0.1, 0.2, 0.3]).max() < 1e-3
    read = nuke.nodes.Read(file=plate(tmp_path), first=1, last=3)
    nuke.root()["proxy"].setValue(True)
    assert (read.width(), read.height()) == (4, 3)


def test_a_read_keeps_what_it_has_seen_until_it_is_reloaded(nuke, tmp_path):
    read = nuke.nodes.Read(file=plate(tmp_path), first=1, last=4)
    nuke.frame(4)
    assert read.hasError()
    plate(tmp_path, frames=(4,))
    assert read.hasError()
    read["reload"].execute()
    assert read.sample("rgba.red", 1, 1) == 4.5
    nuke.frame(1)
    assert read.sample("rgba.red", 1, 1) == 1.5
    plate(tmp_path, value=9)
    assert read.sample("rgba.red", 1, 1) == 1.5


def test_from_user_text_sets_the_range_and_a_value_does_not(nuke):
    read = nuke.nodes.Read()
    read["file"].setValue("a b.####.exr 5-9")
    assert (read["file"].value(), read.lastFrame()) == ("a b.####.exr 5-9", 0)
    read["file"].fromUserText("a b.####.exr 5-9")
    assert (read["file"].value(), read.firstFrame(), read.lastFrame()) == ("a b.####.exr", 5, 9)


def test_callbacks_are_for_a_class_and_know_their_node(session, nuke):
    told = []

    def changed():
        told.append((nuke.thisNode().name(), nuke.thisKnob().name()))

    nuke.addKnobChanged(changed, nodeClass="Grade")
    nuke.nodes.NoOp()["label"].setValue("x")
    nuke.nodes.Grade()["label"].setValue("x")
    nuke.removeKnobChanged(changed, nodeClass="Grade")
    nuke.toNode("Grade1")["label"].setValue("y")
    assert told == [("Grade1", "label")]


def test_a_gizmo_keeps_its_knobs_alone_and_takes_no_new_nodes(nuke, tmp_path):
    (tmp_path / "Mine.gizmo").write_text(BLUR.replace("Group {", "Gizmo {", 1))
    nuke.pluginAddPath(str(tmp_path), addToSysPath=False)
    node = nuke.createNode("Mine")
    assert (node.Class(), node.name(), node.maxInputs(), node["strength"].value()) == ("Mine", "Mine1", 2, 1.5)
    assert node.writeKnobs() == "name Mine1"
    node["strength"].setValue(1)
    assert "strength 1" in node.writeKnobs().splitlines()
    with node, pytest.raises(RuntimeError, match="would be lost with the script"):
        nuke.nodes.NoOp()
