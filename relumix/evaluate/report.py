"""The report of an evaluation: a row for each frame, means, table, JSON and pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from relumix.preview.display import UInt8
from relumix.util.atomic_file import replacing


@dataclass(frozen=True)
class Metric:
    """A metric's description. `key` is its name in a Row and in the JSON, with its unit in it where it has one."""

    key: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    decimals: int
    about: str

    def format(self, value: float | None) -> str:
        """Return a value as text, "-" for None."""
        return "-" if value is None else f"{value:.{self.decimals}f}"


METRICS = (
    Metric("psnr_db", "PSNR", "dB", "higher", 2, "of display values: error of level and of detail alike"),
    Metric("ssim", "SSIM", "", "higher", 4, "of display values: structure, in a window of 11 pixels"),
    Metric("pu_psnr_db", "PU21-PSNR", "dB", "higher", 2, "of perceptually uniform codes: highlights above white count"),
    Metric("flip", "FLIP", "", "lower", 4, "of display values: what is seen when flipping between result and truth"),
    Metric("hdr_flip", "HDR-FLIP", "", "lower", 4, "the worst FLIP over all exposures that show something"),
    Metric(
        "temporal_error_codes", "Temporal error", "8-bit codes", "lower", 2, "change over time, against the truth's"
    ),
    Metric(
        "gain_flicker_stops", "Gain flicker", "stops", "lower", 4, "change of the light on a point that is followed"
    ),
    Metric("within_expected", "Within expected", "", "higher", 4, "share of pixels no farther off than is expected"),
    Metric(
        "error_correlation", "Error correlation", "", "higher", 4, "of the expected error and the true one, by rank"
    ),
)
"""All metrics, in the order of every table. See metrics, flicker and confidence in relumix.evaluate."""


@dataclass(frozen=True)
class Row:
    """The metrics of one frame, see METRICS; None for what was not measured or has no value on this frame.

    followed  the share of the frame, 0..1, over which gain_flicker_stops is a mean.
    """

    frame: int
    psnr_db: float | None = None
    ssim: float | None = None
    pu_psnr_db: float | None = None
    flip: float | None = None
    hdr_flip: float | None = None
    temporal_error_codes: float | None = None
    gain_flicker_stops: float | None = None
    within_expected: float | None = None
    error_correlation: float | None = None
    followed: float | None = None

    def value(self, metric: Metric) -> float | None:
        """Return the value of a metric on this frame."""
        value: float | None = getattr(self, metric.key)
        return value


@dataclass(frozen=True)
class Exhibit:
    """A frame to look at: titles and thumbnails [h, w, 3] uint8, left to right."""

    frame: int
    pictures: Mapping[str, UInt8]


@dataclass(frozen=True)
class Report:
    """An evaluation.

    result, truth, source  the patterns compared; None for what was not given.
    confidence             the pattern of what was said of the result's errors; None for nothing.
    exposure               factor from scene-linear to exposed values, one for all frames.
    references             frames given to the method relit: read, for what changes over time, but not scored.
    rows                   a Row a scored frame, ascending.
    exhibits               a few of the frames, small.
    """

    result: str
    truth: str | None
    source: str | None
    exposure: float
    references: tuple[int, ...]
    rows: tuple[Row, ...]
    exhibits: tuple[Exhibit, ...] = ()
    confidence: str | None = None

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Those of METRICS that have a value on some frame."""
        return tuple(m for m in METRICS if any(row.value(m) is not None for row in self.rows))

    def mean(self, metric: Metric) -> float | None:
        """Return the mean over the frames that have a value; None where none has."""
        values = [value for row in self.rows if (value := row.value(metric)) is not None]
        return float(np.mean(values)) if values else None

    def worst(self, metric: Metric) -> Row | None:
        """Return the frame that is worst by a metric; None where none has a value."""
        rows = [row for row in self.rows if row.value(metric) is not None]
        sign = 1 if metric.better == "higher" else -1
        return min(rows, key=lambda row: sign * (row.value(metric) or 0.0), default=None)

    def text(self) -> str:
        """Return the table for a terminal: a line a metric with its mean and its worst frame."""
        lines = [("", "mean", "worst", "at frame", "")]
        for metric in self.metrics:
            worst = self.worst(metric)
            value, frame = (worst.value(metric), str(worst.frame)) if worst else (None, "-")
            notes = ", ".join(filter(None, (metric.unit, f"{metric.better} is better")))
            lines.append((metric.title, metric.format(self.mean(metric)), metric.format(value), frame, notes))
        title, *widths = (max(len(cell) for cell in column) for column in zip(*lines, strict=True))
        table = [
            f"{name:<{title}}  {mean:>{widths[0]}}  {worst:>{widths[1]}}  {frame:>{widths[2]}}  {notes}".rstrip()
            for name, mean, worst, frame, notes in lines
        ]
        left_out = f"; not scored: {', '.join(map(str, self.references))}" if self.references else ""
        return "\n".join([*table, f"{self.scope}{left_out}; exposure {self.exposure:.4g}"])

    def to_dict(self) -> dict[str, Any]:
        """Return what write_json writes."""
        return {
            "format": 1,
            "result": self.result,
            "truth": self.truth,
            "source": self.source,
            "confidence": self.confidence,
            "exposure": self.exposure,
            "references": list(self.references),
            "metrics": {m.key: {"title": m.title, "unit": m.unit, "better": m.better} for m in self.metrics},
            "mean": {m.key: self.mean(m) for m in self.metrics},
            "frames": [asdict(row) for row in self.rows],
        }

    @property
    def scope(self) -> str:
        """The scored frames, in words."""
        first, last = self.rows[0].frame, self.rows[-1].frame
        return f"{len(self.rows)} frames, {first} to {last}" if len(self.rows) > 1 else f"1 frame, {first}"


def write_json(report: Report, path: Path) -> None:
    """Write a report as JSON. Raises InputError where the file cannot be written.

    Keys: `format` (1), `result`, `truth`, `source`, `confidence` (patterns or null), `exposure` (factor), `references`
    (frames not scored), `metrics` (key to title, unit and which way is better), `mean` (key to number), and `frames`, a
    list of objects with `frame` and every key of METRICS, and `followed`, as in Row; null for what was not measured.
    """
    with replacing(path) as name:
        name.write_text(json.dumps(report.to_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
