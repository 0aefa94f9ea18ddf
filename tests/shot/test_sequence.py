from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.errors import InputError
from relumix.shot.sequence import OutputPattern, Sequence, parse_frames


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    return touch(tmp_path / "shot", *(f"plate.{frame}.exr" for frame in range(1001, 1006)))


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("1001-1004", (1001, 1002, 1003, 1004)),
        ("1001-1010x3", (1001, 1004, 1007, 1010)),
        ("1,5,9", (1, 5, 9)),
        ("1001-1003,1200", (1001, 1002, 1003, 1200)),
        (" 9, 1-3 ", (1, 2, 3, 9)),
        ("1 - 3", (1, 2, 3)),
        ("1 3", (1, 3)),
        ("-5--3", (-5, -4, -3)),
        ("-1-1", (-1, 0, 1)),
        ("3-1", (1, 2, 3)),
        ("1-3,2-4", (1, 2, 3, 4)),
        ("99999-100001", (99999, 100000, 100001)),
    ],
)
def test_frames_as_nuke_takes_them(text: str, frames: tuple[int, ...]) -> None:
    assert parse_frames(text) == frames


@pytest.mark.parametrize("text", ["", "x", "1-", "1-5x0", "1-2-3", "1001..1005", "1.5", "1-3x0.5", "1-1000000000"])
def test_what_names_no_frames_is_echoed(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_frames(text)
    assert str(caught.value) == (
        f"'{text}' names no frames: expected something like 1001-1100, 1001-1100x2 or 1,5,10-20"
    )


@given(st.sets(st.integers(-20000, 20000), min_size=1, max_size=30))
def test_any_list_of_frames_comes_back(frames: set[int]) -> None:
    assert parse_frames(",".join(map(str, frames))) == tuple(sorted(frames))


@given(st.integers(-2000, 2000), st.integers(0, 300), st.integers(1, 7))
def test_any_range_with_a_step_comes_back(first: int, length: int, step: int) -> None:
    assert parse_frames(f"{first}-{first + length}x{step}") == tuple(range(first, first + length + 1, step))


@pytest.mark.parametrize(
    "pattern", ["plate.####.exr", "plate.%04d.exr", "plate.@@@@.exr", "plate.#.exr", "plate.%d.exr", "."]
)
def test_spellings_of_a_sequence(plate: Path, pattern: str) -> None:
    found = Sequence.find(plate / pattern)
    assert found.pattern == str(plate / "plate.####.exr")
    assert (found.frames, found.missing, found.step) == ((1001, 1002, 1003, 1004, 1005), (), 1)
    assert found.path(1003) == plate / "plate.1003.exr"
    assert found.path(7) == plate / "plate.0007.exr"


def test_explicit_range_says_what_is_missing(plate: Path) -> None:
    found = Sequence.find(f"{plate}/plate.1003-1008#.exr")
    assert (found.frames, found.missing) == ((1003, 1004, 1005), (1006, 1007, 1008))


def test_explicit_range_with_a_step(plate: Path) -> None:
    found = Sequence.find(str(plate / "plate.1001-1005x2####.exr"))
    assert (found.frames, found.missing, found.step) == ((1001, 1003, 1005), (), 2)


def test_explicit_range_behind_a_dash(tmp_path: Path) -> None:
    touch(tmp_path, "shot-1001.exr", "shot-1002.exr")
    assert Sequence.find(str(tmp_path / "shot-1001-1002#.exr")).frames == (1001, 1002)
    assert Sequence.find(str(tmp_path / "shot-####.exr")).frames == (1001, 1002)
    assert Sequence.find(tmp_path).frames == (1001, 1002)


def test_folders_called_as_frames_are_none(plate: Path) -> None:
    (plate / "plate.1009.exr").mkdir()
    for pattern in (plate, plate / "plate.####.exr", plate / "plate.#.exr"):
        found = Sequence.find(pattern)
        assert (found.frames, found.missing) == ((1001, 1002, 1003, 1004, 1005), ())


def test_a_link_that_leads_nowhere_is_a_frame(plate: Path) -> None:
    (plate / "plate.1000.exr").symlink_to("gone.exr")
    for pattern in (plate, plate / "plate.####.exr"):
        assert Sequence.find(pattern).frames == (1000, 1001, 1002, 1003, 1004, 1005)


def test_a_step_is_no_gap(tmp_path: Path) -> None:
    found = Sequence.find(touch(tmp_path, "a.1001.exr", "a.1003.exr", "a.1005.exr"))
    assert (found.step, found.missing) == (2, ())


def test_gaps_at_the_smallest_step(tmp_path: Path) -> None:
    found = Sequence.find(touch(tmp_path, "a.1001.exr", "a.1003.exr", "a.1009.exr"))
    assert (found.step, found.missing) == (2, (1005, 1007))


def test_frames_below_zero_and_above_9999(tmp_path: Path) -> None:
    names = ["a.-002.exr", "a.-0001.exr", "a.0000.exr", "a.9999.exr", "a.10000.exr"]
    found = Sequence.find(str(touch(tmp_path, *names) / "a.####.exr"))
    assert found.frames == (-2, -1, 0, 9999, 10000)
    assert [found.path(frame).name for frame in found.frames] == names
    assert found.path(-3).name == "a.-003.exr"


def test_other_names_are_left_alone(tmp_path: Path) -> None:
    touch(tmp_path, "a.0001.exr", "a.0002.exr", "a.2.exr", "ab.0001.exr", "a.0001.exr.bak", "a.x.exr", ".a.0003.exr")
    assert Sequence.find(str(tmp_path / "a.####.exr")).frames == (1, 2)


def test_versions_are_no_frames(tmp_path: Path) -> None:
    found = Sequence.find(touch(tmp_path, "still_v002.exr") / "still_v002.exr")
    assert (found.frames, found.path(1).name) == ((1,), "still_v002.exr")


def test_one_file_is_a_shot_of_its_frame(plate: Path) -> None:
    found = Sequence.find(plate / "plate.1003.exr")
    assert (found.frames, found.path(1003)) == ((1003,), plate / "plate.1003.exr")


def test_exr_goes_before_other_images_in_a_folder(plate: Path) -> None:
    touch(plate, "thumbnail.png", "notes.txt", ".plate.1006.exr")
    assert Sequence.find(plate).frames == (1001, 1002, 1003, 1004, 1005)


def test_a_folder_of_other_images(tmp_path: Path) -> None:
    assert Sequence.find(touch(tmp_path, "a.1.png", "a.2.png", "readme.md")).frames == (1, 2)


def message(pattern: str | Path) -> str:
    with pytest.raises(InputError) as caught:
        Sequence.find(pattern)
    return str(caught.value)


def test_folder_with_several_sequences_names_them(tmp_path: Path) -> None:
    touch(tmp_path, "a.0001.exr", "a.0002.exr", "b.0001.exr", "c.exr")
    assert message(tmp_path) == f"{tmp_path} holds several sequences (a.#.exr, b.#.exr, c.exr): name one of them"


def test_folder_without_images(tmp_path: Path) -> None:
    assert message(tmp_path) == (
        f"{tmp_path} holds no images: give a folder with one sequence, or a pattern like plate.####.exr"
    )


def test_nothing_fits(plate: Path) -> None:
    assert message(plate / "p.##.exr") == f"{plate}/p.##.exr: no such sequence, no file in {plate} fits it"
    assert message(plate / "no/p.##.exr") == f"{plate}/no/p.##.exr: no such sequence, no file in {plate}/no fits it"
    assert message(f"{plate}/plate.1-5#.exr") == f"{plate}/plate.1-5#.exr: none of its frames is in {plate}"
    assert message(plate / "p.exr") == (
        f"{plate}/p.exr: no such file or folder, and no frame number in it (like plate.####.exr)"
    )


def test_ambiguous_paddings(tmp_path: Path) -> None:
    touch(tmp_path, "a.1.exr", "a.0001.exr", "b.9.exr", "b.0010.exr")
    pattern = str(tmp_path / "a.#.exr")
    assert message(pattern) == f"{pattern}: a.0001.exr and a.1.exr are both frame 1; write the padding out"
    pattern = str(tmp_path / "b.#.exr")
    assert message(pattern) == (
        f"{pattern} fits frame numbers of different paddings: write the padding out, like plate.####.exr"
    )
    assert Sequence.find(str(tmp_path / "b.####.exr")).frames == (10,)


def test_a_stray_number_is_not_a_million_missing_frames(tmp_path: Path) -> None:
    touch(tmp_path, "a.1.exr", "a.2.exr", "a.20261124.exr")
    assert message(tmp_path) == (f"{tmp_path} runs from frame 1 to 20261124 with few between: give a range of frames")


def test_output_folder_keeps_names(plate: Path, tmp_path: Path) -> None:
    source = Sequence.find(plate)
    assert OutputPattern(tmp_path / "relit", source).path(1002) == tmp_path / "relit" / "plate.1002.exr"
    assert OutputPattern(f"{tmp_path}/v1.2/", source).path(1002) == tmp_path / "v1.2" / "plate.1002.exr"


def test_output_of_other_formats_is_exr(tmp_path: Path) -> None:
    source = Sequence.find(touch(tmp_path / "dpx", "a.0001.dpx"))
    assert OutputPattern(tmp_path, source).path(1) == tmp_path / "a.0001.exr"


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("relit.####.exr", "relit.1002.exr"),
        ("relit.%06d.exr", "relit.001002.exr"),
        ("relit.@@@@@.exr", "relit.01002.exr"),
        ("relit.#.exr", "relit.1002.exr"),
        ("relit.%d.exr", "relit.1002.exr"),
        ("relit_####.EXR", "relit_1002.EXR"),
    ],
)
def test_output_patterns(plate: Path, tmp_path: Path, pattern: str, name: str) -> None:
    assert OutputPattern(tmp_path / pattern, Sequence.find(plate)).path(1002) == tmp_path / name


def test_one_frame_needs_no_number(plate: Path, tmp_path: Path) -> None:
    source = Sequence.find(plate)
    assert OutputPattern(tmp_path / "one.exr", source, frames=(1002,)).path(1002) == tmp_path / "one.exr"
    assert OutputPattern(tmp_path / "one.7.exr", source, frames=(1002,)).path(1002) == tmp_path / "one.7.exr"


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        (
            "relit.exr",
            "relit.exr has no place for the frame number and 5 frames go there: "
            "expected a name like relit.####.exr, or a folder",
        ),
        (
            "relit.####.png",
            "relit.####.png: expected a name that ends in .exr, or a folder",
        ),
        ("relit.1-5#.exr", "relit.1-5#.exr: an output pattern names no range; use --frames to choose frames"),
    ],
)
def test_outputs_that_cannot_be(plate: Path, pattern: str, error: str) -> None:
    with pytest.raises(InputError) as caught:
        OutputPattern(pattern, Sequence.find(plate))
    assert str(caught.value) == error


def test_inputs_are_not_overwritten(plate: Path, tmp_path: Path) -> None:
    source = Sequence.find(plate)
    with pytest.raises(InputError) as caught:
        OutputPattern(plate, source).refuse_overwriting()
    assert str(caught.value) == (
        f"frame 1001 would be written over the input {plate}/plate.1001.exr: choose another output"
    )
    (tmp_path / "link").symlink_to(plate)
    with pytest.raises(InputError, match=r"frame 1001 would be written over the input"):
        OutputPattern(tmp_path / "link" / "plate.%04d.exr", source).refuse_overwriting()


def test_references_are_not_overwritten(plate: Path, tmp_path: Path) -> None:
    output = OutputPattern(tmp_path, Sequence.find(plate))
    output.refuse_overwriting([tmp_path / "plate.1003.exr"])
    (tmp_path / "plate.1003.exr").touch()
    with pytest.raises(InputError, match=r"frame 1003 would be written over the input .*/plate\.1003\.exr: choose"):
        output.refuse_overwriting([tmp_path / "plate.1003.exr"])
