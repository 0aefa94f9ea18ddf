"""How long the next lite takes for a frame, on the processor or a graphics card, and what half precision changes.

    python tests/benchmarks/bench_lite_next.py [WEIGHTS] [--device cuda] [--work-size 640] [--threads 2]

The engine alone, on frames at the size at which light is carried; without WEIGHTS random ones, which take as long. On
a graphics card it needs torch and OpenCV alone. Seconds of the processor are told beside those of the clock.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from relumix.engines.base import Carried
from relumix.engines.lite_next.engine import LiteNextEngine
from relumix.engines.lite_next.network import LightNet
from relumix.gain.proxy import ProxyFrame, ProxyReference

FRAMES, RUNS = 8, 3


def random_weights(folder: Path) -> Path:
    """Write weights that answer something, and return the file."""
    torch.manual_seed(0)
    network = LightNet()
    torch.nn.init.normal_(network.said.weight, std=0.02)
    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, folder / "lite.safetensors", metadata={"network": json.dumps(network.shape)})
    return folder / "lite.safetensors"


def shot(work_size: int) -> list[ProxyFrame]:
    """Frames of 16:9 with detail of many sizes that slides along."""
    height = round(work_size * 9 / 16)
    y, x = np.mgrid[:height, :work_size].astype(np.float32)
    known = np.ones((height, work_size), np.float32)
    frames = []
    for number in range(FRAMES):
        waves = [np.sin((x + 4 * number) / side + k) * np.cos(y / side + 2 * k) for k, side in enumerate((90, 31, 7))]
        stops = np.stack([sum(waves) + 0.2 * k * waves[k] for k in range(3)], -1)
        frames.append(ProxyFrame(1001 + number, (0.18 * np.exp2(stops)).astype(np.float32), known))
    return frames


def reference(frame: ProxyFrame) -> ProxyReference:
    """A frame that is brighter on its left."""
    width = frame.rgb.shape[1]
    ramp = np.linspace(1.5, -1, width, dtype=np.float32)[None, :, None]
    return ProxyReference(
        frame.frame, frame.rgb, frame.known, np.broadcast_to(ramp, frame.rgb.shape).copy(), frame.known
    )


def measured(engine: LiteNextEngine, frames: list[ProxyFrame], references: list[ProxyReference]) -> tuple[Carried, str]:
    """Relight the frames some times: what was carried the last time, and what a frame took."""
    clock, processor = [], []
    for _ in range(RUNS + 1):  # the first of them warms up
        start, used = time.perf_counter(), time.process_time()
        carried = engine.start().propagate(frames, references, [[] for _ in references])
        clock.append((time.perf_counter() - start) / len(frames))
        processor.append((time.process_time() - used) / len(frames))
    return carried, f"{np.median(clock[1:]):.4f} s a frame (of the processor {np.median(processor[1:]):.4f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="?", type=Path, help="file of weights, or its folder (random)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(auto)")
    parser.add_argument("--work-size", type=int, default=640, metavar="PX", help="long edge of frames (640)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="of torch on the processor (2)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        engine = LiteNextEngine(args.weights or random_weights(Path(folder)), args.device)
    frames = shot(args.work_size)
    for chosen in ((0,), (0, FRAMES - 1)):
        references = [reference(frames[i]) for i in chosen]
        said = f"{engine.device}, {args.work_size} px, {len(chosen)} of {FRAMES} frames relit"
        engine.half = False
        single, took = measured(engine, frames, references)
        print(f"{said}: {took}", flush=True)
        if engine.device.type == "cuda":
            engine.half = True
            half, took = measured(engine, frames, references)
            apart = np.abs(half.gain_stops - single.gain_stops)
            print(f"{said}, half: {took}; stops apart: mean {apart.mean():.5f}, most {apart.max():.3f}", flush=True)


if __name__ == "__main__":
    main()
