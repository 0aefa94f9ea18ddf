"""How near engines come to the truth on the shots of a third renderer, which neither light stage made: to choose by.

    python tests/benchmarks/bench_cycles.py [--engine flow --engine lite-next=FILE ...] [--only SHOT ...] [--json FILE]

The shots are those of cycles/, 320x180, relit by their first frame, and by their first and last. Prints a table; PSNR
in dB of display values, all else as `relumix evaluate` has it, and so are the figures: see cycles/README.md.

psnr, ssim, flip, flicker   of all frames but the first, by it alone
unseen          PSNR where optical flow does not find its way to the reference and back
between, both   PSNR of the frames between the first and the last: by the first alone, and by both
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import cycles_shots
import numpy as np
from bench_light import Figures, Float32, score, unseen

from relumix.color.rec709 import srgb_encode
from relumix.engines.base import Engine
from relumix.engines.lite_next.engine import LiteNextEngine
from relumix.engines.registry import load_engine
from relumix.evaluate.metrics import psnr
from relumix.pipeline.arrays import relit
from relumix.preview.display import auto_exposure
from relumix.settings import Settings

DIGITS = {"psnr": 2, "ssim": 3, "flip": 3, "flicker": 2, "unseen": 2, "between": 2, "both": 2}
LEFT_ALONE = "plate, left alone"


def engine_of(text: str) -> Engine:
    """Return the engine NAME or NAME=FILE; lite-next, which is none yet, too."""
    name, _, model = text.partition("=")
    return LiteNextEngine(Path(model)) if name == "lite-next" else load_engine(name, model=model or None)


class Measured:
    """A shot, and what is measured on it."""

    def __init__(self, folder: Path) -> None:
        self.plate, self.truth = cycles_shots.read(folder)
        self._exposure = np.float32(auto_exposure(self.truth[0]))
        self._wanted = self._shown(self.truth)
        self._where = {"unseen": unseen(np.stack(self.plate))}

    def left_alone(self) -> Figures:
        """The figures of the plate as it is."""
        made = self._shown(self.plate)
        return self._figures(made, made)

    def by(self, engine: Engine) -> Figures:
        """The figures of what an engine makes."""
        return self._figures(self._relit(engine, 0), self._relit(engine, 0, len(self.plate) - 1))

    def _relit(self, engine: Engine, *given: int) -> list[Float32]:
        made = relit(
            dict(enumerate(self.plate)), {i: self.truth[i] for i in given}, Settings(cuts="none"), engine=engine
        )
        return self._shown(frame.pixels for frame in made)

    def _shown(self, frames: Iterable[Float32]) -> list[Float32]:
        return [srgb_encode(frame * self._exposure) for frame in frames]

    def _figures(self, alone: list[Float32], both: list[Float32]) -> Figures:
        values = defaultdict(list)
        for name, value in score(alone, self._wanted, self._where):
            values[name].append(value)
        for name, made in (("between", alone), ("both", both)):
            values[name] = [psnr(*each) for each in list(zip(made, self._wanted, strict=True))[1:-1]]
        return {name: float(np.mean(each)) for name, each in values.items()}


def row(title: str, figures: Figures) -> str:
    """A row of the table."""
    cells = (f"{figures[name]:.{digits}f}" if name in figures else "" for name, digits in DIGITS.items())
    return f"| {title} | {' | '.join(cells)} |"


def mean(shots: Iterable[Figures]) -> Figures:
    """The mean over shots, of each figure over those that have it."""
    values = defaultdict(list)
    for figures in shots:
        for name, value in figures.items():
            values[name].append(value)
    return {name: float(np.mean(each)) for name, each in values.items()}


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--engine", action="append", metavar="NAME[=FILE]", help="with which weights (flow, lite)")
    add("--store", type=Path, default=cycles_shots.STORE, help=f"of the shots ({cycles_shots.STORE})")
    add("--only", nargs="*", metavar="SHOT", help="which shots (all)")
    add("--json", type=Path, help="write all figures here")
    args = parser.parse_args(arguments)
    chosen = [shot for shot in cycles_shots.shots(args.store) if not args.only or shot.name in args.only]
    if not chosen:
        parser.error(f"{args.store} has none of {', '.join(args.only)}")
    engines = {name: engine_of(name) for name in args.engine or ("flow", "lite")}
    found: dict[str, dict[str, Figures]] = defaultdict(dict)
    print(f"| | {' | '.join(DIGITS)} |\n|---|{'--:|' * len(DIGITS)}")
    for folder in chosen:
        shot = Measured(folder)
        for name in (LEFT_ALONE, *engines):
            found[name][folder.name] = shot.by(engines[name]) if name in engines else shot.left_alone()
            print(row(f"{folder.name}: {name}", found[name][folder.name]), flush=True)
        if args.json:
            args.json.write_text(json.dumps(found, indent=1) + "\n")
    for name, shots in found.items():
        print(row(f"**mean**: {name}", mean(shots.values())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
