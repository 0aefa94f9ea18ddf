"""The button that lights the current frame: the plate with its geometry, the command, and the Reference."""

import json

import numpy as np
import pytest

from tests.nuke_plugin.comps import Comp
from tests.reference.lights.stages import FOV_DEG, ball_on_floor
from tests.shot import files

FRAMES = range(1001, 1003)
SIZE = (96, 54)
CAMERA = {"translate": [1, 2, 3], "rotate": [0, 40, 0]}
APERTURE = 24.576
ALBEDO, PLATE = 0.5, 0.25


@pytest.fixture
def comp(nuke, tmp_path):
    """A ball on a floor, with positions of the world and, in another plate, with depth alone."""
    made = Comp(nuke, tmp_path, frames=FRAMES, size=SIZE)
    angle = np.radians(CAMERA["rotate"][1])
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    seen = ball_on_floor(*SIZE, albedo=ALBEDO).geometry
    grey = np.full_like(seen.position, PLATE)
    for frame in FRAMES:
        layers = {"P": seen.position @ turn.T + CAMERA["translate"], "N": seen.normal @ turn.T, "albedo": seen.albedo}
        names = ["R", "G", "B", *(f"{layer}.{axis}" for layer in layers for axis in "RGB")]
        pixels = np.concatenate([grey, *layers.values()], -1).astype(np.float32)
        files.plain(tmp_path / f"cg/cg.{frame}.exr", pixels, names)
        near = np.concatenate([grey, -seen.position[..., 2:], seen.albedo], -1).astype(np.float32)
        names = ["R", "G", "B", "depth.Z", "albedo.R", "albedo.G", "albedo.B"]
        files.plain(tmp_path / f"near/near.{frame}.exr", near, names)
    made.node.setInput(0, made.read("cg"))
    made.node.setInput(1, None)
    made.node["lights_file"].setValue((tmp_path / "set/lights.json").as_posix())
    made.seen = seen
    made.camera = made.nuke.nodes.Camera2()
    focal = APERTURE / 2 / np.tan(np.radians(FOV_DEG) / 2)
    for name, value in {**CAMERA, "haperture": APERTURE, "focal": float(focal)}.items():
        made.camera[name].setValue(value)
    return made


def light(comp, kind="DirectLight", **knobs):
    node = getattr(comp.nuke.nodes, kind)()
    for name, value in knobs.items():
        node[name].setValue(value)
    node.setSelected(True)
    return node


def press(comp):
    comp.press("lights_frame")
    assert not comp.session.dialogs.messages, comp.session.dialogs.messages


def test_a_frame_is_lit_as_bright_as_nuke_has_it(comp):
    """Of matt surfaces; gloss takes a tenth of what they return, and mirrors it."""
    node, path = light(comp, rotate=[-90, 0, 0], intensity=2), comp.folder / "set/lights.json"
    comp.press("lights_write")
    path.write_text(json.dumps({**json.loads(path.read_text()), "specular": 0}))
    node.setSelected(False)
    press(comp)
    added = comp.shown(1001, comp.node.input(1))[..., 0] - PLATE
    floor = (comp.seen.normal[..., 1] > 0.99) & (np.abs(comp.seen.position[..., 0]) > 1)
    assert np.median(added[floor]) == pytest.approx(2 * ALBEDO, rel=0.01)


def test_a_lit_frame_is_the_reference(comp):
    light(comp, rotate=[-90, 0, 0], intensity=2)
    press(comp)
    read = comp.node.input(1)
    assert (read.Class(), comp.node["reference_frames"].value()) == ("Read", "1001")
    assert comp.status() == "frame 1001 is lit, and reference frames are 1001"
    assert comp.session.root["proxy"].value() is False
    assert comp.nuke.allNodes("Write") == []
    comp.relight()
    assert comp.all_shown().mean() > comp.all_shown(comp.node.input(0)).mean() * 1.5


def test_the_world_and_the_camera_show_the_same(comp):
    light(comp, "Spotlight", translate=[1, 5, 1], rotate=[-70, 40, 0], cone_angle=90, intensity=3)
    press(comp)
    world = comp.shown(1001, comp.node.input(1))
    comp.node.setInput(0, comp.read("near"))
    comp.node["lights_space"].setValue("camera")
    comp.node["lights_camera"].setValue(comp.camera.name())
    press(comp)
    of_camera = comp.shown(1001, comp.node.input(1))
    assert (world > 1.1 * PLATE).mean() > 0.2
    assert np.abs(world - of_camera).mean() < 0.02 * world.mean()


def test_the_file_is_taken_as_it_is_where_no_light_is_selected(comp):
    node = light(comp, rotate=[-90, 0, 0])
    press(comp)
    before = comp.shown(1001, comp.node.input(1))
    path = comp.folder / "set/lights.json"
    rig = json.loads(path.read_text())
    path.write_text(json.dumps({**rig, "keep": 0.5}))
    node.setSelected(False)
    comp.nuke.frame(1002)
    press(comp)
    assert json.loads(path.read_text())["keep"] == 0.5
    assert len(comp.nuke.allNodes("Read")) == 4
    assert comp.node["reference_frames"].value() == "1001, 1002"
    np.testing.assert_allclose(before - comp.shown(1002, comp.node.input(1)), PLATE / 2, atol=0.01)


def test_another_reference_stays_connected(comp):
    comp.node.setInput(1, comp.grade)
    light(comp, rotate=[-90, 0, 0])
    press(comp)
    assert comp.node.input(1) is comp.grade
    assert comp.status().startswith("frame 1001 is lit, in Read")
    assert comp.status().endswith("connect that to Reference to relight the shot from it")


def test_what_the_command_says_is_what_the_artist_reads(comp):
    light(comp, rotate=[-90, 0, 0])
    comp.node.setInput(0, comp.source)
    comp.press("lights_frame")
    assert "has no geometry: no channels are called as positions (P) or depth (Z) are" in comp.status()
    comp.session.dialogs.messages.clear()
    comp.node["lights_options"].setValue("--estimate /no/model")
    comp.press("lights_frame")
    assert "the depth model /no/model is no folder" in comp.session.dialogs.messages.pop()
    comp.node.setInput(0, None)
    comp.press("lights_frame")
    assert comp.session.dialogs.messages.pop().startswith("Source is not connected: connect the plate, with its geom")
    comp.node.setInput(0, comp.source)
    comp.session.root["proxy"].setValue(True)
    comp.nuke.toNode("DirectLight1").setSelected(False)
    (comp.folder / "set/lights.json").unlink()
    comp.press("lights_frame")
    assert comp.session.dialogs.messages.pop().startswith("no light is selected, and ")
    assert comp.session.root["proxy"].value() is True
