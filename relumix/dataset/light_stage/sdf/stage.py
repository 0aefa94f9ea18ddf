"""A shard from a seed: the scene drawn, every frame rendered, light scaled, motion followed to the frames beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import LUMINANCE
from relumix.dataset import shards
from relumix.dataset.light_stage.sdf.backend import choose
from relumix.dataset.light_stage.sdf.draw import draw
from relumix.dataset.light_stage.sdf.renderer import Frames, Renderer, as_numpy
from relumix.dataset.light_stage.sdf.scene import FIRST_THING, Float32, Scene
from relumix.dataset.light_stage.sdf.settings import SdfSettings
from relumix.dataset.light_stage.sdf.table import Tables, tables
from relumix.dataset.light_stage.sdf.textures import NAMES, bank

MEAN_LIGHT = 0.18
"""Mean luminance over all frames that each light alone is scaled to, its brightest hundredth held back."""

LARGEST_SCALE = 30.0
"""A light that reaches next to nothing of what is seen is not raised further than this."""

BRIGHTEST = 60000.0


def render_scene(seed: int, settings: SdfSettings) -> shards.Scene:
    """Return a scene, rendered under each of its lights alone, with all its planes; the same for the same arguments.

    Raises InputError where there is nothing to render with.
    """
    renderer = Renderer(choose(settings.device), bank(), settings.size, settings.samples)
    scene = draw(seed, settings.frames, settings.lights, settings.generator)
    made = tables([(scene, frame) for frame in range(settings.frames)])
    planes = [_frame(renderer, made, frame) for frame in range(settings.frames)]
    stacked = {name: np.stack([plane[name] for plane in planes]) for name in planes[0]}
    light, irradiance = stacked.pop("light"), stacked.pop("irradiance")
    scales = [_scale(light[:, i]) for i in range(settings.lights)]
    factors = np.array(scales, np.float32)[:, None, None, None]
    light, irradiance = (np.minimum(lit * factors, BRIGHTEST).astype(np.float16) for lit in (light, irradiance))
    moving = _moving_numbers(scene)[stacked["thing"]]
    kept = {name: stacked[name].astype(kind) for name, (kind, _) in shards.PLANES.items() if name in stacked}
    kept["irradiance"] = irradiance
    return shards.Scene(light, moving, _meta(scene, scales), kept)


def _frame(renderer: Renderer, shot: Tables, number: int) -> dict[str, NDArray[Any]]:
    """What a frame of a shot shows, [.., H, W, ..]."""
    made, lights = shot.take([number]), shot.lamps.shape[1] + 1
    frames = renderer.render(made)
    sky = _middle(frames, frames.distance) == np.inf
    planes = {
        "light": _mean(frames, frames.radiance, lights, 3),
        "irradiance": _mean(frames, frames.irradiance, lights, 3),
        "shadow": np.rint(_mean(frames, frames.seen, lights) * 255),
        "albedo": _mean(frames, frames.albedo, 3),
        "normal": np.moveaxis(_middle(frames, frames.normal, 3), 0, -1),
        "depth": _middle(frames, frames.depth),
        "thing": np.where(sky, 0, _middle(frames, frames.owner) + 1).astype(np.uint8),
    }
    planes["albedo"], planes["light"], planes["irradiance"] = (
        np.moveaxis(planes[name], -3, -1) for name in ("albedo", "light", "irradiance")
    )
    for name, step in (("forward", 1), ("backward", -1)):
        there = number + step
        inside = 0 <= there < len(shot.rows)
        x, y, seen = renderer.follow(frames, made, shot.take([there if inside else number]))
        flow = np.stack([_middle(frames, x), _middle(frames, y)], -1) - _middles(frames.shape)
        planes[f"flow_{name}"] = flow if inside else np.zeros_like(flow)
        planes[f"occluded_{name}"] = (_middle(frames, seen) < 0.5) if inside else np.ones_like(sky)
    return planes


def _mean(frames: Frames, array: Any, *before: int) -> Float32:
    """The mean over a pixel's samples, [*before, H, W]."""
    _, height, width, samples = frames.shape
    return np.asarray(as_numpy(array).reshape(*before, height, width, samples).mean(-1), np.float32)


def _middle(frames: Frames, array: Any, *before: int) -> NDArray[Any]:
    """What is true at the middle of each pixel, [*before, H, W]."""
    _, height, width, samples = frames.shape
    return as_numpy(array).reshape(*before, height, width, samples)[..., 0]


def _middles(shape: tuple[int, int, int, int]) -> Float32:
    """Where the middles of pixels are, [H, W, 2]."""
    y, x = np.mgrid[: shape[1], : shape[2]].astype(np.float32)
    return np.stack([x + 0.5, y + 0.5], -1)


def _scale(light: Float32) -> float:
    luminance = light @ LUMINANCE
    mean = float(np.minimum(luminance, np.percentile(luminance, 99)).mean())
    return min(MEAN_LIGHT / max(mean, 1e-9), LARGEST_SCALE)


def _moving_numbers(scene: Scene) -> NDArray[np.uint8]:
    """The number of each moving thing, from 1, by what `thing` says; 0 for what keeps still."""
    moves = np.array([0] * (FIRST_THING + 1) + [thing.moves for thing in scene.things], np.uint8)
    return np.asarray(np.cumsum(moves) * moves, np.uint8)


def _meta(scene: Scene, scales: list[float]) -> dict[str, Any]:
    numbers = _moving_numbers(scene)[FIRST_THING + 1 :]
    camera, materials = scene.camera, [*scene.ground.materials, *(thing.material for thing in scene.things)]
    kinds = ["dome", *(lamp.kind for lamp in scene.lamps)]
    return {
        "format": shards.FORMAT,
        "seed": scene.seed,
        "generator": scene.generator,
        "setting": scene.setting,
        "lights": [{"kind": kind, "scale": scale} for kind, scale in zip(kinds, scales, strict=True)],
        "camera": {
            "kind": camera.kind,
            "static": camera.kind == "static",
            "fov_deg": float(np.degrees(camera.fov)),
            "eyes": camera.eyes.round(4).tolist(),
            "targets": camera.targets.round(4).tolist(),
        },
        "things": [thing.name for thing in scene.things],
        "turning": [int(n) for n, thing in zip(numbers, scene.things, strict=True) if thing.turns],
        "caster": None if scene.caster is None else int(numbers[scene.caster - FIRST_THING]),
        "textures": [NAMES[material.texture] for material in materials],
    }
