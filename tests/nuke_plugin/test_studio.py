"""The node in a studio: its defaults, its farms without gizmos, its file systems, its other machines."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from tests.nuke_plugin.comps import Comp, script, spec
from tests.nuke_plugin.conftest import PLUGIN
from tests.nuke_plugin.host import sharing

FRAMES = range(1001, 1003)


@pytest.fixture
def comp(nuke, tmp_path):
    return Comp(nuke, tmp_path, frames=FRAMES)


def test_a_studios_defaults_for_writes_do_not_reach_the_rendered_inputs(nuke, tmp_path):
    for knob, value in (
        *(("Write.exr.compression", "8"), ("Write.exr.datatype", "1"), ("Write.exr.channels", "all")),
        *(("Write.exr.metadata", "all metadata"), ("Write.raw", "False"), ("Write.use_limit", "True")),
        *(("Write.beforeRender", "1/0"), ("Write.afterFrameRender", "1/0"), ("Write.exr.autocrop", "True")),
        *(("Write.onDestroy", "1/0"), ("OneView.disable", "True"), ("FrameHold.disable", "True")),
        *(("Multiply.value", "7"), ("Read.raw", "False"), ("Read.on_error", "black"), ("Switch.disable", "False")),
        *(("Read.localizationPolicy", "on"), ("Read.before", "black")),
    ):
        nuke.module.knobDefault(knob, value)
    comp = Comp(nuke, tmp_path, frames=FRAMES)
    comp.session.root["colorManagement"].setValue("OCIO")
    comp.source["raw"].setValue(True)
    comp.painted["raw"].setValue(True)
    comp.relight()
    (source,) = (tmp_path / "cache").rglob("source.*.1001.exr")
    found = spec(source)
    assert (found["compression"], str(found.format), found.channelnames) == ("zips", "half", ("R", "G", "B"))
    assert "nuke/input/note" not in [attribute.name for attribute in found.extra_attribs]
    np.testing.assert_array_equal(comp.all_shown(), comp.commanded())


def test_the_group_is_the_gizmo():
    gizmo = (PLUGIN / "Relumix.gizmo").read_text()
    body = re.sub(r"^version .*\n", "", gizmo, flags=re.M)
    # Made by: sed -e '/^version /d' -e 's/^Gizmo {/Group {\n name Relumix1/' Relumix.gizmo > Relumix_group.nk
    assert (PLUGIN / "Relumix_group.nk").read_text() == body.replace("Gizmo {", "Group {\n name Relumix1", 1)


def test_the_group_does_what_the_gizmo_does(comp):
    comp.session.menus["Nodes"].findItem("Relumix/Relumix (group, for farms without the gizmo)").invoke()
    gizmo, comp.node = comp.node, comp.nuke.toNode("Relumix2")
    assert comp.node.Class() == "Group"
    comp.node.setInput(0, comp.source)
    comp.node.setInput(1, comp.grade)
    for knob in ("executable", "cache"):
        comp.node[knob].setValue(gizmo[knob].value())
    comp.relight()
    np.testing.assert_allclose(comp.all_shown(), 2 * comp.all_shown(comp.source), rtol=2e-3)
    comp.grade["white"].setValue(3)
    comp.press("check")
    assert comp.session.drawn_label(comp.node) == "Relumix2\n(stale)"
    comp.node["where"].setValue("server")
    assert comp.node["server"].enabled()


def test_a_farm_without_the_plugin_renders_the_group(comp, running):
    comp.session.menus["Nodes"].findItem("Relumix/Relumix (group, for farms without the gizmo)").invoke()
    node = comp.nuke.toNode("Relumix2")
    node.setInput(0, comp.source)
    node.setInput(1, comp.painted)
    for knob in ("executable", "cache"):
        node[knob].setValue(comp.node[knob].value())
    comp.relight(node)
    relit = comp.all_shown(node)
    comp.nuke.delete(comp.node)
    path = str(comp.folder / "comp.nk")
    comp.nuke.scriptSaveAs(path)
    from tests.nuke_plugin import host

    farm = host.start(gui=False)
    farm.module.scriptOpen(path)
    found = farm.module.toNode("Relumix2")
    for frame, expected in zip(FRAMES, relit, strict=True):
        farm.module.frame(frame)
        assert found.sample("rgba.red", 5, 5) == expected[-6, 5, 0]


def test_other_groups_are_left_alone(comp):
    group = comp.nuke.nodes.Group()
    group["label"].setValue("mine")
    assert comp.session.drawn_label(group) == "Group1\nmine"


def test_a_result_that_nuke_holds_open_stops_nothing(comp):
    comp.relight()
    comp.all_shown()
    first = Path(comp.node["folder"].value())
    comp.nuke.env["WIN32"] = True
    with sharing.violations(comp.session):
        comp.node["reference_frames"].setValue("1001, 1002")
        comp.relight()
        second = Path(comp.node["folder"].value())
        held = {path.stat().st_ino for path in first.glob("result.*.exr")}
        assert not held & {path.stat().st_ino for path in second.glob("result.*.exr")}
        comp.all_shown()
        comp.session.dialogs.answers = [True]
        comp.press("clear")
        (message,) = comp.session.dialogs.messages
        assert re.fullmatch(r".* cannot be deleted \(The process cannot .*\): .*", message)
    comp.session.dialogs.messages.clear()
    comp.session.dialogs.answers = [True]
    comp.press("clear")
    assert not list((comp.folder / "cache").iterdir()), "what was held is found again"


def test_what_knobs_say_is_evaluated(comp, monkeypatch):
    monkeypatch.setenv("SHOW", comp.folder.as_posix())
    monkeypatch.setenv("REF", "1002")
    comp.node["cache"].setValue("$SHOW/cache of [value name]")
    comp.node["executable"].setValue(f"[getenv SHOW]/{os.path.relpath(comp.node['executable'].value(), comp.folder)}")
    comp.node["reference_frames"].setValue("[getenv REF]")
    comp.node["range"].setValue("custom")
    comp.node["frames"].setValue("[value root.first_frame]-1002")
    comp.relight()
    assert comp.node["folder"].value().startswith(f"{comp.folder}/cache of Relumix1/")
    reference = [f"1002={comp.folder}/painted/painted.1002.exr"]
    np.testing.assert_array_equal(comp.all_shown(), comp.commanded(reference))


def test_file_name_filters_translate_the_folders(comp):
    comp.relight()
    relit, real = comp.all_shown(), comp.node["folder"].value()
    foreign = real.replace(comp.folder.as_posix(), "Z:/show")
    comp.nuke.addFilenameFilter(lambda name: name.replace("Z:/show", comp.folder.as_posix()))
    comp.node["folder"].setValue(foreign)
    comp.node["cache"].setValue("Z:/show/cache")
    np.testing.assert_array_equal(comp.all_shown(), relit)
    comp.press("check")
    assert comp.status() == "up to date"
    comp.relight()
    assert comp.node["folder"].value() == real


FORMER = """\
version 15.1 v1
Relumix {{
 inputs 0
 name Relumix7
 range custom
 frames 1001-1002
 reference_frames 1001
 engine lite
 work_size 512
 where server
 server r7:50051
 bits "EXR 32 bit float"
 compression piz
 mix 0.5
 output "gain in stops"
 folder "{folder}"
 arrived 1001-1002
 ready {{{{"(frame>=1001&&frame<=1002)"}}}}
 result_first 1001
 result_last 1002
}}
"""


def test_a_script_of_the_former_plugin_shows_its_result(comp):
    comp.relight()
    relit, plate = comp.all_shown(), comp.all_shown(comp.source)
    comp.nuke.scriptReadText(FORMER.format(folder=comp.node["folder"].value()))
    node = comp.nuke.toNode("Relumix7")
    node.setInput(0, comp.source)
    np.testing.assert_allclose(comp.all_shown(node), np.log2(relit / plate), atol=0.05)
    node["output"].setValue("result")
    np.testing.assert_allclose(comp.all_shown(node), (relit + plate) / 2, rtol=1e-3, atol=1e-5)
    assert (node["server"].value(), node["work_size"].value()) == ("r7:50051", 512)


def test_a_program_that_is_started_beside_leaves_no_zombie(comp):
    ended = script(comp.folder / "ends", "#!/bin/sh\nexit 0\n")
    from relumix_nuke import command

    before = set(children())
    command.start_beside([str(ended)])
    comp.wait(lambda: set(children()) <= before)


def children():
    """Processes that this one has started and not waited for, zombies included."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    if not listed.exists():
        pytest.skip("needs /proc")
    return listed.read_text().split()
