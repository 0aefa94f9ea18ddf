"""Brings a maker's light onto the full-size plate and writes the plate's file with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from relumix.gain.relight import Blend, RelitLevel, relight, transfer_for
from relumix.pipeline.write_frame import at_size
from relumix.preview.previews import Shown
from relumix.reference.maker import Light, PlateFrame
from relumix.settings import Settings
from relumix.shot.map_images import gain_map_image
from relumix.shot.sequence import OutputPattern
from relumix.shot.writing import write
from relumix.types import Float32


@dataclass(frozen=True)
class Candidate:
    """One of the lights of a frame to choose from: where it goes.

    output, gain_output  the plate under its light; that light in stops, None where it was not asked for.
    """

    output: OutputPattern
    gain_output: OutputPattern | None

    def write(
        self,
        frame: PlateFrame,
        light: Light,
        mask: Float32 | None,
        settings: Settings,
        attributes: Mapping[str, str | int | float],
    ) -> Float32:
        """Write the files of a frame, each complete or not at all; returns its pixels at full size, [H, W, 3].

        mask  [H, W] in 0..1 on the picture's data window, None for 1 everywhere.

        Raises InputError where they cannot be written.
        """
        levels = self._relit(frame, light, mask, settings)
        if self.gain_output and levels[0].gain_stops is not None:
            write(
                self.gain_output.path(frame.number),
                gain_map_image(frame.picture),
                [levels[0].gain_stops],
                attributes={**attributes, "relumix:unit": "stops", "relumix:blackOffset": 0.0},
            )
        pixels = [level.pixels for level in levels]
        path, compression, bits = self.output.path(frame.number), settings.compression, settings.bits
        write(path, frame.picture, pixels, attributes=attributes, compression=compression, bits=bits)
        return pixels[0]

    def _relit(self, frame: PlateFrame, light: Light, mask: Float32 | None, settings: Settings) -> list[RelitLevel]:
        """Return the frame under its light, with its mip levels."""
        transfer, gain, picture = transfer_for(settings.transfer, frame.canvas), light.gain(frame), frame.picture
        return [
            relight(
                transfer,
                gain,
                level,
                picture.data_window,
                Blend(settings.mix, at_size(mask, level.rgb)),
                keep_gain=i == 0 and self.gain_output is not None,
            )
            for i, level in enumerate(picture.levels)
        ]


def shown(frame: PlateFrame, light: Light, pixels: Float32) -> Shown:
    """Return a frame and its candidate at a size to be looked at."""
    pictured = None if light.shown is None else _at_full_size(frame, light.shown)
    return Shown.of(frame.picture, pixels, reference=pictured)


def _at_full_size(frame: PlateFrame, small: Float32) -> Float32:
    """Return a picture [h, w, 3], exposed as the proxy is, as one on the plate's data window, at its exposure."""
    columns, rows = frame.canvas.positions(frame.picture.data_window, frame.picture.rgb.shape)
    across, down = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    large = cv2.remap(small / np.float32(frame.proxy.exposure), across, down, cv2.INTER_LINEAR)
    return np.asarray(large, np.float32)
