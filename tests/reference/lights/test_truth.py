"""Added light against renders of it, where geometry is given: Mitsuba's, of direct light alone."""

import math

import numpy as np
import pytest

from relumix.color.rec709 import LUMINANCE
from relumix.reference.lights import ambient
from relumix.reference.lights.camera import Camera
from relumix.reference.lights.dome import Dome
from relumix.reference.lights.emitters import Rectangle, Sphere, Sun
from relumix.reference.lights.lighting import Geometry, Lamp, Stage
from relumix.reference.lights.maker import added_light
from relumix.reference.lights.rig import Rig
from relumix.reference.lights.surface import Surface

WIDTH, HEIGHT, SAMPLES = 192, 108, 64
EYE, TARGET = [0.5, 2, 6], [0, 0.8, 0]

MOST_ERROR = {"point": 0.04, "sphere": 0.03, "area": 0.05, "sun": 0.04}
"""Mean absolute error over mean light. It is that of edges, a pixel wide, and of the backs of things; docs/reference.md
says what it is at the size of a picture."""


@pytest.fixture(scope="module")
def mitsuba(llvm):
    mi = pytest.importorskip("mitsuba")
    mi.set_variant("llvm_ad_rgb")
    return mi


def scene(mi, *, surface=None, without=(), size=(WIDTH, HEIGHT), **light):
    """The scene under a light; surface: what all things are of; without: names of what is left out."""
    place = mi.ScalarTransform4f

    def matt(*color):
        return surface or {"type": "diffuse", "reflectance": {"type": "rgb", "value": list(color)}}

    film = {"type": "hdrfilm", "width": size[0], "height": size[1], "pixel_format": "rgb", "rfilter": {"type": "box"}}
    view = place().look_at(origin=EYE, target=TARGET, up=[0, 1, 0])
    made = {
        "type": "scene",
        "integrator": {"type": "path", "max_depth": 2},
        "sensor": {"type": "perspective", "fov": 50, "to_world": view, "film": film},
        "floor": {
            "type": "rectangle",
            "to_world": place().rotate([1, 0, 0], -90).scale(8),
            "b": matt(0.5, 0.5, 0.5),
        },
        "wall": {"type": "rectangle", "to_world": place().translate([0, 0, -3]).scale(8), "b": matt(0.3, 0.5, 0.6)},
        "ball": {"type": "sphere", "center": [-1, 0.7, 0], "radius": 0.7, "b": matt(0.7, 0.2, 0.1)},
        "cube": {
            "type": "cube",
            "to_world": place().translate([0.9, 0.6, -0.6]).rotate([0, 1, 0], 30).scale(0.6),
            "b": matt(0.6, 0.6, 0.2),
        },
        "pole": {
            "type": "cylinder",
            "p0": [0.1, 0, 1.2],
            "p1": [0.1, 1.6, 1.2],
            "radius": 0.05,
            "b": matt(0.5, 0.5, 0.5),
        },
        **light,
    }
    return mi.load_dict({name: thing for name, thing in made.items() if name not in without})


@pytest.fixture(scope="module")
def geometry(mitsuba):
    return shown(mitsuba, scene(mitsuba), (WIDTH, HEIGHT))


def shown(mi, made, size):
    """What the middle of each pixel shows, the camera found from it."""
    width, height = size
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    at = mi.Point2f(x.ravel().astype(np.float32), y.ravel().astype(np.float32))
    ray, _ = made.sensors()[0].sample_ray(0.0, 0.5, at, mi.Point2f(0.5, 0.5))
    met = made.ray_intersect(ray)
    position, normal = (
        np.array(each).T.reshape(height, width, 3).astype(np.float32) for each in (met.p, met.sh_frame.n)
    )
    known = np.array(met.is_valid()).reshape(height, width)
    aovs = mi.load_dict({"type": "aov", "aovs": "albedo:albedo"})
    albedo = np.array(mi.render(made, integrator=aovs, spp=16))[..., :3].astype(np.float32)
    camera = Camera.seeing(position, known, "P")
    away = ((camera.eye - position) * normal).sum(-1, keepdims=True) < 0
    return Geometry(position, np.where(away, -normal, normal).astype(np.float32), albedo, known, camera)


def rgb(value):
    return {"type": "rgb", "value": [value] * 3}


def truths(mi):
    """Each light as Mitsuba has it, and as we do."""
    place, at = mi.ScalarTransform4f, np.array([2.0, 3, 3])
    axis = np.array([3.0, -2.5, -2]) / np.linalg.norm([3.0, -2.5, -2])
    across = np.cross(axis, [0.0, 1, 0]) / np.linalg.norm(np.cross(axis, [0.0, 1, 0]))
    window = place().look_at(origin=[-3, 3, 2], target=[0, 0.5, 0], up=[0, 1, 0]) @ place().scale([0.75, 0.5, 1])
    down = np.array([-1, -1.2, -0.8])
    return {
        "point": ({"type": "point", "position": list(at), "intensity": rgb(200 / (4 * math.pi))}, Sphere(at, 0, 200)),
        "sphere": (
            {
                "type": "sphere",
                "center": list(at),
                "radius": 0.4,
                "emitter": {"type": "area", "radiance": rgb(200 / (4 * math.pi**2 * 0.16))},
            },
            Sphere(at, 0.4, 200),
        ),
        "area": (
            {
                "type": "rectangle",
                "to_world": window,
                "emitter": {"type": "area", "radiance": rgb(200 / (1.5 * math.pi))},
            },
            Rectangle(np.array([-3.0, 3, 2]), axis, across, np.cross(across, axis), (1.5, 1.0), 200),
        ),
        "sun": (
            {"type": "directional", "direction": list(down), "irradiance": rgb(3)},
            Sun(-down / np.linalg.norm(down), 3, 0, 1e7),
        ),
    }


def test_a_dome_is_as_bright_as_it_is_where_a_wall_and_the_floor_below_the_picture_hide_much_of_it(mitsuba, geometry):
    even = np.ones((16, 32, 3), np.float32)
    around = {"type": "envmap", "bitmap": mitsuba.Bitmap(even)}
    truth = np.array(mitsuba.render(scene(mitsuba, light=around), spp=SAMPLES, seed=1)) @ LUMINANCE
    lamps = tuple(ambient.lamps_of(Dome(even, np.array([0.0, 1, 0])).pieces, np.ones(3), shadows=True))
    rig = Rig(1, 1, Surface(0.5, 0.0), None, (), (lamps,))
    found = added_light(rig, geometry, lambda share, words: None) @ LUMINANCE
    known = geometry.known
    assert np.abs(found - truth)[known].mean() / truth[known].mean() < 0.13
    assert found[known].mean() == pytest.approx(truth[known].mean(), rel=0.06)


@pytest.mark.parametrize("kind", MOST_ERROR)
def test_added_light_is_that_of_a_render(mitsuba, geometry, kind):
    theirs, ours = truths(mitsuba)[kind]
    truth = np.array(mitsuba.render(scene(mitsuba, light=theirs), spp=SAMPLES, seed=1)) @ LUMINANCE
    depth = geometry.camera.depth(geometry.position)[geometry.known]
    stage = Stage(geometry, Surface(0.5, 0.0), 0.1 * float(np.median(depth)))
    found = stage.lit(Lamp(ours, np.ones(3))) @ LUMINANCE
    known = geometry.known
    assert np.abs(found - truth)[known].mean() / truth[known].mean() < MOST_ERROR[kind]
    bright = known & (truth > 0.2 * truth[known].mean()) & (found > 0)
    assert np.median(np.abs(np.log2(found[bright] / truth[bright]))) < 0.02
    assert found[known].mean() == pytest.approx(truth[known].mean(), rel=0.02)
