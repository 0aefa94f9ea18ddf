import json
import subprocess
import sys

import numpy as np
import OpenImageIO as oiio
import pytest

import relumix
from relumix.errors import InputError
from relumix.evaluate import METRICS, evaluate, write_html, write_json
from tests.shot import files
from tests.synthetic import make_shot, smooth_light

HEIGHT, WIDTH = 48, 64
FLICKER = METRICS[6]


def write(path, rgb, *, window=None, display=None):
    """Write a half-float EXR; window (x, y) is the origin of the data, display (width, height) that of the frame."""
    height, width = rgb.shape[:2]
    spec = oiio.ImageSpec(width, height, 3, "half")
    spec.x, spec.y = window or (0, 0)
    spec.full_width, spec.full_height = display or (width, height)
    path.parent.mkdir(parents=True, exist_ok=True)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec)
    assert out.write_image(np.ascontiguousarray(rgb, np.float32))
    out.close()


def noise(seed, height=HEIGHT, width=WIDTH):
    rng = np.random.default_rng(seed)
    return (0.18 * np.exp2(rng.normal(0, 1, (height, width, 3)))).astype(np.float32)


@pytest.fixture
def shot(tmp_path):
    """source/, truth/ and a result/ that is 10 % too bright, frames 1001 to 1004."""
    for frame in range(1001, 1005):
        source = noise(1)
        truth = source * np.float32([2, 1, 0.5])
        for name, rgb in (("source", source), ("truth", truth), ("result", truth * 1.1)):
            write(tmp_path / name / f"{name}.{frame}.exr", rgb)
    return tmp_path


def refused(*arguments, **options):
    with pytest.raises(InputError) as e:
        evaluate(*arguments, **options)
    return str(e.value)


@pytest.mark.filterwarnings("error")
def test_values_that_no_light_has_overflow_nowhere(tmp_path):
    shown = noise(1)
    for frame in (1, 2):
        for name, value in (("source", 3e38), ("result", -3e38), ("truth", 3e38)):
            pixels = shown.copy()
            pixels[5, 6], pixels[7, 8] = value, 1e-45
            files.plain(tmp_path / f"{name}/{name}.{frame}.exr", pixels)
    report = evaluate(tmp_path / "result", truth=tmp_path / "truth", source=tmp_path / "source")
    assert all(row.psnr_db > 20 for row in report.rows)
    assert report.rows[1].gain_flicker_stops < 0.1


def test_against_truth_every_frame_has_its_metrics(shot):
    told = []
    report = evaluate(shot / "result", truth=shot / "truth", on_frame=lambda done, total: told.append((done, total)))
    assert [row.frame for row in report.rows] == [1001, 1002, 1003, 1004]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [m.key for m in report.metrics] == [m.key for m in METRICS[:6]]
    assert report.rows[0].temporal_error_codes is None
    assert report.rows[1].temporal_error_codes == 0  # all frames are equally wrong
    assert report.result == str(shot / "result" / "result.####.exr")
    assert [e.frame for e in report.exhibits] == [1001, 1002, 1003, 1004]
    assert list(report.exhibits[0].pictures) == ["result", "truth", "FLIP error"]


def test_the_truth_itself_is_perfect(shot):
    report = evaluate(shot / "truth", truth=shot / "truth")
    means = [report.mean(metric) for metric in METRICS]
    assert means == [100, pytest.approx(1), 100, 0, 0, 0, None, None, None]


def test_hdr_flip_can_be_left_out(shot):
    report = evaluate(shot / "result", truth=shot / "truth", hdr_flip=False)
    assert "hdr_flip" not in [m.key for m in report.metrics]
    assert report.rows[0].flip is not None


def test_without_truth_a_pure_grade_has_no_flicker(shot):
    report = evaluate(shot / "result", source=shot / "source")
    assert [m.key for m in report.metrics] == ["gain_flicker_stops"]
    assert report.mean(FLICKER) < 1e-3
    assert report.rows[1].followed > 0.8
    assert list(report.exhibits[1].pictures) == ["result", "source", "light", "change of the light"]


def test_flicker_of_a_shot_with_a_known_light(tmp_path):
    made = make_shot(size=(128, 96), frames=range(1, 5), light=smooth_light((128, 96)))
    for i, frame in enumerate(made.plate):
        write(tmp_path / "s" / f"s.{frame:04d}.exr", made.plate[frame])
        write(tmp_path / "still" / f"r.{frame:04d}.exr", made.truth[frame])
        write(tmp_path / "flickers" / f"r.{frame:04d}.exr", made.truth[frame] * 2 ** (0.2 * (i % 2)))
    still = evaluate(tmp_path / "still", source=tmp_path / "s").mean(FLICKER)
    flickers = evaluate(tmp_path / "flickers", source=tmp_path / "s").mean(FLICKER)
    assert still < 0.02
    assert flickers == pytest.approx(0.2, abs=0.02)


def relit(shot, references):
    """The shot's source, relit by relumix from these frames of the truth."""
    given = {frame: shot / f"truth/truth.{frame}.exr" for frame in references}
    relumix.relight(shot / "source", given, shot / "relit")
    return shot / "relit"


def test_references_that_the_result_names_are_not_scored(shot):
    made = relit(shot, (1001, 1003))
    assert evaluate(made, truth=shot / "truth", hdr_flip=False).references == (1001, 1003)
    assert evaluate(made, source=shot / "source").references == (1001, 1003)
    assert evaluate(made, truth=shot / "truth", frames=[1002, 1003], hdr_flip=False).references == (1003,)
    assert evaluate(made, truth=shot / "truth", references=(), hdr_flip=False).references == ()
    assert evaluate(made, truth=shot / "truth", references=[1002], hdr_flip=False).references == (1002,)
    assert refused(made, truth=shot / "truth", frames=[1001]).endswith("expected at least one that is not a reference")


def test_an_attribute_of_that_name_that_is_no_list_of_references_says_nothing(shot):
    spec = oiio.ImageSpec(WIDTH, HEIGHT, 3, "half")
    spec.attribute("relumix:references", "the first one")
    out = oiio.ImageOutput.create("a.exr")
    path = shot / "result/result.1001.exr"
    assert out.open(str(path), spec) and out.write_image(noise(1)) and out.close()
    assert evaluate(shot / "result", source=shot / "source").references == ()


def test_references_are_not_scored_and_break_the_pairs(shot):
    report = evaluate(shot / "result", truth=shot / "truth", source=shot / "source", references=[1002])
    assert [row.frame for row in report.rows] == [1001, 1003, 1004]
    assert report.references == (1002,)
    assert [row.temporal_error_codes is None for row in report.rows] == [True, True, False]
    assert [row.gain_flicker_stops is None for row in report.rows] == [True, True, False]


def test_any_choice_of_frames_has_the_same_exposure(shot):
    write(shot / "truth" / "truth.1001.exr", noise(5) * 7)
    whole = evaluate(shot / "result", truth=shot / "truth")
    part = evaluate(shot / "result", truth=shot / "truth", frames=[1003, 1004])
    assert part.exposure == whole.exposure
    assert part.rows[0].psnr_db == whole.rows[2].psnr_db


def test_files_are_compared_where_they_show(tmp_path):
    truth = noise(3)
    write(tmp_path / "t.1.exr", truth)
    overscan = np.pad(truth, ((4, 4), (6, 6), (0, 0)), constant_values=50)
    write(tmp_path / "r.1.exr", overscan, window=(-6, -4), display=(WIDTH, HEIGHT))
    assert evaluate(tmp_path / "r.1.exr", truth=tmp_path / "t.1.exr").rows[0].psnr_db == 100


def test_a_frame_with_a_hole_is_measured_where_it_is_whole(shot):
    hole = noise(1)
    hole[:10, :10] = np.nan
    write(shot / "source" / "source.1002.exr", hole)
    write(shot / "result" / "result.1002.exr", hole * 2)
    report = evaluate(shot / "result", source=shot / "source")
    assert all(np.isfinite(row.gain_flicker_stops) for row in report.rows[1:])
    assert report.rows[1].followed < 0.97


def test_json_and_html_are_written(shot):
    report = evaluate(shot / "result", truth=shot / "truth", source=shot / "source")
    write_json(report, shot / "r.json")
    write_html(report, shot / "r.html")
    assert len(json.loads((shot / "r.json").read_text())["frames"]) == 4
    assert (shot / "r.html").read_text(encoding="utf-8").count("<img") == 4 * 5 + 3


def test_nothing_to_compare_with(shot):
    assert refused(shot / "result") == (
        f"{shot / 'result'} has nothing to be compared with: give its ground truth, its source, or both"
    )


def test_nothing_to_score(shot):
    assert refused(shot / "result", truth=shot / "truth", frames=[1001], references=[1001]) == (
        f"{shot / 'result'} has no frame to score: expected at least one that is not a reference"
    )


def test_missing_frames_are_named(shot):
    for frame in (1002, 1004):
        (shot / "result" / f"result.{frame}.exr").unlink()
    assert refused(shot / "result", truth=shot / "truth") == (
        f"{shot / 'result' / 'result.####.exr'} lacks 2 of the 4 frames to score (1002, 1004): "
        "render them, or choose the frames to score"
    )


def test_sizes_that_differ(shot):
    write(shot / "result" / "result.1003.exr", noise(1, 50, 64))
    text = refused(shot / "result", truth=shot / "truth", frames=[1003])
    assert "64x50" in text
    assert refused(shot / "result" / "result.1003.exr", truth=shot / "truth" / "truth.1003.exr") == (
        f"{shot / 'result' / 'result.1003.exr'} is 64x50, {shot / 'truth' / 'truth.1003.exr'} 64x48: "
        "expected display windows of one size"
    )


def test_pictures_too_small_for_a_metric(tmp_path):
    write(tmp_path / "a.1.exr", noise(1, 10, 64))
    assert refused(tmp_path / "a.1.exr", truth=tmp_path / "a.1.exr") == (
        f"{tmp_path / 'a.1.exr'} is 64x10: expected 11 pixels or more on each edge"
    )


@pytest.mark.parametrize(("where", "against"), [("result", "truth"), ("truth", "truth"), ("result", "source")])
def test_nonfinite_pixels_are_counted(shot, where, against):
    rgb = noise(1)
    rgb[3, 4:9, 1] = np.nan
    rgb[7, 7] = np.inf
    path = shot / where / f"{where}.1002.exr"
    write(path, rgb)
    assert refused(shot / "result", **{against: shot / against}) == (
        f"{path} has NaN or infinity in 6 pixels: expected finite values; render it again"
    )


def test_a_damaged_frame_stops_the_evaluation(shot):
    path = shot / "result" / "result.1003.exr"
    path.write_bytes(path.read_bytes()[:400])
    assert str(path) in refused(shot / "result", truth=shot / "truth")


def test_the_numbers_are_those_of_the_scorer_beside_the_plates(shared, tmp_path):
    plates = shared / "plates" / "turntable"
    for name in ("source", "warm_top"):
        (tmp_path / name).mkdir()
        for path in sorted((plates / name).glob("*.exr"))[:3]:
            (tmp_path / name / path.name).symlink_to(path)
    source, truth = tmp_path / "source", tmp_path / "warm_top"
    command = [sys.executable, shared / "plates" / "score.py", source, truth, source, "--json", tmp_path / "s.json"]
    subprocess.run(command, check=True, capture_output=True)
    scores = json.loads((tmp_path / "s.json").read_text())
    report = evaluate(source, truth=truth, references=[1001], hdr_flip=False)
    same = {
        "psnr_db": "psnr", "ssim": "ssim", "pu_psnr_db": "pu_psnr", "flip": "flip", "temporal_error_codes": "flicker",
    }  # fmt: skip
    both = [metric for metric in METRICS if metric.key in same]
    assert len(both) == len(same)
    for metric in both:
        assert report.mean(metric) == pytest.approx(scores[same[metric.key]], abs=1e-3)
    assert report.exposure == pytest.approx(scores["exposure"], rel=1e-6)


@pytest.mark.parametrize("layer", [False, True], ids=["files of their own", "a layer"])
def test_what_was_said_of_its_errors_is_measured(shot, layer):
    settings = relumix.Settings(confidence_layer=layer, confidence_out=None if layer else str(shot / "sure.####.exr"))
    given = {1001: shot / "truth/truth.1001.exr"}
    relumix.relight(shot / "source", given, shot / "relit", settings)
    report = evaluate(
        shot / "relit",
        truth=shot / "truth",
        confidence=shot / "relit" if layer else shot / "sure.####.exr",
        hdr_flip=False,
    )
    assert [row.within_expected for row in report.rows] == [1, 1, 1]
    assert report.to_dict()["mean"]["within_expected"] == 1
    assert report.confidence == str(shot / ("relit/source.####.exr" if layer else "sure.####.exr"))
    assert list(report.exhibits[0].pictures)[-2:] == ["expected error", "error"]
    write_html(report, shot / "r.html")
    assert "Within expected" in (shot / "r.html").read_text(encoding="utf-8")


def test_confidence_that_goes_with_the_error_and_against_it(tmp_path):
    truth, error = noise(1), np.random.default_rng(2).uniform(0, 2, (HEIGHT, WIDTH)).astype(np.float32)
    write(tmp_path / "truth/t.1.exr", truth)
    write(tmp_path / "result/r.1.exr", truth * np.exp2(error)[..., None])
    files.plain(tmp_path / "right/c.1.exr", np.exp2(-error)[..., None].astype(np.float16), "Y")
    files.plain(tmp_path / "wrong/c.1.exr", np.exp2(error - 2)[..., None].astype(np.float16), "Y")

    def measured(name):
        (row,) = evaluate(tmp_path / "result", truth=tmp_path / "truth", confidence=tmp_path / name).rows
        return row.within_expected, row.error_correlation

    assert measured("right") == (pytest.approx(1, abs=0.01), pytest.approx(1, abs=0.01))
    assert measured("wrong") == (pytest.approx(0.5, abs=0.05), pytest.approx(-1, abs=0.01))


def test_confidence_that_cannot_be_measured(shot):
    files.plain(shot / "small/s.1001.exr", np.ones((8, 8, 1), np.float16), "Y")
    given = {"truth": shot / "truth", "frames": [1001], "references": ()}
    assert refused(shot / "result", source=shot / "source", confidence=shot / "truth") == (
        f"confidence is {shot / 'truth'}, without ground truth to measure the true error by: give --truth"
    )
    assert refused(shot / "result", confidence=shot / "truth", **given) == (
        f"{shot / 'truth/truth.1001.exr'} has no channel confidence.Y, nor Y: expected the confidence there"
    )
    assert "s.1001.exr is 8x8" in refused(shot / "result", confidence=shot / "small", **given)
