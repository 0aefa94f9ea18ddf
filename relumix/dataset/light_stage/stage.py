"""A layout in Mitsuba, rendered one light at a time. The only module of this folder that loads Mitsuba."""

from __future__ import annotations

from collections.abc import Sequence
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
from relumix.errors import InputError

Float32 = NDArray[np.float32]

VARIANTS = ("cuda_ad_rgb", "llvm_ad_rgb")
PATH_DEPTH = 3
GUIDE_SAMPLES = 32
SLOTS = 20
BURIED_DEPTH = 50.0
NOWHERE = -1


def start() -> None:
    """Choose the graphics card where there is one, else the processor; raises InputError where neither works."""
    backends = {"cuda_ad_rgb": dr.JitBackend.CUDA, "llvm_ad_rgb": dr.JitBackend.LLVM}
    for variant in VARIANTS:
        if variant in mi.variants() and dr.has_backend(backends[variant]):
            mi.set_variant(variant)
            return
    raise InputError(
        "Mitsuba found neither a CUDA device nor an LLVM library; install LLVM (Debian: apt-get install libllvm19)"
    )


class Stage:
    """A scene in Mitsuba's memory, at one frame at a time and under the lights that are on."""

    def __init__(self, layout: Layout, size: tuple[int, int]) -> None:
        """`size` is (width, height) in pixels."""
        self._layout, self._size = layout, size
        # Under the ground, up to a fixed number: one more shape is another program to compile for every scene.
        buried = Thing(sheet(1, 1).moved(move(0, 0, -BURIED_DEPTH)), layout.things[0].surface)
        things = layout.things + [buried] * (SLOTS - len(layout.things))
        self._things = [_mesh(f"thing_{i}", thing.mesh, "bsdf", _bsdf(thing.surface)) for i, thing in enumerate(things)]
        nodes: dict[str, Any] = {f"thing_{i}": mesh for i, mesh in enumerate(self._things)}
        nodes |= {f"light_{i}": _emitter(f"light_{i}", light) for i, light in enumerate(layout.lights)}
        film = {"type": "hdrfilm", "width": size[0], "height": size[1], "pixel_format": "rgb"}
        film |= {"component_format": "float32", "rfilter": {"type": "box"}}
        sensor = {"type": "perspective", "fov": layout.camera.fov_deg, "near_clip": 0.05, "film": film}
        self._scene = mi.load_dict({"type": "scene", **nodes, "sensor": sensor})
        self._params = mi.traverse(self._scene)
        self._integrator = mi.load_dict({"type": "path", "max_depth": PATH_DEPTH, "rr_depth": PATH_DEPTH})
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
                self._params[f"thing_{i}.vertex_positions"] = mi.Float(mesh.points.ravel())
                self._params[f"thing_{i}.vertex_normals"] = mi.Float(mesh.normals.ravel())
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
        hit = self._scene.ray_intersect_preliminary(self._rays())
        thing = mi.Int32(NOWHERE)
        for i, mesh in enumerate(self._things):
            thing = dr.select(hit.shape == mi.ShapePtr(mesh), i, thing)
        return np.array(dr.select(hit.is_valid(), thing, NOWHERE), np.int32).reshape(self._size[::-1])

    def distance(self) -> Float32:
        """Return the distance of what is at the middle of each pixel [h, w], inf where there is nothing."""
        hit = self._scene.ray_intersect_preliminary(self._rays())
        return np.array(dr.select(hit.is_valid(), hit.t, np.inf), np.float32).reshape(self._size[::-1])

    def reached(self, light: Light) -> float:
        """Return the share of the visible surface that a light other than a dome shines on without a detour."""
        surface = self._scene.ray_intersect(self._rays())
        towards = mi.Point3f(*light.origin.tolist()) - surface.p
        distance = dr.norm(towards)
        ray = surface.spawn_ray(towards / distance)
        ray.maxt = dr.maximum(distance - 1.01 * light.extent, 0.0)
        lit = surface.is_valid() & ~self._scene.ray_test(ray)
        if light.kind == "spot":
            axis = dr.normalize(mi.Vector3f(*(light.target - light.origin).tolist()))
            lit &= dr.dot(-towards / distance, axis) > np.cos(np.radians(light.cutoff_deg))
        return float(np.array(lit).mean())

    def _rays(self) -> Any:
        width, height = self._size
        pixel = dr.arange(mi.UInt32, width * height)
        middle = mi.Point2f((pixel % width + 0.5) / width, (pixel // width + 0.5) / height)
        return self._scene.sensors()[0].sample_ray(0.0, 0.5, middle, mi.Point2f(0.5))[0]


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
    params["vertex_positions"] = mi.Float(mesh.points.ravel())
    params["vertex_normals"] = mi.Float(mesh.normals.ravel())
    params["vertex_texcoords"] = mi.Float(mesh.uv.ravel())
    params["faces"] = mi.UInt32(mesh.faces.ravel())
    params.update()
    return made


def _bsdf(surface: Surface) -> dict[str, Any]:
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
