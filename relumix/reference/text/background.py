"""The picture whose light IC-Light takes."""

from __future__ import annotations

from pathlib import Path

from relumix.reference.pictures import read_picture
from relumix.reference.text.display import Display
from relumix.shot.plate import Plate
from relumix.types import Float32

_LONG_EDGE_PX = 1536


def read_background(path: Path, plate: Plate) -> tuple[Path, Float32]:
    """Return a picture's file and how it looks, [h, w, 3] float32 in 0..1. Raises InputError."""
    read = read_picture(path, plate, None, _LONG_EDGE_PX)
    return path, Display.of(read.rgb).encode(read.rgb)
