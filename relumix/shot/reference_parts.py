"""How much of a reference counts, and where: its weight and its matte."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from relumix.errors import InputError
from relumix.types import Float32

_FRAME = re.compile(r"(-?\d+)=(.+)", re.DOTALL)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Part:
    """How much of one reference counts.

    weight  0, none of its light, to 1, all of it.
    mask    a matte by which that is multiplied; None: 1 everywhere.
    """

    weight: float = 1.0
    mask: Path | None = None


def given_parts(masks: Sequence[str], weights: Sequence[str], references: Collection[int]) -> dict[int, Part]:
    """Return the parts that Settings.reference_masks and reference_weights name, by frame.

    Raises InputError: not FRAME=FILE or FRAME=0..1, a file that is not there, a frame without a reference.
    """
    mattes = _by_frame("reference mask", "1001=matte.exr", masks, references, _file)
    numbers = _by_frame("reference weight", "1001=0.5", weights, references, _weight)
    return {frame: Part(numbers.get(frame, 1.0), mattes.get(frame)) for frame in sorted(mattes.keys() | numbers.keys())}


def part_of(
    plate: Float32, relit: Float32, known: NDArray[np.bool_], share: float | Float32
) -> tuple[Float32, NDArray[np.bool_]]:
    """Return a reference [h, w, 3] of which a share counts, and where its light is known [h, w].

    share  0..1, one number or [h, w]: where it is 0 the plate keeps its light, bit for bit; where it is 1 it is all the
           reference's; between, their pixels are mixed.
    """
    amount = np.broadcast_to(np.asarray(share, np.float32), known.shape)[..., None]
    with np.errstate(all="ignore"):
        mixed = np.where(amount == 1, relit, plate + amount * (relit - plate))
    sound = np.isfinite(plate).all(axis=-1)
    rgb = np.where(amount == 0, plate, mixed)
    part_known = np.where(amount[..., 0] == 0, sound, known & (sound | (amount[..., 0] == 1)))
    return np.where(part_known[..., None], rgb, np.float32(0)), np.asarray(part_known, np.bool_)


def _by_frame(
    what: str, example: str, texts: Sequence[str], references: Collection[int], read: Callable[[str, str], Value]
) -> dict[int, Value]:
    found: dict[int, Value] = {}
    for text in texts:
        match = _FRAME.fullmatch(text)
        if not match:
            raise InputError(f"{what} is {text!r}: expected a frame and what counts there, like {example}")
        frame = int(match[1])
        if frame not in references:
            raise InputError(
                f"{what} {text} is for frame {frame}, which has no reference: expected one of {some(references)}"
            )
        if frame in found:
            raise InputError(f"frame {frame} has two of {what}: keep one of them")
        found[frame] = read(match[2], text)
    return found


def some(references: Collection[int], most: int = 5) -> str:
    """Return frames in words, the first few of many."""
    frames = sorted(references)
    return ", ".join(map(str, frames[:most])) + (", ..." if len(frames) > most else "")


def _file(value: str, text: str) -> Path:
    if not Path(value).is_file():
        raise InputError(f"reference mask {text}: there is no file {value}")
    return Path(value)


def _weight(value: str, text: str) -> float:
    try:
        weight = float(value)
    except ValueError:
        weight = float("nan")
    if not 0 <= weight <= 1:
        raise InputError(f"reference weight is {text}: expected a number from 0 (no light of it) to 1 (all of it)")
    return weight
