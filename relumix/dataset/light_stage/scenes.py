"""One scene of the light stage from its seed: laid out until the camera and the lights see something, then rendered."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import LUMINANCE
from relumix.dataset.light_stage.layout import Layout, layout
from relumix.dataset.light_stage.planes import Seen, depth, flow, in_camera
from relumix.dataset.light_stage.props import GENERATOR, KINDS
from relumix.dataset.light_stage.surfaces import Photos
from relumix.dataset.shards import FORMAT, PLANES, Scene
from relumix.errors import InputError

Float32 = NDArray[np.float32]

ATTEMPTS = 200
LOOK_WIDTH_PX = 64
MEAN_LIGHT = 0.18
BRIGHTEST = 60000.0

SEEN_THINGS, SEEN_PX = 4, 8
TOO_NEAR_SHARE = 0.02
EMPTY_SHARE = 0.35
LARGEST_SHARE = 0.45
REACHED_SHARE = {"sun": 0.15, "sphere": 0.15, "area": 0.15, "spot": 0.04, "practical": 0.08}


@dataclass(frozen=True)
class StageSettings:
    """What decides the scenes besides their seed. `size` is (width, height) in pixels, `spp` samples a pixel.

    generator: the version that draws scenes from their seeds. Raises InputError for one that is not known here.
    """

    size: tuple[int, int] = (256, 160)
    frames: int = 8
    lights: int = 6
    spp: int = 20
    generator: int = GENERATOR

    def __post_init__(self) -> None:
        if self.generator not in KINDS:
            raise InputError(f"got generator {self.generator}, expected one of {', '.join(map(str, KINDS))}")

    def as_json(self) -> dict[str, Any]:
        """Return what the manifest keeps."""
        return {"renderer": "mitsuba"} | asdict(self) | {"size": list(self.size)}


def render_scene(seed: int, settings: StageSettings, photos: Photos) -> Scene:
    """Return a scene, rendered under each of its lights alone; the same for the same arguments.

    Each light is scaled so that the mean luminance over all frames is MEAN_LIGHT, its brightest hundredth held to the
    ninety-ninth percentile. Raises InputError where no arrangement of the scene shows anything.
    """
    from relumix.dataset.light_stage.stage import Stage, denoised  # noqa: PLC0415  Mitsuba is only needed to render

    plan, attempt = _good_layout(seed, settings, photos)
    stage, white = Stage(plan, settings.size), Stage(plan, settings.size, white=True)
    seen: list[Seen] = []
    planes: list[dict[str, NDArray[Any]]] = []
    for frame in range(settings.frames):
        stage.go_to(frame)
        white.go_to(frame)
        seen.append(Seen(stage.seen(), stage.distance()))
        albedo, normal = guides = stage.guides(seed=frame)
        lit: dict[str, list[Float32]] = {"light": [], "irradiance": [], "shadow": []}
        for i, light in enumerate(plan.lights):
            stage.switch_on([i])
            white.switch_on([i])
            noise = frame * settings.lights + i
            lit["light"].append(denoised(stage.render(settings.spp, seed=noise), guides))
            arrived = denoised(white.render(settings.spp, seed=noise), (np.ones_like(albedo), normal))
            lit["irradiance"].append(arrived * np.float32(np.pi) * (seen[-1].thing >= 0)[..., None])
            lit["shadow"].append(np.rint(stage.shadow(light) * 255))
        planes.append({name: np.stack(pictures) for name, pictures in lit.items()})
        planes[-1] |= {"albedo": albedo, "normal": in_camera(stage.normal(), plan.camera, frame)}
        planes[-1] |= {"depth": depth(seen[-1].distance, plan.camera), "thing": seen[-1].thing + 1}
    stacked = {name: np.stack([plane[name] for plane in planes]) for name in planes[0]} | _flows(plan, seen)
    scales = [_scale(stacked["light"][:, i]) for i in range(settings.lights)]
    for name in ("light", "irradiance"):
        scaled = stacked[name] * np.array(scales, np.float32)[:, None, None, None]
        stacked[name] = np.minimum(scaled, BRIGHTEST)
    kept = {name: stacked[name].astype(kind) for name, (kind, _) in PLANES.items()}
    moving = _moving_numbers(plan)[np.stack([frame.thing for frame in seen])]
    return Scene(stacked["light"].astype(np.float16), moving, _meta(seed, attempt, plan, scales), kept)


def _flows(plan: Layout, seen: list[Seen]) -> dict[str, NDArray[Any]]:
    """Flow to the frames beside, and what is hidden there; all is, where there is no frame."""
    found: dict[str, NDArray[Any]] = {}
    for name, step in (("forward", 1), ("backward", -1)):
        there = [frame + step if 0 <= frame + step < len(seen) else frame for frame in range(len(seen))]
        ways = [flow(plan, seen, frame, other) for frame, other in enumerate(there)]
        found[f"flow_{name}"] = np.stack([way for way, _ in ways])
        found[f"occluded_{name}"] = np.stack([hidden | (there[i] == i) for i, (_, hidden) in enumerate(ways)])
    return found


def _good_layout(seed: int, settings: StageSettings, photos: Photos) -> tuple[Layout, int]:
    """The first arrangement in which the camera sees enough and every light reaches some of it."""
    from relumix.dataset.light_stage.stage import Stage  # noqa: PLC0415

    width, height = settings.size
    for attempt in range(ATTEMPTS):
        plan = layout(seed, attempt, settings.frames, settings.lights, photos, settings.generator)
        stage = Stage(plan, (LOOK_WIDTH_PX, max(LOOK_WIDTH_PX * height // width, 1)))
        if all(_shows_enough(stage, plan, frame) for frame in {0, settings.frames // 2, settings.frames - 1}):
            return plan, attempt
    raise InputError(f"scene {seed} shows nothing in {ATTEMPTS} arrangements; leave it out with another --seed")


def _shows_enough(stage: Any, plan: Layout, frame: int) -> bool:
    stage.go_to(frame)
    distance, seen = stage.distance(), stage.seen()
    middle_distance = float(np.linalg.norm(plan.camera.eyes[frame] - plan.camera.targets[frame]))
    if np.mean(distance < 0.25 * middle_distance) > TOO_NEAR_SHARE or np.mean(np.isinf(distance)) > EMPTY_SHARE:
        return False
    counts = np.unique(seen[seen >= plan.backdrops], return_counts=True)[1]
    if (counts > SEEN_PX).sum() < SEEN_THINGS or counts.max() > LARGEST_SHARE * seen.size:
        return False
    return all(stage.reached(light) >= REACHED_SHARE[light.kind] for light in plan.lights if light.kind != "dome")


def _moving_numbers(plan: Layout) -> NDArray[np.uint8]:
    """The number of each thing that moves, 0 for one that doesn't; the last is for where nothing is."""
    numbers = np.zeros(len(plan.things) + 1, np.uint8)
    moving = [i for i, thing in enumerate(plan.things) if thing.places is not None]
    numbers[moving] = np.arange(1, len(moving) + 1)
    return numbers


def _turning(plan: Layout) -> list[int]:
    """The numbers in `moving` of the things that turn, whether or not they also slide."""
    ways = [thing.places for thing in plan.things if thing.places is not None]
    return [i for i, places in enumerate(ways, 1) if not np.allclose(places[:, :3, :3], np.eye(3))]


def _scale(light: Float32) -> float:
    luminance = light @ LUMINANCE
    mean = float(np.minimum(luminance, np.percentile(luminance, 99)).mean())
    return MEAN_LIGHT / max(mean, 1e-9)


def _meta(seed: int, attempt: int, plan: Layout, scales: list[float]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "seed": seed,
        "attempt": attempt,
        "setting": plan.setting,
        "lights": [
            {"kind": light.kind, "scale": scale} | light.facts for light, scale in zip(plan.lights, scales, strict=True)
        ],
        "camera": {
            "kind": plan.camera.kind,
            "static": plan.camera.kind == "static",
            "fov_deg": plan.camera.fov_deg,
            "eyes": plan.camera.eyes.round(4).tolist(),
            "targets": plan.camera.targets.round(4).tolist(),
        },
        "turning": _turning(plan),
        "textures": [thing.surface.name for thing in plan.things],
    }
