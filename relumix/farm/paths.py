"""Paths of the machine that submitted a job as a worker knows them: Open Job Description's path mapping rules."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from relumix.errors import InputError

_STYLES: dict[str, type[PurePath]] = {"POSIX": PurePosixPath, "WINDOWS": PureWindowsPath}
_FRAME = re.compile(r"-?\d+=")


@dataclass(frozen=True)
class Rules:
    """Where folders of the submitting machine are on this one: pairs of source and destination, the longest first."""

    pairs: tuple[tuple[PurePath, Path], ...] = ()

    @classmethod
    def read(cls, path: Path) -> Rules:
        """Read the file that a session's `Session.PathMappingRulesFile` names. Raises InputError."""
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            pairs = [
                (_STYLES[rule["source_path_format"]](rule["source_path"]), Path(rule["destination_path"]))
                for rule in found.get("path_mapping_rules", [])
            ]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} holds no path mapping rules that can be read: {error!r}") from None
        return cls(tuple(sorted(pairs, key=lambda pair: -len(pair[0].parts))))

    def mapped(self, text: str) -> str:
        """Return an option's value as it is on this machine: of every line that names a path, with a frame or without.

        What lies in none of the folders stays as it is.
        """
        return "\n".join(self._mapped(line) for line in text.split("\n"))

    def _mapped(self, line: str) -> str:
        frame = match.group() if (match := _FRAME.match(line)) else ""
        for source, destination in self.pairs:
            path = type(source)(line[len(frame) :])
            if path.is_relative_to(source):
                slash = "/" if line.endswith(("/", "\\")) else ""
                return f"{frame}{destination.joinpath(*path.relative_to(source).parts)}{slash}"
        return line
