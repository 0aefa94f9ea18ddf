"""Curves over frames as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

WIDTH_PX, HEIGHT_PX = 520, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 12, 30


def curve(
    frames: Sequence[int], values: Sequence[float | None], *, unit: str, decimals: int, marks: Sequence[int] = ()
) -> str:
    """Return a chart of values over frames as an <svg> element that takes its colours from the page.

    frames  ascending; values  one each, None where there is none (the line breaks there).
    marks   frames to mark by a dashed line.

    Points tell their frame and value to a pointer that rests on them.
    """
    known = [value for value in values if value is not None]
    ticks = _ticks(min(known, default=0.0), max(known, default=1.0))
    low, high = ticks[0], ticks[-1]
    first, last = min([*frames, *marks]), max([*frames, *marks])

    def x(frame: int) -> float:
        share = (frame - first) / (last - first) if last > first else 0.5
        return _LEFT + 8 + share * (WIDTH_PX - _LEFT - _RIGHT - 16)

    def y(value: float) -> float:
        return HEIGHT_PX - _BOTTOM - (value - low) / (high - low) * (HEIGHT_PX - _TOP - _BOTTOM)

    parts = []
    for tick in ticks:
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH_PX - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        )
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:.6g}</text>')
    for frame in _frame_ticks(frames):
        parts.append(f'<text class="tick" x="{x(frame):.1f}" y="{HEIGHT_PX - 10}" text-anchor="middle">{frame}</text>')
    parts.append(f'<text class="tick axis" x="0" y="{HEIGHT_PX - 10}">frame</text>')
    for mark in marks:
        parts.append(
            f'<line class="mark" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{_TOP}" y2="{HEIGHT_PX - _BOTTOM}">'
            f"<title>frame {mark}: reference, not scored</title></line>"
        )
    for run in _runs(frames, values):
        points = " ".join(f"{x(frame):.1f},{y(value):.1f}" for frame, value in run)
        parts.append(f'<polyline class="curve" points="{points}"/>')
        for frame, value in run:
            told = escape(f"frame {frame}: {value:.{decimals}f} {unit}".rstrip())
            parts.append(
                f'<circle class="point" cx="{x(frame):.1f}" cy="{y(value):.1f}" r="3"><title>{told}</title></circle>'
            )
    return f'<svg viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" role="img">{"".join(parts)}</svg>'


def _runs(frames: Sequence[int], values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Return the stretches of neighbouring frames that have values."""
    runs: list[list[tuple[int, float]]] = [[]]
    for frame, value in zip(frames, values, strict=True):
        if value is not None:
            runs[-1].append((frame, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _ticks(low: float, high: float) -> list[float]:
    """Return three to seven round numbers, evenly apart, the first at most `low` and the last at least `high`."""
    if high - low < 1e-9 * max(abs(low), abs(high), 1e-3):
        margin = max(abs(low) * 0.05, 1e-3)
        low, high = (max(low - margin, 0.0) if low >= 0 else low - margin), high + margin
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(s for s in (1, 2, 2.5, 5, 10) if s * power >= rough * (1 - 1e-9))
    start, stop = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(start, stop + 1)]


def _frame_ticks(frames: Sequence[int]) -> list[int]:
    """Return up to six of the frames, evenly, first and last among them."""
    count = min(6, len(frames))
    return [frames[round(i * (len(frames) - 1) / max(1, count - 1))] for i in range(count)]
