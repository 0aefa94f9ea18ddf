"""How quickly the signed-distance light stage renders: seconds a frame, and where they go.

    python tests/benchmarks/bench_stage.py [--size 256x160] [--device cpu] [--threads 2] [--scenes 3]

Seconds of the processor are told beside those of the clock: on a machine that others use, they are what it costs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager

from relumix.cli.values import size
from relumix.dataset import llvm
from relumix.dataset.light_stage.sdf.backend import choose
from relumix.dataset.light_stage.sdf.draw import draw
from relumix.dataset.light_stage.sdf.table import tables

FRAMES, LIGHTS = 8, 6


class Clock:
    """Seconds of the clock and of the processor, by name."""

    def __init__(self) -> None:
        self.spent: dict[str, tuple[float, float]] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        clock, processor = time.perf_counter(), time.process_time()
        yield
        before = self.spent.get(name, (0.0, 0.0))
        spent = time.perf_counter() - clock, time.process_time() - processor
        self.spent[name] = before[0] + spent[0], before[1] + spent[1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=size, default=(256, 160))
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--scenes", type=int, default=3)
    args = parser.parse_args()
    types = choose(args.device, llvm.use_if_any())
    import drjit as dr

    from relumix.dataset.light_stage.sdf.renderer import Renderer
    from relumix.dataset.light_stage.sdf.textures import bank

    dr.set_thread_count(args.threads)
    clock = Clock()
    with clock("textures, once"):
        textures = bank()
    renderer = Renderer(types, textures, args.size)
    for number in range(args.scenes + 1):
        once = ", once" if number == 0 else ""
        scene = draw(number + 1, FRAMES, LIGHTS)
        shot = [(scene, frame) for frame in range(FRAMES)]
        with clock(f"trace{once}"):
            frames = renderer.render(tables(shot))
        with clock(f"render{once}"):
            dr.sync_thread()
        with clock(f"follow{once}"):
            renderer.follow(frames, tables(shot), tables([(scene, 0)] * FRAMES))
            dr.sync_thread()
    print(f"{types.name}, {args.size[0]}x{args.size[1]}, {LIGHTS} lights, {args.threads} threads")
    for name, (wall, processor) in clock.spent.items():
        count = 1 if name.endswith("once") else args.scenes * FRAMES
        print(f"{name:16} {wall / count:8.4f} s a frame, {processor / count:8.4f} s of the processor")


if __name__ == "__main__":
    main()
