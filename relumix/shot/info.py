"""`relumix info`: what a compositor would ask of a plate before relighting it."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from fileseq.frameset import FrameSet

from relumix.color.spaces import primaries_name
from relumix.errors import InputError
from relumix.shot import exr_header
from relumix.shot.agreement import agreed_layout
from relumix.shot.alpha import is_coverage
from relumix.shot.assumed import assumed_space, says_space
from relumix.shot.box import Box
from relumix.shot.channels import Choice, PartNames, choose, layers_and_views
from relumix.shot.geometry_channels import find
from relumix.shot.images import (
    ImageError,
    data_window,
    display_window,
    frames_per_second,
    opened,
    pixels_of,
    timecode_in,
)
from relumix.shot.layout import FileLayout, difference, layout_of, subsampled_channels
from relumix.shot.movie_facts import MovieFacts
from relumix.shot.movie_frames import MovieFrame
from relumix.shot.sequence import Sequence


@dataclass(frozen=True)
class PartInfo:
    """A part of the first file. channels: the type of each; tile: (width, height), or None for scanlines."""

    name: str
    view: str
    channels: Mapping[str, str]
    compression: str
    tile: tuple[int, int] | None
    levels: int
    deep: bool


@dataclass(frozen=True)
class FrameInfo:
    """One frame.

    nonfinite  pixels with a NaN or infinite red, green or blue, None where they were not counted.
    coverage   whether alpha is coverage, so that colour is divided by it; None without alpha, or where it was not seen.
    error      why it cannot be read, or how it is not laid out as the other frames are.
    """

    frame: int
    data_window: Box | None = None
    display_window: Box | None = None
    timecode: str | None = None
    nonfinite: int | None = None
    coverage: bool | None = None
    error: str | None = None


@dataclass(frozen=True)
class PlateInfo:
    """A plate. What is said of parts, layers and colour is what its frames agree on.

    relit    the channels that would be relit, or None, with the reason in `refusal`; relit_part, relit_layer and
             relit_view are where they are, the part counted from 0, and alpha the channel of their alpha, or None.
    geometry  the channels that hold positions, normals, depth and albedo, by what they are (see geometry_channels).
    primaries  x and y of red, green, blue and white, None where the files do not say; colour is the name of a space
             with them, or what the file says or, of other formats than OpenEXR, what it is taken for.
    assumed  whether the files do not say what their colour is.
    movie    what a movie says of itself, None for files.
    """

    pattern: str
    format: str
    frames: tuple[int, ...]
    missing: tuple[int, ...]
    step: int
    pixel_aspect: float
    frames_per_second: float | None
    parts: tuple[PartInfo, ...]
    layers: tuple[str, ...]
    views: tuple[str, ...]
    relit: tuple[str, ...] | None
    relit_part: int | None
    relit_layer: str | None
    relit_view: str | None
    alpha: str | None
    refusal: str | None
    primaries: tuple[float, ...] | None
    colour: str | None
    per_frame: tuple[FrameInfo, ...] = field(repr=False)
    geometry: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    assumed: bool = False
    movie: MovieFacts | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything, in the types of JSON."""
        return asdict(self)

    def text(self) -> str:
        """Everything, for people: one fact a line."""
        facts = [*self._frame_facts(), *self._window_facts(), *self._part_facts(), *self._colour_facts()]
        width = max(len(name) for name, _ in facts)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in facts)

    def _frame_facts(self) -> Iterable[tuple[str, str]]:
        yield "plate", f"{self.pattern} ({self.format})"
        if self.movie:
            yield from self.movie.lines()
        step = f", step {self.step}" if self.step > 1 else ""
        yield "frames", f"{_ranges(self.frames)} ({len(self.frames)}{step})"
        if self.missing:
            yield "missing", f"{_ranges(self.missing)} ({len(self.missing)})"
        codes = [each.timecode for each in self.per_frame if each.timecode]
        if codes:
            yield "timecode", f"{codes[0]} to {codes[-1]}"
        if self.frames_per_second:
            yield "frames/second", f"{self.frames_per_second:g}"
        for each in self.per_frame:
            if each.error:
                yield "differs" if each.display_window else "unreadable", f"frame {each.frame}: {each.error}"
        scanned = [each for each in self.per_frame if each.nonfinite is not None]
        bad = [f"{each.nonfinite} in frame {each.frame}" for each in scanned if each.nonfinite]
        if scanned:
            yield "non-finite", f"{', '.join(bad)} (pixels)" if bad else "none"

    def _window_facts(self) -> Iterable[tuple[str, str]]:
        sound = [each for each in self.per_frame if not each.error]
        displays = list(dict.fromkeys(each.display_window for each in sound if each.display_window))
        yield "display window", ", ".join(map(str, displays)) + (" (it changes)" if len(displays) > 1 else "")
        windows = list(dict.fromkeys(each.data_window for each in sound if each.data_window))
        if len(windows) > 1:
            whole = windows[0]
            for window in windows:
                whole = whole.union(window)
            yield "data window", f"changes: {windows[0]} to {windows[-1]}, {len(windows)} in all, within {whole}"
        else:
            yield "data window", "".join(map(str, windows))
        yield "pixel aspect", f"{self.pixel_aspect:g}"

    def _part_facts(self) -> Iterable[tuple[str, str]]:
        for part in self.parts:
            named = " ".join(word for word in (part.name, f"view {part.view}" if part.view else "") if word)
            storage = [
                part.compression or "uncompressed",
                f"tiles {part.tile[0]}x{part.tile[1]}" if part.tile else "scanlines",
            ]
            storage += [f"{part.levels} mip levels"] if part.levels > 1 else []
            storage += ["deep"] if part.deep else []
            yield "part", f"{named or '(unnamed)'}: {', '.join(storage)}"
            for kind in dict.fromkeys(part.channels.values()):
                yield f"  {kind}", ", ".join(name for name, own in part.channels.items() if own == kind)
        yield "layers", ", ".join(layer or "(plain)" for layer in self.layers) or "none with red, green and blue"
        if self.views:
            yield "views", ", ".join(self.views)
        yield "relit", ", ".join(self.relit) + self._where() if self.relit else f"no: {self.refusal}"
        if self.relit:
            yield "alpha", self._alpha_fact()
        if self.geometry:
            yield "geometry", "; ".join(f"{role} {', '.join(names)}" for role, names in self.geometry.items())

    def _where(self) -> str:
        """Which part, layer and view is relit, where there are several."""
        assert self.relit_part is not None
        part = self.parts[self.relit_part].name
        words = [f"part {part or self.relit_part}"] if len(self.parts) > 1 else []
        words += [f"layer {self.relit_layer}"] if self.relit_layer and self.relit_layer != part else []
        words += [f"view {self.relit_view}"] if self.relit_view else []
        return f" ({', '.join(words)})" if words else ""

    def _alpha_fact(self) -> str:
        """How alpha is read: as coverage, or as a matte that is passed through."""
        if self.alpha is None:
            return "none: all is covered"
        seen: dict[bool, list[int]] = {True: [], False: []}
        for each in self.per_frame:
            if each.coverage is not None:
                seen[each.coverage].append(each.frame)
        if not any(seen.values()):
            return f"{self.alpha}: not looked at"
        said = {True: "coverage", False: "a matte, passed through and not used"}
        meant = [f"{said[kind]}{f' in {_ranges(at)}' if all(seen.values()) else ''}" for kind, at in seen.items() if at]
        return f"{self.alpha}: {'; '.join(meant)}"

    def _colour_facts(self) -> Iterable[tuple[str, str]]:
        taken = f"not said: taken for {self.colour or 'scene-linear'} (--colorspace)"
        yield "colour", taken if self.assumed else self.colour or "not said"
        if self.primaries:
            pairs = zip(self.primaries[::2], self.primaries[1::2], strict=True)
            yield "primaries", ", ".join(f"{x:.4g} {y:.4g}" for x, y in pairs)


def _ranges(frames: Iterable[int]) -> str:
    return str(FrameSet.framesToFrameRange(frames, sort=True))


def describe(pattern: str | Path, layer: str | None = None, view: str | None = None, scan: bool = True) -> PlateInfo:
    """Look at every file of a plate: its header and, where `scan` is set, the pixels that would be relit.

    What relumix does not relight (deep, subsampled) is described all the same. Raises InputError where there is no
    such plate, where none of its files can be read, or where it lacks the layer or view that is asked for.
    """
    sequence = Sequence.find(pattern)
    try:
        like, first = agreed_layout(sequence, sequence.frames, ())
    except InputError:
        return _described_by_header(sequence)
    refusal, relit = None, None
    try:
        choice = choose(first.names, layer, view, sequence.pattern)
        relit = tuple(first.names[choice.part].channels[index] for index in choice.rgb)
    except InputError as error:
        if layer is not None or view is not None:
            raise
        choice, refusal = None, str(error)
    if first.deep:
        relit, choice, refusal = None, None, "deep images are not relit"
    part = choice.part if choice else 0
    look = partial(_frame, sequence, _Agreed(sequence.path(like), first), part, choice if scan else None)
    spec = first.specs[part][0]
    layers, views = layers_and_views(first.names)
    primaries = tuple(spec.getattribute("chromaticities") or ()) or None
    return PlateInfo(
        pattern=sequence.pattern,
        format=first.format,
        frames=sequence.frames,
        missing=sequence.missing,
        step=sequence.step,
        pixel_aspect=spec.get_float_attribute("PixelAspectRatio", 1.0),
        frames_per_second=frames_per_second(spec),
        parts=tuple(_part(names, levels) for names, levels in zip(first.names, first.specs, strict=True)),
        layers=layers,
        views=views,
        relit=relit,
        relit_part=choice.part if choice else None,
        relit_layer=choice.layer if choice else None,
        relit_view=choice.view if choice else None,
        alpha=None if choice is None or choice.alpha is None else first.names[choice.part].channels[choice.alpha],
        refusal=refusal,
        primaries=primaries,
        colour=_colour(spec, primaries) if first.format == "openexr" else assumed_space(first.format, spec),
        per_frame=tuple(map(look, sequence.frames)),
        assumed=not says_space(first.format, spec),
        movie=MovieFacts.of(sequence.movie) if sequence.movie else None,
        geometry={role: each.names for role, each in find(first.names, choice.view if choice else "").items()},
    )


def _part(names: PartNames, levels: tuple[Any, ...]) -> PartInfo:
    spec = levels[0]
    return PartInfo(
        name=names.name,
        view=names.view,
        channels={name: str(spec.channelformat(index)) for index, name in enumerate(names.channels)},
        compression=spec.get_string_attribute("compression"),
        tile=(spec.tile_width, spec.tile_height) if spec.tile_width else None,
        levels=len(levels),
        deep=spec.deep,
    )


@dataclass(frozen=True)
class _Agreed:
    """How the frames are laid out, and a file that is."""

    path: Path
    layout: FileLayout


def _frame(sequence: Sequence, agreed: _Agreed, part: int, scanned: Choice | None, frame: int) -> FrameInfo:
    path = sequence.path(frame)
    try:
        with opened(path, unassociated=True) as image:
            layout = layout_of(image, path)
            spec = layout.specs[min(part, len(layout.specs) - 1)][0]
            found = FrameInfo(frame, data_window(spec), display_window(spec), _timecode(spec, path))
            if odd := difference(layout, path, agreed.layout, agreed.path):
                return replace(found, error=odd)
            return _scanned(found, image, spec, scanned) if scanned else found
    except ImageError as error:
        return FrameInfo(frame, error=str(error))


def _timecode(spec: Any, path: Path) -> str | None:
    """The time code of a frame: a movie's own words, for a header cannot say those beyond 39 frames."""
    movie = MovieFrame.at(path)
    return movie.opened.info.timecode_of(movie.frame) if movie else timecode_in(spec)


def _scanned(found: FrameInfo, image: Any, spec: Any, choice: Choice) -> FrameInfo:
    """Add what only the pixels tell. Raises ImageError."""
    indices = [*choice.rgb, *([] if choice.alpha is None else [choice.alpha])]
    pixels = pixels_of(image, choice.part, 0, range(min(indices), max(indices) + 1), "float")
    pixels = pixels[..., [index - min(indices) for index in indices]]
    nonfinite = int(np.count_nonzero(~np.isfinite(pixels[..., :3]).all(axis=-1)))
    if choice.alpha is None:
        return replace(found, nonfinite=nonfinite)
    straight = bool(spec.get_int_attribute("oiio:UnassociatedAlpha"))
    covers = is_coverage(pixels[..., :3], pixels[..., 3], "auto", straight=straight)
    return replace(found, nonfinite=nonfinite, coverage=covers)


def _colour(spec: Any, primaries: tuple[float, ...] | None) -> str | None:
    said: str = spec.get_string_attribute("colorInteropID") or spec.get_string_attribute("oiio:ColorSpace")
    return said or (primaries_name(primaries) if primaries else None)


def _described_by_header(sequence: Sequence) -> PlateInfo:
    """Describe what OpenImageIO does not open: a subsampled luminance-chroma image."""
    paths = [sequence.path(frame) for frame in sequence.frames]
    path = next(filter(subsampled_channels, paths), paths[0])
    chroma = subsampled_channels(path)
    if not chroma:
        try:
            with opened(path) as image:
                layout_of(image, path)
        except ImageError as error:
            raise InputError(f"{path} cannot be read: {error}") from None
    _, headers = exr_header.read_headers(path)
    return PlateInfo(
        pattern=sequence.pattern,
        format="openexr",
        frames=sequence.frames,
        missing=sequence.missing,
        step=sequence.step,
        pixel_aspect=struct.unpack("<f", headers[0]["pixelAspectRatio"].value)[0],
        frames_per_second=None,
        parts=tuple(_part_of_header(header) for header in headers),
        layers=(),
        views=(),
        relit=None,
        relit_part=None,
        relit_layer=None,
        relit_view=None,
        alpha=None,
        refusal=f"a subsampled luminance-chroma image ({', '.join(chroma)} lack pixels) is not relit",
        primaries=None,
        colour=None,
        per_frame=tuple(_frame_of_header(sequence, frame) for frame in sequence.frames),
    )


def _part_of_header(header: exr_header.Header) -> PartInfo:
    types = {exr_header.UINT: "uint", exr_header.HALF: "half", exr_header.FLOAT: "float"}
    channels = {entry.name: types.get(entry.type, "unknown") for entry in exr_header.channels(header)}
    name, view = (header[key].value.decode("utf-8", "replace") if key in header else "" for key in ("name", "view"))
    return PartInfo(name, view, channels, exr_header.compression_name(header), None, 1, False)


def _frame_of_header(sequence: Sequence, frame: int) -> FrameInfo:
    try:
        header = exr_header.read_headers(sequence.path(frame))[1][0]
        data, display = (_box(header[name]) for name in ("dataWindow", "displayWindow"))
    except (exr_header.HeaderError, OSError, KeyError) as error:
        return FrameInfo(frame, error=str(error))
    return FrameInfo(frame, data, display)


def _box(attribute: exr_header.Attribute) -> Box:
    left, top, right, bottom = struct.unpack("<4i", attribute.value)
    return Box(left, top, right - left + 1, bottom - top + 1)
