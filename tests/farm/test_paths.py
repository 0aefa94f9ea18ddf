"""Paths of the machine that submitted a job, on a worker."""

import json
from pathlib import Path

import pytest

from relumix.errors import InputError
from relumix.farm.paths import Rules


@pytest.fixture
def rules(tmp_path):
    def write(*triples):
        found = [
            {"source_path_format": style, "source_path": source, "destination_path": destination}
            for style, source, destination in triples
        ]
        (tmp_path / "rules.json").write_text(json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": found}))
        return Rules.read(tmp_path / "rules.json")

    return write


def test_the_longest_folder_counts(rules):
    found = rules(("POSIX", "/shots", "/mnt/s"), ("POSIX", "/shots/a b", "/fast/ab"))
    assert found.mapped("/shots/x/p.####.exr") == "/mnt/s/x/p.####.exr"
    assert found.mapped("/shots/a b/p.exr") == "/fast/ab/p.exr"
    assert found.mapped("/shotsandmore/p.exr") == "/shotsandmore/p.exr"


def test_a_folder_stays_one(rules):
    assert rules(("POSIX", "/out", "/mnt")).mapped("/out/x/") == "/mnt/x/"


def test_each_reference_is_mapped_with_its_frame(rules):
    found = rules(("POSIX", "/shots", "/mnt"))
    assert found.mapped("1001=/shots/a.exr\n-5=/shots/b=c.exr\n/d.exr") == "1001=/mnt/a.exr\n-5=/mnt/b=c.exr\n/d.exr"


def test_a_windows_machine_may_submit(rules):
    found = rules(("WINDOWS", "P:\\Shots", "/mnt/shots"))
    assert found.mapped(r"p:\shots\sc 1\plate.%04d.exr") == "/mnt/shots/sc 1/plate.%04d.exr"
    assert found.mapped("P:/Shots/out/") == "/mnt/shots/out/"


@pytest.mark.parametrize("value", ["", "flow", "0.5", "true", "render7:50051", "dwaa:45"])
def test_other_values_stay_as_they_are(rules, value):
    assert rules(("POSIX", "/", "/mnt"), ("WINDOWS", "C:\\", "/c")).mapped(value) == value


def test_a_session_may_have_no_rules(tmp_path):
    (tmp_path / "rules.json").write_text("{}")
    assert Rules.read(tmp_path / "rules.json") == Rules()


@pytest.mark.parametrize("text", ["", "[]", '{"path_mapping_rules": [{"source_path": "/"}]}'])
def test_rules_that_cannot_be_read_are_named(tmp_path, text):
    path: Path = tmp_path / "rules.json"
    path.write_text(text)
    with pytest.raises(InputError, match=f"^{path} holds no path mapping rules that can be read: "):
        Rules.read(path)
