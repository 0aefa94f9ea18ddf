"""Lamps on what the light stage of signed-distance scenes shows, against its own light and shadows."""

import math

import numpy as np
import pytest

from relumix.reference.lights.camera import Camera
from relumix.reference.lights.emitters import Sphere, Sun
from relumix.reference.lights.lighting import Geometry, Lamp, Stage
from relumix.reference.lights.surface import Surface

WIDTH, HEIGHT = 128, 80


@pytest.fixture(scope="module")
def rendered(llvm):
    """Frames of a few scenes: what they show, in the camera's space, and their lamps with irradiance and shadow."""
    from relumix.dataset.light_stage.sdf.backend import choose
    from relumix.dataset.light_stage.sdf.draw import draw
    from relumix.dataset.light_stage.sdf.renderer import Renderer, as_numpy
    from relumix.dataset.light_stage.sdf.table import tables
    from relumix.dataset.light_stage.sdf.textures import bank

    renderer = Renderer(choose("cpu"), bank(), (WIDTH, HEIGHT), 1)
    found = []
    for seed in (1, 2, 5):
        scene = draw(seed, 1, 6)
        frames = renderer.render(tables([(scene, 0)]))
        shape = (HEIGHT, WIDTH)
        depth = as_numpy(frames.depth).reshape(shape).astype(np.float32)
        normal = np.moveaxis(as_numpy(frames.normal).reshape(3, *shape), 0, -1).astype(np.float32)
        known = np.isfinite(depth)
        camera = Camera.of_fov(math.degrees(scene.camera.fov), WIDTH, ((WIDTH - 1) / 2, (HEIGHT - 1) / 2))
        position = camera.points(np.where(known, depth, 1))
        white = np.full((*shape, 3), math.pi, np.float32)  # so that radiance is irradiance
        light = as_numpy(frames.irradiance).reshape(scene.lights, 3, *shape)
        seen = as_numpy(frames.seen).reshape(scene.lights, *shape)
        found.append((scene, Geometry(position, normal, white, known, camera), light, seen))
    return found


def ours(scene, lamp):
    """A lamp of the stage in the camera's space."""
    right, up, ahead = scene.camera.axes(0)
    turn = np.stack([right, up, -ahead])
    if lamp.kind == "sun":
        return Sun(turn @ lamp.vector, 1.0, 0.0, 1e7)
    return Sphere(turn @ (lamp.vector - scene.camera.eyes[0]), 0.0, 4 * math.pi)  # 1 at one unit


def test_what_no_shadow_touches_has_the_light_of_the_lamp(rendered):
    """The stage adds a little light that the ground throws up, and softens a lamp within a few centimetres."""
    errors = []
    for scene, geometry, light, seen in rendered:
        for number, lamp in enumerate(scene.lamps, 1):
            if lamp.kind == "spot":
                continue
            lit = Stage(geometry, Surface(0.5, 0.0), 1.0).lit(Lamp(ours(scene, lamp), lamp.colour, shadows=False))
            truth = np.moveaxis(light[number], 0, -1)
            open_ground = geometry.known & (seen[number] > 0.99) & (lit[..., 1] > 0.2 * lit[..., 1].max())
            if open_ground.sum() > 50:
                errors.append(np.median(lit[open_ground] / truth[open_ground]))
    assert len(errors) >= 6
    assert 0.9 < min(errors) <= max(errors) < 1.02


def test_shadows_are_where_the_stage_has_them(rendered):
    """Of what faces a lamp. What throws one from outside of the picture is not seen, so some are missed."""
    wrong = missed = dark = bright = 0
    for scene, geometry, _, seen in rendered:
        depth = geometry.camera.depth(geometry.position)[geometry.known]
        stage = Stage(geometry, Surface(0.5, 0.0), 0.1 * float(np.median(depth)))
        for number, lamp in enumerate(scene.lamps, 1):
            if lamp.kind == "spot":
                continue
            emitter = ours(scene, lamp)
            free, lit = (stage.lit(Lamp(emitter, np.ones(3), shadows=each))[..., 0] for each in (False, True))
            faces = geometry.known & (free > 0.2 * np.median(free[free > 0]))
            in_light, in_shadow = faces & (seen[number] > 0.95), faces & (seen[number] < 0.05)
            wrong += np.count_nonzero(in_light & (lit == 0))
            missed += np.count_nonzero(in_shadow & (lit > 0))
            bright += np.count_nonzero(in_light)
            dark += np.count_nonzero(in_shadow)
    assert wrong / bright < 0.005
    assert missed / dark < 0.4
