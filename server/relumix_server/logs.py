"""Log lines: for people, or one JSON object a line. Lines of a session and frame say which."""

from __future__ import annotations

import json
import logging
import sys

from relumix.util.words import as_json, one_line

FIELDS = ("session", "frame", "peer", "address")


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = " ".join(f"{name}={getattr(record, name)}" for name in FIELDS if getattr(record, name, "") != "")
        head = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname.lower():7} {record.getMessage()}"
        line = one_line(f"{head}{f' [{told}]' if told else ''}")
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        return "\n".join([line, *map(one_line, trace.splitlines())])


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **{name: getattr(record, name) for name in FIELDS if getattr(record, name, "") != ""},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        text = as_json(line, encoding=sys.stderr.encoding)
        # JSON escapes control characters of ASCII alone, and somebody may read it in a terminal.
        return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


def set_up(form: str) -> None:
    """Send the server's log to stderr, as "text" or "json"."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    log = logging.getLogger("relumix_server")
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
