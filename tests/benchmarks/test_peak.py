"""A command's peak memory is its own, however large the process that asks for it has been."""

from __future__ import annotations

import sys

import numpy as np

from tests.benchmarks import peak

MB = 1 << 20


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def test_the_peak_of_the_asking_process_is_not_counted():
    ballast = np.ones(400 * MB, np.uint8)
    code, _, small = peak.run(python("pass"))
    assert code == 0
    assert small < 100 * MB < ballast.nbytes


def test_what_the_command_takes_is_counted():
    code, said, large = peak.run(python(f"bytearray(b'1') * {200 * MB}; print('done')"))
    assert (code, said) == (0, "done\n")
    assert 200 * MB < large < 300 * MB


def test_how_it_ended_comes_through():
    assert peak.run(python("raise SystemExit(3)"))[0] == 3
    assert peak.run(python("import os; os.kill(os.getpid(), 9)"))[0] == 137
