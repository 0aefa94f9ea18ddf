"""A contact sheet of a shot: plate, references, result, gain and its confidence, in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from relumix.gain.log_gain import BLACK_OFFSET
from relumix.preview.display import UInt8, auto_exposure, display, fit
from relumix.preview.marks import exif
from relumix.types import Float32
from relumix.util.atomic_file import replacing

CELL_WIDTH_PX = 384

_GAP, _MARGIN, _GUTTER, _HEAD, _FOOT = 8, 24, 104, 40, 40
_GROUND, _LINE, _TEXT, _FAINT = (20, 20, 22), (70, 70, 75), (225, 225, 228), (140, 140, 146)

_CONFIDENCE_LEGEND = "confidence: white is certain, middle grey off by one stop, black by many"

_LIGHT = np.array([(120, 200, 255), (35, 105, 235), (26, 26, 30), (235, 120, 20), (255, 225, 130)], np.float32)
"""False colour of a gain in stops, from the darkest to the brightest end: blue takes light away, orange adds it."""


@dataclass
class _Column:
    plate: UInt8
    result: UInt8
    reference: UInt8 | None
    stops: Float32
    confidence: UInt8 | None


class ContactSheet:
    """Collects thumbnails while a shot goes by, and writes a PNG: plate, reference, result, light, confidence.

    path          where the PNG goes.
    frames        the frames of the shot, ascending: the columns are chosen from them, evenly.
    references    those of them that were given relit: they take the place of the nearest columns.
    columns       how many frames are shown, at most.
    exposure      factor for the view, None for that of the first plate that is offered (see auto_exposure).
    pixel_aspect  width of a plate pixel over its height.
    titles        what stands over a column, instead of its frame's number.
    given         the title of the row of references.

    Use as a context manager: an exception leaves no file behind.
    """

    def __init__(
        self,
        path: Path,
        frames: Sequence[int],
        *,
        references: Sequence[int] = (),
        columns: int = 5,
        exposure: float | None = None,
        pixel_aspect: float = 1.0,
        titles: Mapping[int, str] | None = None,
        given: str = "reference",
    ) -> None:
        self._path, self._titles, self._given = path, titles or {}, given
        self._chosen = _choose(frames, references, columns)
        self._sets_exposure = frames[0] if frames and exposure is None else None
        self._exposure = exposure
        self._pixel_aspect = pixel_aspect
        self._columns: dict[int, _Column] = {}
        self._height = 0

    def wants(self, frame: int) -> bool:
        """Tell whether `add` does anything with this frame: it is a column, or the first, which sets the exposure."""
        return frame in self._chosen or frame == self._sets_exposure

    def add(
        self,
        frame: int,
        plate: Float32,
        result: Float32,
        *,
        reference: Float32 | None = None,
        confidence: Float32 | None = None,
    ) -> None:
        """Offer a frame; it is kept, small, if it is one of the columns.

        plate, result, reference [h, w, 3] float32, scene-linear, confidence [h, w] in 0..1: the display window.
        """
        if self._exposure is None:
            self._exposure = auto_exposure(plate)
        if frame not in self._chosen:
            return
        if not self._height:
            self._height = max(1, round(CELL_WIDTH_PX * plate.shape[0] / (plate.shape[1] * self._pixel_aspect)))
        exposure = self._exposure

        def small(rgb: Float32) -> Float32:
            return fit(rgb, CELL_WIDTH_PX, self._height)

        plate, result = small(plate), small(result)
        self._columns[frame] = _Column(
            display(plate, exposure),
            display(result, exposure),
            None if reference is None else display(small(reference), exposure),
            light_added(plate, result, exposure),
            None if confidence is None else as_grey(small(confidence)),
        )

    def close(self) -> None:
        """Write the PNG. Without a single frame there is none. Raises InputError where it cannot be written."""
        if self._columns:
            with replacing(self._path, durable=False) as name:
                self._draw().save(name, exif=exif())

    def __enter__(self) -> ContactSheet:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()

    def _draw(self) -> Image.Image:
        top_stops = _round_up([c.stops for c in self._columns.values()])
        rows = self._rows(top_stops)
        step_x, step_y = CELL_WIDTH_PX + _GAP, self._height + _GAP
        width = _MARGIN + _GUTTER + len(self._columns) * step_x - _GAP + _MARGIN
        height = _HEAD + len(rows) * step_y - _GAP + _FOOT
        sheet = Image.new("RGB", (width, height), _GROUND)
        draw = ImageDraw.Draw(sheet)
        font = ImageFont.load_default(18)
        for i, frame in enumerate(sorted(self._columns)):
            draw.text(
                (_MARGIN + _GUTTER + i * step_x, _HEAD / 2), self._titles.get(frame, str(frame)), _FAINT, font, "lm"
            )
        for j, (title, cells) in enumerate(rows.items()):
            y = _HEAD + j * step_y
            draw.text((_MARGIN, y + self._height / 2), title, _TEXT, font, "lm")
            for i, cell in enumerate(cells):
                if cell is not None:
                    sheet.paste(Image.fromarray(cell), (_MARGIN + _GUTTER + i * step_x, y))
            if title == self._given:
                _draw_reach(draw, [cell is None for cell in cells], y + self._height // 2)
        _draw_scale(sheet, _MARGIN + _GUTTER, height - _FOOT + 12, top_stops)
        if "confidence" in rows:
            draw.text(
                (width - _MARGIN, height - _FOOT + 17), _CONFIDENCE_LEGEND, _FAINT, ImageFont.load_default(14), "rm"
            )
        return sheet

    def _rows(self, top_stops: float) -> dict[str, list[UInt8 | None]]:
        """Return the cells of each row by its title; rows without a picture are left out."""
        columns = [self._columns[frame] for frame in sorted(self._columns)]
        rows: dict[str, list[UInt8 | None]] = {
            "plate": [c.plate for c in columns],
            self._given: [c.reference for c in columns],
            "result": [c.result for c in columns],
            "light": [false_color(c.stops, top_stops) for c in columns],
            "confidence": [c.confidence for c in columns],
        }
        return {title: cells for title, cells in rows.items() if any(cell is not None for cell in cells)}


def light_added(plate: Float32, result: Float32, exposure: float) -> Float32:
    """Return how many stops of light lie between a plate and its relit version, [h, w]: the mean of R, G and B.

    plate, result [h, w, 3] float32, scene-linear, finite; exposure: brings the plate to mid-grey, so that black, where
    a ratio says nothing, counts as unchanged.
    """
    black = np.float32(BLACK_OFFSET / exposure)
    before, after = np.maximum(plate, 0) + black, np.maximum(result, 0) + black
    return np.asarray(np.log2(after / before).mean(-1), np.float32)


def false_color(stops: Float32, top_stops: float) -> UInt8:
    """Return a gain as colour, [h, w, 3]: black at 0, blue to pale blue down to -top_stops, orange to yellow up to it.

    stops  [h, w] float32; beyond the ends it is shown as they are.
    """
    anchors = np.linspace(-top_stops, top_stops, len(_LIGHT))
    channels = [np.interp(stops, anchors, _LIGHT[:, c]) for c in range(3)]
    return (np.stack(channels, -1) + 0.5).astype(np.uint8)


def as_grey(confidence: Float32) -> UInt8:
    """Return confidence [h, w] in 0..1 as grey, [h, w, 3]."""
    grey = (np.clip(confidence, 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _draw_reach(draw: ImageDraw.ImageDraw, empty: Sequence[bool], y: int) -> None:
    """Draw a line over the empty cells of a row, from its pictures to the sheet's ends, with an arrow there."""
    for i, here in enumerate(empty):
        x = _MARGIN + _GUTTER + i * (CELL_WIDTH_PX + _GAP)
        end = x + CELL_WIDTH_PX
        if here:
            draw.line((x + (0 if i == 0 else -_GAP), y, end, y), _LINE, 2)
            if i == 0:
                draw.polygon([(x, y), (x + 12, y - 6), (x + 12, y + 6)], _LINE)
            if i == len(empty) - 1:
                draw.polygon([(end, y), (end - 12, y - 6), (end - 12, y + 6)], _LINE)


def _draw_scale(sheet: Image.Image, x: int, y: int, top_stops: float) -> None:
    ramp = np.linspace(-top_stops, top_stops, CELL_WIDTH_PX, dtype=np.float32)
    sheet.paste(Image.fromarray(false_color(np.tile(ramp, (10, 1)), top_stops)), (x, y))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    text = f"light added, in stops: {-top_stops:+g} to {top_stops:+g}, mean of R, G and B"
    draw.text((x + CELL_WIDTH_PX + 12, y + 5), text, _FAINT, font, "lm")


def _round_up(gains: Sequence[Float32]) -> float:
    """Return the whole number of stops that 99 % of the gains stay within, at least 1."""
    return float(max(1.0, np.ceil(np.percentile(np.abs(np.stack(gains)), 99) - 0.05)))


def _choose(frames: Sequence[int], references: Sequence[int], columns: int) -> frozenset[int]:
    """Return up to `columns` frames from first to last, evenly, the references among them as far as they fit."""
    spread = np.linspace(0, len(frames) - 1, min(columns, len(frames))) if frames else np.zeros(0)
    chosen = [frames[round(float(i))] for i in spread]
    kept: set[int] = set()
    for reference in [r for r in references if r in set(frames)][:columns]:
        free = [c for c in chosen if c not in kept]
        nearest = min(free, key=lambda c: abs(c - reference))
        chosen[chosen.index(nearest)] = reference
        kept.add(reference)
    return frozenset(chosen)
