"""The shots that render.py and pack.py made, as they are read: with film grain, which would not compress.

Plate and truth carry the same grain, scaled by their light, as a relit plate should: truth = clean truth * (plate /
clean plate).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

SHOTS = Path(__file__).resolve().parent / "shots"
LIGHTS = ("plate", "relit")

MID_GREY = 0.18
GRAIN = 0.02
MOST_IN_SHADOWS = 3.0
LEAST_FACTOR = 0.1
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)


def shot(folder: Path) -> tuple[list[Float32], list[Float32]]:
    """Return a shot's plate and truth, grain and all: frames [h, w, 3], scene-linear Rec.709. Raises OSError."""
    clean = list(zip(*(frames(folder, light) for light in LIGHTS), strict=True))
    if not clean:
        raise OSError(f"{folder} has no plate.####.exr and relit.####.exr: expected a shot that pack.py made")
    pairs = [[read(path) for path in paths] for paths in clean]
    grain = [film_grain(plate, seed) for seed, (plate, _) in enumerate(pairs)]
    plate, truth = ([pair[k] * each for pair, each in zip(pairs, grain, strict=True)] for k in range(len(LIGHTS)))
    return plate, truth


def frames(folder: Path, light: str) -> list[Path]:
    """The files of a shot under a light, in order."""
    return sorted(folder.glob(f"{light}.*.exr"))


def film_grain(clean: Float32, seed: int) -> Float32:
    """Factors around 1 that make a clean frame [h, w, 3] look as if shot on film.

    Their deviation is GRAIN at mid-grey and falls with the root of the light, as that of counted photons does. Half of
    their variance is common to the three layers.
    """
    random = np.random.default_rng(seed)
    field = (random.standard_normal((*clean.shape[:2], 1)) + random.standard_normal(clean.shape)) / np.sqrt(2)
    strength = GRAIN * np.minimum(np.sqrt(MID_GREY / np.maximum(clean, 1e-6)), MOST_IN_SHADOWS)
    return np.maximum(1 + strength * field, LEAST_FACTOR).astype(np.float32)


def read(path: Path) -> Float32:
    """Return the pixels [h, w, 3] of a file. Raises OSError."""
    image = oiio.ImageInput.open(str(path))
    if image is None:
        raise OSError(f"{path} cannot be read: {oiio.geterror()}")
    return np.asarray(image.read_image(format="float"), np.float32)[..., :3]


def write(path: Path, pixels: Float32, compression: str) -> None:
    """Write [h, w, 3] in half float, whole or not at all. Raises OSError."""
    height, width = pixels.shape[:2]
    spec = oiio.ImageSpec(width, height, 3, "half")
    spec.attribute("compression", compression)
    spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), REC709)
    spec.attribute("ImageDescription", "relumix, shots of a third renderer: Blender Cycles")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part.exr")
    output = oiio.ImageOutput.create(str(unfinished))
    if not (output and output.open(str(unfinished), spec) and output.write_image(pixels) and output.close()):
        raise OSError(f"{path} could not be written: {output.geterror() if output else oiio.geterror()}")
    unfinished.replace(path)
