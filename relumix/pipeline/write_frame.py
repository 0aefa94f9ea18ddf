"""The last step of a frame: applies the gain to the full-size plate and writes the result.

Plates are read twice: once for the proxies that an engine sees, a window of frames at a time, and again here when the
gain is known. Kept at full size until then, the frames of a window would take gigabytes (sixteen at 8K about ten).
References' plates are read once: their gain is known at once, so their frames are written right away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relumix.errors import FrameError
from relumix.events import FrameDone
from relumix.gain.downsample import Canvas
from relumix.gain.proxy_shot import ReadReference
from relumix.gain.relight import Blend, RelitLevel, relight, transfer_for
from relumix.gain.transfer import Gain
from relumix.pipeline.fingerprint import FINGERPRINT_ATTRIBUTE, REFERENCES_ATTRIBUTE
from relumix.pipeline.run import Made
from relumix.preview.previews import Shown
from relumix.shot.confidence_layer import with_confidence
from relumix.shot.map_images import confidence_image, gain_map_image
from relumix.shot.picture import Picture, nonfinite
from relumix.shot.sequence import OutputPattern
from relumix.shot.source import PlateSource
from relumix.shot.writing import write
from relumix.types import Float32
from relumix.util.words import as_json
from relumix.version import __version__

Relit = tuple[Float32, NDArray[np.bool_]]
"""The pixels of a reference, [h, w, 3], and where they are known, [h, w]; on the plate's data window."""


@dataclass(frozen=True)
class FrameWriter:
    """Makes and writes frames; thread-safe.

    gain_output, confidence_output  where light maps go, None without.
    fingerprint    of a frame, by its number (see relumix.pipeline.fingerprint).
    wants_preview  whether a frame is needed for previews, by its number.
    """

    source: PlateSource
    output: OutputPattern
    gain_output: OutputPattern | None
    confidence_output: OutputPattern | None
    fingerprint: Callable[[int], str]
    wants_preview: Callable[[int], bool] = lambda frame: False

    def write(
        self, canvas: Canvas, gain: Gain | FrameError, reference: ReadReference[Picture] | None = None
    ) -> Made | FrameError:
        """Relight a frame and write it and its light maps; returns the error of a frame that fails.

        reference  at a reference's own frame: its pictures, if they are in memory.

        Raises InputError where no frame can be written.
        """
        if isinstance(gain, FrameError):
            return gain
        try:
            return self._write(canvas, gain, *self._pictures(gain.frame, reference))
        except FrameError as error:
            return error

    def _pictures(self, frame: int, reference: ReadReference[Picture] | None) -> tuple[Picture, Relit | None]:
        """Return the plate and, at a reference's own frame, its relit version and where that is known."""
        if reference is not None:
            return reference.picture, reference.relit
        picture = self.source.read(frame)
        return picture, self.source.read_reference(frame, picture) if frame in self.source.references else None

    def _write(self, canvas: Canvas, gain: Gain, picture: Picture, reference: Relit | None) -> Made:
        levels = self._relight(canvas, gain, picture, reference)
        path, shown = self.output.path(gain.frame), None
        with self.source.watch.stage("write"):
            self._write_files(canvas, picture, levels)
        if self.wants_preview(gain.frame):
            # Read back from disk, so that a rerun that skips the frame shows the same preview.
            result = self.source.result(path, gain.frame)
            own = self.confidence_output.path(gain.frame) if self.confidence_output else None
            confidence = self.source.confidence(picture, path, own)
            shown = Shown.of(picture, result, reference=reference[0] if reference else None, confidence=confidence)
        event = FrameDone(gain.frame, str(path), nonfinite_pixels=nonfinite(picture))
        return Made(event, shown, matte=self.source.reads_as_matte(picture))

    def _relight(self, canvas: Canvas, gain: Gain, picture: Picture, reference: Relit | None) -> list[RelitLevel]:
        """Return the frame relit, with its mip levels."""
        frame, settings = gain.frame, self.source.settings
        mask = self.source.read_mask(frame, picture)
        transfer = transfer_for(settings.transfer, canvas)
        levels = []
        with self.source.watch.stage("transfer"):
            for i, level in enumerate(picture.levels):
                full_size = i == 0  # mip levels have no reference and no light maps
                blend = Blend(settings.mix, at_size(mask, level.rgb), reference if full_size else None)
                kept = {
                    "keep_gain": full_size and self.gain_output is not None,
                    "keep_confidence": settings.confidence_layer or (full_size and self.confidence_output is not None),
                }
                levels.append(relight(transfer, gain, level, picture.data_window, blend, **kept))
        return levels

    def _write_files(self, canvas: Canvas, picture: Picture, levels: list[RelitLevel]) -> None:
        settings, frame, full = self.source.settings, picture.frame, levels[0]
        made_by = self._made_by(self.fingerprint(frame))
        if self.gain_output and full.gain_stops is not None:
            write(
                self.gain_output.path(frame),
                gain_map_image(picture),
                [full.gain_stops],
                attributes={**made_by, "relumix:unit": "stops", "relumix:blackOffset": 0.0},
            )
        if self.confidence_output and full.confidence is not None:
            write(
                self.confidence_output.path(frame),
                confidence_image(picture),
                [full.confidence[..., None]],
                attributes={**made_by, "relumix:unit": "2 ** -stops"},
            )
        if settings.confidence_layer:
            confidence = [level.confidence for level in levels if level.confidence is not None]
            picture = with_confidence(picture, self.source.plate.confidence_channel, confidence)
        write(
            self.output.path(frame),
            picture,
            [level.pixels for level in levels],
            attributes=made_by,
            compression=settings.compression,
            bits=settings.bits,
        )

    def _made_by(self, fingerprint: str) -> dict[str, str | int | float]:
        settings = self.source.settings
        references = {str(frame): name for frame, name in self.source.reference_names.items()}
        return {
            "relumix:version": __version__,
            "relumix:engine": settings.engine,
            REFERENCES_ATTRIBUTE: as_json(references),
            "relumix:settings": as_json(settings.pixels()),
            FINGERPRINT_ATTRIBUTE: fingerprint,
        }


def at_size(mask: Float32 | None, rgb: Float32) -> Float32 | None:
    """Return the matte at the size of a mip level."""
    if mask is None or mask.shape == rgb.shape[:2]:
        return mask
    import cv2  # noqa: PLC0415

    return np.asarray(cv2.resize(mask, rgb.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)
