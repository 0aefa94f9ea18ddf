"""How much the cache may hold, and for how long. What a script shows is never deleted."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nuke

from relumix_nuke import cache, shown_by
from relumix_nuke.errors import RelumixError

_GB = 1e9
_DAY_SECONDS = 86400.0
_NAME = re.compile(rf"(?:.+\.)?[0-9a-f]{{{cache.KEY_DIGITS}}}")


@dataclass(frozen=True)
class Limits:
    """gigabytes and days; 0 stands for no limit."""

    gigabytes: float
    days: float

    @classmethod
    def of(cls, node: nuke.Node) -> Limits:
        """Read the knobs of a node; where they are 0 the preferences, and then the environment. Raises RelumixError."""
        return cls(
            float(node["cache_limit"].value()) or _elsewhere("relumix_cache_gb", "RELUMIX_CACHE_GB"),
            float(node["cache_days"].value()) or _elsewhere("relumix_cache_days", "RELUMIX_CACHE_DAYS"),
        )


@dataclass(frozen=True)
class Held:
    """A folder of the cache: its size in bytes, and when it was used last, in seconds since 1970."""

    path: Path
    bytes: int
    used: float


def held(root: Path) -> list[Held]:
    """Return the folders of a cache, those first that were not used for longest; a file in two counts in the newer."""
    found = []
    for path in root.glob("*"):
        if _NAME.fullmatch(path.name) and (path / cache.MADE_FROM).is_file():
            found.append((path, (path / cache.MADE_FROM).stat().st_mtime))
    counted: set[tuple[int, int]] = set()
    sizes = []
    for path, used in sorted(found, key=lambda pair: pair[1], reverse=True):
        files = [file.stat() for file in path.rglob("*") if file.is_file()]
        new = {(status.st_dev, status.st_ino): status.st_size for status in files}
        sizes.append(Held(path, sum(size for mark, size in new.items() if mark not in counted), used))
        counted.update(new)
    return sizes[::-1]


def trim(root: Path, limits: Limits, busy: Callable[[Path], bool]) -> list[Path]:
    """Delete what is too old or too much, and return it. What a script shows or a job works on stays.

    busy  tells whether a job works on a folder.

    Raises RelumixError where some cannot be deleted, such as another user's, after all others are.
    """
    if not (limits.gigabytes or limits.days):
        return []
    folders, deleted, refused = held(root), [], []
    total, now = sum(each.bytes for each in folders), time.time()
    for each in folders:
        old = limits.days and now - each.used > limits.days * _DAY_SECONDS
        if not old and not (limits.gigabytes and total > limits.gigabytes * _GB):
            continue
        if not busy(each.path) and not shown_by.others(each.path):
            try:
                cache.delete(each.path)
            except RelumixError as error:
                refused.append(error)
                continue
            deleted.append(each.path)
            total -= each.bytes
    if refused:
        raise RelumixError(f"the cache is above its limit: {refused[0]}") from refused[0]
    return deleted


def report(root: Path, limits: Limits) -> str:
    """Return how much a cache holds, what its limits are, and how much of it nobody shows."""
    folders = held(root)
    free = [each for each in folders if not shown_by.others(each.path)]
    limit = " and ".join(
        [f"{limits.gigabytes:g} GB"] * bool(limits.gigabytes) + [f"{limits.days:g} days"] * bool(limits.days)
    )
    return (
        f"{root} holds {_size(folders)} in {len(folders)} results (limit: {limit or 'none'}).\n"
        f"{_size(free)} in {len(free)} of them are shown by no script that is known here."
    )


def size(folders: list[Path]) -> str:
    """Return the size of folders, for people."""
    return _size([Held(path, sum(f.stat().st_size for f in path.rglob("*") if f.is_file()), 0) for path in folders])


def _size(folders: list[Held]) -> str:
    count = sum(each.bytes for each in folders)
    return f"{count / _GB:.1f} GB" if count >= _GB else f"{count / 1e6:.1f} MB"


def _elsewhere(preference: str, variable: str) -> float:
    knob = preferences.knob(preference) if (preferences := nuke.toNode("preferences")) else None
    if knob is not None and knob.value():
        return float(knob.value())
    written = os.environ.get(variable, "").strip()
    try:
        found = float(written or 0)
        if not 0 <= found < float("inf"):
            raise ValueError
    except ValueError:
        raise RelumixError(f"the environment variable {variable} is {written}: expected a number, such as 50") from None
    return found
