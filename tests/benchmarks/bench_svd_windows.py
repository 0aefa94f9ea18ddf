"""How leading, anchored and chained windows of svd compare on shots whose light is known: a whole light stage's.

    python tests/benchmarks/bench_svd_windows.py --model DIR --data STAGE [--scenes N] [--engine-option NAME=VALUE ...]

Each scene is a shot with its first frame relit. Prints a table, in stops at the working size, means over the scenes:

off at N   how far the light is from the truth, N frames after the reference
first      by how much more it changes than the truth does from the reference to the next frame,
within     between two frames of one window,
across     and where one window passes to the next: a seam is what stands out from `within`
s a frame  of the quickest scene
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from relumix.dataset.pairs import Pair, draw
from relumix.dataset.shards import Shards
from relumix.engines.base import Carried, Engine, Keyframe, Windowing
from relumix.engines.registry import configured, load_engine
from relumix.gain.direct_transfer import stops_between
from relumix.gain.log_gain import BLACK_OFFSET, apply
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.propagate import Propagation
from relumix.pipeline.windows import Plan
from relumix.shot.array_source import ArraySource
from relumix.types import Float32

MOST_DISTANCES = 7


@dataclass(frozen=True)
class CarriedShot:
    """Light carried over one shot.

    off      [T] stops: mean distance from the truth.
    jumps    [T - 1] stops: mean of what changes between neighbours and does not in truth.
    borders  [T - 1] bool: where one window passes to the next.
    seconds  a frame, the reference not counted.
    """

    off: Float32
    jumps: Float32
    borders: np.ndarray
    seconds: float

    @classmethod
    def of(cls, made: Float32, truth: Float32, plan: Plan, chained: bool, seconds: float) -> CarriedShot:
        """Compare stops [T, h, w, 3] of frames 0 to T - 1, relit by the light of frame 0."""
        error = made - truth
        homes: list[object] = [plan.shares[frame] for frame in range(1, len(made))]
        if chained:  # what two windows share is the earlier one's last frame, and is carried there alone
            homes = [plan.shares[frame][0].window for frame in range(1, len(made))]
        borders = np.array([False, *(one != other for one, other in pairwise(homes))])
        return cls(np.abs(error).mean((1, 2, 3)), np.abs(np.diff(error, axis=0)).mean((1, 2, 3)), borders, seconds)


class GradeAlone:
    """An engine that carries the median gain of the reference and no more."""

    name = "grade"
    windowing = Windowing(version="1", window=16, overlap=0, tracks=False)

    def start(self) -> GradeAlone:
        """Begin a shot."""
        return self

    def propagate(
        self,
        frames: Sequence[ProxyFrame],
        references: Sequence[ProxyReference],
        keyframe_paths: Sequence[Sequence[Keyframe]],
    ) -> Carried:
        """Return the same stops everywhere."""
        stops = np.stack([np.broadcast_to(references[0].median_gain(), frame.rgb.shape) for frame in frames])
        return Carried(stops, np.zeros(stops.shape[:3], np.float32))


def carry(pair: Pair, engine: Engine, work_size: int) -> CarriedShot:
    """Carry the light of a shot's first frame."""
    shot = ArraySource(dict(enumerate(pair.plate)), {0: pair.reference}, None)
    with Propagation(DownsampledShot(shot, work_size), engine) as light:
        canvas = light.canvas
        gains = light.gains(shot.frames)
        done = [next(gains)]
        began = time.perf_counter()
        done.extend(gains)
        seconds = (time.perf_counter() - began) / (len(done) - 1)
    plates, lit = (
        np.stack([canvas.shrink(frame, canvas.window) for frame in clip]) for clip in (pair.clean, pair.relit)
    )
    made = np.stack(
        [
            apply(plate, each.gain_stops - each.median_gain, each.median_gain)
            for plate, each in zip(plates, done, strict=True)
        ]
    )
    offset = np.float32(BLACK_OFFSET / done[0].exposure)
    made, truth = (stops_between(plates, result, offset) for result in (made, lit))
    return CarriedShot.of(made, truth, light.plan, engine.windowing.chained, seconds)


def row(name: str, shots: Sequence[CarriedShot], distances: Sequence[int]) -> str:
    """Return a row of the table: means over shots."""
    off = np.mean([shot.off for shot in shots], axis=0)
    first = np.mean([shot.jumps[0] for shot in shots])
    within, across = (
        np.concatenate([shot.jumps[1:][shot.borders[1:] == border] for shot in shots]) for border in (False, True)
    )
    figures = [
        *(off[d] for d in distances),
        first,
        *(each.mean() if len(each) else np.nan for each in (within, across)),
    ]
    texts = ["" if np.isnan(figure) else f"{figure:.3f}" for figure in figures]
    seconds = min(shot.seconds for shot in shots)  # others may be at work on the machine
    return f"| {name} | {' | '.join(texts)} | {seconds:.2f} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, metavar="DIR", help="of svd")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a light stage it was not trained on")
    parser.add_argument("--scenes", type=int, default=8, metavar="N", help="of it (8)")
    parser.add_argument("--work-size", type=int, default=768, metavar="N", help="long edge in pixels (768)")
    parser.add_argument("--engine-option", action="append", default=[], metavar="NAME=VALUE", help="of svd")
    parser.add_argument("--threads", type=int, metavar="N", help="of torch on the CPU (as torch chooses)")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    shards = Shards(args.data)
    scenes = (shards.read(index) for index in range(min(args.scenes, len(shards))))
    pairs = [draw(scene, np.random.default_rng([i, 9]), len(scene.light)) for i, scene in enumerate(scenes)]
    svd = load_engine("svd", model=args.model, options=args.engine_option)
    ways = {
        "the grade alone": GradeAlone(),
        "flow": load_engine("flow"),
        **{f"svd, {way}": configured(svd, [f"windows={way}"]) for way in ("leading", "anchored", "chained")},
    }
    last = min(len(pair.plate) for pair in pairs) - 1
    distances = sorted({int(d) for d in np.linspace(1, last, MOST_DISTANCES)})
    names = ["", *(f"off at {d}" for d in distances), "first", "within", "across", "s a frame"]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for name, engine in ways.items():
        print(row(name, [carry(pair, engine, args.work_size) for pair in pairs], distances), flush=True)


if __name__ == "__main__":
    main()
