"""How good a relit shot is: measured against the truth, or, without one, by how still its light holds.

evaluate   measures a sequence of files; everything else is about its Report.
"""

from relumix.util.extras import needed

with needed("evaluate", "local"):
    from relumix.evaluate.html import write_html
    from relumix.evaluate.report import METRICS, Metric, Report, Row, write_json
    from relumix.evaluate.run import evaluate

__all__ = ["METRICS", "Metric", "Report", "Row", "evaluate", "write_html", "write_json"]
