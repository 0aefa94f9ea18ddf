"""Sequences on disk for evaluation: the display window of each frame; missing frames are errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relumix.errors import FrameError, InputError
from relumix.pipeline.fingerprint import stored_references
from relumix.preview.display import on_display_window
from relumix.shot.plate import Plate
from relumix.shot.sequence import Sequence as Shot
from relumix.types import Float32

_MOST_LIGHT = np.float32(2.0**60)
"""Values beyond it would overflow in a metric; no light has them."""


@dataclass(frozen=True)
class DisplayFrame:
    """The display window of a file, black where it has no data.

    rgb    [h, w, 3] float32, scene-linear; values that no light has are clipped.
    known  [h, w] bool: where there are data, and all three channels are finite.
    """

    path: Path
    rgb: Float32
    known: NDArray[np.bool_]

    @property
    def nonfinite(self) -> NDArray[np.bool_]:
        """Pixels [h, w] that are NaN or infinite in any channel."""
        return np.asarray(~np.isfinite(self.rgb).all(-1))


class Files:
    """A sequence of files to compare. Raises InputError where there is none, or it lacks the layer or view."""

    def __init__(self, pattern: str | Path, *, layer: str | None, view: str | None, colorspace: str | None) -> None:
        self._shot = Shot.find(pattern)
        exr = self._shot.path(self._shot.frames[0]).suffix.lower() == ".exr"
        self._plate = Plate(self._shot, layer=layer, view=view, colorspace=None if exr else colorspace)

    @property
    def pattern(self) -> str:
        """The canonical text of the pattern."""
        return self._shot.pattern

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames on disk, ascending."""
        return self._shot.frames

    def references(self, wanted: Sequence[int]) -> set[int]:
        """Return the frames that these files name as the references they were relit from; none for other programs'."""
        paths = [self._shot.path(frame) for frame in wanted if frame in self.frames]
        return {frame for path in paths for frame in stored_references(path)}

    def read(self, frame: int) -> DisplayFrame:
        """Read a frame. Raises InputError where that fails."""
        try:
            picture = self._plate.read(frame)
        except FrameError as e:
            raise InputError(str(e)) from e
        windows = picture.data_window, picture.display_window
        finite = np.isfinite(picture.rgb)
        rgb = np.where(finite, np.clip(picture.rgb, -_MOST_LIGHT, _MOST_LIGHT), picture.rgb)
        known = on_display_window(np.asarray(finite.all(-1), np.float32), *windows) > 0
        return DisplayFrame(self._shot.path(frame), on_display_window(rgb, *windows), known)


def refuse_missing(pattern: str, frames: Sequence[int], wanted: Sequence[int]) -> None:
    """Raise InputError unless all wanted frames are among those of a pattern."""
    if missing := [frame for frame in wanted if frame not in frames]:
        few = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        raise InputError(
            f"{pattern} lacks {len(missing)} of the {len(wanted)} frames to score ({few}): "
            "render them, or choose the frames to score"
        )
