"""Draws one reference of the example shot with all of its light, half of it, and a part of it (docs/references.md)."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from PIL import Image, ImageDraw

import relumix
from relumix.preview.display import auto_exposure, display

SHOT, REFERENCE, SHOWN = Path(__file__).parent, 1008, 1011
WIDTH, HEIGHT, TITLE = 320, 180, 20


def pixels(path: Path) -> np.ndarray:
    """Return red, green and blue of a file, [h, w, 3] float32."""
    return np.ascontiguousarray(np.asarray(oiio.ImageBuf(str(path)).get_pixels("float"))[..., :3])


def write_matte(path: Path, height: int, width: int) -> None:
    """Write a soft matte of the right half."""
    ramp = np.clip((np.arange(width, dtype=np.float32) / width - 0.4) / 0.2, 0, 1)
    matte = np.repeat(ramp[None, :, None], height, axis=0)
    spec = oiio.ImageSpec(width, height, 1, "half")
    spec.channelnames = ("Y",)
    output = oiio.ImageOutput.create(str(path))
    if not (output and output.open(str(path), spec) and output.write_image(np.ascontiguousarray(matte))):
        raise OSError(f"{path} cannot be written")
    output.close()


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jpg", help="where the picture goes")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        matte, plate = Path(folder, "matte.exr"), pixels(SHOT / f"plate/example.{SHOWN}.exr")
        write_matte(matte, *plate.shape[:2])
        looks = {
            "no reference": None,
            "all of it": relumix.Settings(frames=str(SHOWN)),
            f"--reference-weight {REFERENCE}=0.5": relumix.Settings(
                frames=str(SHOWN), reference_weights=(f"{REFERENCE}=0.5",)
            ),
            f"--reference-mask {REFERENCE}=right.exr": relumix.Settings(
                frames=str(SHOWN), reference_masks=(f"{REFERENCE}={matte}",)
            ),
        }
        sheet = Image.new("RGB", (2 * WIDTH, 2 * (HEIGHT + TITLE)), "black")
        draw, exposure = ImageDraw.Draw(sheet), auto_exposure(plate)
        for i, (name, settings) in enumerate(looks.items()):
            shown, x, y = plate, i % 2 * WIDTH, i // 2 * (HEIGHT + TITLE)
            if settings is not None:
                output = Path(folder, str(i))
                relumix.relight(SHOT / "plate", {REFERENCE: SHOT / f"truth/example.{REFERENCE}.exr"}, output, settings)
                shown = pixels(output / f"example.{SHOWN}.exr")
            small = Image.fromarray(display(shown, exposure)).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
            sheet.paste(small, (x, y + TITLE))
            draw.text((x + 6, y + 4), name, fill="white")
        sheet.save(out, quality=88)


if __name__ == "__main__":
    main()
