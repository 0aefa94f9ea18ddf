"""Light, shape and motion against what can be worked out by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from relumix.dataset.light_stage.sdf.backend import choose
from relumix.dataset.light_stage.sdf.draw import draw
from relumix.dataset.light_stage.sdf.renderer import Frames, Renderer, as_numpy
from relumix.dataset.light_stage.sdf.scene import FIRST_THING, GROUND, Lamp, Material, Scene
from relumix.dataset.light_stage.sdf.table import tables
from relumix.dataset.light_stage.sdf.textures import NAMES, bank
from relumix.errors import InputError
from tests.dataset.light_stage.sdf.conftest import SIZE, ball, scene, sun, types_of, unit

WIDTH, HEIGHT = SIZE
CLOUDS = Material((0.8, 0.7, 0.2), (0.1, 0.2, 0.3), NAMES.index("clouds"), scale=0.15)


@pytest.fixture(scope="module")
def renderer(types) -> Renderer:
    return Renderer(types, bank(), SIZE)


def plane(frames: Frames, name: str, *before: int) -> np.ndarray:
    """[*before, F, H, W] of a frame of one sample."""
    return as_numpy(getattr(frames, name)).reshape(*before, *frames.shape[:3])


def rays(shown: Scene, frame: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel's ray starts, and its unit way [H, W, 3]."""
    right, up, ahead = shown.camera.axes(frame)
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    lens = math.tan(shown.camera.fov / 2)
    across, over = (2 * x - WIDTH) / WIDTH * lens, (HEIGHT - 2 * y) / WIDTH * lens
    way = ahead + across[..., None] * right + over[..., None] * up
    return shown.camera.eyes[frame], way / np.linalg.norm(way, axis=-1, keepdims=True)


def met_ball(origin: np.ndarray, way: np.ndarray, middle, radius: float) -> np.ndarray:
    """How far a ray goes to a ball, infinite where it misses."""
    towards = np.asarray(middle) - origin
    along = (way * towards).sum(-1)
    inside = radius**2 - (towards**2).sum(-1) + along**2
    return np.where((inside > 0) & (along > 0), along - np.sqrt(np.maximum(inside, 0)), np.inf)


def test_distance_depth_and_normal_are_those_of_a_ball_on_a_plane(renderer):
    shown = scene([ball((0.3, 0, 0.5))])
    frames = renderer.render(tables([(shown, 0)]))
    origin, way = rays(shown)
    on_ball = met_ball(origin, way, (0.3, 0, 0.5), 0.5)
    on_ground = np.where(way[..., 2] < -0.04, -origin[2] / np.minimum(way[..., 2], -1e-6), np.inf)
    owner, distance, depth = (plane(frames, name)[0] for name in ("owner", "distance", "depth"))
    sure = ~np.isinf(np.minimum(on_ball, on_ground)) & (abs(met_ball(origin, way, (0.3, 0, 0.5), 0.52)) == np.inf)
    sure |= on_ball < on_ground
    np.testing.assert_array_equal(owner[sure] == FIRST_THING, (on_ball < on_ground)[sure])
    near = sure & (np.minimum(on_ball, on_ground) < 25)
    np.testing.assert_allclose(distance[near], np.minimum(on_ball, on_ground)[near], rtol=4e-3)
    right, up, ahead = shown.camera.axes(0)
    np.testing.assert_allclose(depth[near], (distance * (way @ ahead))[near], rtol=1e-4)
    inner = met_ball(origin, way, (0.3, 0, 0.5), 0.45) < np.inf
    outward = (origin + way * np.where(inner, on_ball, 0)[..., None] - [0.3, 0, 0.5]) / 0.5
    wanted = np.stack([outward @ right, outward @ up, -outward @ ahead])
    np.testing.assert_allclose(plane(frames, "normal", 3)[:, 0, inner], wanted[:, inner], atol=0.03)


def test_a_shadow_lies_where_geometry_puts_it(renderer):
    light = sun(0.5, -0.3, 0.8)
    shown = scene([ball((0, 0.3, 1.0))], [light])
    frames = renderer.render(tables([(shown, 0)]))
    origin, way = rays(shown)
    ground = (plane(frames, "owner")[0] == GROUND) & (plane(frames, "distance")[0] < 15)
    point = origin + way * np.minimum(plane(frames, "distance")[0], 50)[..., None]
    from_middle = np.array([0, 0.3, 1.0]) - point
    away = np.linalg.norm(np.cross(from_middle, light.vector), axis=-1)
    seen = plane(frames, "seen", 2)[1, 0]
    assert (ground & (away < 0.45)).sum() > 8
    assert seen[ground & (away < 0.45)].max() < 0.05
    assert seen[ground & (away > 0.55)].min() > 0.95


def test_irradiance_follows_cosine_and_distance(renderer):
    lamp = Lamp("lamp", np.array([0.0, 0.0, 3.0]), np.array([4.0, 2.0, 1.0]), 20.0, unit(0, 0, -1))
    shown = scene([], [sun(0.5, -0.3, 0.8), lamp])
    frames = renderer.render(tables([(shown, 0)]))
    irradiance = plane(frames, "irradiance", 3, 3)[:, :, 0]
    origin, way = rays(shown)
    near = plane(frames, "distance")[0] < 12
    np.testing.assert_allclose(irradiance[1, 0][near], 2 * unit(0.5, -0.3, 0.8)[2], rtol=2e-3)
    towards = np.array([0, 0, 3.0]) - (origin + way * np.minimum(plane(frames, "distance")[0], 50)[..., None])
    away = np.linalg.norm(towards, axis=-1)
    wanted = 4 * towards[..., 2] / away / (away**2 + 0.05)
    np.testing.assert_allclose(irradiance[2, 0][near], wanted[near], rtol=0.02)
    np.testing.assert_allclose(irradiance[2, 1][near], wanted[near] / 2, rtol=0.02)
    radiance = plane(frames, "radiance", 3, 3)[:, :, 0]
    np.testing.assert_allclose(radiance[1, 0][near], irradiance[1, 0][near] * 0.5 / math.pi, rtol=2e-3)


def test_the_open_ground_sees_the_whole_sky(renderer):
    frames = renderer.render(tables([(scene([]), 0)]))
    near = plane(frames, "distance")[0] < 12
    np.testing.assert_allclose(plane(frames, "irradiance", 1, 3)[0, :, 0][:, near], math.pi, rtol=0.04)
    np.testing.assert_allclose(plane(frames, "seen", 1)[0, 0][near], 1, atol=0.04)


def test_light_adds_up(renderer):
    things = [ball((0.4, 0, 0.5), material=dataclasses.replace(CLOUDS, gloss=0.05, roughness=0.3))]
    red, blue = sun(0.5, -0.3, 0.8, colour=(2, 0.5, 0)), sun(0.5, -0.3, 0.8, colour=(0, 1, 3))
    both, other = sun(0.5, -0.3, 0.8, colour=(2, 1.5, 3)), sun(-0.5, -0.6, 0.5)
    for name in ("radiance", "irradiance"):
        apart = plane(renderer.render(tables([(scene(things, [red, other, blue]), 0)])), name, 4, 3)
        together = plane(renderer.render(tables([(scene(things, [both]), 0)])), name, 2, 3)
        np.testing.assert_allclose(apart[1] + apart[3], together[1], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(apart[0], together[0], rtol=1e-5)


def test_true_flow_carries_a_turning_texture_to_the_other_frame(renderer):
    """What a pixel shows is, in the other frame, at the place that the flow says: on both the ball and the ground."""
    turning = ball((0, 0, 0.8), (0.15, 0, 0.8), radius=0.8, angles=[0.0, 0.35], material=CLOUDS)
    eyes, targets = ((0, -4, 1.6), (0.3, -4, 1.7)), ((0, 0, 0.6), (0.1, 0, 0.6))
    shown = scene([turning], [], eyes, targets, ground=CLOUDS)
    before, after = renderer.render(tables([(shown, 0)])), renderer.render(tables([(shown, 1)]))
    x, y, seen = (
        as_numpy(a).reshape(HEIGHT, WIDTH) for a in renderer.follow(before, tables([(shown, 0)]), tables([(shown, 1)]))
    )
    there = plane(after, "albedo", 3)[:, 0]
    owners = plane(before, "owner")[0], plane(after, "owner")[0]
    column, row = (
        np.clip(np.floor(x - 0.5), 0, WIDTH - 2).astype(int),
        np.clip(np.floor(y - 0.5), 0, HEIGHT - 2).astype(int),
    )
    corners = [(row + i, column + k) for i in (0, 1) for k in (0, 1)]
    same = np.all([owners[1][corner] == owners[0] for corner in corners], axis=0) & (seen > 0.5)
    same &= (plane(before, "distance")[0] < 8) & (x > 0.5) & (x < WIDTH - 0.5) & (y > 0.5) & (y < HEIGHT - 0.5)
    right, low = x - 0.5 - column, y - 0.5 - row
    weights = [(1 - low) * (1 - right), (1 - low) * right, low * (1 - right), low * right]
    carried = sum(weight * there[:, r, c] for weight, (r, c) in zip(weights, corners, strict=True))
    here = plane(before, "albedo", 3)[:, 0]
    moved = same & (np.hypot(x - np.arange(WIDTH) - 0.5, y - np.arange(HEIGHT)[:, None] - 0.5) > 1)
    for owner in (GROUND, FIRST_THING):
        where = moved & (owners[0] == owner)
        assert where.sum() > 20
        wrong, unmoved = (np.abs(a - here)[:, where].mean() for a in (carried, there))
        assert wrong < 0.015
        assert unmoved > 3 * wrong


def test_what_is_hidden_or_out_of_the_picture_is_not_seen(renderer):
    """A ball passes before another that stands still."""
    shown = scene(
        [ball((0, 1.5, 0.5), (0, 1.5, 0.5)), ball((2, 0, 0.5), (0, 0, 0.5))],
        eyes=[(0, -5, 0.8)] * 2,
        targets=[(0, 0, 0.5)] * 2,
    )
    frames = renderer.render(tables([(shown, 0)]))
    seen = as_numpy(renderer.follow(frames, tables([(shown, 0)]), tables([(shown, 1)]))[2]).reshape(HEIGHT, WIDTH)
    owner = plane(frames, "owner")[0]
    assert seen[owner == FIRST_THING].mean() < 0.2
    assert seen[owner == FIRST_THING + 1].mean() > 0.9  # it turns a little of itself away
    gone = scene([], eyes=[(0, -5, 2), (0, -5, 2)], targets=[(0, 0, 0.5), (9, -5, 0.5)])
    frames = renderer.render(tables([(gone, 0)]))
    seen = as_numpy(renderer.follow(frames, tables([(gone, 0)]), tables([(gone, 1)]))[2])
    assert seen.mean() < 0.3


def test_frames_of_one_launch_are_those_of_many(renderer):
    scenes = [draw(seed, 2) for seed in (3, 4)]
    shot = [(scenes[0], 1), (scenes[1], 0)]
    together = renderer.render(tables(shot))
    for i, one in enumerate(shot):
        alone = renderer.render(tables([one]))
        for name, before in (("radiance", (6, 3)), ("irradiance", (6, 3)), ("albedo", (3,))):
            a, b = plane(together, name, *before)[..., i, :, :], plane(alone, name, *before)[..., 0, :, :]
            assert np.mean(np.abs(a - b) > 1e-3 + 1e-2 * np.abs(b)) < 2e-3


def test_samples_of_a_pixel_smooth_its_edges(types):
    shown = scene([ball((0, 0, 0.5), material=Material((0.9,) * 3, (0.9,) * 3))], [])
    few, many = (Renderer(types, bank(), SIZE, samples).render(tables([(shown, 0)])) for samples in (1, 4))
    albedo = as_numpy(many.albedo).reshape(3, HEIGHT, WIDTH, 4)
    np.testing.assert_allclose(albedo[..., 0], plane(few, "albedo", 3)[:, 0], atol=1e-5)
    assert len(np.unique(albedo.mean(-1)[0].round(2))) > len(np.unique(albedo[0, ..., 0].round(2)))


def test_cpu_and_cuda_agree():
    processor, card = types_of("cpu"), types_of("cuda")
    shot = [(draw(seed, 2), 1) for seed in (5, 6)]
    one, two = (Renderer(types, bank(), SIZE).render(tables(shot)) for types in (processor, card))
    for name, before in (("radiance", (6, 3)), ("irradiance", (6, 3)), ("seen", (6,)), ("albedo", (3,))):
        a, b = plane(one, name, *before), plane(two, name, *before)
        assert np.mean(np.abs(a - b) > 5e-3 + 2e-2 * np.abs(a)) < 5e-3


def test_devices_that_are_not_there_are_refused():
    pytest.importorskip("drjit", reason="rendering needs drjit")
    with pytest.raises(InputError, match=r"got device 'tpu', expected one of auto, cpu, cuda"):
        choose("tpu")
