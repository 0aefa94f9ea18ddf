from pathlib import Path

import pytest

from relumix.errors import InputError
from relumix.util.json_object import read_object


def test_an_object_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"name": "é"}', encoding="utf-8")
    assert read_object(tmp_path / "a.json", "get it") == {"name": "é"}


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_cannot_be_read_is_told_with_its_cure(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(InputError, match=r"a\.json cannot be read: .*; get it again"):
        read_object(tmp_path / "a.json", "get it again")
    with pytest.raises(InputError, match=r"b\.json cannot be read: .*No such file.*; get it again"):
        read_object(tmp_path / "b.json", "get it again")


def test_another_value_is_no_object(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(InputError) as caught:
        read_object(tmp_path / "a.json", "get it again")
    assert str(caught.value) == f"{tmp_path / 'a.json'} is a JSON list: expected an object"
