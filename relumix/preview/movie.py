"""A before/after movie: the plate and its relit version, every frame of both in full view."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from PIL import Image, ImageDraw, ImageFont

from relumix.preview.display import UInt8, auto_exposure, display, fit
from relumix.preview.marks import MARK
from relumix.types import Float32
from relumix.util.atomic_file import Unfinished, writing

MAX_WIDTH_PX, MAX_HEIGHT_PX = 1920, 1080
"""What a screen shows without scaling, and what every decoder takes."""

BAR_HEIGHT_PX = 28
"""The strip below the pictures that holds the labels: none of the picture is covered."""

ENCODER = "libx264"
"""FFmpeg's name of what encodes it."""

_BAR, _TEXT, _FAINT = (20, 20, 22), (225, 225, 228), (140, 140, 146)
_BT709, _SRGB = 1, 13  # code points of ITU-T H.273
_KEYFRAME_EVERY = 12  # half a second: scrubbing stays quick


class Movie:
    """Writes an MP4 (H.264, yuv420p, plays in browsers and QuickTime) frame by frame.

    path          where it goes; it is there when `close` returns, whole, or not at all.
    fps           frames a second.
    exposure      factor for the view, None for that of the first frame's plate (see auto_exposure).
    pixel_aspect  width of a plate pixel over its height; the movie's own pixels are square.

    Plate and result are shown whole, beside or above each other, whichever makes them larger: under a wipe half of the
    result is never seen, and flicker hides there. Use as a context manager: an exception leaves no file behind.
    """

    def __init__(
        self, path: Path, *, fps: float | Fraction = 24, exposure: float | None = None, pixel_aspect: float = 1.0
    ) -> None:
        self._path = path
        self._fps = Fraction(fps).limit_denominator(1001)
        self._asked_exposure = exposure
        self._pixel_aspect = pixel_aspect
        self._container: Any = None
        self._closed = False
        self._reformatter = VideoReformatter()
        self._count = 0

    def add(self, frame: int, plate: Float32, result: Float32) -> None:
        """Append a frame; frames come in ascending order.

        plate, result [h, w, 3] float32, scene-linear, the display window; all frames of one size.
        Raises InputError where the file cannot be written.
        """
        if self._closed:
            raise ValueError(f"{self._path} is closed: frame {frame} comes too late")
        if self._container is None:
            with writing(self._path):
                self._open(plate)
        pair = [display(fit(rgb, self._width, self._height), self._exposure) for rgb in (plate, result)]
        picture = np.concatenate(pair, axis=1 if self._beside else 0)
        canvas = np.concatenate([picture, self._bar(frame, picture.shape[1])])
        video = av.VideoFrame.from_ndarray(canvas, format="rgb24")
        video = self._reformatter.reformat(
            video, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        video.pts, video.time_base = self._count, 1 / self._fps
        with writing(self._path):
            self._container.mux(self._stream.encode(video))
        self._count += 1

    def close(self) -> None:
        """Finish the file. Without a single frame there is none. Raises InputError where it cannot be written."""
        if self._container is None or self._closed:
            self._closed = True
            return
        try:
            with writing(self._path):
                self._container.mux(self._stream.encode(None))
                self._container.close()
            self._file.finish()
        finally:
            self.discard()

    def discard(self) -> None:
        """Drop what is not finished."""
        self._closed = True
        if self._container is not None:
            self._container.close()
            self._file.discard()

    def __enter__(self) -> Movie:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _open(self, plate: Float32) -> None:
        self._exposure = auto_exposure(plate) if self._asked_exposure is None else self._asked_exposure
        height, width = plate.shape[:2]
        self._beside, self._width, self._height = _layout(width * self._pixel_aspect, height)
        self._file = Unfinished(self._path, durable=False)
        self._container = av.open(str(self._file.name), "w", format="mp4", options={"movflags": "+faststart"})
        self._container.metadata["comment"] = MARK
        stream = self._container.add_stream(ENCODER, rate=self._fps)
        stream.width = self._width * (2 if self._beside else 1)
        stream.height = self._height * (1 if self._beside else 2) + BAR_HEIGHT_PX
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "16", "preset": "fast"}
        stream.gop_size = _KEYFRAME_EVERY
        # Colour tags: without them players guess, each differently.
        stream.codec_context.colorspace = _BT709
        stream.codec_context.color_range = ColorRange.MPEG
        stream.codec_context.color_primaries = _BT709
        stream.codec_context.color_trc = _SRGB
        self._stream: Any = stream

    def _bar(self, frame: int, width: int) -> UInt8:
        """Return the strip of labels, [BAR_HEIGHT_PX, width, 3]."""
        image = Image.new("RGB", (width, BAR_HEIGHT_PX), _BAR)
        draw = ImageDraw.Draw(image)
        font = ImageFont.load_default(15)
        middle = BAR_HEIGHT_PX / 2
        before, after = ("plate", "relit") if self._beside else ("above: plate", "below: relit")
        half = width / 2
        draw.text((10, middle), before, _FAINT, font, "lm")
        draw.text((half + 10, middle), after, _TEXT, font, "lm")
        draw.text((width - 10, middle), str(frame), _FAINT, font, "rm")
        return np.asarray(image)


def _layout(width: float, height: float) -> tuple[bool, int, int]:
    """Return (beside each other, else above; width and height of one picture), even and never larger than the plate."""
    room = MAX_HEIGHT_PX - BAR_HEIGHT_PX
    beside = min(1.0, MAX_WIDTH_PX / 2 / width, room / height)
    above = min(1.0, MAX_WIDTH_PX / width, room / 2 / height)
    scale = max(beside, above)
    return beside >= above, max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)
