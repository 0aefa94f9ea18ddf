"""The tasks of the page's worker processes: whatever opens a file that may be a visitor's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from relumix.errors import FrameError, InputError
from relumix.evaluate.flicker import GainFlicker
from relumix.preview.contact_sheet import as_grey, false_color
from relumix.preview.display import auto_exposure, display, fit, on_display_window
from relumix.shot.confidence_layer import MAP_CHANNEL, read_confidence
from relumix.shot.geometry_channels import find
from relumix.shot.picture import Picture
from relumix.shot.plate import Plate
from relumix.shot.reference import read_reference
from relumix.shot.sequence import Sequence as Shot
from relumix.types import Float32
from relumix.web.grade import Look
from relumix_server.worker_tasks import Task, TaskResult

Kind = Literal["plate", "result", "gain", "confidence", "reference"]
KINDS: tuple[Kind, ...] = ("plate", "result", "gain", "confidence", "reference")

SHOWN_PX = 1280
"""Long edge, at most, of the pictures that a page gets."""

FLICKER_PX = 480
_KEPT_BYTES = 192 << 20
_TOP_STOPS = 4.0
"""Of the false colour of gain: as much light is pale yellow, and as much less pale blue."""

_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 88]


@dataclass(frozen=True)
class Source:
    """A clip as the page's own process knows it: a pattern, file or folder, and its colour space; None: as tagged."""

    pattern: str
    colorspace: str | None = None


@dataclass(frozen=True)
class Limits:
    """Of one clip: pixels of a frame, and frames."""

    pixels: int
    frames: int


@dataclass(frozen=True, kw_only=True)
class Probed(TaskResult):
    """What a clip is.

    width, height  of its display window; aspect: width of a pixel over its height.
    rate           frames a second, 0 where nobody says.
    exposure       factor that brings its first frame to mid-grey.
    geometry       whether its frames have channels of it: depth or position.
    notes          what it was taken for, where it does not say.
    pattern        in its canonical form.
    """

    frames: list[int]
    missing: list[int]
    width: int
    height: int
    aspect: float
    rate: float
    exposure: float
    pattern: str
    geometry: bool
    notes: list[str]


@dataclass(frozen=True, kw_only=True)
class Encoded(TaskResult):
    """A picture as JPEG."""

    jpeg: bytes


@dataclass(frozen=True, kw_only=True)
class Measured(TaskResult):
    """Of one frame: its mean confidence, and its flicker against the frame before in stops; None where unknown."""

    confidence: float | None
    flicker: float | None


@dataclass(frozen=True)
class Probe(Task[Probed]):
    """Look at a clip for the first time."""

    source: Source
    limits: Limits
    result_type: ClassVar[type[Probed]] = Probed

    def run(self) -> Probed:
        """Look. Raises InputError where it is none, or too large."""
        plate = plate_of(self.source)
        frames, window = plate.frames, plate.display_window
        if len(frames) > self.limits.frames:
            raise InputError(f"the clip has {len(frames)} frames: this page takes up to {self.limits.frames}")
        if window.width * window.height > self.limits.pixels:
            raise InputError(
                f"its frames are {window.width}x{window.height}: this page takes up to {self.limits.pixels} pixels"
            )
        try:
            first = _small(self.source, frames[0])
        except FrameError as error:
            raise InputError(str(error)) from error
        return Probed(
            frames=list(frames),
            missing=list(plate.sequence.missing),
            width=window.width,
            height=window.height,
            aspect=plate.pixel_aspect,
            rate=plate.frames_per_second or 0.0,
            exposure=auto_exposure(first),
            pattern=plate.sequence.pattern,
            geometry=not {"depth", "position"}.isdisjoint(find(plate.layout.names)),
            notes=[f"colour: taken for {plate.colorspace}"] if plate.is_assumed and plate.colorspace else [],
        )


@dataclass(frozen=True)
class Show(Task[Encoded]):
    """Make a picture of a frame for people.

    kind       what of it.
    path       file of the result, reference, gain or confidence; None for the plate.
    long_edge  in pixels.
    exposure   factor on the values.
    """

    source: Source
    frame: int
    kind: Kind
    path: Path | None
    long_edge: int
    exposure: float
    result_type: ClassVar[type[Encoded]] = Encoded

    def run(self) -> Encoded:
        """Make it. Raises FrameError and InputError."""
        if self.path is None:
            return _encoded(sized(_small(self.source, self.frame), self.long_edge), self.exposure)
        if self.kind == "reference":
            shown = _small_reference(self.source, self.frame, self.path)
            return _encoded(sized(shown, self.long_edge), self.exposure)
        shown = sized(_small_file(self.source, self.frame, self.kind, self.path), self.long_edge)
        if self.kind == "result":
            return _encoded(shown, self.exposure)
        return Encoded(jpeg=as_jpeg(false_color(shown.mean(-1), _TOP_STOPS) if self.kind == "gain" else as_grey(shown)))


@dataclass(frozen=True)
class ShowGraded(Task[Encoded]):
    """Make a picture of a frame under a look, for people.

    shot_exposure  factor that brings the shot to mid-grey; exposure: factor on what is shown.
    """

    source: Source
    frame: int
    look: Look
    shot_exposure: float
    long_edge: int
    exposure: float
    result_type: ClassVar[type[Encoded]] = Encoded

    def run(self) -> Encoded:
        """Make it. Raises FrameError."""
        plate = sized(_small(self.source, self.frame), self.long_edge)
        return _encoded(plate * self.look.gain(plate, self.shot_exposure), self.exposure)


@dataclass(frozen=True)
class Measure(Task[Measured]):
    """Measure a frame of a result: how sure it is, and how its light differs from that of the frame before.

    results     files of the frames, by number: this one's and, where there is one, the one before.
    confidence  file of this frame's.
    """

    source: Source
    frame: int
    before: int | None
    results: dict[int, Path]
    confidence: Path
    exposure: float
    result_type: ClassVar[type[Measured]] = Measured

    def run(self) -> Measured:
        """Measure. Raises FrameError and InputError."""
        sure = _small_file(self.source, self.frame, "confidence", self.confidence)
        flicker = GainFlicker(self.exposure)
        change = None
        for frame in [self.frame] if self.before is None else [self.before, self.frame]:
            plate = sized(_small(self.source, frame), FLICKER_PX)
            result = sized(_small_file(self.source, frame, "result", self.results[frame]), FLICKER_PX)
            change = flicker.step(result, plate, np.ones(plate.shape[:2], np.bool_))
        return Measured(confidence=float(sure.mean()), flicker=None if change is None else change.stops)


@lru_cache(maxsize=8)
def plate_of(source: Source) -> Plate:
    """Return the plate of a clip; it is kept. Raises InputError."""
    return Plate(Shot.find(source.pattern), colorspace=source.colorspace)


class _Kept:
    """Small pictures that were made last: scrubbing and grading look at the same few again and again."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._pictures: OrderedDict[Any, NDArray[np.float16]] = OrderedDict()

    def of(self, key: Hashable, make: Callable[[], Float32]) -> Float32:
        """Return the picture of a key, as half floats can say it where it is there already; else make it."""
        if key in self._pictures:
            self._pictures.move_to_end(key)
            return self._pictures[key].astype(np.float32)
        picture = make()
        with np.errstate(over="ignore"):
            self._pictures[key] = picture.astype(np.float16)
        self._bytes += self._pictures[key].nbytes
        while self._bytes > self._most:
            self._bytes -= self._pictures.popitem(last=False)[1].nbytes
        return picture


_kept = _Kept(_KEPT_BYTES)


def _small(source: Source, frame: int) -> Float32:
    """Return what a frame shows, scene-linear, [h, w, 3] at most SHOWN_PX, with square pixels. Raises FrameError."""

    def make() -> Float32:
        picture = plate_of(source).read(frame)
        return _shown(picture, picture.rgb)

    return _kept.of((source, frame), make)


def _small_reference(source: Source, frame: int, path: Path) -> Float32:
    """Return what a reference shows, over the plate where it is not known; as _small. Raises InputError, FrameError."""

    def make() -> Float32:
        plate = plate_of(source)
        picture = plate.read(frame)
        rgb, known = read_reference(path, picture, plate=plate)
        return _shown(picture, np.where(known[..., None], rgb, picture.rgb))

    return _kept.of((source, frame, "reference", path, _stamp(path)), make)


def _small_file(source: Source, frame: int, kind: Kind, path: Path) -> Float32:
    """Return a file that a job wrote, small: result or gain [h, w, 3], confidence [h, w]."""

    def make() -> Float32:
        if kind == "confidence":
            picture = plate_of(source).read(frame)
            return _shown(picture, read_confidence(path, MAP_CHANNEL, picture))
        written = Plate(Shot.find(path))
        picture = written.read(written.frames[0])
        return _shown(picture, picture.rgb)

    return _kept.of((source, frame, kind, path, _stamp(path)), make)


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"{path.name} is not there: {error.strerror}") from None


def _shown(picture: Picture, values: Float32) -> Float32:
    """Return values on the data window as the display window shows them, small, with square pixels."""
    shown = on_display_window(values, picture.data_window, picture.display_window)
    width, height = picture.display_window.width * picture.pixel_aspect, picture.display_window.height
    scale = min(1.0, SHOWN_PX / max(width, height))
    return fit(shown, max(1, round(width * scale)), max(1, round(height * scale)))


def sized(values: Float32, long_edge: int) -> Float32:
    """Return a picture with a long edge of so many pixels at most."""
    height, width = values.shape[:2]
    scale = min(1.0, long_edge / max(height, width))
    return fit(values, max(1, round(width * scale)), max(1, round(height * scale)))


def _encoded(rgb: Float32, exposure: float) -> Encoded:
    return Encoded(jpeg=as_jpeg(display(rgb, exposure)))


def as_jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """Return a picture [h, w, 3], red first, as JPEG. Raises InputError."""
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), _QUALITY)
    if not done:
        raise InputError("the picture cannot be made a JPEG")
    return bytes(data)
