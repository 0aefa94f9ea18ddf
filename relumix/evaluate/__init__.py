"""Measures relit shots: against ground truth, or without it by the flicker of their gain.

evaluate   measures a sequence of files; everything else is about its Report.
"""

from relumix.util.extras import needed

with needed("evaluate", "local"):
    from relumix.evaluate.html import write_html
    from relumix.evaluate.report import METRICS, Metric, Report, Row, write_json
    from relumix.evaluate.run import evaluate

__all__ = ["METRICS", "Metric", "Report", "Row", "evaluate", "write_html", "write_json"]
