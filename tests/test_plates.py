"""The table of docs/plates.md: every test that it names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROWS = [
    line
    for line in (ROOT / "docs/plates.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not re.fullmatch(r"\|(-+\|)+|\|[^|]*\| what happens \| test \|", line)
]
_TESTS = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def functions(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}


def test_there_are_rows():
    assert len(ROWS) > 40


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip()[:60] for row in ROWS])
def test_every_row_names_what_happens_and_a_test_that_is_there(row):
    what, happens, tests = (cell.strip() for cell in row.strip("|").split("|"))
    assert what
    assert happens
    named = _TESTS.findall(tests)
    assert named, f"{what}: no test in the last column"
    for file, name in named:
        assert name in functions(ROOT / file), f"{file} has no {name}"
