"""A farm's tasks make frames, and its last step the movie of them."""

import pytest

from relumix.cli.main import main
from relumix.farm.deliver import made_for_delivery
from relumix.movie import Movie
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
