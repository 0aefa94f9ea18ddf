"""JSON files that hold an object, as configurations of models do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from relumix.errors import InputError


def read_object(path: Path, cure: str) -> dict[str, Any]:
    """Return the object in a JSON file. Raises InputError.

    cure  what to do where it cannot be read: the end of that error.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}; {cure}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is a JSON {type(found).__name__}: expected an object")
    return found
