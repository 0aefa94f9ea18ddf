import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.errors import InputError
from relumix.util.atomic_file import refuse_unwritable, replacing, replacing_folder, temporary_name


def test_the_file_appears_whole_at_the_end(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with replacing(path) as name:
        assert name.parent == path.parent
        assert name.suffix == ".txt"
        assert name.name.startswith(".")
        name.write_text("half")
        assert not path.exists()
        name.write_text("whole")
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]
    assert path.read_text() == "whole"


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")

    def fail():
        with replacing(path) as name:
            name.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "before"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "a.txt"
    with pytest.raises(InputError) as e, replacing(path):
        pass
    assert str(e.value) == f"{path} cannot be written: File exists; choose another place or make room"


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(NAMES.filter(lambda name: name not in (".", "..")))
def test_a_temporary_name_is_hidden_short_and_nobody_elses(name):
    path = Path("folder") / name
    first, second = temporary_name(path), temporary_name(path)
    assert first != second
    assert first.parent == path.parent
    assert path.suffix in ("", first.suffix) or len(os.fsencode(path.suffix)) > 16
    assert first.name.startswith(".")
    assert len(os.fsencode(first.name)) <= max(len(os.fsencode(name)), 48)


def test_the_longest_name_that_a_file_may_have_can_be_written(tmp_path):
    path = tmp_path / ("é" * 125 + ".json")
    with replacing(path) as name:
        name.write_text("whole")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_name_that_the_locale_cannot_spell_can_be_written(tmp_path):
    """Python reads its bytes as surrogates there."""
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom relumix.util.atomic_file import replacing\n"
        "with replacing(Path(os.fsdecode(sys.argv[1].encode('utf-8', 'surrogateescape')))) as name:\n"
        "    name.write_text('whole')\n"
    )
    ascii_alone = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    path = tmp_path / f"größe{'é' * 100}.1001.exr"
    subprocess.run([sys.executable, "-c", code, path], env=ascii_alone, check=True)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("durable", [True, False])
def test_bytes_are_on_the_disk_before_the_name_where_that_matters(tmp_path, monkeypatch, durable):
    done = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: done.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    with replacing(tmp_path / "a.txt", durable=durable) as name:
        name.write_text("whole")
        assert not done
    assert done == ([str(name), str(tmp_path)] if durable else [])


def test_a_folder_takes_the_place_of_another_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "final"

    def write(text, error=None):
        with replacing_folder(folder) as name:
            (name / "a.txt").write_text(text)
            if error:
                raise error

    write("first")
    with pytest.raises(KeyError):
        write("half", KeyError())
    assert (folder / "a.txt").read_text() == "first"
    write("second")
    assert [p.name for p in tmp_path.iterdir()] == ["final"]
    assert (folder / "a.txt").read_text() == "second"


def test_a_folder_is_writable_where_writing_works(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # what some networks say of folders that they let us write to
    refuse_unwritable(tmp_path / "new" / "newer")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["", "new/newer"])
def test_a_folder_that_refuses_files_is_said_before_the_work(tmp_path, monkeypatch, place):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(InputError) as e:
        refuse_unwritable(tmp_path / place)
    assert str(e.value) == f"{tmp_path / place} cannot be written to: Permission denied; choose another output"


def test_a_name_that_is_too_long_for_any_folder_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"cannot be written to: File name too long; choose another output$"):
        refuse_unwritable(tmp_path / ("n" * 300))
