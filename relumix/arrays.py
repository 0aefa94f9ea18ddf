"""The job without files: numpy arrays in, relit numpy arrays out, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relumix.detail import relight
from relumix.engines import load_engine
from relumix.engines.base import Float32
from relumix.errors import FrameError, InputError
from relumix.propagate import Propagation
from relumix.relit_frame import RelitFrame
from relumix.settings import Settings
from relumix.shot.windows import Box
from relumix.working import finite


def relit(
    source: Mapping[int, NDArray[np.floating]],
    references: Mapping[int, NDArray[np.floating]],
    settings: Settings | None = None,
    *,
    masks: Mapping[int, NDArray[np.floating]] | None = None,
    frames: Sequence[int] | None = None,
) -> Iterator[RelitFrame]:
    """Relight a shot of arrays; yields its frames in ascending order as they are done.

    source      frame number to [h, w, 3] or [h, w, 4] (premultiplied alpha last), scene-linear, all of one size. It may
                read lazily: frames are asked for by number, more than once, from several threads.
    references  frame number to the relit frame [h, w, 3 or 4].
    settings    of which engine, model, device, work_size and mix count; the rest is about files.
    masks       frame number to matte [h, w] in 0..1; light changes only where it is above 0. None: everywhere.
    frames      the frames to yield; None: all. Any choice gives the same frames, bit for bit.

    Raises InputError for arguments that do not fit together, FrameError for a frame of another size.
    """
    settings = settings or Settings()
    shot = _Arrays(source, references, masks)
    wanted = sorted(shot.frames if frames is None else set(frames))
    if unknown := sorted(set(wanted) - set(shot.frames)):
        raise InputError(f"frame {unknown[0]} is not in the shot: expected frames of {_span(shot.frames)}")
    engine = load_engine(settings.engine, model=settings.model, device=settings.device)
    with Propagation(shot, engine, settings.work_size) as light:
        for gain in light.gains(wanted):
            if isinstance(gain, FrameError):
                raise gain
            picture = shot.read(gain.frame)
            result = relight(
                picture.levels[0],
                picture.data_window,
                light.canvas,
                gain,
                mix=settings.mix,
                mask=shot.read_mask(gain.frame, picture),
                reference=shot.read_reference(gain.frame, picture) if gain.frame in references else None,
            )
            alpha = picture.levels[0].alpha
            pixels = result.rgb if alpha is None else np.concatenate([result.rgb, alpha[..., None]], axis=-1)
            yield RelitFrame(gain.frame, pixels, result.stops)


@dataclass(frozen=True)
class _Level:
    rgb: Float32
    alpha: Float32 | None


@dataclass(frozen=True)
class _Picture:
    levels: tuple[_Level, ...]
    data_window: Box

    @property
    def display_window(self) -> Box:
        return self.data_window


class _Arrays:
    """A Source of arrays."""

    def __init__(
        self,
        source: Mapping[int, NDArray[np.floating]],
        references: Mapping[int, NDArray[np.floating]],
        masks: Mapping[int, NDArray[np.floating]] | None,
    ) -> None:
        if not source:
            raise InputError("the source has no frames: expected at least one array by frame number")
        if not references:
            raise InputError("there is no reference: expected at least one relit frame by frame number")
        self.frames, self.references = tuple(sorted(source)), tuple(sorted(references))
        for frame in self.references:
            if frame not in source:
                raise InputError(f"reference frame {frame} is not in the shot: expected one of {_span(self.frames)}")
        self._source, self._relit, self._masks = source, references, masks
        self._shape = np.shape(source[self.references[0]])

    def read(self, frame: int) -> _Picture:
        pixels = np.asarray(self._source[frame], np.float32)
        if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.shape != self._shape:
            raise FrameError(
                frame, f"frame {frame} has shape {pixels.shape}: expected {self._shape} as [height, width, 3 or 4]"
            )
        alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
        box = Box(0, 0, pixels.shape[1], pixels.shape[0])
        return _Picture((_Level(np.ascontiguousarray(pixels[..., :3]), alpha),), box)

    def read_reference(self, frame: int, picture: _Picture) -> tuple[Float32, NDArray[np.bool_]]:
        relit = np.asarray(self._relit[frame], np.float32)
        if relit.ndim != 3 or relit.shape[2] not in (3, 4) or relit.shape[:2] != self._shape[:2]:
            raise InputError(f"the reference for frame {frame} has shape {relit.shape}: expected {self._shape}")
        rgb = np.ascontiguousarray(relit[..., :3])
        return rgb, finite(rgb)

    def read_mask(self, frame: int, picture: _Picture) -> Float32 | None:
        if self._masks is None:
            return None
        mask = np.asarray(self._masks[frame], np.float32) if frame in self._masks else None
        if mask is None or mask.shape != self._shape[:2]:
            got = "no mask" if mask is None else f"a mask of shape {mask.shape}"
            raise FrameError(frame, f"frame {frame} has {got}: expected one of shape {self._shape[:2]}")
        return np.clip(np.nan_to_num(mask, nan=0.0), 0, 1)


def _span(frames: Sequence[int]) -> str:
    return f"{frames[0]} to {frames[-1]}"
