"""Reports to write and to look at."""

import numpy as np

from relumix.evaluate import Report, Row
from relumix.evaluate.report import Exhibit


def make_report(**changes):
    rows = (
        Row(1002, psnr_db=20.0, ssim=0.9, flip=0.2),
        Row(1003, psnr_db=30.0, ssim=0.8, flip=0.1, temporal_error_codes=4.0),
    )
    picture = np.full((12, 16, 3), 128, np.uint8)
    exhibits = (Exhibit(1002, {"result": picture, "truth": picture, "FLIP error": picture}),)
    known = {
        "result": "out/relit.####.exr",
        "truth": "gt/<truth>.####.exr",
        "source": None,
        "exposure": 1.25,
        "references": (1001,),
        "rows": rows,
        "exhibits": exhibits,
    }
    return Report(**{**known, **changes})
