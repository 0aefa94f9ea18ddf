"""The interface between those who make light and the frame that is delivered.

A maker is an object with the members of `Maker`. `relumix.reference.job.prepare` takes one; the command line of its
kind makes it from the options (relumix.cli.reference). In short:

    class Half:
        name = "half"
        labels = ("",)

        def inputs(self, frame):
            return ()

        def settings(self):
            return {"stops": -1.0}

        def look(self, frame):
            return ()

        def make(self, frame, tell):
            yield Light.of_gain(frame, np.full_like(frame.proxy.rgb, -1.0))

What a maker never does: read the plate, write files, apply mask or mix. All of that is done for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from relumix.errors import FrameError, InputError
from relumix.gain.direct_transfer import stops_to
from relumix.gain.downsample import Canvas, Pixels, proxy_frame
from relumix.gain.picture_area import seen_area
from relumix.gain.proxy import ProxyFrame
from relumix.gain.transfer import Gain
from relumix.shot.picture import Picture
from relumix.shot.reference import read_mask
from relumix.types import Float32

Tell = Callable[[float, str], None]
"""Called with the share (0..1) of one frame's work that is over, and what is worked on, in words."""


@dataclass(frozen=True)
class PlateFrame:
    """One frame of the plate, as makers get it.

    picture  at full size: `picture.rgb` [H, W, 3] scene-linear, premultiplied, on `picture.data_window`;
             `picture.alpha` or None; and all other channels of the file in `picture.contents.parts`.
    canvas   the area of the proxy in plate pixels and its size: `canvas.shrink` averages other full-size maps down to
             it.
    proxy    at the working size (`--work-size`), exposed to mid-grey, holes filled: `proxy.rgb` [h, w, 3],
             `proxy.known` [h, w], and the factor `proxy.exposure` from plate values to it.
    """

    picture: Picture
    canvas: Canvas
    proxy: ProxyFrame

    @classmethod
    def of(cls, picture: Picture, work_size: int) -> PlateFrame:
        """Make it from a picture; work_size: long edge of the proxy, in pixels."""
        full: Pixels = picture.levels[0]
        canvas = Canvas.fit(seen_area(full, picture.data_window, picture.display_window), work_size)
        return cls(picture, canvas, proxy_frame(canvas, picture.frame, full, picture.data_window))

    @property
    def number(self) -> int:
        """The frame number."""
        return self.picture.frame

    def matte(self, path: Path) -> Float32:
        """Return a matte of the frame at the working size, [h, w] float32 in 0..1. Raises FrameError."""
        return self.canvas.shrink(matte_of(self.picture, path), self.picture.data_window)


def matte_of(picture: Picture, path: Path) -> Float32:
    """Return a matte of a frame (see shot.reference.read_mask), [h, w] float32 in 0..1. Raises FrameError."""
    try:
        return read_mask(path, picture)
    except InputError as error:
        raise FrameError(picture.frame, str(error)) from error


@dataclass(frozen=True)
class Light:
    """The light that a maker made for one frame.

    gain_stops   [h, w, 3] float32 at the working size: log2 gain from the plate to the relit plate, median included.
    median_gain  [3] float32 stops: the part of it that is a plain grade, which is exact on every value.
    warnings     for the artist, a sentence each.
    shown        [h, w, 3] float32, exposed as the proxy is: what the maker itself pictured, for the contact sheet.
    """

    gain_stops: Float32
    median_gain: Float32
    warnings: tuple[str, ...] = ()
    shown: Float32 | None = None

    @classmethod
    def of_gain(
        cls, frame: PlateFrame, gain_stops: Float32, warnings: Sequence[str] = (), shown: Float32 | None = None
    ) -> Light:
        """Return light from a gain in stops, [h, w, 3]."""
        covered = gain_stops[frame.proxy.known > 0.5]  # slivers at a matte's edge have their surroundings' light
        median = np.median(covered, axis=0) if len(covered) else np.zeros(3)
        return cls(gain_stops.astype(np.float32, copy=False), median.astype(np.float32), tuple(warnings), shown)

    @classmethod
    def of_pixels(
        cls, frame: PlateFrame, pixels: Float32, warnings: Sequence[str] = (), shown: Float32 | None = None
    ) -> Light:
        """Return light that is delivered as pixels (`--transfer direct`): [h, w, 3] >= 0, exposed as the proxy is."""
        return cls(stops_to(frame.proxy.rgb, pixels), np.zeros(3, np.float32), tuple(warnings), shown)

    def gain(self, frame: PlateFrame) -> Gain:
        """Return it as transfers take it."""
        return Gain.on(frame.proxy, self.gain_stops, self.median_gain)


class Maker(Protocol):
    """Makes light for frames of a plate.

    name    a word for files and events: "match".
    labels  one a candidate, for the names of their files; ("",) where there is one.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def labels(self) -> Sequence[str]: ...  # noqa: D102

    def inputs(self, frame: int) -> Sequence[Path]:
        """Return the files that the light of a frame depends on, apart from the plate.

        None is overwritten, and one that changes makes the reference anew. Raises InputError.
        """
        ...

    def settings(self) -> dict[str, Any]:
        """Return what the light depends on besides, fit for JSON; it is written into the file."""
        ...

    def look(self, frame: PlateFrame) -> Sequence[str]:
        """Look at all that the light of a frame would be made from, without making it; returns what is to be told.

        Raises as `make` does.
        """
        ...

    def make(self, frame: PlateFrame, tell: Tell) -> Iterator[Light]:
        """Yield the light of one frame, one a label, in their order.

        Raises InputError where no frame can be lit, FrameError where this one cannot.
        """
        ...
