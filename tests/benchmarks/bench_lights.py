"""How exact added light is where geometry is given: `relumix reference lights` against Mitsuba's path tracer.

    python tests/benchmarks/bench_lights.py

prints, for each light, the mean absolute error over the mean light, the median error of lit pixels in stops, and how
much brighter or darker the mean is.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from relumix.dataset import llvm
from relumix.errors import InputError

if __name__ == "__main__":  # before the next imports: Dr.Jit loads a libLLVM as it is imported
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spp", type=int, default=256, help="samples a pixel of the renders (%(default)s)")
    parser.add_argument("--size", type=int, nargs=2, default=(480, 270), metavar=("W", "H"), help="(480 270)")
    asked = parser.parse_args()
    try:
        llvm.use()
    except InputError as error:
        sys.exit(f"bench_lights.py: {error}")
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import mitsuba as mi

from relumix.color.rec709 import LUMINANCE
from relumix.reference.lights import ambient
from relumix.reference.lights.dome import Dome
from relumix.reference.lights.lighting import Lamp
from relumix.reference.lights.maker import added_light
from relumix.reference.lights.rig import Rig
from relumix.reference.lights.surface import Surface
from tests.reference.lights.test_truth import scene, shown, truths

WHITE, MATT = np.ones(3), Surface(0.5, 0.0)
GLOSS = {"type": "roughconductor", "material": "none", "distribution": "ggx", "alpha": 0.25}


def main(size: tuple[int, int], samples: int) -> None:
    """Print the table."""
    mi.set_variant("llvm_ad_rgb")
    geometry = shown(mi, scene(mi, size=size), size)
    for name, (theirs, ours) in truths(mi).items():
        _print((size, samples), name, Rig(1, 1, MATT, None, (Lamp(ours, WHITE),), ()), geometry, light=theirs)
    theirs, ours = truths(mi)["area"]
    black = replace(geometry, albedo=np.zeros_like(geometry.albedo))
    _print(
        (size, samples),
        "area on gloss",
        Rig(1, 1, Surface(0.5, 1.0), None, (Lamp(ours, WHITE),), ()),
        black,
        light=theirs,
        surface=GLOSS,
    )
    open_floor = shown(mi, scene(mi, size=size, without=("wall",)), size)
    for name, picture in {"sky": _sky(), "even dome": np.ones((64, 128, 3), np.float32)}.items():
        # The middle of Mitsuba's picture is at +z.
        dome = Dome(picture, np.array([0.0, 1, 0]), np.pi)
        rig = Rig(1, 1, MATT, None, (), (tuple(ambient.lamps_of(dome.pieces, WHITE, shadows=True)),))
        around = {"type": "envmap", "bitmap": mi.Bitmap(picture)}
        _print((size, samples), f"{name}, no wall", rig, open_floor, light=around, without=("wall",))
        _print((size, samples), name, rig, geometry, light=around)


def _print(how_fine, name, rig, geometry, **how) -> None:
    size, samples = how_fine
    truth = np.array(mi.render(scene(mi, size=size, **how), spp=samples, seed=1)) @ LUMINANCE
    found = added_light(rig, geometry, lambda share, words: None) @ LUMINANCE
    known = geometry.known
    error = np.abs(found - truth)[known].mean() / truth[known].mean()
    lit = known & (truth > 0.05 * np.median(truth[known & (truth > 1e-3)])) & (found > 1e-4)
    stops = np.median(np.abs(np.log2(found[lit] / truth[lit])))
    whole = found[known].mean() / truth[known].mean() - 1
    print(f"{name:18} {error:6.1%} {stops:.3f} stops, {whole:+.1%} as a whole", flush=True)


def _sky() -> np.ndarray:
    """Blue above, brown below, and a large warm patch."""
    row, column = np.mgrid[:64, :128]
    sky = np.where((row < 32)[..., None], [0.3, 0.5, 1.0], [0.2, 0.15, 0.1])
    patch = np.exp(-((row - 14) ** 2 + (column - 95) ** 2) / 30)[..., None] * [8, 6, 4]
    return (sky + patch).astype(np.float32)


if __name__ == "__main__":
    main(tuple(asked.size), asked.spp)
