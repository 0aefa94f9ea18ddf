"""Bundles under a real runner of Open Job Description."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from relumix.movie import Movie
from tests.farm.shots import assert_same, bundled, relit, relumix
from tests.movie import clips

ROOT = Path(__file__).resolve().parents[2]


def test_templates_pass_its_checks(shot, openjd):
    assert openjd("check", ROOT / "farm/relumix_relight.yaml")[0] == 0
    code, said = openjd("check", bundled(shot) / "template.yaml")
    assert code == 0, said


def test_a_bundle_alone_makes_what_one_run_makes(shot, openjd):
    relit(shot, "plain", "--mix", "0.75", "--compression", "piz")
    bundled(shot, "--mix", "0.75", "--compression", "piz")
    code, said = openjd("run", "job/template.yaml")
    assert code == 0, said
    for frames in ("1001-1003", "1004-1006", "1007-1009"):
        assert f"Frame(CHUNK[INT]) = {frames}" in said
    assert_same(shot / "plain", shot / "out")
    for name in ("preview.mp4", "contact_sheet.png", "report.html"):
        assert (shot / "out/review" / name).stat().st_size > 1000


def test_a_worker_with_other_folders_and_a_server_of_its_own(shot, openjd):
    """The job comes from a machine that has the shot at another place."""
    relit(shot)
    template = bundled(shot, "--hold-server", output="out/") / "template.yaml"
    template.write_text(template.read_text().replace(str(shot), "/studio/the shot"))
    rule = {"source_path_format": "POSIX", "source_path": "/studio/the shot", "destination_path": str(shot)}
    rules = {"version": "pathmapping-1.0", "path_mapping_rules": [rule]}
    code, said = openjd("run", template, "--path-mapping-rules", json.dumps(rules))
    assert code == 0, said
    assert "openjd_status: a server with flow at 127.0.0.1:" in said
    assert_same(shot / "plain", shot / "out")


def test_frames_below_zero(shot, openjd):
    """Numbers that begin like an option, on every command line between the shell and the engine."""
    (shot / "below").mkdir()
    for frame, path in enumerate(sorted((shot / "plate").iterdir())[:5], -3):
        (shot / f"below/p.{frame:04d}.exr").write_bytes(path.read_bytes())
    job = ["below", "--reference=-2=relit.1001.exr", "--frames=-3-1", "--gain-out=gain/g.####.exr"]
    job += ["--confidence-out=sure/s.####.exr", "--confidence-layer"]
    plain = relumix(shot, "relight", *job, "-o", "plain")
    assert plain.returncode == 0, plain.stderr
    (shot / "sure").rename(shot / "plainly_sure")
    made = relumix(shot, "farm", "bundle", *job, "-o", "out", "--chunk-size", "3", "--bundle", "job")
    assert made.returncode == 0, made.stderr
    code, said = openjd("run", "job/template.yaml")
    assert code == 0, said
    assert "Frame(CHUNK[INT]) = -3--1\n" in said
    assert "openjd_status: all 5 frames are there" in said
    assert_same(shot / "plain", shot / "out")
    assert_same(shot / "plainly_sure", shot / "sure")


def test_a_frame_that_fails_fails_its_step_and_the_job(shot, openjd):
    bundled(shot)
    (shot / "plate/p.1005.exr").write_bytes(b"damaged")
    code, said = openjd("run", "job/template.yaml")
    assert code != 0
    assert "openjd_fail: 1 of 3 frames failed: frame 1005: " in said
    assert "Running step 'Verify'" not in said
    done = {path.name for path in (shot / "out").glob("*.exr")}
    assert {"p.1001.exr", "p.1002.exr", "p.1003.exr", "p.1004.exr", "p.1006.exr"} <= done


@pytest.mark.parametrize("options", [[], ["--hold-server"]])
def test_a_movie_becomes_a_movie(shot, openjd, options):
    """Chunk by chunk, here or by the worker's own server: the movie that one run makes."""
    clips.flat(shot / "clip.mov", [60, 70, 80, 90, 100], sound="pcm_s16le")
    with av.open(str(shot / "clip.mov")) as source, av.open(str(shot / "shot.mov"), "w") as container:
        streams = [container.add_stream_from_template(each) for each in source.streams]
        streams[0].metadata["timecode"] = "01:00:00:00"
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                container.mux(packet)
    job = ["shot.mov", "-r", "shot.mov", "--fit", "--work-size", "64", "--colorspace", "sRGB"]
    plain = relumix(shot, "relight", *job, "-o", "plain/relit.mov")
    assert plain.returncode == 0, plain.stderr
    made = relumix(
        shot, "farm", "bundle", *job, "-o", "out/relit.mov", "--chunk-size", "2", "--bundle", "job", *options
    )
    assert made.returncode == 0, made.stderr
    code, said = openjd("run", "job/template.yaml")
    assert code == 0, said
    assert ("openjd_status: a server with flow at 127.0.0.1:" in said) == bool(options)
    assert sorted(path.name for path in (shot / "out").iterdir()) == ["relit.mov", "review"]
    with Movie(shot / "plain/relit.mov") as one, Movie(shot / "out/relit.mov") as other:
        assert one.info.frames == other.info.frames == Movie(shot / "shot.mov").info.frames
        assert [len(one.info.frames), one.info.sounds] == [5, other.info.sounds]
        assert all(np.array_equal(one.read(frame), other.read(frame)) for frame in one.info.frames)
    assert np.array_equal(clips.heard(shot / "plain/relit.mov")[1], clips.heard(shot / "out/relit.mov")[1])
