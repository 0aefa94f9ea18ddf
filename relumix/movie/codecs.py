"""What movies can be written as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.codec.codec import UnknownCodecError

from relumix.errors import InputError

WRITTEN_SUFFIXES = {".mov": "mov", ".mp4": "mp4", ".m4v": "mp4", ".mxf": "mxf", ".mkv": "matroska"}
"""FFmpeg's names of the containers that are written, by suffix."""


@dataclass(frozen=True)
class Codec:
    """A codec that is written.

    encoder       FFmpeg's name of what encodes it.
    pixel_format  and alpha_format: that of a movie with alpha, None where there is none.
    finer_formats those for plates whose chroma has more samples, by what FFmpeg calls that: 422, 444.
    containers    that hold it.
    even          whether width and height have to be even; least: the smallest of them.
    takes_range   whether it can say that codes use their full range.
    takes_fields  whether it can say that frames are interlaced.
    untagged_matrix  code point of H.273: the matrix that it is read by where its container has no tags; 0: that of its
                     height (see pixels.default_matrix); None: it says its matrix itself.
    """

    name: str
    words: str
    encoder: str
    pixel_format: str
    options: Mapping[str, str] = field(default_factory=dict)
    alpha_format: str | None = None
    finer_formats: Mapping[str, str] = field(default_factory=dict)
    containers: tuple[str, ...] = ("mov", "matroska")
    even: bool = False
    least: tuple[int, int] = (1, 1)
    takes_range: bool = False
    takes_fields: bool = False
    untagged_matrix: int | None = None


def _prores(name: str, words: str, profile: str, pixel_format: str, alpha: str | None = None) -> Codec:
    options = {"profile": profile, "vendor": "apl0"}
    containers = ("mov", "mxf", "matroska")
    return Codec(
        name,
        words,
        "prores_ks",
        pixel_format,
        options,
        alpha,
        containers=containers,
        takes_fields=True,
        untagged_matrix=0,
    )


def _dnxhr(name: str, words: str, profile: str, pixel_format: str) -> Codec:
    containers, options = ("mov", "mxf"), {"profile": profile}
    return Codec(
        name, words, "dnxhd", pixel_format, options, containers=containers, least=(256, 120), untagged_matrix=1
    )


def _h264(name: str, words: str, options: Mapping[str, str]) -> Codec:
    return Codec(
        name,
        words,
        "libx264",
        "yuv420p",
        options,
        containers=_OF_PLAYERS,
        even=True,
        takes_range=True,
        takes_fields=True,
    )


def _hevc(name: str, words: str, options: Mapping[str, str], finer: Mapping[str, str]) -> Codec:
    return Codec(
        name,
        words,
        "libx265",
        "yuv420p10le",
        options,
        finer_formats=finer,
        containers=_OF_PLAYERS,
        even=True,
        least=(16, 16),
        takes_range=True,
    )


_OF_PLAYERS = ("mov", "mp4", "matroska")

_X264_WITHIN_A_CODE = {
    "preset": "medium",
    # The finest step that is not lossless, the same in all frames. Whatever drops what is hard to see is off; in frames
    # that build on later ones it is dropped in any case, so there are none.
    "x264-params": "qp=1:bframes=0:ipratio=1:aq-mode=0:psy=0:trellis=0:no-fast-pskip=1:no-dct-decimate=1"
    ":deadzone-inter=0:deadzone-intra=0",
}
_X265_LOSSLESS = {"preset": "fast", "x265-params": "log-level=error:lossless=1"}
_X265_FINER = {"422": "yuv422p10le", "444": "yuv444p10le"}

CODECS = {
    codec.name: codec
    for codec in (
        _prores("prores4444", "ProRes 4444, 10 bit, with alpha where there is any", "4444", "yuv444p10le",
                "yuva444p10le"),
        _prores("prores422hq", "ProRes 422 HQ, 10 bit", "hq", "yuv422p10le"),
        _prores("prores422", "ProRes 422, 10 bit", "standard", "yuv422p10le"),
        _dnxhr("dnxhr444", "DNxHR 444, 10 bit", "dnxhr_444", "yuv444p10le"),
        _dnxhr("dnxhrhqx", "DNxHR HQX, 10 bit", "dnxhr_hqx", "yuv422p10le"),
        _dnxhr("dnxhrhq", "DNxHR HQ, 8 bit", "dnxhr_hq", "yuv422p"),
        _dnxhr("dnxhrsq", "DNxHR SQ, 8 bit", "dnxhr_sq", "yuv422p"),
        _h264("h264", "H.264, 8 bit, for viewing", {"preset": "medium", "crf": "8"}),
        _h264("h264hq", "H.264, 8 bit, within one code", _X264_WITHIN_A_CODE),
        _hevc("hevc10", "HEVC, 10 bit, for viewing",
              {"preset": "fast", "crf": "6", "x265-params": "log-level=error"}, {}),
        _hevc("hevc10hq", "HEVC, 10 bit, without loss, with the plate's chroma", _X265_LOSSLESS, _X265_FINER),
    )
}  # fmt: skip
"""By name, as `--codec` takes it."""


def container_of(path: Path) -> str:
    """Return FFmpeg's name of the container that a movie's name asks for. Raises InputError for others."""
    found = WRITTEN_SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise InputError(f"{path}: movies are written as {', '.join(WRITTEN_SUFFIXES)}; expected such a name")
    return found


def codec_for(path: Path, name: str | None, *, deep: bool, full_chroma: bool, alpha: bool) -> Codec:
    """Return the codec of a movie.

    name         as `--codec` has it; None: what suits the container: ProRes in MOV (4444 for alpha or full chroma, else
                 422 HQ), DNxHR in MXF (444 or HQX), H.264 in MP4 and MKV (HEVC for more than 8 bits).
    deep         whether the source has more than 8 bits.
    full_chroma  whether its chroma has full resolution.

    Raises InputError for an unknown name, and where the container does not hold it, or nothing here encodes it.
    """
    container = container_of(path)
    if name is None:
        name = {
            "mov": "prores4444" if alpha or full_chroma else "prores422hq",
            "mxf": "dnxhr444" if full_chroma else "dnxhrhqx",
        }.get(container, "hevc10" if deep else "h264")
    if name not in CODECS:
        raise InputError(f"unknown codec '{name}': expected one of {', '.join(CODECS)}")
    refuse_container(CODECS[name], path)
    refuse_encoder(CODECS[name].encoder, f"{path}: {name}")
    return CODECS[name]


def refuse_encoder(name: str, what: str) -> None:
    """Raise InputError where the FFmpeg of the installed PyAV has no encoder of that name; what: is written by it."""
    try:
        av.Codec(name, "w")
    except UnknownCodecError:
        raise InputError(
            f"{what} is written by {name}, which the FFmpeg of this PyAV lacks: that of PyPI has it (pip install "
            "--force-reinstall --only-binary av av)"
        ) from None


def refuse_container(codec: Codec, path: Path) -> None:
    """Raise InputError where the container that a movie's name asks for does not hold a codec."""
    container = container_of(path)
    if container not in codec.containers:
        suits = [each.name for each in CODECS.values() if container in each.containers]
        raise InputError(f"{path}: {path.suffix} does not hold {codec.name}: expected one of {', '.join(suits)}")


def refuse_size(codec: Codec, width: int, height: int) -> None:
    """Raise InputError for a size that a codec cannot hold."""
    if width < codec.least[0] or height < codec.least[1]:
        raise InputError(
            f"{codec.name} holds frames of {codec.least[0]}x{codec.least[1]} and above, and the plate is "
            f"{width}x{height}: choose --codec prores4444, or another"
        )
    if codec.even and (width % 2 or height % 2):
        raise InputError(
            f"{codec.name} holds even sizes alone, and the plate is {width}x{height}: choose --codec prores4444, or "
            "another that keeps every pixel"
        )
