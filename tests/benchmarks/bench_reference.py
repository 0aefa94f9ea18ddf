"""How near the light of a spoiled picture comes to the truth, and what a match gives back of a grade.

    python tests/benchmarks/bench_reference.py [--shot PLATE TRUTH ...] [--pictures DIR]

No image model is run: its picture is stood in for by the truth, spoiled as such models spoil it. Prints two tables, the
means over the shots (the example shot, and those given), and draws the pictures of docs/reference.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from relumix.color.rec709 import LUMINANCE  # noqa: E402
from relumix.gain.log_gain import MID_GREY  # noqa: E402
from relumix.preview.contact_sheet import false_color  # noqa: E402
from relumix.preview.display import auto_exposure, display  # noqa: E402
from relumix.reference.match.color_map import ColorMap, Palette  # noqa: E402
from relumix.reference.text.display import Display, quantized  # noqa: E402
from relumix.reference.text.extraction import light_of  # noqa: E402
from relumix.types import Float32  # noqa: E402
from tests.reference.spoiled import EXAMPLE, OFFSET, SPOILS, measured, pairs, psnr, small  # noqa: E402

GRADES = {
    "contrast by channel, powers 1.3, 1.2, 1.1": lambda x: MID_GREY * (x / MID_GREY) ** np.float32([1.3, 1.2, 1.1]),
    "half the saturation": lambda x: np.maximum(0.5 * (x @ LUMINANCE)[..., None] + 0.5 * x, 0),
    "slope, offset and power": lambda x: (
        (x * np.float32([1.2, 1, 0.8]) + np.float32([0, 0.01, 0.02])) ** np.float32(1.1)
    ),
}
WIDTH, GAP, TITLE = 320, 6, 26


def spoiled_table(folders: list[tuple[Path, Path]]) -> None:
    """Print what is taken over of each spoiled picture."""
    print("| the picture is the truth, | its plain ratio | its light taken over |\n|---|--:|--:|")
    for name, spoil in SPOILS.items():
        rows = [measured(plate, lit, spoil) for at in (0, -1) for plate, lit in pairs(folders, at)]
        taken, plain = (float(np.mean([row[i] for row in rows])) for i in (1, 2))
        print(f"| {name} | {plain:.1f} dB | {taken:.1f} dB |")


def grade_table(folders: list[tuple[Path, Path]]) -> None:
    """Print the error of a match with a graded frame: the plate's own, and the shot's last."""
    print("\n| the picture is graded by | of the same frame | of the last frame |\n|---|--:|--:|")
    for name, grade in GRADES.items():
        errors = []
        for plates in zip(pairs(folders), pairs(folders, -1), strict=True):
            first, last = (cv2.resize(plate, (192, 108), interpolation=cv2.INTER_AREA) for plate, _ in plates)
            true = np.log2((grade(first) + 1e-3) / (first + 1e-3))
            errors.append([np.abs(matched(first, grade(each)) - true).mean() for each in (first, last)])
        own, other = np.mean(errors, axis=0)
        print(f"| {name} | {own:.2f} stops | {other:.2f} stops |")


def matched(plate: Float32, other: Float32) -> Float32:
    """Return the gain of a match."""
    return ColorMap.fit(*(Palette.of(each.reshape(-1, 3)) for each in (plate, other))).gain(plate)


def draw_spoiled(path: Path) -> None:
    """Draw plate, spoiled picture, the plate under its plain ratio, under its light, and the truth; and the light."""
    ((plate, lit),) = pairs([(EXAMPLE / "plate", EXAMPLE / "truth")], 7)
    spoil = SPOILS["softened, shifted, warped and a face changed"]
    view = Display.of(plate)
    picture = quantized(view.encode(spoil(lit, np.random.default_rng(1))))
    ratio = np.log2((view.decode(picture) + OFFSET) / (plate + OFFSET))
    found = light_of(plate, picture, view)
    under = {
        f"plain ratio: {psnr(plate, ratio, lit):.1f} dB": ratio,
        f"its light taken over: {psnr(plate, found.gain_stops, lit):.1f} dB": found.gain_stops,
    }
    exposure = view.exposure
    cells = {"plate": display(plate, exposure), "the picture, spoiled": (picture * 255).astype(np.uint8)}
    cells |= {
        name: display((plate + OFFSET) * np.exp2(stops) - OFFSET, exposure).clip(0, 255)
        for name, stops in under.items()
    }
    cells |= {"truth": display(lit, exposure)}
    cells |= {"light": false_color(found.gain_stops.mean(-1), 4)}
    sheet(path, cells, columns=2)


def draw_matches(path: Path) -> None:
    """Draw plates, the pictures that they are matched with, and the results, all of a row at one exposure."""
    crates, cells = ROOT / "examples/crates", {}
    rows = {
        "the same things": (EXAMPLE / "plate/example.1003.exr", EXAMPLE / "truth/example.1014.exr"),
        "the same place": (crates / "plate/crates.1003.exr", crates / "relit.1010.exr"),
        "something else": (EXAMPLE / "plate/example.1008.exr", crates / "relit.1010.exr"),
    }
    for name, paths in rows.items():
        plate, other = map(small, paths)
        exposure = auto_exposure(plate)
        whole = ColorMap.fit(*(Palette.of(each.reshape(-1, 3)) for each in (plate, other)))
        cells |= {f"plate: {name}": display(plate, exposure), f"--to: {name}": display(other, exposure)}
        cells[f"result, contrast {whole.contrast:.2f}"] = display(plate * np.exp2(whole.gain(plate)), exposure)
        cells[f"--contrast 1: {name}"] = display(plate * np.exp2(whole.gain(plate, 1.0)), exposure)
    sheet(path, cells, columns=4)


def sheet(path: Path, cells: dict[str, np.ndarray], columns: int) -> None:
    """Write pictures [h, w, 3] uint8 side by side, each with its title over it."""
    height = round(WIDTH * 9 / 16)
    rows = -(-len(cells) // columns)
    whole = Image.new("RGB", (columns * (WIDTH + GAP) - GAP, rows * (height + TITLE)), (20, 20, 22))
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(15)
    for i, (title, cell) in enumerate(cells.items()):
        x, y = i % columns * (WIDTH + GAP), i // columns * (height + TITLE)
        draw.text((x + 4, y + TITLE / 2), title, (225, 225, 228), font, "lm")
        whole.paste(Image.fromarray(cell).resize((WIDTH, height), Image.Resampling.LANCZOS), (x, y + TITLE))
    whole.save(path, quality=88)


def main() -> None:
    """Measure, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shot", nargs=2, type=Path, action="append", default=[], metavar=("PLATE", "TRUTH"))
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="folder that the pictures go to")
    args = parser.parse_args()
    folders = [(EXAMPLE / "plate", EXAMPLE / "truth"), *map(tuple, args.shot)]
    spoiled_table(folders)
    grade_table(folders)
    if args.pictures:
        draw_spoiled(args.pictures / "reference_text.jpg")
        draw_matches(args.pictures / "reference_match.jpg")


if __name__ == "__main__":
    main()
