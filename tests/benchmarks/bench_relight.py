"""How fast `relumix relight` is and how much memory it takes: by size, up to a pair of frames in 8K, and by length.

    python tests/benchmarks/bench_relight.py [--frames 24] [--engine flow] [--only lengths] [--json FILE]

Plates are made from a texture that the camera pans over, as half-float ZIP EXR; every run is the command itself, in a
process of its own, from files to files. Figures of one run can be compared with each other, not with another machine's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import peak

SIZES = ((960, 540), (1920, 1080), (4096, 2160))
PAIR_SIZE = (7680, 4320)
LENGTHS = (50, 500)
MARGIN_PX = 256


@dataclass(frozen=True)
class Run:
    """One run of the command. Shares are of the work of all threads."""

    width: int
    height: int
    frames: int
    seconds: float
    frames_a_second: float
    peak_memory_mib: float
    shares: dict[str, float]


def make_plate(folder: Path, width: int, height: int, frames: int) -> Path:
    """Write a panning plate and its relit first frame; returns the relit file."""
    random = np.random.default_rng(7)
    size = (height + MARGIN_PX, width + MARGIN_PX)
    scene = np.zeros((*size, 3), np.float32)
    for octave in (8, 32, 128, 512):
        noise = random.normal(0, 0.6, (size[0] // octave + 2, size[1] // octave + 2, 3)).astype(np.float32)
        scene += cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC)
    scene = 0.18 * np.exp2(scene)
    for i in range(frames):
        grain = np.exp2(random.normal(0, 0.05, (height, width, 3)).astype(np.float32))
        x, y = 4 * i % MARGIN_PX, 2 * i % MARGIN_PX
        write(folder / f"plate.{1001 + i}.exr", scene[y : y + height, x : x + width] * grain)
    light = np.exp2(np.linspace(-2, 1.5, width, dtype=np.float32))[None, :, None] * np.array([1.3, 1, 0.7], np.float32)
    relit = folder / "relit.1001.exr"
    write(relit, scene[:height, :width] * light)
    return relit


def write(path: Path, rgb: np.ndarray) -> None:
    """Write [h, w, 3] as half-float ZIP EXR."""
    spec = oiio.ImageSpec(rgb.shape[1], rgb.shape[0], 3, "half")
    spec.attribute("compression", "zip")
    out = oiio.ImageOutput.create(str(path))
    if not (out.open(str(path), spec) and out.write_image(np.ascontiguousarray(rgb, np.float16)) and out.close()):
        sys.exit(f"{path}: {out.geterror()}")


def relight(plate: str, relit: Path, output: Path, engine: str) -> tuple[dict, float]:
    """Run the command; returns its last event and its peak resident memory in MiB."""
    command = [sys.executable, "-m", "relumix.cli.main", "relight", plate, "-r", f"1001={relit}", "-o", str(output)]
    code, said, peak_bytes = peak.run([*command, "--engine", engine, "--progress", "json"])
    lines = said.splitlines()
    if code:
        sys.exit(f"{' '.join(command)} ended with {code}: {lines[-1:]}")
    return json.loads(lines[-1]), peak_bytes / (1 << 20)


def bench(folder: Path, width: int, height: int, frames: int, engine: str, looped: int = 0) -> Run:
    """Measure one size; `looped` frames are made of the first ones over and over, forth and back."""
    plates, output = folder / f"{width}_{max(frames, looped)}", folder / "out"
    plates.mkdir()
    relit = make_plate(plates, width, height, frames)
    for i in range(frames, looped):
        there_and_back = abs((i % (2 * frames - 2) + frames - 1) % (2 * frames - 2) - (frames - 1))
        os.link(plates / f"plate.{1001 + there_and_back}.exr", plates / f"plate.{1001 + i}.exr")
    end, peak_mib = relight(str(plates / "plate.####.exr"), relit, output, engine)
    for path in output.iterdir():
        path.unlink()
    work = sum(end["stage_seconds"].values())
    shares = {stage: round(seconds / work, 2) for stage, seconds in end["stage_seconds"].items()}
    written = end["written"]
    return Run(width, height, written, end["seconds"], round(written / end["seconds"], 2), round(peak_mib), shares)


def sizes(folder: Path, frames: int, engine: str) -> list[Run]:
    """Measure every size and print it."""
    runs = [bench(folder, *size, frames, engine) for size in SIZES]
    runs.append(bench(folder, *PAIR_SIZE, 2, engine))
    print("\n   size        frames/s  peak MiB   shares of the work")
    for run in runs:
        shares = ", ".join(f"{stage} {share:.0%}" for stage, share in run.shares.items())
        print(f"{run.width:5}x{run.height:<5} {run.frames_a_second:9.2f} {run.peak_memory_mib:9.0f}   {shares}")
    return runs


def lengths(folder: Path, engine: str) -> list[Run]:
    """Measure a short and a long shot and print how their peaks of memory differ."""
    short, long = (bench(folder, 960, 540, 25, engine, n) for n in LENGTHS)
    ends = ", ".join(f"{run.frames} frames {run.peak_memory_mib:.0f} MiB" for run in (short, long))
    print(f"\npeak memory at 960x540: {ends}: {long.peak_memory_mib / short.peak_memory_mib - 1:+.1%}")
    return [short, long]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--engine", default="flow")
    parser.add_argument("--only", choices=("sizes", "lengths"), help="one half of it")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        print(f"{os.cpu_count()} cores, engine {args.engine}, {args.frames} frames a size", flush=True)
        if args.only != "lengths":
            runs += sizes(Path(folder), args.frames, args.engine)
        if args.only != "sizes":
            runs += lengths(Path(folder), args.engine)
    if args.json:
        args.json.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")


if __name__ == "__main__":
    main()
