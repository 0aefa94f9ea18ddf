"""Does `relumix suggest` name the frame that helps most? All choices are tried, on shots whose relit frames are known.

    python tests/benchmarks/bench_suggest.py PLATE TRUTH [PLATE TRUTH ...] [--edge 128] [--engine flow]

PLATE and TRUTH are folders of EXR frames with the same numbers; the first frame is the reference that there is. With
every other frame as a second one the shot is relit, at a long edge of --edge pixels. What a choice brings is the rise
of the mean PSNR of display values, over the frames that were not given. Prints what the frame that is named brings
beside the best, the last and the middle one. A shot of 16 frames takes about a minute of processor time.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from relumix.color.rec709 import srgb_encode
from relumix.engines.base import Engine
from relumix.engines.registry import load_engine
from relumix.evaluate.metrics import psnr
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.arrays import relit
from relumix.pipeline.suggest import WORK_SIZE, suggest
from relumix.preview.display import auto_exposure
from relumix.settings import Settings
from relumix.shot.array_source import ArraySource
from relumix.shot.plate import Plate
from relumix.shot.sequence import Sequence as Shot
from relumix.types import Float32

Frames = Mapping[int, Float32]


def read(folder: Path, edge: int) -> dict[int, Float32]:
    """Return the frames of a folder, averaged down to a long edge."""
    shot = Shot.find(folder)
    plate = Plate(shot)
    return {frame: small(plate.read(frame).levels[0].rgb, edge) for frame in shot.frames}


def small(rgb: Float32, edge: int) -> Float32:
    """Return a picture averaged down to a long edge."""
    scale = min(1.0, edge / max(rgb.shape))
    size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.float32)


def decibels(engine: Engine, plate: Frames, truth: Frames, references: list[int]) -> float:
    """Return the mean PSNR of a shot relit from some frames, over the others."""
    exposure = np.float32(auto_exposure(truth[min(truth)]))
    given = {frame: truth[frame] for frame in references}
    made = relit(plate, given, Settings(engine=engine.name), engine=engine)
    pairs = [(frame.pixels, truth[frame.frame]) for frame in made if frame.frame not in given]
    return float(np.mean([psnr(*(srgb_encode(each * exposure) for each in pair)) for pair in pairs]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="PLATE TRUTH")
    parser.add_argument("--edge", type=int, default=128, metavar="PX", help="long edge at which shots are relit (128)")
    parser.add_argument("--engine", default="flow")
    args = parser.parse_args()
    engine, shares = load_engine(args.engine), []
    print("| shot | named | best | what the named one brings | best | last | middle |\n|---|--:|--:|--:|--:|--:|--:|")
    for source, target in zip(args.folders[::2], args.folders[1::2], strict=True):
        plate, truth = read(source, args.edge), read(target, args.edge)
        first, *others = sorted(plate)
        wide, reference = read(source, WORK_SIZE), {first: read(target, WORK_SIZE)[first]}
        named = suggest(DownsampledShot(ArraySource(wide, reference, None), WORK_SIZE)).frames[0].frame
        alone = decibels(engine, plate, truth, [first])
        brings = {frame: decibels(engine, plate, truth, [first, frame]) - alone for frame in others}
        best = max(brings, key=brings.__getitem__)
        shown = [brings[frame] for frame in (named, best, others[-1], others[len(others) // 2])]
        shares.append(np.array(shown) / brings[best])
        cells = " | ".join(f"{each:+.2f} dB" for each in shown)
        print(f"| {target} | {named} | {best} | {cells} |", flush=True)
    print(
        "share of the best, mean: named, best, last, middle: " + ", ".join(f"{x:.0%}" for x in np.mean(shares, axis=0))
    )


if __name__ == "__main__":
    main()
