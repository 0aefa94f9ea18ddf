"""Nuke's lights as a rig: what each knob becomes, in the world's coordinates and in a camera's."""

import json
import math

import numpy as np
import pytest

from relumix.reference.lights.emitters import Sphere, Sun
from relumix.reference.lights.rig import RigFile
from tests.nuke_plugin.comps import Comp

FRAMES = range(1001, 1004)
WATTS = 4 * math.pi**2
"""Of a quadratic light of intensity 1: pi W/m2 at a metre."""


@pytest.fixture
def comp(nuke, tmp_path):
    made = Comp(nuke, tmp_path, frames=FRAMES)
    made.node["lights_file"].setValue((tmp_path / "lights.json").as_posix())
    return made


@pytest.fixture
def make(comp):
    """Makes a selected node."""

    def made(kind, *inputs, **knobs):
        node = getattr(comp.nuke.nodes, kind)(inputs=list(inputs))
        for name, value in knobs.items():
            node[name].setValue(value)
        node.setSelected(True)
        return node

    return made


def written(comp, **knobs):
    """What the button writes: JSON that the command takes."""
    for name, value in knobs.items():
        comp.node[name].setValue(value)
    comp.press("lights_write")
    assert not comp.session.dialogs.messages, comp.session.dialogs.messages
    path = comp.folder / "lights.json"
    return json.loads(path.read_text()), RigFile(path).at(comp.nuke.frame())


def said(comp):
    comp.press("lights_write")
    return comp.session.dialogs.messages.pop()


def test_a_direct_light_is_a_sun(comp, make):
    make("DirectLight", rotate=[-90, 0, 0], translate=[5, 5, 5], intensity=2, color=[1, 0.5, 0.25])
    rig, made = written(comp, lights_keep=0.25)
    assert rig == {
        "keep": 0.25,
        "metres_per_unit": 1,
        "lights": [
            {
                "name": "DirectLight1",
                "color": [1, 0.5, 0.25],
                "type": "sun",
                "direction": [0, -1, 0],
                "irradiance": float(f"{2 * math.pi:.7g}"),
                "angle_deg": 0,
                "shadows": True,
            }
        ],
    }
    (lamp,) = made.lamps
    assert isinstance(lamp.emitter, Sun)
    assert comp.status() == "lights.json has 1 light"


@pytest.mark.parametrize(
    ("said_so", "falloff", "power"), [("No Falloff", "none", 0), ("Linear", "linear", 1), ("Cubic", "cubic", 3)]
)
def test_a_point_has_nukes_brightness_at_every_distance(comp, make, said_so, falloff, power):
    make("Light", translate=[0, 0, 0], intensity=3, falloff_type=said_so)
    rig, made = written(comp, lights_metres=0.5)
    (light,) = rig["lights"]
    assert (light["type"], light["falloff"]) == ("point", falloff)
    emitter = made.lamps[0].emitter
    assert isinstance(emitter, Sphere)
    for units in (0.5, 1, 4):
        seen = emitter.arriving(np.array([[0, 0, -0.5 * units]], np.float32), 0).irradiance[0] / math.pi
        assert seen == pytest.approx(3 / units**power, rel=1e-5)


def test_a_light_of_any_kind_says_which(comp, make):
    make("Light2", light_type="directional")
    make("Light2", light_type="spot", falloff_type="Quadratic", translate=[0, 4, 0], rotate=[-90, 0, 0])
    make("Light2")
    rig, made = written(comp)
    assert [light["type"] for light in rig["lights"]] == ["sun", "spot", "point"]
    spot = made.lamps[1].emitter
    np.testing.assert_allclose(spot.axis, [0, -1, 0], atol=1e-7)
    assert spot.power == pytest.approx(WATTS)


@pytest.mark.parametrize(
    ("cone", "penumbra", "full", "none"), [(40, 0, 20, 20), (40, 10, 20, 25), (40, -10, 15, 20), (180, 20, 80, 90)]
)
def test_a_cone_and_its_penumbra(comp, make, cone, penumbra, full, none):
    make("Spotlight", cone_angle=cone, cone_penumbra_angle=penumbra, cone_falloff=2)
    _, made = written(comp)
    emitter = made.lamps[0].emitter
    assert math.degrees(math.acos(emitter.inner)) == pytest.approx(full, abs=1e-3)
    assert math.degrees(math.acos(emitter.outer)) == pytest.approx(none, abs=1e-3)
    assert emitter.focus == 2


def test_a_spot_far_from_the_middle_of_the_world_aims_as_it_does(comp, make):
    make("Spotlight", translate=[123456.7, 0, -98765.4], rotate=[0, 30, 0])
    _, made = written(comp)
    axis = np.array([-math.sin(math.radians(30)), 0, -math.cos(math.radians(30))])
    assert math.degrees(math.acos(min(made.lamps[0].emitter.axis @ axis, 1))) < 0.1


def test_lights_stand_where_their_parents_put_them_whatever_the_scale(comp, make):
    axis = make("Axis2", translate=[1, 0, 0], rotate=[0, 90, 0], scaling=[2, 2, 2])
    make("Spotlight", axis, translate=[0, 0, 1])
    rig, _ = written(comp)
    assert rig["lights"][0]["position"] == [3, 0, 0]
    assert rig["lights"][0]["target"] == [2, 0, 0]


def test_the_coordinates_of_a_camera(comp, make):
    make("Camera2", translate=[1, 2, 3], rotate=[0, 90, 0])  # looks along -x
    make("Light", translate=[-4, 3, 3])
    make("DirectLight", rotate=[0, 90, 0])
    rig, made = written(comp, lights_space="camera")
    sun, point = rig["lights"]
    assert point["position"] == [0, 1, -5]
    assert sun["direction"] == [0, 0, -1]
    assert rig["up"] == [0, 1, 0]
    comp.node["lights_camera"].setValue("Camera21")
    comp.nuke.toNode("Camera21")["rotate"].setValue([90, 0, 0])  # looks straight up, its top towards +z
    rig, _ = written(comp)
    assert rig["up"] == [0, 0, -1]
    assert rig["lights"][1]["position"] == [-5, 0, -1]
    assert made.lamps


def test_what_moves_is_written_at_the_current_frame_and_the_reference_frames(comp, make):
    light = make("Light", intensity=2)
    light["translate"].setAnimated()
    light["translate"].setValueAt(0, 1001, 0)
    light["translate"].setValueAt(2, 1003, 0)
    comp.node["reference_frames"].setValue("1003")
    comp.nuke.frame(1001)
    rig, _ = written(comp)
    assert rig["lights"][0]["position"] == {"1001": [0, 0, 0], "1003": [2, 0, 0]}
    assert rig["lights"][0]["power_w"] == float(f"{2 * WATTS:.7g}")


def test_shadows_are_all_lights_or_those_that_cast_them(comp, make):
    make("DirectLight")
    make("DirectLight", cast_shadows=True)
    assert [light["shadows"] for light in written(comp)[0]["lights"]] == [True, True]
    assert [light["shadows"] for light in written(comp, lights_shadows=False)[0]["lights"]] == [False, True]


def test_a_disabled_light_is_none(comp, make):
    make("DirectLight")
    make("Light", disable=True)
    assert [light["name"] for light in written(comp)[0]["lights"]] == ["DirectLight1"]


@pytest.fixture
def sky(comp):
    """A picture all round, whose right half is brighter."""
    comp.session.root["format"].setValue("64 32 0 0 64 32 1 sky")
    return comp.nuke.nodes.Constant(color=[0.5, 1, 2, 1])


@pytest.mark.parametrize("around", [None, "SphericalTransform"])
def test_an_environment_is_a_dome_of_its_map(comp, make, sky, around):
    seen = sky if around is None else getattr(comp.nuke.nodes, around)(inputs=[sky])
    make("Environment", seen, intensity=1.5, rotate=[0, 30, 0])
    rig, made = written(comp)
    (light,) = rig["lights"]
    assert (light["type"], light["hdri"], light["radiance"]) == ("dome", "lights/Environment1.exr", 1.5)
    assert light["rotation_deg"] == -30  # y turns to the left, as one looks along -z
    light = sum(lamp.color for lamps in made.ambient for lamp in lamps)
    np.testing.assert_allclose(light / light[1], [0.5, 1, 2], rtol=1e-4)


def test_an_environment_that_turns_past_the_back_goes_on(comp, make, sky):
    light = make("Environment", sky)
    light["rotate"].setAnimated()
    light["rotate"].setValueAt(170, 1001, 1)
    light["rotate"].setValueAt(190, 1003, 1)
    comp.node["reference_frames"].setValue("1003")
    comp.nuke.frame(1001)
    rig, _ = written(comp)
    assert rig["lights"][0]["rotation_deg"] == {"1001": -170, "1003": -190}


@pytest.mark.parametrize("turn", [[0, 0, 0], [0, 70, 0], [20, 70, 0], [-85, 10, 0], [0, 0, 30]])
def test_an_environment_is_the_same_seen_from_any_camera(comp, make, sky, turn):
    from relumix_nuke import lights
    from relumix_nuke.space import Place, Space

    from relumix.reference.lights.dome import Dome

    camera, light = make("Camera2", rotate=turn), make("Environment", sky, rotate=[0, 40, 0])
    within = Space(Place.of(camera, 1001))
    degrees = lights._turn_deg(light, 1001, within)
    dome = Dome(np.ones((4, 8, 3), np.float32), np.array(within.way((0, 1, 0))), math.radians(degrees))
    right, ahead = dome.axes()
    middle = math.sin(dome.turn) * right + math.cos(dome.turn) * ahead
    looks = within.way((-math.sin(math.radians(40)), 0, -math.cos(math.radians(40))))
    np.testing.assert_allclose(middle, looks, atol=1e-9)


def test_what_is_wrong_is_said_in_one_sentence(comp, make, sky):
    assert said(comp).startswith("no light is selected: select the Light, DirectLight, Spotlight or Environment")
    new = make("PointLight")
    assert said(comp).startswith("PointLight1 is a light of Nuke's new 3D system, whose intensities mean something")
    new.setSelected(False)
    light = make("Light", intensity=-1)
    assert said(comp) == "Light1 has an intensity of -1 at frame 1001: expected 0 or more"
    light["intensity"].setValue(1)
    comp.node["lights_space"].setValue("camera")
    assert said(comp).startswith("coordinates are the camera's, and none is named or selected")
    comp.node["lights_camera"].setValue("Light1")
    assert said(comp) == "camera is Light1, which is no Camera or Axis of this script: correct it"
    comp.node["lights_camera"].setValue("")
    make("Camera2"), make("Camera2")
    assert said(comp).startswith("2 cameras are selected (Camera21, Camera22): select one")
    comp.node["lights_space"].setValue("world")
    tilted = make("Environment", sky, rotate=[0, 0, 20])
    assert said(comp) == "2 cameras are selected (Camera21, Camera22): select one, or write its name into camera"
    for camera in comp.nuke.allNodes("Camera2"):
        camera.setSelected(False)
    assert said(comp).startswith("Environment1 is tilted by 20 degrees at frame 1001")
    tilted.setInput(0, None)
    assert said(comp).startswith("Environment1 has no map: connect the picture")
    comp.session.root["format"].setValue("64 64 0 0 64 64 1 ball")
    tilted.setInput(0, sky)
    assert said(comp).startswith("the map of Environment1 is 64x64: expected latitude and longitude")


def test_the_file_is_beside_the_script_or_where_the_knob_says(comp, make):
    make("DirectLight")
    comp.node["lights_file"].setValue("")
    assert said(comp).startswith("the script is not saved, so that nothing is beside it")
    comp.node["lights_file"].setValue((comp.folder / "lights.txt").as_posix())
    assert said(comp) == "lights file is lights.txt: expected a name that ends in .json"
    comp.node["lights_file"].setValue((comp.folder / "a#" / "lights.json").as_posix())
    assert "has a #, which means something to Nuke" in said(comp)
    comp.node["lights_file"].setValue("")
    comp.nuke.scriptSaveAs((comp.folder / "comp.nk").as_posix(), 1)
    comp.press("lights_write")
    assert json.loads((comp.folder / "lights.json").read_text())["lights"][0]["type"] == "sun"
