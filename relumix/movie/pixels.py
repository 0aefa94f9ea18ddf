"""Decoded video frames to float RGB and back, by our own arithmetic: exact to far less than a code of any depth.

Equations: ITU-R BT.709-6 (3.2, 3.4), BT.601-7 (2.5), BT.2020-2 (table 4, non-constant luminance), H.273 (8.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from relumix.errors import InputError
from relumix.movie.chroma import heightened, lowered, narrowed, widened
from relumix.types import Float32

_LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.470 B, G
    6: (0.299, 0.114),  # SMPTE 170M
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020, non-constant luminance
}
"""The shares of red and blue in luma, by the code points of H.273 (table 4)."""

_HD_HEIGHT = 720

_FLOATS = ("gbrpf32le", "gbrapf32le", "grayf32le")
"""Planar formats of floats."""


@dataclass(frozen=True)
class Coding:
    """How red, green and blue are stored in a frame.

    pixel_format  as FFmpeg names it, planar: yuv422p10le, gbrp12le, gray8.
    matrix        code point of H.273; 0 for RGB.
    full_range    whether codes run from 0 to the highest, and not from 16/255 to 235/255 of that.
    interlaced    whether chroma of half the height belongs to each field by itself.
    """

    pixel_format: str
    matrix: int
    full_range: bool
    interlaced: bool = False

    @property
    def video_format(self) -> Any:
        """The av.VideoFormat."""
        return av.VideoFormat(self.pixel_format)

    @property
    def depth_bits(self) -> int:
        """Bits of a sample."""
        return int(self.video_format.components[0].bits)

    @property
    def is_float(self) -> bool:
        """Whether samples are floats, of which 0 is black and 1 white."""
        return "f32" in self.pixel_format

    @property
    def has_alpha(self) -> bool:
        """Whether there is alpha."""
        return any(component.is_alpha for component in self.video_format.components)

    @property
    def luma_weights(self) -> tuple[float, float]:
        """The shares of red and blue in luma. Raises InputError for matrices of another kind."""
        if self.matrix not in _LUMA_WEIGHTS:
            raise InputError(
                f"its colour matrix is number {self.matrix} of H.273: expected one of RGB, BT.601, BT.709 and BT.2020 "
                "with non-constant luminance"
            )
        return _LUMA_WEIGHTS[self.matrix]


def default_matrix(height: int) -> int:
    """Return the matrix of a movie that does not say: BT.709 for HD and above, else SMPTE 170M."""
    return 1 if height >= _HD_HEIGHT else 6


def planar(frame: Any) -> Any:
    """Return a frame in a planar, little-endian format of whole numbers or floats, which it may be already."""
    if is_planar(frame.format):
        return frame
    return frame.reformat(format=planar_name(frame.format))


def is_planar(video_format: Any) -> bool:
    """Tell whether each component has a plane of its own, in numbers that this machine reads as they are."""
    if video_format.name in _FLOATS:
        return True
    parts, name = video_format.components, video_format.name
    return (
        name.startswith(("yuv", "gbr", "gray"))
        and len({part.plane for part in parts}) == len(parts)
        and not (video_format.is_big_endian and parts[0].bits > 8)
        and "f" not in name
        and "msb" not in name
        and video_format.chroma_height(8) >= 4  # less is of the nineties
    )


def planar_name(video_format: Any) -> str:
    """Return the planar format that holds what a packed, semi-planar or palette format holds."""
    parts = video_format.components
    if video_format.is_rgb and _is_of_floats(video_format.name):
        return "gbrapf32le" if any(part.is_alpha for part in parts) else "gbrpf32le"
    depth = next(depth for depth in (8, 10, 12, 16) if depth >= min(max(part.bits for part in parts), 16))
    end = "" if depth == 8 else f"{depth}le"
    palette = video_format.name == "pal8"
    alpha = "a" if palette or any(part.is_alpha for part in parts) else ""
    if video_format.is_rgb or palette:
        return f"gbr{alpha}p{end}"
    if len(parts) < 3:
        return f"yuva444p{end}" if alpha else f"gray{end}"
    return f"yuv{alpha}{sampling_of(video_format)}p{end}"


def sampling_of(video_format: Any) -> str:
    """Return how many samples chroma has, as FFmpeg calls that: 420, 422, 411, or 444 for one at each pixel."""
    if len(video_format.components) < 3:
        return "420"  # none, which the fewest do not change
    held = (video_format.chroma_width(8), video_format.chroma_height(8))
    return {(4, 8): "422", (4, 4): "420", (2, 8): "411"}.get(held, "444")


def _is_of_floats(name: str) -> bool:
    return "f16" in name or "f32" in name


def to_rgb(frame: Any, coding: Coding) -> Float32:
    """Return a planar frame as [h, w, 3] float32, [h, w, 4] with alpha: 0 is black, 1 is white, as coded.

    Codes of a limited range below black and above white come out below 0 and above 1. Alpha has the full range, and
    colour is left as it is stored beside it. Raises InputError for a matrix that is not known.
    """
    codes = _codes(frame)
    scale = _Scale.of(coding)
    if frame.format.is_rgb:
        channels = [(codes[name] - scale.black) / scale.luma for name in "RGB"]
    else:
        luma = (codes["Y"] - scale.black) / scale.luma
        channels = _from_differences(luma, codes, scale, coding) if "U" in codes else [luma] * 3
    if "A" in codes:
        channels.append(codes["A"] / scale.alpha)
    return np.stack(channels, axis=-1, dtype=np.float32)


def of_rgb(rgb: Float32, coding: Coding) -> tuple[Any, int]:
    """Return an av.VideoFrame of [h, w, 3] or, for a format with alpha, [h, w, 4], as `to_rgb` gives them.

    Also returns how many pixels were brighter or darker than a code can say; what is not finite counts as well, and is
    black. Raises InputError for a matrix that is not known.
    """
    scale, video_format = _Scale.of(coding), coding.video_format
    finite = np.isfinite(rgb)
    rgb = np.where(finite, rgb, np.float32(0))
    red, green, blue = (rgb[..., index] for index in range(3))
    if video_format.is_rgb:
        codes = {name: each * scale.luma + scale.black for name, each in zip("RGB", (red, green, blue), strict=True)}
    else:
        codes = _to_differences(red, green, blue, scale, coding)
    height, width = rgb.shape[:2]
    clipped = ~finite.all(axis=-1)
    for values in codes.values():
        beyond = np.asarray((values > scale.highest + 0.5) | (values < -0.5))
        if beyond.any():
            clipped |= _covering(beyond, height, width)
    if coding.has_alpha:
        codes["A"] = (rgb[..., 3] if rgb.shape[-1] > 3 else np.ones_like(red)) * scale.alpha
    return _frame_of(codes, coding, width, height), int(np.count_nonzero(clipped))


@dataclass(frozen=True)
class _Scale:
    """Codes of black, and of the ranges from black to white, of the differences, and of alpha."""

    black: np.float32
    luma: np.float32
    middle: np.float32
    chroma: np.float32
    alpha: np.float32
    highest: int

    @classmethod
    def of(cls, coding: Coding) -> _Scale:
        if coding.is_float:
            zero, one = np.float32(0), np.float32(1)
            return cls(zero, one, zero, one, one, 1)
        bits = coding.depth_bits
        step, highest = 2.0 ** (bits - 8), 2**bits - 1
        alpha = next((2**part.bits - 1 for part in coding.video_format.components if part.is_alpha), 1)
        ranges = (0.0, highest, highest) if coding.full_range else (16 * step, 219 * step, 224 * step)
        black, luma, chroma = map(np.float32, ranges)
        return cls(black, luma, np.float32(128 * step), chroma, np.float32(alpha), highest)


def _codes(frame: Any) -> dict[str, Float32]:
    """The samples of a planar frame by the letter of their component, [h, w] float32."""
    return {name: samples.astype(np.float32) for name, samples in planes_of(frame).items()}


def planes_of(frame: Any) -> dict[str, NDArray[Any]]:
    """The planes of a frame by the letter of their component: views of its memory."""
    names = {1: "Y", 2: "YA", 3: "YUV", 4: "YUVA"}[len(frame.format.components)]
    if frame.format.is_rgb:
        names = "RGBA"[: len(frame.format.components)]
    found = {}
    for name, part in zip(names, frame.format.components, strict=True):
        plane = frame.planes[part.plane]
        kind = np.dtype("<f4" if frame.format.name in _FLOATS else np.uint8 if part.bits <= 8 else "<u2")
        rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
        found[name] = rows[: plane.height, : plane.width]
    return found


def _frame_of(codes: dict[str, Float32], coding: Coding, width: int, height: int) -> Any:
    """A frame with these samples, rounded and cut to the range of a code."""
    frame, scale = av.VideoFrame(width, height, coding.pixel_format), _Scale.of(coding)
    for name, plane in planes_of(frame).items():
        highest = scale.alpha if name == "A" else scale.highest
        plane[...] = np.clip(np.rint(codes[name]), 0, highest).astype(plane.dtype)
    return frame


def _from_differences(luma: Float32, codes: dict[str, Float32], scale: _Scale, coding: Coding) -> list[Float32]:
    """Red, green and blue of luma and colour differences."""
    height, width = luma.shape
    differences = [(codes[name] - scale.middle) / scale.chroma for name in "UV"]
    to_blue, to_red = (_at_luma(each, width, height, interlaced=coding.interlaced) for each in differences)
    share_red, share_blue = map(np.float32, coding.luma_weights)
    red, blue = luma + 2 * (1 - share_red) * to_red, luma + 2 * (1 - share_blue) * to_blue
    return [red, (luma - share_red * red - share_blue * blue) / (1 - share_red - share_blue), blue]


def _to_differences(red: Float32, green: Float32, blue: Float32, scale: _Scale, coding: Coding) -> dict[str, Float32]:
    """Codes, not yet rounded, of luma and colour differences."""
    share_red, share_blue = map(np.float32, coding.luma_weights)
    luma = share_red * red + (1 - share_red - share_blue) * green + share_blue * blue
    codes = {"Y": luma * scale.luma + scale.black}
    if len(coding.video_format.components) < 3:
        return codes
    for name, colour, share in (("U", blue, share_blue), ("V", red, share_red)):
        difference = (colour - luma) / (2 * (1 - share))
        codes[name] = _at_chroma(difference, coding) * scale.chroma + scale.middle
    return codes


def _at_luma(chroma: Float32, width: int, height: int, *, interlaced: bool) -> Float32:
    """Bring chroma to the grid of luma."""
    while chroma.shape[1] < width:
        chroma = widened(chroma, min(width, 2 * chroma.shape[1]))
    if chroma.shape[0] == height:
        return chroma
    if not interlaced:
        return heightened(chroma, height)
    whole = np.empty((height, width), np.float32)
    for field in (0, 1):
        whole[field::2] = heightened(chroma[field::2], len(whole[field::2]))
    return whole


def _at_chroma(wide: Float32, coding: Coding) -> Float32:
    """Bring a difference to the grid of chroma: the inverse of `_at_luma`."""
    height, width = wide.shape
    video_format = coding.video_format
    if video_format.chroma_height(height) != height:
        if coding.interlaced:
            low = np.empty((video_format.chroma_height(height), width), np.float32)
            for field in (0, 1):
                low[field::2] = lowered(wide[field::2])
            wide = low
        else:
            wide = lowered(wide)
    while wide.shape[1] > video_format.chroma_width(width):
        wide = narrowed(wide)
    return wide


def _covering(chosen: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """Bring a mask of samples to the pixels that they cover."""
    down, across = -(-height // chosen.shape[0]), -(-width // chosen.shape[1])
    return chosen.repeat(down, axis=0).repeat(across, axis=1)[:height, :width]
