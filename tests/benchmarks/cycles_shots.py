"""The shots that cycles/render.py renders: stored small, without grain, and read with it.

    python tests/benchmarks/cycles_shots.py CLEAN          # store what was rendered: one exposure a shot, DWAA
    python tests/benchmarks/cycles_shots.py --grain OUT    # the store as files, for `relumix relight` and `evaluate`
    python tests/benchmarks/cycles_shots.py --sheet docs/cycles_shots.jpg

A plate's first frame comes to lie around mid-grey, and relit frames keep their level to the plate's. Grain is put on as
shots are read, since it does not compress. Plate and truth carry the same one, scaled by their light, as a relit plate
should: truth = clean truth * (plate / clean plate).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray
from PIL import Image

from relumix.color.rec709 import LUMINANCE
from relumix.preview.display import auto_exposure, display

Float32 = NDArray[np.float32]

STORE = Path(__file__).resolve().parent / "cycles/shots"
LIGHTS = ("plate", "relit")
STORED, WITH_GRAIN = "dwaa:150", "zip"
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)

MID_GREY = 0.18
GRAIN = 0.02
MOST_IN_SHADOWS = 3.0
LEAST_FACTOR = 0.1


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clean", nargs="?", type=Path, help="folder that cycles/render.py wrote")
    parser.add_argument("--store", type=Path, default=STORE, help=f"of shots ({STORE})")
    parser.add_argument("--grain", type=Path, metavar="OUT", help="gets the shots of the store as files with grain")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="gets a picture of the store")
    args = parser.parse_args(arguments)
    if not (args.clean or args.grain or args.sheet):
        parser.error("got nothing to do: expected the folder that cycles/render.py wrote, --grain OUT or --sheet FILE")
    try:
        for shot in shots(args.clean) if args.clean else ():
            store(shot, args.store / shot.name)
        for shot in shots(args.store) if args.grain else ():
            write_with_grain(shot, args.grain / shot.name)
        if args.sheet:
            sheet([read(shot) for shot in shots(args.store)]).save(args.sheet, quality=88)
    except OSError as error:
        parser.error(str(error))
    return 0


def shots(folder: Path) -> list[Path]:
    """The folders of shots in a folder, by name. Raises OSError where there is none."""
    found = sorted({path.parent for path in folder.glob("*/plate.*.exr")})
    if not found:
        raise OSError(f"{folder} has no */plate.####.exr: expected a folder a shot, as cycles/render.py writes them")
    return found


def frames(shot: Path, light: str) -> list[Path]:
    """The files of a shot under a light ("plate" or "relit"), in order."""
    return sorted(shot.glob(f"{light}.*.exr"))


def read(shot: Path) -> tuple[list[Float32], list[Float32]]:
    """Return a stored shot's plate and truth with grain: frames [h, w, 3], scene-linear Rec.709, mid-grey at 0.18.

    Raises OSError where a file cannot be read, ValueError where plate and truth have not the same number of frames.
    """
    clean = [[pixels(path) for path in frames(shot, light)] for light in LIGHTS]
    grain = [film_grain(plate, seed) for seed, plate in enumerate(clean[0])]
    plate, truth = ([a * b for a, b in zip(each, grain, strict=True)] for each in clean)
    return plate, truth


def store(rendered: Path, out: Path) -> None:
    """Store a rendered shot: the frames that both lights were rendered for."""
    files = [frames(rendered, light) for light in LIGHTS]
    exposure = MID_GREY / log_average(pixels(files[0][0]))
    for both in zip(*files, strict=False):  # of its last frame, a render that was stopped may have one light alone
        for path in both:
            write(out / path.name, pixels(path) * exposure, STORED)


def write_with_grain(shot: Path, out: Path) -> None:
    """Write a stored shot as it is read."""
    for light, pictures in zip(LIGHTS, read(shot), strict=True):
        for path, picture in zip(frames(shot, light), pictures, strict=True):
            write(out / path.name, picture, WITH_GRAIN)


def sheet(shown: Iterable[tuple[list[Float32], list[Float32]]]) -> Image.Image:
    """Return first and last frames of plates and truths, a shot a row, each light at its own exposure, at half size."""
    rows = [
        np.concatenate([display(light[i], auto_exposure(light[0])) for light in both for i in (0, -1)], axis=1)
        for both in shown
    ]
    return Image.fromarray(np.concatenate(rows)).reduce(2)


def film_grain(clean: Float32, seed: int) -> Float32:
    """Factors around 1 that make a clean frame [h, w, 3] look as if shot on film.

    Their deviation is GRAIN at mid-grey and falls with the root of the light, as that of counted photons does. Half of
    their variance is common to the three layers.
    """
    random = np.random.default_rng(seed)
    field = (random.standard_normal((*clean.shape[:2], 1)) + random.standard_normal(clean.shape)) / np.sqrt(2)
    strength = GRAIN * np.minimum(np.sqrt(MID_GREY / np.maximum(clean, 1e-6)), MOST_IN_SHADOWS)
    return np.maximum(1 + strength * field, LEAST_FACTOR).astype(np.float32)


def log_average(picture: Float32) -> np.float32:
    """The level of a picture [h, w, 3]: the mean of its luminance in stops, as luminance."""
    return np.float32(np.exp(np.log(np.maximum(picture @ LUMINANCE, 1e-3)).mean()))


def pixels(path: Path) -> Float32:
    """Return the pixels [h, w, 3] of a file. Raises OSError."""
    image = oiio.ImageInput.open(str(path))
    picture = image.read_image(format="float") if image else None
    if picture is None:
        raise OSError(f"{path} cannot be read: {image.geterror() if image else oiio.geterror()}")
    return np.asarray(picture, np.float32)[..., :3]


def write(path: Path, picture: Float32, compression: str) -> None:
    """Write [h, w, 3] in half float, whole or not at all. Raises OSError."""
    height, width = picture.shape[:2]
    spec = oiio.ImageSpec(width, height, 3, "half")
    spec.attribute("compression", compression)
    spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), REC709)
    spec.attribute("ImageDescription", "relumix, shots of a third renderer: Blender Cycles")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part.exr")
    output = oiio.ImageOutput.create(str(unfinished))
    if not (output and output.open(str(unfinished), spec) and output.write_image(picture) and output.close()):
        raise OSError(f"{path} could not be written: {output.geterror() if output else oiio.geterror()}")
    unfinished.replace(path)


if __name__ == "__main__":
    sys.exit(main())
