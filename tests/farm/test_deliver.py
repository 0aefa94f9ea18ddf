"""A farm's tasks make frames, and its last step the movie of them."""

import pytest

from relumix.cli.main import main
from relumix.farm.deliver import made_for_delivery
from relumix.movie import Movie
from relumix.pipeline import movie_delivery
from relumix.pipeline.image_delivery import ImageDelivery
from tests.movie import clips


def test_what_tasks_make(tmp_path):
    assert made_for_delivery("out/") == made_for_delivery("out/a.####.exr") == made_for_delivery(str(tmp_path)) == {}
    assert made_for_delivery("out/a.mov") == {
        "output": "out/a.mov.frames/a.#.exr",
        "bits": "float",
        "codec": "",
        "output_colorspace": "",
        "roll_off": "",
    }
    assert made_for_delivery("out/a.####.dpx")["output"] == "out/a.dpx.frames/a.#.exr"


@pytest.fixture
def farm(tmp_path):
    """A clip, and what runs a command of the farm on it, with more options; tasks have made all frames already."""
    clip = clips.write(tmp_path / "clip.mov", "prores422hq", 4)
    given = [f"source={clip}", f"reference=1={clip}", "cuts=none", "work_size=64", "fit=true"]

    def run(output, *more):
        return main(["farm", "run", f"--session={tmp_path}", "--chunk=1-4", *given, f"output={output}", *more])

    def verify(output, *more):
        return main(["farm", "verify", "--range=1-4", "--report=none", *given, f"output={output}", *more])

    return run, verify


def files_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "review")


@pytest.mark.parametrize("suffix", ["png", "dpx"])
def test_a_last_step_that_dies_while_it_makes_images_is_tried_again(tmp_path, farm, monkeypatch, capsys, suffix):
    run, verify = farm
    there = tmp_path / "farm" / f"relit.####.{suffix}"
    assert run(there) == 0
    add, tried = ImageDelivery.add, []

    def die(self, frame, prints):
        if tried:
            raise KeyboardInterrupt
        tried.append(frame)
        add(self, frame, prints)

    with monkeypatch.context() as patched:
        patched.setattr(ImageDelivery, "add", die)
        assert verify(there) == 130
    assert files_in(there.parent) == [f"relit.0001.{suffix}", f"relit.{suffix}.frames"]
    made = (there.parent / f"relit.0001.{suffix}").read_bytes()
    assert verify(there) == 0
    assert files_in(there.parent) == [f"relit.000{at}.{suffix}" for at in range(1, 5)]
    assert (there.parent / f"relit.0001.{suffix}").read_bytes() == made
    assert verify(there) == 0  # also when all is done
    assert verify(there, "output_colorspace=ACEScct") == 3  # but not where it asks for something else
    said = capsys.readouterr().out
    assert f"{tmp_path}/farm/relit.{suffix}.frames/relit.0001.exr is not there: relight it again" in said


def test_a_last_step_that_dies_while_it_clears_up_is_tried_again(tmp_path, farm, monkeypatch):
    run, verify = farm
    there = tmp_path / "farm/relit.mov"
    assert run(there) == 0

    def die(made, frames):
        made.path(frames[0]).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(movie_delivery, "clear", die)
        assert verify(there) == 130
    assert files_in(there.parent) == ["relit.mov", "relit.mov.frames"]
    made = there.stat().st_mtime_ns
    assert verify(there) == 0
    assert files_in(there.parent) == ["relit.mov"]
    assert there.stat().st_mtime_ns == made
    assert verify(there, "codec=prores422") == 3


def test_a_movie_older_than_its_frames_is_no_result(tmp_path, farm):
    run, verify = farm
    there = tmp_path / "farm/relit.mov"
    assert (run(there), verify(there), run(there, "mix=0.5")) == (0, 0, 0)
    (tmp_path / "farm/relit.mov.frames/relit.0002.exr").unlink()
    assert verify(there, "mix=0.5") == 3


@pytest.mark.parametrize("output", ["relit.mov", "relit.####.png"])
def test_chunks_and_the_last_step_are_one_run(tmp_path, output):
    clip = clips.write(tmp_path / "clip.mov", "prores422hq", 4)
    given = [f"source={clip}", f"reference=1={clip}", "cuts=none", "work_size=64", "fit=true"]
    whole = tmp_path / "whole" / output
    command = [
        "relight",
        str(clip),
        "-r",
        f"1={clip}",
        "--cuts",
        "none",
        "--work-size",
        "64",
        "--fit",
        "-o",
        str(whole),
    ]
    assert main([*command, "--progress", "json"]) == 0
    there = tmp_path / "farm" / output
    for chunk in ("1-2", "3-4"):
        assert main(["farm", "run", f"--session={tmp_path}", f"--chunk={chunk}", *given, f"output={there}"]) == 0
    assert not list(there.parent.glob("relit*.mov"))
    assert main(["farm", "verify", "--range=1-4", "--report=none", *given, f"output={there}"]) == 0
    assert (there.parent / "review/preview.mp4").exists()
    assert sorted(path.name for path in there.parent.iterdir()) == [
        *sorted(path.name for path in whole.parent.iterdir()),
        "review",
    ]
    if output == "relit.mov":
        with Movie(whole) as one, Movie(there) as other:
            assert one.info.comment == other.info.comment  # made of the same frames: a rerun of either would skip it
            assert (one.read(3) == other.read(3)).all()
    else:
        for path in whole.parent.iterdir():
            assert (there.parent / path.name).read_bytes() == path.read_bytes()
