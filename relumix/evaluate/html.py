"""A report as one HTML file that needs nothing else: no scripts, no network."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image

from relumix.evaluate.charts import curve
from relumix.evaluate.compare import ERROR_STOPS, LIGHT_STOPS
from relumix.evaluate.report import Metric, Report
from relumix.preview.display import UInt8
from relumix.util.atomic_file import replacing


def write_html(report: Report, path: Path) -> None:
    """Write a report: means, curves over the frames, pictures beside error maps. Raises InputError where that fails."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("relumix.evaluate", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    rows = {row.frame: row for row in report.rows}
    followed = [row.followed for row in report.rows if row.followed is not None]
    text = environment.get_template("report.html").render(
        name=Path(report.result).name,
        report=report,
        charts=[(metric, _chart(report, metric)) for metric in report.metrics],
        exhibits=[(rows[e.frame], [(t, _jpeg(p)) for t, p in e.pictures.items()]) for e in report.exhibits],
        followed=float(np.mean(followed)) if followed else 0.0,
        light_stops=LIGHT_STOPS,
        error_stops=ERROR_STOPS,
    )
    with replacing(path) as name:
        name.write_text(text, encoding="utf-8", errors="backslashreplace")  # names of files may be no UTF-8


def _chart(report: Report, metric: Metric) -> str:
    return curve(
        [row.frame for row in report.rows],
        [row.value(metric) for row in report.rows],
        unit=metric.unit,
        decimals=metric.decimals,
        marks=report.references,
    )


def _jpeg(picture: UInt8) -> str:
    """Return a picture [h, w, 3] as base64 text of a JPEG."""
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=90, subsampling=0)
    return base64.b64encode(data.getvalue()).decode("ascii")
