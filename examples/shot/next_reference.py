"""Draws the example shot by its first frame, and by that and the one that suggest names (docs/references.md)."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from PIL import Image, ImageDraw

import relumix
from relumix.color.rec709 import srgb_encode
from relumix.evaluate.metrics import psnr
from relumix.gain.proxy_shot import DownsampledShot
from relumix.pipeline.suggest import WORK_SIZE, suggest
from relumix.preview.display import auto_exposure, display
from relumix.shot.source import PlateSource

SHOT, FIRST, SHOWN = Path(__file__).parent, 1001, (1004, 1008, 1011, 1016)
WIDTH, HEIGHT, TITLE = 300, 169, 20


def channels(path: Path, names: Sequence[str] = "RGB") -> np.ndarray:
    """Return some channels of a file, [h, w, channels] float32."""
    image = oiio.ImageBuf(str(path))
    pixels = np.asarray(image.get_pixels("float"))
    return np.ascontiguousarray(pixels[..., [image.spec().channelnames.index(name) for name in names]])


def truth(frame: int) -> Path:
    """Return the file of a frame as it should be."""
    return SHOT / f"truth/example.{frame}.exr"


def named() -> int:
    """Return the frame that suggest names beside the first."""
    source = PlateSource.find(SHOT / "plate", {FIRST: truth(FIRST)}, relumix.Settings(cuts="none")).with_cuts()
    return suggest(DownsampledShot(source, WORK_SIZE)).frames[0].frame


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jpg", help="where the picture goes")
    out, second = parser.parse_args().out, named()
    exposure = auto_exposure(channels(truth(FIRST)))
    rows: list[list[tuple[str, np.ndarray]]] = [
        [(f"frame {frame}, as it should be", display(channels(truth(frame)), exposure)) for frame in SHOWN]
    ]
    with tempfile.TemporaryDirectory() as folder:
        for given in ([FIRST], [FIRST, second]):
            output, settings = Path(folder, str(len(given))), relumix.Settings(confidence_layer=True)
            relumix.relight(SHOT / "plate", {frame: truth(frame) for frame in given}, output, settings)
            made = [output / f"example.{frame}.exr" for frame in SHOWN]
            rows += [[], []]
            for frame, path in zip(SHOWN, made, strict=True):
                pair = (srgb_encode(channels(each) * np.float32(exposure)) for each in (path, truth(frame)))
                by = f"from {' and '.join(map(str, given))}: {psnr(*pair):.1f} dB"
                rows[-2].append((by, display(channels(path), exposure)))
                grey = np.repeat(channels(path, ["confidence.Y"]), 3, axis=-1)
                rows[-1].append(("how sure that is", (np.clip(grey, 0, 1) * 255 + 0.5).astype(np.uint8)))
    sheet = Image.new("RGB", (len(SHOWN) * WIDTH, len(rows) * (HEIGHT + TITLE)), "black")
    draw = ImageDraw.Draw(sheet)
    for y, row in enumerate(rows):
        for x, (title, picture) in enumerate(row):
            small = Image.fromarray(picture).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
            sheet.paste(small, (x * WIDTH, y * (HEIGHT + TITLE) + TITLE))
            draw.text((x * WIDTH + 6, y * (HEIGHT + TITLE) + 4), title, fill="white")
    sheet.save(out, quality=88)


if __name__ == "__main__":
    main()
