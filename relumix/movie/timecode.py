"""SMPTE time codes and frame counts (SMPTE ST 12-1)."""

from __future__ import annotations

import re
from fractions import Fraction

_CODE = re.compile(r"(\d{1,2}):(\d\d):(\d\d)([:;.,])(\d{2,3})")

_DROPPED_A_MINUTE = {30: 2, 60: 4}
"""Frame numbers that drop-frame time codes leave out in each minute but every tenth, by frames a second."""


def frame_of(code: str, rate: Fraction) -> int | None:
    """Return the frames from 00:00:00:00 to a time code, such as 01:00:00:00 or, drop-frame, 01:00:00;00.

    None where the text is no time code.
    """
    match = _CODE.fullmatch(code.strip())
    if match is None:
        return None
    hours, minutes, seconds, frames = (int(match[group]) for group in (1, 2, 3, 5))
    nominal = round(rate)
    minutes += 60 * hours
    count = (minutes * 60 + seconds) * nominal + frames
    if match[4] in ";.,":
        count -= _DROPPED_A_MINUTE.get(nominal, 0) * (minutes - minutes // 10)
    return count


def code_of(frame: int, rate: Fraction, *, drop: bool) -> str:
    """Return the time code of a frame counted from 00:00:00:00; those of a day, and again from the start after it.

    drop  whether numbers are left out, as at 29.97 and 59.94 frames a second, to keep up with the clock.
    """
    nominal = round(rate)
    dropped = _DROPPED_A_MINUTE.get(nominal, 0) if drop else 0
    if dropped:
        tens, rest = divmod(frame, nominal * 600 - 9 * dropped)
        frame += 9 * dropped * tens + dropped * max(0, (rest - dropped) // (nominal * 60 - dropped))
    seconds, frames = divmod(frame, nominal)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours % 24:02d}:{minutes:02d}:{seconds:02d}{';' if dropped else ':'}{frames:02d}"


def packed(code: str) -> tuple[int, int] | None:
    """Return a time code as the attribute `timeCode` of OpenEXR holds it; None where it has no place in it.

    Two words of 32 bits: a decimal digit in every four bits, and the drop-frame flag in bit 6.
    """
    match = _CODE.fullmatch(code.strip())
    if match is None or int(match[5]) > 39:
        return None
    fields = [int(match[group]) for group in (5, 3, 2, 1)]
    word = sum((value // 10 << 4 | value % 10) << 8 * at for at, value in enumerate(fields))
    return word | (match[4] in ";.,") << 6, 0
