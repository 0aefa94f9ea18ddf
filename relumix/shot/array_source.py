"""A shot of numpy arrays: the input of a job without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from relumix.errors import FrameError, InputError
from relumix.shot.alpha import Premult, is_coverage, looked_at
from relumix.shot.box import Box
from relumix.shot.cuts import Look, find_cuts, given_cuts, look_at
from relumix.shot.fit import moved_back
from relumix.shot.paint import Alpha, Paint
from relumix.shot.reference_parts import part_of, some
from relumix.shot.scenes import Scenes, refuse_unlit
from relumix.types import Float32

Arrays = Mapping[int, NDArray[np.floating]]


@dataclass(frozen=True)
class _Level:
    rgb: Float32
    alpha: Float32 | None


@dataclass(frozen=True)
class _Picture:
    """stored_alpha: [h, w] as given, None where the plate has none; that of its levels is coverage alone."""

    levels: tuple[_Level, ...]
    data_window: Box
    stored_alpha: Float32 | None

    @property
    def display_window(self) -> Box:
        return self.data_window


class ArraySource:
    """A relumix.gain.proxy_shot.Source of arrays (see relumix.pipeline.arrays.relit)."""

    def __init__(
        self,
        source: Arrays,
        references: Arrays,
        masks: Arrays | None,
        premult: Premult = "auto",
        *,
        align: bool = False,
        reference_masks: Arrays | None = None,
        reference_weights: Mapping[int, float] | None = None,
    ) -> None:
        """premult, align: see relumix.Settings. Raises InputError for arguments that do not fit together."""
        if not source:
            raise InputError("the source has no frames: expected at least one array by frame number")
        if not references:
            raise InputError("there is no reference: expected at least one relit frame by frame number")
        self.frames, self.references = tuple(sorted(source)), tuple(sorted(references))
        for frame in self.references:
            if frame not in source:
                raise InputError(f"reference frame {frame} is not in the shot: expected one of {_span(self.frames)}")
        self.reference_masks, self.reference_weights = dict(reference_masks or {}), dict(reference_weights or {})
        self._check_parts()
        self.cuts: tuple[int, ...] = ()
        self._source, self._relit, self._masks = source, references, masks
        self._premult, self._align = premult, align
        self._shape = _floats(source[self.references[0]], f"frame {self.references[0]}").shape

    def _check_parts(self) -> None:
        for what, given in (("mask", self.reference_masks), ("weight", self.reference_weights)):
            if unknown := sorted(given.keys() - set(self.references)):
                raise InputError(
                    f"there is a reference {what} for frame {unknown[0]}, which has no reference: expected one of "
                    f"{some(self.references)}"
                )
        for frame, weight in self.reference_weights.items():
            if not 0 <= weight <= 1:
                raise InputError(
                    f"the weight of the reference for frame {frame} is {weight}: expected a number from 0 (no light of "
                    "it) to 1 (all of it)"
                )

    @property
    def masked(self) -> bool:
        """Whether there are mattes."""
        return self._masks is not None

    def find_cuts(self, cuts: str, unlit: str, wanted: Sequence[int]) -> None:
        """Set `cuts`, the first frame of each scene but the first, as Settings.cuts says; "auto" reads every frame.

        Raises InputError for cuts that are none of the shot's frames and, unless `unlit` is "plate", where a wanted
        frame is of a scene without a reference.
        """
        given = given_cuts(cuts, self.frames)
        self.cuts = find_cuts((frame, self._look(frame)) for frame in self.frames) if given is None else given
        refuse_unlit(self.frames, Scenes(self.references, self.cuts), wanted, unlit)

    def _look(self, frame: int) -> Look | None:
        try:
            return look_at(np.asarray(self.plate(frame)[..., :3], np.float32))
        except FrameError:
            return None  # told when it is this frame's turn

    def choose(self, frames: Sequence[int] | None) -> list[int]:
        """Return the frames asked for (None: all), ascending. Raises InputError."""
        wanted = sorted(self.frames if frames is None else set(frames))
        if unknown := sorted(set(wanted) - set(self.frames)):
            raise InputError(f"frame {unknown[0]} is not in the shot: expected frames of {_span(self.frames)}")
        return wanted

    def plate(self, frame: int) -> NDArray[np.floating]:
        """Return a plate frame as float16 or float32. Raises FrameError."""
        pixels = _floats(self._source[frame], f"frame {frame}")
        if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
            raise FrameError(frame, f"frame {frame} has shape {pixels.shape}: expected [height, width, 3 or 4]")
        if pixels.shape != self._shape:
            raise FrameError(
                frame, f"frame {frame} has shape {pixels.shape}: expected {self._shape}, as the first reference's frame"
            )
        return pixels

    def reference(self, frame: int) -> NDArray[np.floating]:
        """Return a relit frame as float16 or float32. Raises InputError."""
        relit = _floats(self._relit[frame], f"the reference for frame {frame}")
        if relit.ndim != 3 or relit.shape[2] not in (3, 4) or relit.shape[:2] != self._shape[:2]:
            raise InputError(f"the reference for frame {frame} has shape {relit.shape}: expected {self._shape}")
        return relit

    def reference_mask(self, frame: int) -> NDArray[np.floating]:
        """Return the matte of a reference that has one as float16 or float32. Raises InputError."""
        mask = _floats(self.reference_masks[frame], f"the mask of the reference for frame {frame}")
        if mask.shape != self._shape[:2]:
            raise InputError(
                f"the mask of the reference for frame {frame} has shape {mask.shape}: expected {self._shape[:2]}"
            )
        return mask

    def mask(self, frame: int) -> NDArray[np.floating] | None:
        """Return a matte as float16 or float32, None where there are none. Raises FrameError."""
        if self._masks is None:
            return None
        mask = _floats(self._masks[frame], f"the mask of frame {frame}") if frame in self._masks else None
        if mask is None or mask.shape != self._shape[:2]:
            got = "no mask" if mask is None else f"a mask of shape {mask.shape}"
            raise FrameError(frame, f"frame {frame} has {got}: expected one of shape {self._shape[:2]}")
        return mask

    def read(self, frame: int) -> _Picture:
        """Return a plate frame (see relumix.gain.proxy_shot.Source)."""
        pixels = np.asarray(self.plate(frame), np.float32)
        alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
        box = Box(0, 0, pixels.shape[1], pixels.shape[0])
        used = None if alpha is None or self._matte or not self._is_coverage(pixels) else alpha
        return _Picture((_Level(np.ascontiguousarray(pixels[..., :3]), used),), box, alpha)

    @cached_property
    def _matte(self) -> bool:
        """Whether alpha is no coverage in the plate of a reference, and so in none (see alpha.looked_at)."""
        if self._shape[2:] != (4,):
            return False
        plates = (np.asarray(self.plate(frame), np.float32) for frame in looked_at(self.references))
        return not all(map(self._is_coverage, plates))

    def _is_coverage(self, rgba: Float32) -> bool:
        return is_coverage(rgba[..., :3], rgba[..., 3], self._premult)

    def read_reference(self, frame: int, picture: _Picture) -> tuple[Float32, NDArray[np.bool_]]:
        """Return a relit frame, as much of it as counts, and where it is known. Raises InputError.

        It is over the plate where its alpha says so (see shot.paint), and moved back onto it where that is asked for.
        """
        plate = picture.levels[0].rgb
        rgb, known = self._over(frame, picture)
        if self._align:
            rgb, known = moved_back(np.nan_to_num(plate, nan=0, posinf=0, neginf=0), rgb, known)
        if frame not in self.reference_masks and frame not in self.reference_weights:
            return rgb, known
        share: float | Float32 = self.reference_weights.get(frame, 1.0)
        if frame in self.reference_masks:
            share = np.asarray(share * _matte(self.reference_mask(frame)), np.float32)
        return part_of(plate, rgb, known, share)

    def _over(self, frame: int, picture: _Picture) -> tuple[Float32, NDArray[np.bool_]]:
        relit = np.asarray(self.reference(frame), np.float32)
        rgb = np.ascontiguousarray(relit[..., :3])
        known = np.asarray(np.isfinite(rgb).all(-1))
        if relit.shape[2] == 3:
            return rgb, known
        alpha, level = np.nan_to_num(relit[..., 3], nan=1.0, posinf=1.0, neginf=0.0), picture.levels[0]
        shown = np.where(known[..., None], rgb, np.float32(0))
        paint = Paint(shown, shown, known, alpha, np.ones_like(known), straight=False)
        matte = picture.stored_alpha if level.alpha is None else None
        if paint.classify(level.rgb, level.alpha, self._premult, matte) is Alpha.PAINTED:
            return paint.over(level.rgb, level.alpha)
        return rgb, known

    def read_mask(self, frame: int, picture: _Picture) -> Float32 | None:
        """Return a matte, None where there are none."""
        mask = self.mask(frame)
        return None if mask is None else _matte(mask)


def _matte(mask: NDArray[np.floating]) -> Float32:
    return np.clip(np.nan_to_num(np.asarray(mask, np.float32), nan=0.0), 0, 1)


def _floats(values: NDArray[np.floating], name: str) -> NDArray[np.floating]:
    """Return an array as float16 or float32. Raises InputError for integers, whose scale and coding are
    unknown. A mask may be boolean.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fb" or (array.dtype.kind == "b" and array.ndim != 2):
        raise InputError(
            f"{name} is {array.dtype}: expected floats of scene-linear light; decode it first, with "
            "np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4) of x = image / 255 for 8-bit sRGB"
        )
    with np.errstate(over="ignore"):  # float64 beyond float32 is infinite
        return np.asarray(array, np.float16 if array.dtype == np.float16 else np.float32)


def _span(frames: Sequence[int]) -> str:
    return f"{frames[0]} to {frames[-1]}"
