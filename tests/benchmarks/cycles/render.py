"""Render the shots of a third renderer, Blender's Cycles, that engines are chosen by: each under two lights, no grain.

    python3.11 -m venv blender && blender/bin/pip install bpy==4.5.15     # bpy needs one exact Python; 0.9 GB
    blender/bin/python tests/benchmarks/cycles/render.py --out clean
    python tests/benchmarks/cycles_shots.py clean      # with relumix installed: to cycles/shots, small

Blender is no dependency of relumix, and its environment needs nothing of it. Frames that are there already are left
alone, so a run that was stopped goes on where it was. Ten frames of each shot; --only names some of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import blender
import scenes

FRAMES = range(1001, 1011)


def main() -> int:
    """Run the command. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--out", type=Path, required=True, help="gets a folder a shot, with plate.####.exr and relit.####.exr")
    add("--only", nargs="*", choices=scenes.SCENES, default=list(scenes.SCENES), help="which shots (all)")
    add("--frames", type=int, nargs="*", default=list(FRAMES), help="which frames (1001 to 1010)")
    add("--size", type=int, nargs=2, default=(320, 180), metavar=("WIDTH", "HEIGHT"), help="in pixels (320 180)")
    add("--samples", type=int, help="a pixel, at most (what each shot needs)")
    add("--threads", type=int, default=2, help="to render with (2)")
    args = parser.parse_args()
    for name in args.only:
        scene, shot = blender.empty(tuple(args.size), args.threads), scenes.SCENES[name]()
        scene.cycles.samples = args.samples or shot.samples
        film(args.out / name, args.frames, scene, shot)
    return 0


def film(folder: Path, frames: list[int], scene: blender.bpy.types.Scene, shot: blender.Shot) -> None:
    """Render a shot's missing frames under both lights."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in frames:
        for name, light in (("plate", shot.plate), ("relit", shot.relit)):
            path = folder / f"{name}.{frame}.exr"
            if path.exists():
                continue
            begun, unfinished = time.monotonic(), folder / f".{path.name}"
            share = (frame - FRAMES.start) / (len(FRAMES) - 1)
            blender.render(scene, shot, light, share, frame, unfinished)
            unfinished.replace(path)
            print(f"{path}: {time.monotonic() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
