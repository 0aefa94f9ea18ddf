"""Numbers in sentences."""

from __future__ import annotations


def number_of(count: int, noun: str) -> str:
    """Return a count and what is counted: 1 frame, 5 frames."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
