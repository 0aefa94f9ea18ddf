import os
import subprocess
import sys

import pytest

from relumix.util.words import first_of, from_utf8, number_of


def test_one_and_many() -> None:
    assert [number_of(count, "frame") for count in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]


def test_of_many_the_first_are_named():
    assert first_of([], 2) == ""
    assert first_of([1001, 1002], 2) == "1001, 1002"
    assert first_of(["a", "b", "c", "d"], 2) == "a, b and 2 more"


@pytest.mark.parametrize("utf8", ["0", "1"])
def test_words_of_a_command_line_are_utf8_in_any_locale(utf8):
    code = "import sys\nfrom relumix.util.words import from_utf8\nprint(ascii(from_utf8(sys.argv[1])))"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": utf8, "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, "Abend über 夜".encode()], env=environment, capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == ascii("Abend über 夜")


def test_words_that_are_no_utf8_stay():
    assert from_utf8("a\udcffb") == "a\udcffb"
