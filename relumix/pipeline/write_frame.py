"""The last step of a frame: light onto the full-size plate, and the result onto disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from relumix.errors import FrameError
from relumix.events import FrameDone
from relumix.gain.downsample import Canvas
from relumix.gain.gain_transfer import Gain, relight
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
            stops = np.empty_like(picture.rgb) if self.gain_output or self.show else None
            levels, reference = self._relight(gain, picture, stops)
        except FrameError as error:
            return error
        with self.source.watch.stage("write"):
            self._write(picture, levels, stops)
        shown = None
        if self.show:
            shown = Shown.of(picture, levels[0], gain=stops, reference=reference)
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

    def _relight(self, gain: Gain, picture: Picture, stops: Float32 | None) -> tuple[list[Float32], Float32 | None]:
        """Return the relit levels, and the reference's pixels at its own frame; fills `stops` at full size."""
        frame = gain.frame
        mask = self.source.read_mask(frame, picture)
        reference = self.source.read_reference(frame, picture) if self._is_reference(frame) else None
        delivered = reference is not None and self.source.delivers_reference(frame, picture)
        with self.source.watch.stage("transfer"):
            levels = [
                relight(
                    level,
                    picture.data_window,
                    self.canvas,
                    gain,
                    mix=self.source.settings.mix,
                    mask=_at_size(mask, level.rgb),
                    reference=reference if i == 0 and delivered else None,
                    stops=stops if i == 0 else None,
                    direct=self.source.settings.transfer == "direct",
                )
                for i, level in enumerate(picture.levels)
            ]
        return levels, reference[0] if reference else None

    def _is_reference(self, frame: int) -> bool:
        return frame in self.source.references

    def _write(self, picture: Picture, levels: list[Float32], stops: Float32 | None) -> None:
        settings, frame = self.source.settings, picture.frame
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
            levels,
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
