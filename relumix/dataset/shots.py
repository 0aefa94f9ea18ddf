"""Held-out shots: scenes of the light stage as EXR sequences, a plate and the same frames under two other lights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from relumix.dataset.light_stage.render import Settings, begin, each, make_scene, start
from relumix.dataset.light_stage.surfaces import Photos
from relumix.dataset.pairs import light_mix, mix
from relumix.errors import InputError
from relumix.util.atomic_file import replacing
from relumix.util.native_name import native_name

LIGHTINGS = ("source", "relit_a", "relit_b")
FIRST_FRAME = 1001
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
FACTS = "shot.json"


def render_shots(
    folder: Path, seeds: range, settings: Settings, photos: Photos | None, workers: int = 1
) -> Iterator[Path]:
    """Render a shot of each seed, DIR/scene_<seed>/, and yield its folder as it is there; whole ones are kept.

    A shot has source/, relit_a/ and relit_b/ with <name>.<frame>.exr: the same frames, scene-linear Rec.709 without
    grain, each lighting a coloured sum of the scene's lights. moving/<name>.<frame>.png is 0 where the surface keeps
    still, else the number of the object that moves. shot.json says what light and camera are; it is written last.
    """
    begin(folder, settings)
    missing = []
    for seed in seeds:
        if (_shot(folder, seed) / FACTS).exists():
            yield _shot(folder, seed)
        else:
            missing.append(seed)
    for seed in each(partial(_render_shot, folder, settings, photos), missing, partial(start, settings), workers):
        yield _shot(folder, seed)


def _shot(folder: Path, seed: int) -> Path:
    return folder / f"scene_{seed:06d}"


def _render_shot(folder: Path, settings: Settings, photos: Photos | None, seed: int) -> None:
    shot = _shot(folder, seed)
    shutil.rmtree(shot, ignore_errors=True)
    scene = make_scene(seed, settings, photos)
    light = scene.light.astype(np.float32)
    random = np.random.default_rng([seed, ord("s")])
    level = light.mean((0, 2, 3, 4))
    weights = {name: light_mix(random, level, np.arange(settings.lights)) for name in LIGHTINGS}
    for name, weight in weights.items():
        for i, frame in enumerate(mix(light, weight)):
            _write(shot / name / f"{shot.name}.{FIRST_FRAME + i}.exr", frame, "half")
    for i, numbers in enumerate(scene.moving):
        _write(shot / "moving" / f"{shot.name}.{FIRST_FRAME + i}.png", numbers[..., None], "uint8")
    facts = {
        "frames": list(range(FIRST_FRAME, FIRST_FRAME + settings.frames)),
        "size": list(settings.size),
        "targets": list(LIGHTINGS[1:]),
        "camera": scene.meta["camera"],
        "lights": scene.meta["lights"],
        "lighting": {name: {"weights": weight.tolist()} for name, weight in weights.items()},
    }
    with replacing(shot / FACTS) as unfinished:
        unfinished.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _write(path: Path, image: NDArray[np.float32] | NDArray[np.uint8], kind: str) -> None:
    """Write [h, w, channels] as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width, channels = image.shape
    spec = oiio.ImageSpec(width, height, channels, kind)
    if kind == "half":
        spec.attribute("compression", "zip")
        spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), REC709)
    path.touch()
    pixels = np.ascontiguousarray(image)
    with native_name(path) as name:
        output = oiio.ImageOutput.create(name)
        written = output and output.open(name, spec) and output.write_image(pixels) and output.close()
    if not written:
        trouble = output.geterror() if output else oiio.geterror()
        raise InputError(f"{path} could not be written: {trouble}; make room, or choose another --out")
