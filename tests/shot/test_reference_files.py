from pathlib import Path

import pytest

from relumix.errors import InputError
from relumix.shot.reference_files import References, find_references
from relumix.shot.sequence import Sequence


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with empty files: a shot of the frames 1001 to 1016, and others that tests name."""
    monkeypatch.chdir(tmp_path)
    touch(*(f"plate/sh010_plate.{frame}.exr" for frame in range(1001, 1017)))
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def found(references: References, plate: str = "plate") -> dict[int, str]:
    return {frame: str(path) for frame, path in find_references(Sequence.find(plate), references).items()}


def refusal(references: References, plate: str = "plate") -> str:
    with pytest.raises(InputError) as caught:
        found(references, plate)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("relit.1005.exr", 1005),
        ("relit1005.png", 1005),
        ("relit-1005.exr", 1005),
        ("relit.1005_v002.exr", 1005),
        ("1005_relit.exr", 1005),
        ("sh010_relit.1016.exr", 1016),
        ("relit_1005_4k.exr", 1005),
        ("relit.exr", 1001),
        ("relit_v1005.exr", 1001),
        ("sh010.exr", 1001),
        ("sh010_relit_4k.exr", 1001),
        ("take3_relit.exr", 1001),
    ],
)
def test_a_number_that_is_a_frame_is_that_frame(folder: Path, name: str, frame: int) -> None:
    touch(name)
    assert found(name) == {frame: name}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("relit.1030.exr", "may be frame 1030, which {} lacks (it has frames 1001 to 1016)"),
        ("relit.1030.final.exr", "may be frame 1030, which {} lacks (it has frames 1001 to 1016)"),
        ("relit7.exr", "may be frame 7, which {} lacks (it has frames 1001 to 1016)"),
        ("relit_1002_1004_mix.exr", "may be frame 1002 or 1004"),
        ("relit_1010p.exr", "may be frame 1010"),
        ("relit_1002_1003.exr", "may be frame 1002 or 1003"),
        ("relit-1002-1003.exr", "may be frame 1002 or 1003"),
        ("sh1003_relit_0042.exr", "may be frame 1003 or 42"),
    ],
)
def test_what_is_doubtful_is_asked_for(folder: Path, name: str, reason: str) -> None:
    touch(name)
    pattern = Sequence.find("plate").pattern
    assert refusal(name) == f"{name} {reason.format(pattern)}: say which frame it is, like -r 1001={name}"
    assert found({1003: name}) == {1003: name}


def test_a_shot_of_small_numbers(folder: Path) -> None:
    touch(*(f"low/low.{frame:04d}.exr" for frame in range(1, 101)))
    touch("relit_4k.exr", "relit.0050.exr", "sh010_relit.0050.exr", "relit.-002.exr")
    assert found("relit_4k.exr", "low") == {1: "relit_4k.exr"}
    assert found("relit.0050.exr", "low") == {50: "relit.0050.exr"}
    assert found("sh010_relit.0050.exr", "low") == {50: "sh010_relit.0050.exr"}
    assert "may be frame -2" in refusal("relit.-002.exr", "low")


def test_a_single_file_without_a_number_has_one_frame(folder: Path) -> None:
    touch("still.exr", "relit_2.exr", "still.1001.exr")
    assert found("relit_2.exr", "still.exr") == {1: "relit_2.exr"}
    assert "may be frame 2, which still.1001.exr lacks (it has frame 1001 alone)" in refusal(
        "relit_2.exr", "still.1001.exr"
    )


@pytest.mark.parametrize("given", ["relit/hero.####.exr", "relit/hero.%04d.exr", "relit", "relit/hero.1001-1016#.exr"])
def test_patterns_and_folders(folder: Path, given: str) -> None:
    touch("relit/hero.1016.exr", "relit/hero.1004.exr", "relit/notes.txt")
    assert found(given) == {1004: "relit/hero.1004.exr", 1016: "relit/hero.1016.exr"}


def test_a_folder_of_all_sorts(folder: Path) -> None:
    touch("relit/first_1002.exr", "relit/end.1016.exr")
    assert found(["relit"]) == {1002: "relit/first_1002.exr", 1016: "relit/end.1016.exr"}
    touch("relit/other.exr")
    assert refusal("relit") == (
        "the name of relit/other.exr does not say its frame: say which frame it is, like -r 1001=relit/other.exr"
    )
    touch("one/other.exr")
    assert found("one") == {1001: "one/other.exr"}


def test_several_in_every_form(folder: Path) -> None:
    touch("a.exr", "b.1004.exr", "c/c.1016.exr")
    assert found({1002: "a.exr", None: ["b.1004.exr", "c"]}) == {
        1002: "a.exr",
        1004: "b.1004.exr",
        1016: "c/c.1016.exr",
    }
    assert found([Path("b.1004.exr"), "a.exr"]) == {1001: "a.exr", 1004: "b.1004.exr"}


def test_what_there_is_not(folder: Path) -> None:
    touch("a.exr", "b.1001.exr", "relit/r.1004.exr", "relit/r.1030.exr", "clip.1001.mov")
    (folder / "empty").mkdir()
    pattern = Sequence.find("plate").pattern
    assert (
        refusal({})
        == refusal([])
        == ("no reference was given: expected at least one relit frame, like -r 1001=relit.1001.exr")
    )
    assert refusal("gone.exr") == "the reference is not there: gone.exr"
    assert refusal({1001: "gone.exr"}) == "the reference for frame 1001 is not there: gone.exr"
    assert refusal(["a.exr", "b.1001.exr"]) == "frame 1001 has two references, a.exr and b.1001.exr: keep one of them"
    assert refusal("relit/r.####.exr") == (
        f"reference frame 1030 (relit/r.1030.exr) is not in {pattern}: it has frames 1001 to 1016"
    )
    assert refusal("gone.####.exr") == "gone.####.exr: no such sequence, no file in . fits it"
    assert refusal("empty").startswith("empty holds no images")
    assert refusal("clip.1001.mov").startswith("clip.1001.mov cannot be opened as a movie: ")
