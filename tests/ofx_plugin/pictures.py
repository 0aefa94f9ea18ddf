"""The pictures of ofx_plugin/README.md, from the strict host: python -m tests.ofx_plugin.pictures

panel.png   the parameters, drawn from what the plugin says of them; not a host's own look.
steps.jpg   the example shot through the plugin: plate, reference, results, gain.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from relumix.preview.display import auto_exposure, display
from tests.ofx_plugin.conftest import build_all
from tests.ofx_plugin.rig import GENERAL, Bench
from tests.shot import files

ROOT = Path(__file__).resolve().parents[2]
SHOT = ROOT / "examples/shot"
FRAMES = range(1001, 1017)

ROW_PX, PANEL_PX, LABEL_PX = 25, 640, 190
GREY, DARK, LIGHT, TEXT = (58, 58, 58), (38, 38, 38), (88, 88, 88), (222, 222, 222)
FONT = ImageFont.load_default(14)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "bench", *build_all(Path(folder), "-O2"))
        try:
            for frame in FRAMES:
                bench.put("Source", {frame: files.light(SHOT / f"plate/example.{frame}.exr")[..., :3]})
            bench.put("Reference", {1001: files.light(SHOT / "truth/example.1001.exr")[..., :3]})
            host = bench.host().load(first=FRAMES[0], last=FRAMES[-1])
            status = host.press("relight")
            told = json.loads(host.say(f"describe {GENERAL}"))
            draw_panel(told["parameters"], status).save(ROOT / "ofx_plugin/panel.png", optimize=True)
            draw_steps(bench, host).save(ROOT / "ofx_plugin/steps.jpg", quality=85)
        finally:
            bench.close()


def draw_panel(parameters: list[dict], status: str) -> Image.Image:
    """Draw the parameters as hosts lay them out: groups, labels, values; buttons beside each other."""
    shown = [each for each in parameters if each["OfxPropName"][0] not in ("id", "made", "Main")]
    buttons = [each for each in shown if each["kind"] == "OfxParamTypePushButton"]
    rows = [each for each in shown if each not in buttons[1:]]
    panel = Image.new("RGB", (PANEL_PX, ROW_PX * len(rows) + 12), GREY)
    pen = ImageDraw.Draw(panel)
    for number, row in enumerate(rows):
        y = 6 + number * ROW_PX
        if row in buttons:
            draw_buttons(pen, y, [each["OfxPropLabel"][0] for each in buttons])
        else:
            draw_row(pen, y, row, status)
    return panel


def draw_row(pen: ImageDraw.ImageDraw, y: int, row: dict, status: str) -> None:
    label = row["OfxPropLabel"][0]
    if row["kind"] == "OfxParamTypeGroup":
        pen.rectangle((0, y, PANEL_PX, y + ROW_PX - 3), DARK)
        pen.text((10, y + 3), f"v  {label}", TEXT, FONT)
        return
    pen.text((LABEL_PX - 10, y + 11), label, TEXT, FONT, anchor="rm")
    end = PANEL_PX - 12 if row["kind"] == "OfxParamTypeString" else LABEL_PX + 200
    if row["kind"] == "OfxParamTypeBoolean":
        end = LABEL_PX + 18
    pen.rectangle((LABEL_PX, y + 1, end, y + ROW_PX - 5), DARK)
    value = row.get("OfxParamPropDefault", [""])[0]
    if row["kind"] == "OfxParamTypeChoice":
        pen.text((end - 14, y + 11), "v", TEXT, FONT, anchor="lm")
        value = row["OfxParamPropChoiceOption"][value]
    if row["kind"] != "OfxParamTypeBoolean":
        text = status if row["OfxPropName"] == ["status"] else str(value)
        pen.text((LABEL_PX + 7, y + 11), text, TEXT, FONT, anchor="lm")


def draw_buttons(pen: ImageDraw.ImageDraw, y: int, labels: list[str]) -> None:
    for number, label in enumerate(labels):
        x = LABEL_PX + 130 * number
        pen.rounded_rectangle((x, y, x + 120, y + ROW_PX - 4), 4, LIGHT)
        pen.text((x + 60, y + 11), label, TEXT, FONT, anchor="mm")


def draw_steps(bench: Bench, host) -> Image.Image:
    """Lay plate, reference, results and gain beside each other, each with its name."""
    plate = {frame: files.light(SHOT / f"plate/example.{frame}.exr")[..., :3] for frame in (1001, 1009)}
    reference = files.light(SHOT / "truth/example.1001.exr")[..., :3]
    exposure = auto_exposure(plate[1001])
    tiles = [("Source, frame 1001", plate[1001]), ("Reference, frame 1001", reference)]
    tiles += [("Source, frame 1009", plate[1009]), ("Relumix, frame 1009", host.render(1009)[0][..., :3])]
    tiles.append(("Relumix, frame 1016", host.render(1016)[0][..., :3]))
    pictures = [(name, display(np.ascontiguousarray(pixels), exposure)) for name, pixels in tiles]
    host.set("output", 1)
    stops = host.render(1009)[0][..., :3]
    grey = np.clip(127.5 + stops * 127.5 / 4, 0, 255).astype(np.uint8)
    pictures.append(("gain in stops, frame 1009: grey is 0, white +4", grey))
    return sheet(pictures)


def sheet(pictures: list[tuple[str, np.ndarray]]) -> Image.Image:
    width, gap, bar = 400, 6, 22
    height = round(width * pictures[0][1].shape[0] / pictures[0][1].shape[1])
    whole = Image.new("RGB", (2 * width + 3 * gap, 3 * (height + bar + gap) + gap), GREY)
    pen = ImageDraw.Draw(whole)
    for number, (name, pixels) in enumerate(pictures):
        x, y = gap + number % 2 * (width + gap), gap + number // 2 * (height + bar + gap)
        whole.paste(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS), (x, y + bar))
        pen.text((x + 2, y + 4), name, TEXT, FONT)
    return whole


if __name__ == "__main__":
    main()
