"""Rigs on disk: what is read, and what is said of those that are wrong."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from relumix.errors import InputError
from relumix.reference.lights import rig as rigs
from relumix.reference.lights.dome import Dome
from relumix.reference.lights.emitters import Rectangle, Sphere, Sun
from relumix.reference.lights.fields import Fields
from relumix.reference.lights.rig import RigFile

AREA = {"type": "area", "position": [2, 2, 0], "target": [0, 0, -4], "size": [1, 2], "power_w": 560}
SPOT = {"type": "spot", "position": [0, 4, 0], "target": [0, 0, 0], "cone_deg": 40, "power_w": 200}
SUN = {"type": "sun", "direction": [0, -1, 0], "irradiance": 3}


@pytest.fixture
def rig(tmp_path):
    def read(*lights, frame=1, **fields):
        path = tmp_path / "lights.json"
        path.write_text(json.dumps({"lights": list(lights), **fields}))
        return RigFile(path).at(frame)

    return read


def image(path, pixels):
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, "uint8" if pixels.dtype == np.uint8 else "float")
    output = oiio.ImageOutput.create(str(path))
    output.open(str(path), spec)
    output.write_image(pixels)
    output.close()


def test_the_example_of_the_issue(rig):
    made = rig({**AREA, "color": [1, 0.5, 0.25]}, keep=0.25)
    (lamp,) = made.lamps
    assert made.keep == 0.25
    assert isinstance(lamp.emitter, Rectangle)
    assert (lamp.emitter.size, lamp.emitter.power) == ((1, 2), 560)
    np.testing.assert_allclose(lamp.emitter.axis, np.array([-2, -2, -4]) / math.sqrt(24))
    np.testing.assert_allclose(lamp.emitter.up @ lamp.emitter.axis, 0, atol=1e-12)
    assert lamp.emitter.up[1] > 0
    np.testing.assert_array_equal(lamp.color, [1, 0.5, 0.25])


def test_defaults(rig):
    made = rig(SUN)
    assert (made.keep, made.metres_per_unit, made.thickness) == (1, 1, None)
    assert (made.surface.roughness, made.surface.specular) == (0.5, 0.04)
    (lamp,) = made.lamps
    assert isinstance(lamp.emitter, Sun)
    np.testing.assert_array_equal(lamp.emitter.towards, [0, 1, 0])
    assert lamp.emitter.radius == pytest.approx(math.radians(0.53) / 2)
    assert lamp.shadows


def test_lengths_are_made_metres(rig):
    made = rig(AREA, {**SPOT, "radius": 5}, metres_per_unit=0.01, thickness=20)
    area, spot = (lamp.emitter for lamp in made.lamps)
    np.testing.assert_allclose(area.position, [0.02, 0.02, 0])
    np.testing.assert_allclose(area.size, [0.01, 0.02])
    assert isinstance(spot, Sphere)
    assert (spot.radius, made.thickness) == (pytest.approx(0.05), pytest.approx(0.2))


def test_exposure_is_in_stops(rig):
    np.testing.assert_allclose(rig({**SUN, "exposure": 2, "color": [1, 2, 3]}).lamps[0].color, [4, 8, 12])


def test_numbers_change_over_time(rig):
    moving = {**AREA, "position": {"1001": [0, 2, 0], "1011": [10, 2, 0]}, "power_w": {"1001": 100}}
    for frame, x in ((900, 0), (1001, 0), (1006, 5), (1011, 10), (2000, 10)):
        emitter = rig(moving, frame=frame, keep={"1001": 0, "1011": 1}).lamps[0].emitter
        assert emitter.position[0] == pytest.approx(x)
        assert emitter.power == 100


def test_spots_have_a_cone(rig):
    (lamp,) = rig({**SPOT, "blend": 0.5}).lamps
    assert lamp.emitter.outer == pytest.approx(math.cos(math.radians(20)))
    assert lamp.emitter.inner == pytest.approx(math.cos(math.radians(10)))


def test_domes(rig, tmp_path):
    made = rig({"type": "dome", "radiance": 2, "color": [1, 0, 0]})
    ((*lamps,),) = made.ambient
    np.testing.assert_allclose(sum(lamp.color for lamp in lamps), [8 * math.pi, 0, 0], rtol=1e-6)
    picture = np.full((90, 180, 3), 0.1, np.float32)
    picture[30, 60] = 1e5
    image(tmp_path / "sky.exr", picture)
    made = rig({"type": "dome", "hdri": "sky.exr"})
    assert len(made.lamps) == 1
    assert made.lamps[0].emitter.count > 1


def test_gobos(rig, tmp_path):
    picture = np.zeros((8, 16, 3), np.uint8)
    picture[:, 8:] = 255
    image(tmp_path / "bars.png", picture)
    slide, stood = rig(
        {**SPOT, "gobo": {"image": "bars.png"}},
        {**SUN, "direction": [0, 0, -1], "gobo": {"image": "bars.png", "position": [0, 0, 0], "size": [2, 1]}},
    ).lamps
    assert slide.gobo.size[0] == pytest.approx(2 * slide.gobo.size[1])
    np.testing.assert_allclose(stood.gobo.across, [1, 0, 0])
    np.testing.assert_allclose(stood.gobo.up, [0, 1, 0])
    lit = stood.gobo.passing(np.float32([[0.9, 0, -5], [-0.9, 0, -5]]), np.float32([[0.9, 0, 50], [-0.9, 0, 50]]))
    np.testing.assert_allclose(lit, [[1] * 3, [0] * 3])


WRONG = {
    "light 1 (sun): irradiance is missing": {"type": "sun", "direction": [0, -1, 0]},
    "light 1: type is 'lamp', expected one of sun, point, spot, area, dome": {"type": "lamp"},
    "light 1: type is missing": {},
    "light 1 (area 'key'): power_w is -3, expected a number of 0 or more": {**AREA, "name": "key", "power_w": -3},
    "light 1 (area): size is [1, 0], expected two numbers above 0": {**AREA, "size": [1, 0]},
    "light 1 (area): size is 4, expected two numbers": {**AREA, "size": 4},
    "light 1 (area): position is [1, 2], expected three numbers": {**AREA, "position": [1, 2]},
    "light 1 (area): position is [1, 2, True], expected three numbers": {**AREA, "position": [1, 2, True]},
    "light 1 (area): position at frame 5 is 'x', expected three numbers": {**AREA, "position": {"5": "x"}},
    "light 1 (area): position has a value for 'first', expected a frame number such as \"1001\"": {
        **AREA,
        "position": {"first": [0, 0, 0]},
    },
    "light 1 (area): position has no frames, expected an object of values by frame number": {**AREA, "position": {}},
    "light 1 (area): target is where the light is, expected a place that it shines at": {**AREA, "target": [2, 2, 0]},
    "light 1 (sun): direction is [0.0, 0.0, 0.0] at frame 0, which points nowhere": {**SUN, "direction": [0, 0, 0]},
    "light 1 (sun): color is [1.0, -1.0, 0.0], expected numbers of 0 or more": {**SUN, "color": [1, -1, 0]},
    "light 1 (sun): shadows is 1, expected true or false": {**SUN, "shadows": 1},
    "light 1 (area): power_w has two values for frame 5: keep one": {**AREA, "power_w": {"5": 1, "05": 2}},
    "light 1 (sun): name is 3, expected a text in quotes": None,
    "light 1 (spot): cone_deg is 200, expected a number from 0.1 to 180": {**SPOT, "cone_deg": 200},
    "light 1 (sun): gobo: image is missing": {**SUN, "gobo": {}},
    "light 1: got 7, expected an object in braces": 7,
}


@pytest.mark.parametrize("said", WRONG)
def test_errors_name_light_and_field(rig, tmp_path, said):
    light = WRONG[said]
    if light is None:
        light, said = {**SUN, "name": 3}, "light 1: name is 3, expected a text in quotes"
    with pytest.raises(InputError) as caught:
        rig(light)
    assert str(caught.value) == f"{tmp_path / 'lights.json'}: {said}"


def test_unknown_fields_are_refused(rig, tmp_path):
    with pytest.raises(InputError, match=r"lights.json: light 2 \(sun\): unknown field 'iradiance', expected some of "):
        rig(SUN, {**SUN, "iradiance": 3})
    with pytest.raises(InputError, match=r"lights.json: unknown field 'kep', expected some of keep, lights, "):
        rig(SUN, kep=1)


def test_whole_files(rig, tmp_path):
    path = tmp_path / "lights.json"
    cases = {
        '{"lights": [}': f"{path} is no JSON: Expecting value in line 1, column 13",
        '{"keep": 1, "keep": 2}': f"{path} has the field 'keep' twice in one object: keep one",
        "[]": f"{path}: got [], expected an object in braces",
        '{"lights": []}': f"{path}: lights is a list of 0, expected a list of 1 to 256 lights",
        '{"keep": 2, "lights": [{}]}': f"{path}: keep is 2, expected a number from 0 to 1",
        '{"keep": NaN, "lights": [{}]}': f"{path}: keep is nan, expected a number",
        '{"keep": 1e10, "lights": [{}]}': f"{path}: keep is 10000000000.0, expected a number from -1e+09 to 1e+09",
        '{"keep": %s}' % ("9" * 5000): f"{path} has a number of too many digits: expected numbers up to 1e+09",
        '{"lights": %s' % ("[" * 10**5): f"{path} has brackets within brackets too deep to read: expected a list of "
        "lights",
        '{"metres_per_unit": 1e7}': f"{path}: metres_per_unit is 1e+07, expected a number from 1e-06 to 1e+06",
    }
    for text, said in cases.items():
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            RigFile(path)
        assert str(caught.value) == said
    with pytest.raises(InputError, match=r"none.json cannot be read: No such file or directory$"):
        RigFile(tmp_path / "none.json")


def test_a_rig_without_an_end(tmp_path):
    """A device says that it has no bytes at all."""
    if not Path("/dev/zero").exists():
        pytest.skip("this system has no /dev/zero")
    with pytest.raises(InputError, match=r"^/dev/zero has more than 4194304 bytes: expected a rig, which is JSON$"):
        RigFile(Path("/dev/zero"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none.exr", "there is no such file"),
        ("", "it is a folder: expected a file"),
        ("a\0b", "no file has a name with such letters in it"),
        ("a\ud800b", "no file has a name with such letters in it"),
    ],
)
def test_pictures_that_cannot_be_read_are_named(rig, tmp_path, name, why):
    with pytest.raises(InputError) as caught:
        rig({"type": "dome", "hdri": name})
    where = f"{tmp_path / 'lights.json'}: light 1 (dome): hdri"
    assert str(caught.value) == f"{where}: {tmp_path / name} cannot be read: {why}"


def test_pictures_with_names_that_the_locale_cannot_spell_are_read(tmp_path):
    image(tmp_path / "größe夜.exr", np.ones((4, 8, 3), np.float32))
    path = tmp_path / "lights.json"
    path.write_text(json.dumps({"lights": [{"type": "dome", "hdri": "größe夜.exr"}]}, ensure_ascii=False), "utf-8")
    code = (
        "import sys\nfrom pathlib import Path\nfrom relumix.reference.lights.rig import RigFile\n"
        "print(RigFile(Path(sys.argv[1])).inputs[1].exists())\n"
    )
    ascii_alone = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", code, path], env=ascii_alone, capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"True\n", b"")


def test_pictures_too_bright_are_named(rig, tmp_path):
    image(tmp_path / "sky.exr", np.full((4, 8, 3), 1e30, np.float32))
    with pytest.raises(
        InputError, match=r"sky.exr has pixels that are not finite, or above 1e\+09: expected light at "
    ):
        rig({"type": "dome", "hdri": "sky.exr"})


def test_a_byte_order_mark_is_no_matter(tmp_path):
    """As editors on Windows write it."""
    path = tmp_path / "lights.json"
    path.write_text(json.dumps({"lights": [SUN]}), encoding="utf-8-sig")
    assert len(RigFile(path).at(1).lamps) == 1


def test_what_looks_along_up_stands_upright_in_some_way(rig):
    for up in ([0, 1, 0], [1, 1, 1], [-1, -1, -1], [0, 0, 3]):
        (lamp,) = rig({**AREA, "position": [0, 0, 0], "target": up}, up=up).lamps
        frame = np.stack([lamp.emitter.axis, lamp.emitter.across, lamp.emitter.up])
        np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)


def test_a_dome_is_parted_anew_where_it_changes_alone(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(rigs, "Dome", lambda *args: made.append(args[2]) or Dome(*args))
    turning = {"type": "dome", "rotation_deg": {"1": 0, "3": 180}}
    lights = [{**SUN, "irradiance": {"1": 1, "5": 2}}, {"type": "dome"}, turning]
    (tmp_path / "lights.json").write_text(json.dumps({"lights": lights}))
    RigFile(tmp_path / "lights.json")
    assert made == [0, 0, math.pi]


def test_values_over_time_are_read_once(tmp_path, monkeypatch):
    read, frame_of = [], Fields._frame_of
    monkeypatch.setattr(Fields, "_frame_of", lambda fields, name, key: read.append(key) or frame_of(fields, name, key))
    positions = {str(frame): [frame, 1, -3] for frame in range(1, 51)}
    lights = [{"type": "point", "position": positions, "power_w": {"1": 0, "50": 98}}, SUN]
    (tmp_path / "lights.json").write_text(json.dumps({"lights": lights}))
    rig = RigFile(tmp_path / "lights.json")
    point = rig.at(25).lamps[0].emitter
    assert (point.position.tolist(), point.power) == ([25, 1, -3], 48)
    assert len(read) == 52


def test_inputs_are_the_file_and_its_pictures(tmp_path):
    image(tmp_path / "sky.exr", np.ones((4, 8, 3), np.float32))
    (tmp_path / "lights.json").write_text(json.dumps({"lights": [{"type": "dome", "hdri": "sky.exr"}]}))
    assert RigFile(tmp_path / "lights.json").inputs == (tmp_path / "lights.json", tmp_path / "sky.exr")
