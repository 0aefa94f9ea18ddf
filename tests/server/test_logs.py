"""Lines of the log, whatever clients call their files."""

import io
import json
import logging

import pytest

from relumix_server import logs


@pytest.fixture
def lines(monkeypatch):
    """What is written for a message in one form."""
    logger = logging.getLogger("relumix_server")
    kept = list(logger.handlers), logger.propagate

    def written(form, message):
        stream = io.StringIO()
        monkeypatch.setattr("sys.stderr", stream)
        logs.set_up(form)
        logger.warning("%s", message)
        return stream.getvalue().splitlines()

    yield written
    logger.handlers[:], logger.propagate = kept


def test_nothing_steers_a_terminal(lines):
    (line,) = lines("text", "a\x1b[2Jb\x9bc\u202ed\ne")
    assert line.endswith("warning a\\u001b[2Jb\\u009bc\\u202ed\\u000ae")


def test_json_is_one_object_a_line(lines):
    (line,) = lines("json", "a\x1b[2J\u202e\nb")
    assert json.loads(line)["message"] == "a\x1b[2J\u202e\nb"
    assert line.isprintable()
