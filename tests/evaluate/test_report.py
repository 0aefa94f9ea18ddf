import json

import pytest

from relumix.errors import InputError
from relumix.evaluate import METRICS, Row, write_json
from tests.evaluate.reports import make_report

PSNR, SSIM, PU_PSNR, FLIP, HDR_FLIP, TEMPORAL, FLICKER = METRICS[:7]


def test_means_are_over_the_frames_that_have_a_value():
    report = make_report()
    assert report.mean(PSNR) == 25
    assert report.mean(TEMPORAL) == 4
    assert report.mean(FLICKER) is None
    assert report.metrics == (PSNR, SSIM, FLIP, TEMPORAL)


def test_the_worst_frame_depends_on_which_way_is_better():
    report = make_report()
    assert report.worst(PSNR).frame == 1002
    assert report.worst(SSIM).frame == 1003
    assert report.worst(FLIP).frame == 1002
    assert report.worst(FLICKER) is None


def test_text_is_a_table_for_the_terminal():
    assert make_report().text() == (
        "                  mean   worst  at frame\n"
        "PSNR             25.00   20.00      1002  dB, higher is better\n"
        "SSIM            0.8500  0.8000      1003  higher is better\n"
        "FLIP            0.1500  0.2000      1002  lower is better\n"
        "Temporal error    4.00    4.00      1003  8-bit codes, lower is better\n"
        "2 frames, 1002 to 1003; not scored: 1001; exposure 1.25"
    )


def test_one_frame_reads_well_too():
    text = make_report(rows=(Row(7, psnr_db=20.0),), references=()).text()
    assert text.splitlines()[-1] == "1 frame, 7; exposure 1.25"


def test_json_has_every_key_and_null_for_what_was_not_measured(tmp_path):
    write_json(make_report(), tmp_path / "r.json")
    data = json.loads((tmp_path / "r.json").read_text())
    assert list(data) == [
        "format", "result", "truth", "source", "confidence", "exposure", "references", "metrics", "mean", "frames",
    ]  # fmt: skip
    assert data["format"] == 1
    assert data["metrics"]["psnr_db"] == {"title": "PSNR", "unit": "dB", "better": "higher"}
    assert data["mean"] == pytest.approx({"psnr_db": 25, "ssim": 0.85, "flip": 0.15, "temporal_error_codes": 4})
    assert data["frames"][0] == {
        "frame": 1002,
        "psnr_db": 20.0,
        "ssim": 0.9,
        "pu_psnr_db": None,
        "flip": 0.2,
        "hdr_flip": None,
        "temporal_error_codes": None,
        "gain_flicker_stops": None,
        "within_expected": None,
        "error_correlation": None,
        "followed": None,
    }


def test_every_metric_has_a_place_in_a_row():
    assert all(hasattr(Row(1), metric.key) for metric in METRICS)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"r\.json cannot be written"):
        write_json(make_report(), tmp_path / "file" / "r.json")
