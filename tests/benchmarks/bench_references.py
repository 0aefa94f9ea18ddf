"""Does one more reference ever cost? By frame: the first alone, first and last, first and middle and last.

    python tests/benchmarks/bench_references.py [STAGE] [--shot PLATE TRUTH ...] [--engine flow] [--edge 192]

Every scene of the light stage STAGE is a shot under one drawn sum of its lights, relit under another; PLATE and TRUTH
are folders of EXR frames. Prints PSNR in dB
of display values for each frame but those given, mean over the scenes; how many frames a further reference made worse,
and by how much at most; and which frame `relumix suggest` names, beside what each choice of a second one brings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from bench_light import lit_twice
from bench_suggest import Frames, read, small

from relumix.color.rec709 import srgb_encode
from relumix.dataset.shards import Shards
from relumix.engines.base import Engine
from relumix.engines.registry import load_engine
from relumix.evaluate.metrics import psnr
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.arrays import relit
from relumix.pipeline.suggest import WORK_SIZE, suggest
from relumix.preview.display import auto_exposure
from relumix.settings import Settings
from relumix.shot.array_source import ArraySource

WORSE_DB = 0.1


def decibels(engine: Engine, plate: Frames, truth: Frames, references: list[int]) -> dict[int, float]:
    """Return the PSNR of each frame of a shot relit from some frames; of those infinity."""
    exposure = np.float32(auto_exposure(truth[0]))
    made = relit(plate, {i: truth[i] for i in references}, Settings(engine=engine.name, cuts="none"), engine=engine)
    return {
        frame.frame: float("inf")
        if frame.frame in references
        else psnr(*(srgb_encode(each * exposure) for each in (frame.pixels, truth[frame.frame])))
        for frame in made
    }


def named(plate: Frames, truth: Frames) -> int:
    """Return the frame that suggest names beside the first."""
    said = suggest(DownsampledShot(ArraySource(plate, {0: truth[0]}, None), WORK_SIZE))
    return said.frames[0].frame if said.frames else 0


def compare(name: str, before: list[dict[int, float]], after: list[dict[int, float]]) -> None:
    """Print what a further reference brought."""
    change = [b[i] - a[i] for a, b in zip(before, after, strict=True) for i in a if np.isfinite(b[i])]
    worse = sum(each < -WORSE_DB for each in change)
    mean, least = np.mean(change), min(change)
    print(f"{name}: {mean:+.2f} dB on average, at least {least:+.2f} dB; {worse} of {len(change)} frames lose > 0.1 dB")


def shots(args: argparse.Namespace) -> Iterator[tuple[str, Frames, Frames]]:
    """Yield the name, the plate and the truth of every shot asked for; frames count from 0."""
    for index, path in enumerate(Shards(args.stage).paths if args.stage else ()):
        both = lit_twice(Shards(args.stage).read(index))
        plate, truth = ({i: small(frame, args.edge) for i, frame in enumerate(shot)} for shot in both)
        yield path.stem, plate, truth
    for folders in args.shot:
        plate, truth = (dict(enumerate(read(folder, args.edge).values())) for folder in folders)
        yield str(folders[1]), plate, truth


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", type=Path, nargs="?")
    parser.add_argument("--shot", type=Path, nargs=2, action="append", default=[], metavar=("PLATE", "TRUTH"))
    parser.add_argument("--engine", default="flow")
    parser.add_argument("--edge", type=int, default=192, metavar="PX", help="long edge at which shots are relit (192)")
    parser.add_argument("--suggest", action="store_true", help="also try every second reference")
    args = parser.parse_args()
    engine = load_engine(args.engine)
    kinds = {"first": list[dict[int, float]](), "first, last": [], "first, middle, last": []}
    shares = []
    for name, plate, truth in shots(args):
        last = len(plate) - 1
        for given, found in zip(([0], [0, last], [0, last // 2, last]), kinds.values(), strict=True):
            found.append(decibels(engine, plate, truth, given))
        told = [np.mean([each for each in found[-1].values() if np.isfinite(each)]) for found in kinds.values()]
        print(f"{name}: {', '.join(f'{each:.2f}' for each in told)} dB", file=sys.stderr, flush=True)
        if args.suggest:
            shares.append(share(engine, plate, truth, kinds["first"][-1], name))
    print("| frame | " + " | ".join(kinds) + " |\n|--:|" + "--:|" * len(kinds))
    for i in range(1, len(kinds["first"][0]) - 1):
        cells = [np.mean([each[i] for each in found]) for found in kinds.values()]
        print(f"| {i + 1} | " + " | ".join(f"{cell:.1f}" if np.isfinite(cell) else "given" for cell in cells) + " |")
    compare("the last beside the first", kinds["first"], kinds["first, last"])
    compare("the middle beside both", kinds["first, last"], kinds["first, middle, last"])
    if shares:
        means = np.mean(shares, axis=0)
        print("share of the best, mean: named, last, middle: " + ", ".join(f"{each:.0%}" for each in means))


def share(
    engine: Engine, plate: Frames, truth: Frames, alone: dict[int, float], name: str
) -> tuple[float, float, float]:
    """Return what share of the best second reference's rise the named one brings, the last one, and the middle one."""
    brings = {}
    for i in range(1, len(plate)):
        both = decibels(engine, plate, truth, [0, i])
        brings[i] = _mean(both) - _mean(alone)
    best, chosen, last = max(brings, key=brings.__getitem__), named(plate, truth), len(plate) - 1
    told = ", ".join(f"{i + 1}: {each:+.2f}" for i, each in brings.items())
    print(f"{name}: named {chosen + 1}, best {best + 1}; {told}", file=sys.stderr, flush=True)
    rise = [brings.get(i, 0.0) / brings[best] for i in (chosen, last, last // 2)]
    return rise[0], rise[1], rise[2]


def _mean(found: dict[int, float]) -> float:
    return float(np.mean([each for each in found.values() if np.isfinite(each)]))


if __name__ == "__main__":
    main()
