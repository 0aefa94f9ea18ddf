"""What each codec loses of a plate, and how large its files are.

    python tests/benchmarks/bench_codecs.py [--frames 4] [--size 1920x1080]

Prints the table of docs/footage.md, as Markdown. The plates are a smooth picture that moves, the same with edges and
texture, and that with grain (a standard deviation of 2 % of white, another at each pixel). Codes that went to the
encoder, which are those of the plate where the reference is neutral, are compared with those that come back.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from relumix.movie import CODECS
from relumix.types import Float32
from tests.movie import clips

RATE = 24


def textured(index: int, size: tuple[int, int]) -> Float32:
    """`picture` with edges that move, and fine texture that moves with them; [h, w, 3], coded."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    texture = np.random.default_rng(0).normal(0, 1, (height, width + 64)).astype(np.float32)
    soft = (texture[:, :-2] + 2 * texture[:, 1:-1] + texture[:, 2:]) / 4
    dark = ((x - 4 * index) // 80 + y // 60) % 2 == 0
    shown = clips.picture(index, size) * np.where(dark, 0.6, 1)[..., None].astype(np.float32)
    return np.asarray(shown + 0.03 * np.roll(soft, 3 * index, axis=1)[:, :width, None], np.float32)


def grainy(index: int, size: tuple[int, int]) -> Float32:
    """`textured` with grain; [h, w, 3], coded."""
    return textured(index, size) + clips.grain(index, size) - clips.picture(index, size)


def measured(codec: str, shows: Callable[..., Float32], size: tuple[int, int], frames: int) -> tuple[str, float]:
    """Return what is lost, in words, and megabits a second at RATE."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mov"
        off = clips.lost(path, codec, shows, size, frames)
        megabits = path.stat().st_size * 8 * RATE / frames / 1e6
    return f"{np.quantile(off, 0.9999):.0f} ({off.max():.0f})", megabits


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--size", default="1920x1080")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    print("| `--codec` | smooth | texture | grain | Mb/s: smooth, texture, grain |\n|---|--:|--:|--:|--:|", flush=True)
    for codec in CODECS:
        found = [measured(codec, shows, (width, height), args.frames) for shows in (clips.picture, textured, grainy)]
        lost, rates = zip(*found, strict=True)
        print(f"| `{codec}` | {' | '.join(lost)} | {', '.join(f'{rate:.0f}' for rate in rates)} |", flush=True)


if __name__ == "__main__":
    main()
