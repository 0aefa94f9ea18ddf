"""How near engines come to the truth on a light stage that they did not learn from, and where they fail.

    python tests/benchmarks/bench_light.py STAGE [--engine flow --engine lite=FILE ...] [--second] [--json FILE]

Every scene is a shot under one drawn sum of its lights, relit by its first frame under another. Prints a table, means
over frames and scenes; PSNR in dB of display values, all else as `relumix evaluate` has it.

psnr, ssim, flip, flicker   of whole frames
unseen   PSNR where optical flow does not find its way to the reference and back
moving   PSNR on things that move; turning: on those of them that turn
shadow   PSNR where nothing moves and the camera stands, but the added light has changed by more than half a stop
middle   PSNR of the middle frame by the first reference alone; second: with another at the last frame (--second)

A region counts in frames of which it takes half a percent or more.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relumix.color.rec709 import srgb_encode
from relumix.dataset.pairs import light_mix, mix
from relumix.dataset.shards import Scene, Shards
from relumix.engines.tracking.correspondence import extend_track, identity_track, track_neighbour
from relumix.engines.tracking.log_frame import LogFrame
from relumix.evaluate.metrics import ldr_flip, psnr, ssim, temporal_error
from relumix.gain.proxy import ProxyFrame
from relumix.pipeline.arrays import relit
from relumix.preview.display import auto_exposure
from relumix.settings import Settings

Figures = dict[str, float]
Float32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

LEAST_SHARE = 0.005
SHADOW_STOPS = 0.5


def lit_twice(scene: Scene) -> tuple[Float32, Float32]:
    """Return a scene [T, h, w, 3] under two sums of its lights, the same ones each time."""
    light = scene.light.astype(np.float32)
    level = light.mean((0, 2, 3, 4))
    random = np.random.default_rng([scene.meta["seed"], ord("s")])
    plate, truth = (mix(light, light_mix(random, level, np.arange(len(level)))) for _ in range(2))
    return plate, truth


def unseen(plate: Float32) -> list[Bools]:
    """Return for each frame where optical flow does not find its way to the first frame and back."""
    exposure, known = np.float32(auto_exposure(plate[0])), np.ones(plate.shape[1:3], np.float32)
    frames = [LogFrame.of(ProxyFrame(i, frame * exposure, known)) for i, frame in enumerate(plate)]
    track, lost = identity_track(frames[0]), [np.zeros(plate.shape[1:3], bool)]
    for last, now in pairwise(frames):
        track = extend_track(track_neighbour(now, last), track, now, frames[0])
        lost.append(track.consistency < 0.5)
    return lost


def regions(scene: Scene, plate: Float32, truth: Float32) -> dict[str, list[Bools]]:
    """Return where to look, for each frame of a scene."""
    gain = np.log2((truth + 0.01) / (plate + 0.01)).mean(-1)
    still = (scene.moving == 0) & (scene.moving[0] == 0) & bool(scene.meta["camera"]["static"])
    return {
        "unseen": unseen(plate),
        "moving": list(scene.moving > 0),
        "turning": list(np.isin(scene.moving, scene.meta.get("turning", []))),
        "shadow": list(still & (np.abs(gain - gain[0]) > SHADOW_STOPS)),
    }


def score(made: list[Float32], truth: list[Float32], where: dict[str, list[Bools]]) -> Iterator[tuple[str, float]]:
    """Yield figures of a shot, display values [h, w, 3] a frame; the first frame is the reference."""
    errors = [m - t for m, t in zip(made, truth, strict=True)]
    for i in range(1, len(made)):
        yield "psnr", psnr(made[i], truth[i])
        yield "ssim", ssim(made[i], truth[i])
        yield "flip", ldr_flip(truth[i], made[i]).mean
        if i > 1:
            yield "flicker", temporal_error(errors[i], errors[i - 1])
        for name, masks in where.items():
            if masks[i].mean() >= LEAST_SHARE:
                yield name, psnr(made[i][masks[i]], truth[i][masks[i]])


def run(stage: Path, index: int, engines: dict[str, Settings], second: bool) -> dict[str, Figures]:
    """Return the figures of one scene, an engine."""
    scene = Shards(stage).read(index)
    plate, truth = lit_twice(scene)
    where = regions(scene, plate, truth)
    exposure = auto_exposure(truth[0])
    wanted = [srgb_encode(frame * exposure) for frame in truth]
    last = len(plate) - 1
    found = {}
    for name, settings in engines.items():
        shot = dict(enumerate(plate))
        made = [srgb_encode(f.pixels * exposure) for f in relit(shot, {0: truth[0]}, settings)]
        values = defaultdict(list)
        for key, value in score(made, wanted, where):
            values[key].append(value)
        found[name] = {key: float(np.mean(each)) for key, each in values.items()}
        if second:
            both = relit(shot, {0: truth[0], last: truth[last]}, settings, frames=[last // 2])
            middle = [made[last // 2], *(srgb_encode(f.pixels * exposure) for f in both)]
            found[name] |= {k: psnr(m, wanted[last // 2]) for k, m in zip(("middle", "second"), middle, strict=True)}
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", type=Path)
    parser.add_argument("--engine", action="append", metavar="NAME[=FILE]", help="with which weights (flow, lite)")
    parser.add_argument("--second", action="store_true", help="also relight by a second reference, at the last frame")
    parser.add_argument("--json", type=Path, help="write the figures of each scene here")
    args = parser.parse_args()
    engines = {}
    for text in args.engine or ("flow", "lite"):
        name, _, model = text.partition("=")
        engines[text] = Settings(engine=name, model=model or None)
    scenes = []
    for index, path in enumerate(Shards(args.stage).paths):
        scenes.append(run(args.stage, index, engines, args.second))
        told = ", ".join(f"{name} {figures['psnr']:.2f}" for name, figures in scenes[-1].items())
        print(f"{path.stem}: {told} dB", file=sys.stderr, flush=True)
        if args.json:
            args.json.write_text(json.dumps(scenes))
    keys = ["psnr", "ssim", "flip", "flicker", "unseen", "moving", "turning", "shadow"]
    keys += ["middle", "second"] if args.second else []
    print("| | " + " | ".join(keys) + " |\n|---|" + "--:|" * len(keys))
    for name in engines:
        rows = {key: [scene[name][key] for scene in scenes if key in scene[name]] for key in keys}
        digits = {"ssim": 3, "flip": 3}
        cells = [f"{np.mean(row):.{digits.get(key, 2)}f} ({len(row)})" if row else "" for key, row in rows.items()]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
