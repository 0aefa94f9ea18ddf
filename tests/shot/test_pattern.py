import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.errors import InputError
from relumix.shot.pattern import Pattern
from relumix.shot.reference_files import find_references
from relumix.shot.sequence import OutputPattern, Sequence

SIGNS_IN_NAMES = [
    "shot#1", "shot@2x", "me@studio.com", "50%d", "%04d", "v$F4", "<UDIM>", "####", "#recycle", "@eaDir", "a.#.exr", "*"
]  # fmt: skip

SPELLINGS = ["####", "@@@@", "%04d", "$F4", "#", "@", "%d", "$F"]


def files(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("name", SIGNS_IN_NAMES)
def test_a_folder_s_name_is_a_name(tmp_path: Path, name: str) -> None:
    folder = files(tmp_path / name / name, "plate.1001.exr", "plate.1002.exr")
    for signs in SPELLINGS:
        found = Sequence.find(f"{folder}/plate.{signs}.exr")
        assert (found.frames, found.path(1002)) == ((1001, 1002), folder / "plate.1002.exr")
        assert OutputPattern(f"{folder}/relit.{signs}.exr", found).path(1002) == folder / "relit.1002.exr"
        assert find_references(found, f"{folder}/plate.{signs}.exr") == {
            n: folder / f"plate.{n}.exr" for n in (1001, 1002)
        }
    assert Sequence.find(folder).frames == (1001, 1002)
    assert OutputPattern(folder, found).path(1002) == folder / "plate.1002.exr"
    assert OutputPattern(f"{folder}/new/", found).path(1002) == folder / "new" / "plate.1002.exr"


@pytest.mark.parametrize(
    ("name", "head", "tail"),
    [
        ("plate_####_v002.exr", "plate_", "_v002.exr"),
        ("plate.####_4k.exr", "plate.", "_4k.exr"),
        ("####.exr", "", ".exr"),
        ("####_beauty.exr", "", "_beauty.exr"),
        ("sh010####v2.final.exr", "sh010", "v2.final.exr"),
        ("v2####.exr", "v2", ".exr"),
        ("2026-11-####.exr", "2026-11-", ".exr"),
        ("sh#1_plate.####.exr", "sh#1_plate.", ".exr"),
        ("me@studio_####.exr", "me@studio_", ".exr"),
        ("50%d_####_100%.exr", "50%d_", "_100%.exr"),
    ],
)
def test_the_signs_say_where_the_number_is(tmp_path: Path, name: str, head: str, tail: str) -> None:
    files(tmp_path, f"{head}0999{tail}", f"{head}1000{tail}", f"{head}x{tail}")
    found = Sequence.find(tmp_path / name)
    assert (found.pattern, found.frames, found.path(1000).name) == (
        str(tmp_path / name), (999, 1000), f"{head}1000{tail}"
    )  # fmt: skip
    assert OutputPattern(tmp_path / "out" / name, found).path(999) == tmp_path / "out" / f"{head}0999{tail}"
    assert find_references(found, str(tmp_path / name)) == {frame: found.path(frame) for frame in (999, 1000)}


@pytest.mark.parametrize(
    ("name", "head", "span"),
    [
        ("plate.1001-1016#.exr", "plate.", "1001-1016"),
        ("plate.1-9x2,20####.exr", "plate.", "1-9x2,20"),
        ("plate.-5--3#.exr", "plate.", "-5--3"),
        ("shot-1-5#.exr", "shot-", "1-5"),
        ("sh010_1-5#.exr", "sh010_", "1-5"),
        ("1-5#.exr", "", "1-5"),
        ("a.7#.exr", "a.", "7"),
        ("a.####.exr", "a.", ""),
        ("v002####.exr", "v002", ""),
    ],
)
def test_ranges_before_the_signs(name: str, head: str, span: str) -> None:
    found = Pattern.of(name)
    assert found is not None
    assert (found.head, found.span) == (head, span)


@pytest.mark.parametrize("name", ["plate.exr", "plate.1001.exr", "100%.exr", "cost_$5.exr", "a.%s.exr", "<x>.exr"])
def test_names_without_a_place_for_a_number(name: str) -> None:
    assert Pattern.of(f"sh#1/{name}") is None


def test_two_places_are_asked_about() -> None:
    with pytest.raises(InputError) as caught:
        Pattern.of("plate.####.@@@@.exr")
    assert str(caught.value) == (
        "'plate.####.@@@@.exr' has #### and @@@@, and one of them is the frame number: write its digits out, like "
        "plate.####.exr"
    )


def test_a_file_of_that_name_is_itself(tmp_path: Path) -> None:
    files(tmp_path, "plate#1.exr", "plate11.exr")
    assert Sequence.find(tmp_path / "plate#1.exr").frames == (1,)
    assert Sequence.find(tmp_path / "plate#1.exr").path(1) == tmp_path / "plate#1.exr"


@given(
    folder=st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=12),
    frame=st.integers(0, 99999),
    tail=st.sampled_from([".exr", "_v002.exr", "_4k.exr", ".beauty.exr", " copy.exr"]),
)
def test_any_folder_and_any_frame_come_back(folder: str, frame: int, tail: str) -> None:
    found = Pattern.of(os.path.join(folder, f"plate_####{tail}"))  # noqa: PTH118  as a user would write it
    assert found is not None
    assert found.path(frame, 4).name == f"plate_{frame:04d}{tail}"
    assert str(found.path(frame, 4).parent) == str(Path(folder))


@pytest.mark.parametrize("given_as", ["{}", "1001={}"])
def test_a_shell_s_pattern_of_references_is_explained(tmp_path: Path, given_as: str) -> None:
    found = Sequence.find(files(tmp_path, "plate.1001.exr", "plate.1002.exr"))
    text = f"{tmp_path}/relit.*.exr"
    references: object = text if given_as == "{}" else {1001: text}
    with pytest.raises(InputError) as caught:
        find_references(found, references)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"{text}: no such file or folder; # stands for a digit of the frame number: try {tmp_path}/relit.####.exr"
    )
