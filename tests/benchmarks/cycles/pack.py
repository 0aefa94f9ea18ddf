"""Make the store of shots from what render.py rendered, or files with grain from the store.

    python tests/benchmarks/cycles/pack.py CLEAN              # store: one exposure a shot, half float, DWAA
    python tests/benchmarks/cycles/pack.py --grain OUT        # of the store, for `relumix relight` and `evaluate`

The plate's first frame comes to lie around mid-grey, and the relit frames keep their level to the plate's.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import film
import numpy as np

from relumix.color.rec709 import LUMINANCE

STORED, WITH_GRAIN = "dwaa:150", "zip"


def main() -> int:
    """Run the command. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clean", nargs="?", type=Path, help="folder of render.py, with a folder a shot")
    parser.add_argument("--store", type=Path, default=film.SHOTS, help=f"of shots ({film.SHOTS})")
    parser.add_argument("--grain", type=Path, metavar="OUT", help="gets the shots of the store as files with grain")
    args = parser.parse_args()
    if args.clean is None and args.grain is None:
        parser.error("got nothing to do: expected the folder that render.py wrote, --grain OUT, or both")
    for shot in _shots(args.clean) if args.clean else ():
        pack(shot, args.store / shot.name)
    for shot in _shots(args.store) if args.grain else ():
        unpack(shot, args.grain / shot.name)
    return 0


def _shots(folder: Path) -> list[Path]:
    """The folders of shots in a folder. Exits where there are none."""
    found = sorted({path.parent for path in folder.glob("*/plate.*.exr")})
    return found or sys.exit(f"pack.py: {folder} has no */plate.####.exr: expected a folder with a folder a shot")


def pack(clean: Path, store: Path) -> None:
    """Store the frames of a shot that both lights were rendered for."""
    rendered = [film.frames(clean, light) for light in film.LIGHTS]
    exposure = film.MID_GREY / log_average(film.read(rendered[0][0]))
    for paths in zip(*rendered, strict=False):  # a render that has not ended yet has one light more of the last frame
        for path in paths:
            film.write(store / path.name, film.read(path) * exposure, STORED)


def unpack(store: Path, out: Path) -> None:
    """Write a stored shot with its grain."""
    for light, pictures in zip(film.LIGHTS, film.shot(store), strict=True):
        for path, pixels in zip(film.frames(store, light), pictures, strict=True):
            film.write(out / path.name, pixels, WITH_GRAIN)


def log_average(pixels: film.Float32) -> np.float32:
    """The level of a picture [h, w, 3]: the mean of its luminance in stops, as luminance."""
    return np.float32(np.exp(np.log(np.maximum(pixels @ LUMINANCE, 1e-3)).mean()))


if __name__ == "__main__":
    sys.exit(main())
