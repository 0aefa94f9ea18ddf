"""A whole shot at the proxy size, and how it is made from full-size pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from relumix.errors import FrameError, InputError
from relumix.gain.downsample import Canvas, Pixels, proxy_frame, proxy_reference
from relumix.gain.picture_area import seen_area
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.shot.box import Box
from relumix.types import Float32

Light = tuple[ProxyReference, Float32]
"""A reference with its gain, and its median gain [3] in stops."""


class ProxyShot(Protocol):
    """A shot at the proxy size: the input of propagation. Thread-safe; a frame may be read more than once."""

    @property
    def frames(self) -> Sequence[int]:
        """All frames of the shot, ascending."""
        ...

    @property
    def references(self) -> Sequence[int]:
        """Frames that have a relit version, ascending, at least one."""
        ...

    def lights(self) -> tuple[Canvas, dict[int, Light]]:
        """Return the canvas of the proxies, and every reference by frame, ascending.

        Raises InputError where a reference, or its plate frame, cannot be read.
        """
        ...

    def frame(self, canvas: Canvas, frame: int) -> ProxyFrame:
        """Return a plate frame. Raises FrameError."""
        ...


class Picture(Protocol):
    """One frame at full size (relumix.shot.Picture is one)."""

    @property
    def levels(self) -> Sequence[Pixels]:
        """The frame, and its mip levels where it has any."""
        ...

    @property
    def data_window(self) -> Box:
        """Where level 0 lies, in plate pixels."""
        ...

    @property
    def display_window(self) -> Box:
        """The frame itself, without overscan."""
        ...


AnyPicture = TypeVar("AnyPicture", bound=Picture)


class Source(Protocol[AnyPicture]):
    """A shot at full size, its references and mattes. Thread-safe; a frame may be read more than once."""

    @property
    def frames(self) -> Sequence[int]:
        """All frames of the shot, ascending."""
        ...

    @property
    def references(self) -> Sequence[int]:
        """Frames that have a relit version, ascending, at least one."""
        ...

    def read(self, frame: int) -> AnyPicture:
        """Return a plate frame. Raises FrameError."""
        ...

    def read_reference(self, frame: int, picture: AnyPicture) -> tuple[Float32, NDArray[np.bool_]]:
        """Return the relit version [h, w, 3] of a frame on the picture's data window, and where it is known [h, w].

        Raises InputError.
        """
        ...

    def read_mask(self, frame: int, picture: AnyPicture) -> Float32 | None:
        """Return the matte [h, w] in 0..1 on the picture's data window, or None for 1 everywhere. Raises FrameError."""
        ...


@dataclass(frozen=True)
class ReadReference(Generic[AnyPicture]):
    """A reference while its full-size pictures are in memory.

    relit  [h, w, 3] on the picture's data window, and where it is known [h, w].
    """

    frame: int
    canvas: Canvas
    picture: AnyPicture
    relit: tuple[Float32, NDArray[np.bool_]]
    light: Light


class DownsampledShot(Generic[AnyPicture]):
    """The ProxyShot of a Source."""

    def __init__(
        self,
        source: Source[AnyPicture],
        work_size: int,
        on_reference: Callable[[ReadReference[AnyPicture]], None] = lambda read: None,
    ) -> None:
        """work_size: the long edge of the proxy size, in pixels; on_reference: called with each as it is read."""
        self._source, self._work_size, self._on_reference = source, work_size, on_reference

    @property
    def frames(self) -> Sequence[int]:
        """All frames of the shot, ascending."""
        return self._source.frames

    @property
    def references(self) -> Sequence[int]:
        """Frames that have a relit version, ascending."""
        return self._source.references

    def lights(self) -> tuple[Canvas, dict[int, Light]]:
        """Read the references (see ProxyShot)."""
        first = self._plate(self.references[0])
        canvas = self._canvas(first)
        lights = {self.references[0]: self._light(canvas, self.references[0], first)}
        del first  # one picture at full size at a time
        lights |= {frame: self.light(canvas, frame) for frame in self.references[1:]}
        return canvas, lights

    def canvas(self) -> Canvas:
        """Return the canvas of a shot: what its first reference's plate shows. Raises InputError."""
        return self._canvas(self._plate(self.references[0]))

    def light(self, canvas: Canvas, frame: int) -> Light:
        """Return the light of one reference. Raises InputError."""
        return self._light(canvas, frame, self._plate(frame))

    def frame(self, canvas: Canvas, frame: int) -> ProxyFrame:
        """Return a plate frame. Raises FrameError."""
        picture = self._source.read(frame)
        return proxy_frame(canvas, frame, picture.levels[0], picture.data_window)

    def _canvas(self, picture: AnyPicture) -> Canvas:
        seen = seen_area(picture.levels[0], picture.data_window, picture.display_window)
        return Canvas.fit(seen, self._work_size)

    def _light(self, canvas: Canvas, frame: int, picture: AnyPicture) -> Light:
        relit, known = self._source.read_reference(frame, picture)
        light = proxy_reference(canvas, frame, picture.levels[0], picture.data_window, relit, known)
        if light[0].black and (relit > np.maximum(picture.levels[0].rgb, 0))[known].any():
            raise InputError(
                f"the plate is black at frame {frame}, so its reference does not show what light does to the shot: "
                "expected the relit version of a frame that shows something"
            )
        self._on_reference(ReadReference(frame, canvas, picture, (relit, known), light))
        return light

    def _plate(self, frame: int) -> AnyPicture:
        # InputError, not FrameError: without any other frame the rest can be relit, without this one none can.
        try:
            return self._source.read(frame)
        except FrameError as error:
            raise InputError(f"the plate of reference frame {frame} cannot be read: {error}") from error
