"""A layout in Mitsuba, rendered one light at a time. The only module of this folder that loads Mitsuba."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import drjit as dr
import mitsuba as mi
import mitsuba_oidn
import numpy as np
from numpy.typing import NDArray

from relumix.dataset.light_stage.layout import Layout, Thing
from relumix.dataset.light_stage.lights import Light
from relumix.dataset.light_stage.meshes import Mesh, move, sheet
from relumix.dataset.light_stage.surfaces import Surface

Float32 = NDArray[np.float32]

PATH_DEPTH, DIRECT_DEPTH = 3, 2
SHADOW_RAYS = 12
GUIDE_SAMPLES = 32
SLOTS = 20
BURIED_DEPTH = 50.0
NOWHERE = -1
GOLDEN = 0.6180339887


def start(no_llvm: str = "") -> None:
    """Choose the graphics card where there is one, else the processor: compiled by LLVM, or, slower, as it is.

    `no_llvm` says why LLVM is not to be used; it is told where that makes a difference.
    """
    if dr.has_backend(dr.JitBackend.CUDA):
        mi.set_variant("cuda_ad_rgb")
    elif not no_llvm:
        mi.set_variant("llvm_ad_rgb")
    else:
        logging.getLogger(__name__).warning("relumix: rendering without LLVM, which is slower: %s", no_llvm)
        mi.set_variant("scalar_rgb")


class Stage:
    """A scene in Mitsuba's memory, at one frame at a time and under the lights that are on."""

    def __init__(self, layout: Layout, size: tuple[int, int], *, white: bool = False) -> None:
        """`size` is (width, height) in pixels. White: all is white and matt, and shows the light that falls on it."""
        self._layout, self._size = layout, size
        # Under the ground, up to a fixed number: one more shape is another program to compile for every scene.
        buried = Thing(sheet(1, 1).moved(move(0, 0, -BURIED_DEPTH)), layout.things[0].surface)
        things = layout.things + [buried] * (SLOTS - len(layout.things))
        kinds = [_bsdf(thing.surface, white) for thing in things]
        self._things = [_mesh(f"thing_{i}", things[i].mesh, "bsdf", kind) for i, kind in enumerate(kinds)]
        nodes: dict[str, Any] = {f"thing_{i}": mesh for i, mesh in enumerate(self._things)}
        nodes |= {f"light_{i}": _emitter(f"light_{i}", light) for i, light in enumerate(layout.lights)}
        film = {"type": "hdrfilm", "width": size[0], "height": size[1], "pixel_format": "rgb"}
        film |= {"component_format": "float32", "rfilter": {"type": "box"}}
        sensor = {"type": "perspective", "fov": layout.camera.fov_deg, "near_clip": 0.05, "film": film}
        self._scene = mi.load_dict({"type": "scene", **nodes, "sensor": sensor})
        self._params = mi.traverse(self._scene)
        depth = DIRECT_DEPTH if white else PATH_DEPTH
        path = {"type": "path", "max_depth": depth, "rr_depth": depth, "hide_emitters": white}
        self._integrator = mi.load_dict(path)
        self._guides = mi.load_dict({"type": "aov", "aovs": "albedo:albedo,normal:sh_normal"})

    def go_to(self, frame: int) -> None:
        """Put camera and things where they are in a frame, counted from 0."""
        camera = self._layout.camera
        self._params["sensor.to_world"] = mi.AffineTransform4f(
            mi.ScalarTransform4f().look_at(camera.eyes[frame].tolist(), camera.targets[frame].tolist(), [0, 0, 1])
        )
        for i, thing in enumerate(self._layout.things):
            if thing.places is not None:
                mesh = thing.mesh.moved(thing.places[frame])
                _fill(self._params, f"thing_{i}.vertex_positions", mesh.points)
                _fill(self._params, f"thing_{i}.vertex_normals", mesh.normals)
        self._params.update()

    def switch_on(self, shining: Sequence[int]) -> None:
        """Switch these lights on and all others off."""
        for i, light in enumerate(self._layout.lights):
            on = float(i in shining)
            colour = mi.Color3f(*(light.radiance * on).tolist())
            if light.kind == "dome":
                self._params[f"light_{i}.scale"] = mi.Float(on)
                self._params[f"light_{i}.sampling_weight"] = on
            elif light.kind == "spot":
                self._params[f"light_{i}.intensity.value"] = colour
                self._params[f"light_{i}.sampling_weight"] = on
            else:
                self._params[f"light_{i}.emitter.radiance.value"] = colour
                self._params[f"light_{i}.emitter.sampling_weight"] = on
        self._params.update()

    def render(self, spp: int, seed: int) -> Float32:
        """Return the picture [h, w, 3], scene-linear Rec.709, with all its noise."""
        return np.array(mi.render(self._scene, integrator=self._integrator, spp=spp, seed=seed), np.float32)

    def guides(self, seed: int) -> tuple[Float32, Float32]:
        """Return albedo and normal [h, w, 3] for the denoiser: what is there in a frame under any light."""
        both = np.array(mi.render(self._scene, integrator=self._guides, spp=GUIDE_SAMPLES, seed=seed), np.float32)
        return np.ascontiguousarray(both[..., :3]), np.ascontiguousarray(both[..., 3:])

    def seen(self) -> NDArray[np.int32]:
        """Return the number of the thing at the middle of each pixel [h, w], NOWHERE where there is none."""
        meshes = [mi.ShapePtr(mesh) for mesh in self._things] if _compiled() else self._things

        def number(ray: Any) -> Any:
            hit = self._scene.ray_intersect_preliminary(ray)
            thing = mi.Int32(NOWHERE) if _compiled() else NOWHERE
            for i, mesh in enumerate(meshes):
                thing = dr.select(hit.shape == mesh, i, thing)
            return dr.select(hit.is_valid(), thing, NOWHERE)

        return self._at_pixels(number).astype(np.int32)

    def distance(self) -> Float32:
        """Return the distance of what is at the middle of each pixel [h, w], inf where there is nothing."""

        def along(ray: Any) -> Any:
            hit = self._scene.ray_intersect_preliminary(ray)
            return dr.select(hit.is_valid(), hit.t, np.inf)

        return self._at_pixels(along).astype(np.float32)

    def reached(self, light: Light) -> float:
        """Return the share of the visible surface that a light other than a dome shines on without a detour."""

        def lit(ray: Any) -> Any:
            surface = self._scene.ray_intersect(ray)
            towards = mi.Point3f(*light.origin.tolist()) - surface.p
            distance = dr.norm(towards)
            back = surface.spawn_ray(towards / distance)
            back.maxt = dr.maximum(distance - 1.01 * light.extent, 0.0)
            shines = surface.is_valid()
            if light.kind == "spot":
                axis = dr.normalize(mi.Vector3f(*(light.target - light.origin).tolist()))
                shines &= dr.dot(-towards / distance, axis) > math.cos(math.radians(light.cutoff_deg))
            return dr.select(self._scene.ray_test(back), 0.0, dr.select(shines, 1.0, 0.0))

        return float(self._at_pixels(lit).mean())

    def normal(self) -> Float32:
        """Return the normal of what is at the middle of each pixel [h, w, 3], in the world, turned to the camera."""

        # Not from the picture of normals: where a surface has a relief, that one is in the surface's own space.
        def part(axis: int) -> Callable[[Any], Any]:
            def look(ray: Any) -> Any:
                surface = self._scene.ray_intersect(ray)
                normal = surface.sh_frame.n
                turned = dr.select(dr.dot(normal, ray.d) > 0, -normal[axis], normal[axis])
                return dr.select(surface.is_valid(), turned, 0.0)

            return look

        return np.stack([self._at_pixels(part(axis)) for axis in range(3)], -1).astype(np.float32)

    def shadow(self, light: Light) -> Float32:
        """Return the share of a light that nothing hides at each pixel [h, w]; of a dome, how open the surface is."""
        spots = light.origin[None] if light.mesh is None else light.mesh.points.astype(np.float64)
        picked = np.random.default_rng(0).choice(len(spots), SHADOW_RAYS if len(spots) > 1 else 1)
        spread = [((k + 0.5) / SHADOW_RAYS, k * GOLDEN % 1) for k in range(SHADOW_RAYS)]
        samples = spread if light.kind == "dome" else [spots[i].tolist() for i in picked]

        def seen(ray: Any) -> Any:
            surface = self._scene.ray_intersect(ray)
            total = 0.0
            for sample in samples:
                if light.kind == "dome":
                    way = surface.to_world(mi.warp.square_to_cosine_hemisphere(mi.Point2f(*sample)))
                    back = surface.spawn_ray(way)
                else:
                    towards = mi.Point3f(*sample) - surface.p
                    distance = dr.norm(towards)
                    way = towards / distance
                    back = surface.spawn_ray(way)
                    back.maxt = dr.maximum(distance * 0.999 - 2.01 * light.extent, 0.0)
                lit = surface.is_valid() & (dr.dot(surface.sh_frame.n, way) > 0)
                total += dr.select(self._scene.ray_test(back), 0.0, dr.select(lit, 1.0, 0.0))
            return total / len(samples)

        return self._at_pixels(seen).astype(np.float32)

    def _at_pixels(self, look: Callable[[Any], Any]) -> NDArray[Any]:
        """What `look` says of the ray through the middle of each pixel [h, w]: of all at once, or of one by one."""
        width, height = self._size
        sensor = self._scene.sensors()[0]

        def ray(pixel: Any) -> Any:
            middle = mi.Point2f((pixel % width + 0.5) / width, (pixel // width + 0.5) / height)
            return sensor.sample_ray(0.0, 0.5, middle, mi.Point2f(0.5))[0]

        if _compiled():
            values = np.array(look(ray(dr.arange(mi.UInt32, width * height))))
        else:
            values = np.array([look(ray(pixel)) for pixel in range(width * height)])
        return values.reshape(height, width)


def _compiled() -> bool:
    return not str(mi.variant()).startswith("scalar")


def denoised(noisy: Float32, guides: tuple[Float32, Float32]) -> Float32:
    """Return a picture [h, w, 3] without noise and fireflies, >= 0."""
    # Guides of so many samples count as clean. Fireflies are left to the denoiser too: holding them to their
    # neighbours first lost 0.1 dB to a render of 500 samples, and lost glints.
    return np.asarray(np.maximum(mitsuba_oidn.denoise(noisy, *guides, hdr=True, clean_aux=True), 0), np.float32)


def _mesh(name: str, mesh: Mesh, child: str, node: Any) -> Any:
    properties = mi.Properties()
    properties[child] = mi.load_dict(node)
    made = mi.Mesh(
        name, len(mesh.points), len(mesh.faces), has_vertex_normals=True, has_vertex_texcoords=True, props=properties
    )
    params = mi.traverse(made)
    _fill(params, "vertex_positions", mesh.points)
    _fill(params, "vertex_normals", mesh.normals)
    _fill(params, "vertex_texcoords", mesh.uv)
    _fill(params, "faces", mesh.faces)
    params.update()
    return made


def _fill(params: Any, name: str, values: NDArray[Any]) -> None:
    """Set a parameter that is an array, in the kind of array that it is."""
    params[name] = type(params[name])(values.ravel())


def _bsdf(surface: Surface, white: bool) -> dict[str, Any]:
    if white:
        matt = {"type": "diffuse", "reflectance": {"type": "rgb", "value": [1.0, 1.0, 1.0]}}
        return {"type": "bumpmap", "height": _bitmap(surface.relief), "bsdf": {"type": "twosided", "bsdf": matt}}
    reflecting = {
        "type": "principled",
        "base_color": _bitmap(surface.albedo),
        "roughness": surface.roughness,
        "metallic": surface.metallic,
        "specular": surface.specular,
    }
    both_sides = {"type": "twosided", "bsdf": reflecting}
    return {"type": "bumpmap", "height": _bitmap(surface.relief), "bsdf": both_sides}


def _bitmap(values: Float32) -> dict[str, Any]:
    return {"type": "bitmap", "bitmap": mi.Bitmap(np.ascontiguousarray(values[::-1])), "raw": True}


def _emitter(name: str, light: Light) -> Any:
    """A light that is off: `Stage.switch_on` gives it its strength."""
    black = {"type": "rgb", "value": [0, 0, 0]}
    if light.sky is not None:
        z_up = mi.ScalarTransform4f().rotate([1, 0, 0], 90)
        return {"type": "envmap", "bitmap": mi.Bitmap(light.sky), "to_world": z_up}
    if light.mesh is not None:
        return _mesh(name, light.mesh, "emitter", {"type": "area", "radiance": black})
    to_world = mi.ScalarTransform4f().look_at(light.origin.tolist(), light.target.tolist(), [0, 0, 1])
    spot = {"type": "spot", "to_world": to_world, "cutoff_angle": light.cutoff_deg, "intensity": black}
    return spot | {"beam_width": 0.6 * light.cutoff_deg}
