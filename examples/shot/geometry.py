"""Positions, normals and albedo of a frame of the example shot, as a renderer writes them beside its picture."""

from __future__ import annotations

from pathlib import Path

import drjit
import mitsuba as mi
import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

SAMPLES = 64
SHAPE = ("P.X", "P.Y", "P.Z", "N.X", "N.Y", "N.Z")
SHAPE_TYPES = ("float",) * 3 + ("half",) * 3
POSITION_BITS, NORMAL_BITS = 10, 7
"""Bits after the point: finer ones are of no use to light, and take half of the file."""


def write(scene: mi.Scene, folder: Path, frame: int) -> None:
    """Write P and N in the scene's own space, each of what the middle of a pixel meets first, and albedo."""
    position, normal, albedo = seen(scene)
    folder.mkdir(parents=True, exist_ok=True)
    shape = np.concatenate([_rounded(position, POSITION_BITS), _rounded(normal, NORMAL_BITS)], -1)
    _write(folder / f"shape.{frame:04d}.exr", shape, SHAPE, SHAPE_TYPES, "pxr24")
    _write(folder / f"albedo.{frame:04d}.exr", albedo, ("R", "G", "B"), ("half",) * 3, "dwaa:150")


def _rounded(values: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    return np.asarray(np.rint(values * 2.0**bits) / 2.0**bits, np.float32)


def _write(
    path: Path, values: NDArray[np.float32], names: tuple[str, ...], types: tuple[str, ...], compression: str
) -> None:
    height, width = values.shape[:2]
    spec = oiio.ImageSpec(width, height, len(names), "float")
    spec.channelnames, spec.channelformats = names, types
    spec.attribute("compression", compression)
    output = oiio.ImageOutput.create(str(path))
    if not (
        output and output.open(str(path), spec) and output.write_image(np.ascontiguousarray(values)) and output.close()
    ):
        raise OSError(f"{path} could not be written: {output.geterror() if output else oiio.geterror()}")


def seen(scene: mi.Scene) -> tuple[NDArray[np.float32], ...]:
    """Return position, normal and albedo, each [h, w, 3]."""
    sensor = scene.sensors()[0]
    width, height = sensor.film().size()
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    where = mi.Point2f(x.ravel().astype(np.float32), y.ravel().astype(np.float32))
    ray, _ = sensor.sample_ray(0.0, 0.5, where, mi.Point2f(0.5, 0.5))
    met = scene.ray_intersect(ray)
    normal = drjit.mulsign(met.sh_frame.n, -drjit.dot(met.sh_frame.n, ray.d))  # towards the camera
    valid = np.array(met.is_valid())[:, None]
    maps = (np.where(valid, np.array(each).T, 0).reshape(height, width, 3) for each in (met.p, normal))
    aovs = mi.load_dict({"type": "aov", "aovs": "albedo:albedo"})
    albedo = np.array(mi.render(scene, integrator=aovs, spp=SAMPLES, seed=0))[..., :3]
    return *(each.astype(np.float32) for each in maps), albedo.astype(np.float32)
