import pytest

from relumix.errors import InputError
from relumix.util.atomic_file import replacing


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
    assert str(e.value) == f"{path}: cannot be written (File exists); choose another place or make room"
