"""What cutting a shot into tasks costs, and what a second worker gains.

    python tests/benchmarks/bench_farm.py [--frames 64] [--size 960x540] [--rounds 3]

Prints the tables of docs/farm.md, as Markdown. The cost of cutting is counted: how many windows, and stepping
stones on the way to them, the tasks compute together, against one run. One and two workers are timed in turns, each
bound to a core of its own, so that their ratio means something on a busy machine as well.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from relumix.engines.registry import load_engine
from relumix.pipeline.windows import Plan, plan
from tests.benchmarks.bench_relight import make_plate

SHOT = range(1001, 3401)
CHUNKS = (16, 32, 64, 128)
TASK_FRAMES = 16


def counted(laid: Plan, frames: range) -> tuple[int, int]:
    """Return how many windows a run of frames needs, and how many stepping stones lead to the first of them."""
    windows = sorted({share.window for frame in frames for share in laid.shares.get(frame, ())})
    return len(windows), len(laid.windows[windows[0]].keyframe_paths[0]) if windows else 0


def count() -> None:
    """Print what tasks compute more than one run, on a shot of 100 seconds with one reference at its start."""
    engine = load_engine("flow")
    laid = plan(SHOT, SHOT[:1], engine.windowing)
    whole, _ = counted(laid, SHOT)
    print("| frames of a task | tasks | windows, against one run | stepping stones |\n|--:|--:|--:|--:|")
    for size in CHUNKS:
        tasks = [counted(laid, SHOT[first : first + size]) for first in range(0, len(SHOT), size)]
        windows, keyframes = (sum(each) for each in zip(*tasks, strict=True))
        print(f"| {size} | {len(tasks)} | {windows / whole:.2f} times | {keyframes} |")


def workers(folder: Path, tasks: list[str], number: int) -> float:
    """Let workers take tasks until all are done; returns the seconds on the clock."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    waiting: Iterator[str] = iter(tasks)

    def serve(core: int) -> None:
        for frames in waiting:
            run = ["taskset", "--cpu-list", str(core), sys.executable, "-m", "relumix.cli.main", "farm", "run"]
            run += ["--session", str(folder), f"--chunk={frames}", f"source={folder / 'plate'}"]
            run += [f"reference={folder / 'relit.exr'}", f"output={folder / 'out'}"]
            subprocess.run(run, check=True, stdout=subprocess.DEVNULL)

    began = time.perf_counter()
    with ThreadPoolExecutor(number) as pool:
        list(pool.map(serve, sorted(os.sched_getaffinity(0))[:number]))
    return time.perf_counter() - began


def time_workers(folder: Path, tasks: list[str], rounds: int) -> None:
    """Print how long one worker and two take for the same tasks, in turns."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for number, taken in seconds.items():
            taken.append(workers(folder, tasks, number))
    print("\n| workers | seconds, round by round | median | against one worker |\n|--:|---|--:|--:|")
    for number, taken in seconds.items():
        against = statistics.median(one / this for one, this in zip(seconds[1], taken, strict=True))
        print(
            f"| {number} | {', '.join(f'{each:.1f}' for each in taken)} | {statistics.median(taken):.1f} s "
            f"| {against:.2f} times as fast |"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--size", default="960x540")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    count()
    width, height = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="relumix-farm-") as name:
        folder = Path(name)
        (folder / "plate").mkdir()
        make_plate(folder / "plate", width, height, args.frames).rename(folder / "relit.exr")
        last = 1000 + args.frames
        tasks = [f"{first}-{min(first + TASK_FRAMES - 1, last)}" for first in range(1001, last + 1, TASK_FRAMES)]
        print(f"\n{args.frames} frames of {args.size} in {len(tasks)} tasks, each worker on a core of its own:")
        time_workers(folder, tasks, args.rounds)


if __name__ == "__main__":
    main()
