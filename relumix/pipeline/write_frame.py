"""The last step of a frame: light onto the full-size plate, and the result onto disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from relumix.errors import FrameError
from relumix.events import FrameDone
from relumix.gain.downsample import Canvas
from relumix.gain.relight import Blend, RelitLevel, relight, transfer_for
from relumix.gain.transfer import Gain
from relumix.pipeline.fingerprint import FINGERPRINT_ATTRIBUTE, REFERENCES_ATTRIBUTE
from relumix.preview.previews import Shown
from relumix.shot.gain_map_image import gain_map_image
from relumix.shot.picture import Picture, nonfinite
from relumix.shot.sequence import OutputPattern
from relumix.shot.source import PlateSource
from relumix.shot.writing import write
from relumix.types import Float32
from relumix.version import __version__


@dataclass(frozen=True)
class Frame:
    """A frame that is on disk, and small pictures of it where previews are wanted."""

    event: FrameDone
    shown: Shown | None


@dataclass(frozen=True)
class FrameWriter:
    """Makes and writes frames; thread-safe.

    gain_output  where gain maps go, None without.
    key          what a frame is made from, by its number (see relumix.pipeline.fingerprint).
    show         whether small pictures of each frame are wanted.
    """

    source: PlateSource
    canvas: Canvas
    output: OutputPattern
    gain_output: OutputPattern | None
    key: Callable[[int], str]
    show: bool

    def finish(self, gain: Gain | FrameError) -> Frame | FrameError:
        """Relight a frame and write it and its gain map; returns what failed. Raises InputError where no frame can be
        written."""
        if isinstance(gain, FrameError):
            return gain
        try:
            picture = self.source.read(gain.frame)
            levels, reference = self._relight(gain, picture)
        except FrameError as error:
            return error
        with self.source.watch.stage("write"):
            self._write(picture, levels)
        shown = None
        if self.show:
            shown = Shown.of(picture, levels[0].pixels, gain=levels[0].gain_stops, reference=reference)
        path = str(self.output.path(gain.frame))
        return Frame(FrameDone(gain.frame, path, nonfinite_pixels=nonfinite(picture)), shown)

    def fresh(self, frame: int) -> Frame | FrameError:
        """Return a frame that is up to date."""
        path, shown = self.output.path(frame), None
        if self.show:
            try:
                shown = Shown.written(self.source, frame, path)
            except FrameError as error:
                return error
        return Frame(FrameDone(frame, str(path), skipped=True), shown)

    def _relight(self, gain: Gain, picture: Picture) -> tuple[list[RelitLevel], Float32 | None]:
        """Return the frame relit, with its mip levels, and the reference's pixels at its own frame."""
        frame, settings = gain.frame, self.source.settings
        mask = self.source.read_mask(frame, picture)
        reference = self.source.read_reference(frame, picture) if self._is_reference(frame) else None
        delivered = self.source.delivered(frame, picture, reference) if reference else None
        transfer = transfer_for(settings.transfer, self.canvas)
        levels = []
        with self.source.watch.stage("transfer"):
            for i, level in enumerate(picture.levels):
                itself = i == 0  # its mip levels have no reference, and no map of gain
                blend = Blend(settings.mix, _at_size(mask, level.rgb), delivered if itself else None)
                keep_gain = itself and (self.gain_output is not None or self.show)
                levels.append(relight(transfer, gain, level, picture.data_window, blend, keep_gain=keep_gain))
        return levels, reference[0] if reference else None

    def _is_reference(self, frame: int) -> bool:
        return frame in self.source.references

    def _write(self, picture: Picture, levels: list[RelitLevel]) -> None:
        settings, frame, stops = self.source.settings, picture.frame, levels[0].gain_stops
        made_by = self._made_by(self.key(frame))
        if self.gain_output and stops is not None:
            write(
                self.gain_output.path(frame),
                gain_map_image(picture),
                [stops],
                attributes={**made_by, "relumix:unit": "stops", "relumix:blackOffset": self.canvas.black_offset},
            )
        write(
            self.output.path(frame),
            picture,
            [level.pixels for level in levels],
            attributes=made_by,
            compression=settings.compression,
            bits=settings.bits,
        )

    def _made_by(self, key: str) -> dict[str, str | int | float]:
        settings = self.source.settings
        references = {str(frame): name for frame, name in self.source.reference_names.items()}
        return {
            "relumix:version": __version__,
            "relumix:engine": settings.engine,
            REFERENCES_ATTRIBUTE: json.dumps(references, ensure_ascii=False),
            "relumix:settings": json.dumps(settings.pixels(), ensure_ascii=False),
            FINGERPRINT_ATTRIBUTE: key,
        }


def _at_size(mask: Float32 | None, rgb: Float32) -> Float32 | None:
    """Return the matte at the size of a mip level."""
    if mask is None or mask.shape == rgb.shape[:2]:
        return mask
    import cv2  # noqa: PLC0415

    return np.asarray(cv2.resize(mask, rgb.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)
