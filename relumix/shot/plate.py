"""Reads the frames of a plate."""

from __future__ import annotations

import copy
import struct
from collections.abc import Sequence as Items
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relumix.color.spaces import WorkingSpace, working_space
from relumix.errors import FrameError, InputError
from relumix.shot import exr_header
from relumix.shot.agreement import agreed_layout
from relumix.shot.alpha import Premult, is_coverage
from relumix.shot.assumed import assumed_space, is_coded, says_space
from relumix.shot.box import Box
from relumix.shot.channels import Choice, PartNames, choose
from relumix.shot.confidence_layer import channel_name
from relumix.shot.images import ImageError, data_window, display_window, frames_per_second, opened, pixels_of, spec_of
from relumix.shot.layout import FileLayout, difference, layout_of, refuse
from relumix.shot.movie_frames import SPACE_ATTRIBUTE
from relumix.shot.picture import Contents, Level, Part, PartLevel, Picture, Plane
from relumix.shot.placing import Windows
from relumix.shot.rgba_image import is_whole, read_rgba
from relumix.shot.sequence import Sequence
from relumix.shot.small import read_small
from relumix.types import Float32


class Plate:
    """The frames of a shot, and which of their channels are the picture. It may be used from several threads.

    matte  whether alpha is known to be no coverage in any frame (see `of`).
    """

    def __init__(
        self,
        sequence: Sequence,
        *,
        layer: str | None = None,
        view: str | None = None,
        colorspace: str | None = None,
        premult: Premult = "auto",
        references: Items[int] = (),
        asked: Items[int] | None = None,
    ) -> None:
        """Find how the frames are laid out (see agreement.agreed_layout), and choose the channels that are relit.

        colorspace  the colour space the files are in; None: what they are taken for (see assumed.assumed_space).
                    Frames are read into (and written in) the scene-linear space that belongs to it.
        premult     whether alpha is coverage, by which colour is multiplied; "auto": as each frame's pixels say.
        references  frames that have to be readable.
        asked       frames that are to be read; None: all.

        Raises InputError: no file can be read, a layer, view or colour space that is not there, and what cannot be
        relit: deep, subsampled or rip-mapped images, and channels of whole numbers.
        """
        self.sequence = sequence
        self.layer, self.view, self.premult = layer, view, premult
        self.matte = False
        like, self.layout = agreed_layout(sequence, references, sequence.frames if asked is None else asked)
        self.path = sequence.path(like)
        refuse(self.layout, self.path)
        self.choice: Choice = choose(self.layout.names, layer, view, str(self.path))
        spec = self.layout.specs[self.choice.part][0]
        self.rgb_names = _three(spec.channelnames[index] for index in self.choice.rgb)
        self.colorspace = assumed_space(self.layout.format, spec) if colorspace is None else colorspace
        self.is_assumed = colorspace is None and not says_space(self.layout.format, spec)
        self.space: WorkingSpace = working_space(self.colorspace)
        if self.layout.format == "openexr" and "uint" in {str(spec.channelformat(index)) for index in self.choice.rgb}:
            raise InputError(f"{self.path}: {', '.join(self.rgb_names)} hold whole numbers; expected half or float")

    @property
    def is_coded(self) -> bool:
        """Whether the files hold codes of a display or a camera, as movies and files of whole numbers do."""
        return is_coded(self.layout.format, self.spec)

    @property
    def spec(self) -> Any:
        """The oiio.ImageSpec of the part that is relit, as in the file that stands for all."""
        return self.layout.specs[self.choice.part][0]

    def as_stored(self) -> Plate:
        """Return this plate read without a look at colour and alpha: values as its files have them."""
        plate = copy.copy(self)
        plate.space, plate.matte, plate.premult = working_space(None), True, "auto"
        return plate

    def of(self, sequence: Sequence, *, matte: bool) -> Plate:
        """Return this plate with other files, which are laid out as its own.

        matte  whether alpha is known to be no coverage in any of them.
        """
        plate = copy.copy(self)
        plate.sequence, plate.matte = sequence, matte
        return plate

    def covers(self, rgb: Float32, alpha: Float32, *, straight: bool = False) -> bool:
        """Tell whether the alpha [h, w] of a frame is coverage; see alpha.is_coverage."""
        return not self.matte and is_coverage(rgb, alpha, self.premult, straight=straight)

    @property
    def frames(self) -> tuple[int, ...]:
        """The frame numbers, ascending."""
        return self.sequence.frames

    @property
    def relit_part(self) -> PartNames:
        """The names in the part that is relit."""
        return self.layout.names[self.choice.part]

    @property
    def confidence_channel(self) -> str:
        """What the confidence of its light is called in results."""
        return channel_name(self.relit_part, self.rgb_names[0])

    @property
    def frames_per_second(self) -> float | None:
        """The frame rate that the files say, or None."""
        return frames_per_second(self.layout.specs[self.choice.part][0])

    @property
    def pixel_aspect(self) -> float:
        """The width of a pixel over its height, which all frames share."""
        return float(self.layout.specs[self.choice.part][0].get_float_attribute("PixelAspectRatio", 1.0))

    @property
    def display_window(self) -> Box:
        """The display window, which all frames share."""
        return display_window(self.layout.specs[self.choice.part][0])

    def windows(self, frame: int) -> Windows:
        """Return the data and display window of a frame, from its header alone. Raises FrameError as `read` does."""
        path = self.sequence.path(frame)
        try:
            with opened(path) as image:
                layout = layout_of(image, path)
        except ImageError as error:
            raise FrameError(frame, f"frame {frame}: {path} cannot be read: {error}") from None
        self._check(frame, path, layout)
        spec = layout.specs[self.choice.part][0]
        return Windows(data_window(spec), display_window(spec))

    def spec_of(self, frame: int) -> Any:
        """Return the oiio.ImageSpec of the part that is relit, of a frame; where it cannot be read, `spec`."""
        try:
            with opened(self.sequence.path(frame)) as image:
                return spec_of(image, self.choice.part) or self.spec
        except ImageError:
            return self.spec

    def read(self, frame: int) -> Picture:
        """Read a whole frame. Raises FrameError where it is damaged, or differs in layout from the others."""
        path = self.sequence.path(frame)
        try:
            with opened(path, unassociated=True) as image:
                layout = layout_of(image, path)
                self._check(frame, path, layout)
                if layout.format == "openexr":
                    return _read_exr(image, layout, self, frame, path)
                return _read_other(image, layout, self, frame, path)
        except (ImageError, MemoryError) as error:
            raise FrameError(frame, f"frame {frame}: {path} cannot be read: {error}") from None

    def read_small(self, frame: int, longest: int) -> NDArray[np.float32]:
        """Read what a frame shows, quickly: the display window averaged down, coded as it is stored.

        Returns [h, w, 3] float32 with a long edge of at least `longest` pixels; rows may be left out where that saves
        time, the same in every frame. Raises FrameError as `read` does.
        """
        path = self.sequence.path(frame)
        try:
            with opened(path, unassociated=True) as image:
                layout = layout_of(image, path)
                self._check(frame, path, layout)
                return read_small(image, layout.specs[self.choice.part][0], self.choice, longest)
        except (ImageError, MemoryError) as error:
            raise FrameError(frame, f"frame {frame}: {path} cannot be read: {error}") from None

    def _check(self, frame: int, path: Path, layout: FileLayout) -> None:
        """Raise FrameError where a file's layout differs from the shot's, or it cannot be relit."""
        try:
            refuse(layout, path)
        except InputError as error:
            raise FrameError(frame, f"frame {frame}: {error}") from None
        if odd := difference(layout, path, self.layout, self.path):
            raise FrameError(frame, f"frame {frame}: {odd}")


def _three(names: Any) -> tuple[str, str, str]:
    red, green, blue = names
    return red, green, blue


def _read_exr(image: Any, layout: FileLayout, plate: Plate, frame: int, path: Path) -> Picture:
    parts = tuple(
        _read_part(image, number, levels, layout.headers[number]) for number, levels in enumerate(layout.specs)
    )
    choice, space = plate.choice, plate.space
    contents = Contents(parts, choice, layout.headers, layout.version, _replaced(space))
    return _picture(plate, layout, frame, path, _levels(parts[choice.part], plate), contents)


def _replaced(space: WorkingSpace) -> dict[str, exr_header.Attribute | None]:
    """The header attributes about colour that are no longer true once values were decoded to a linear space."""
    if not space.converts:
        return {}
    values = space.chromaticities
    return {
        SPACE_ATTRIBUTE: None,
        "chromaticities": exr_header.Attribute("chromaticities", struct.pack("<8f", *values)) if values else None,
        "colorInteropID": exr_header.Attribute.of(space.interop_id) if space.interop_id else None,
    }


def _time(spec: Any) -> dict[str, exr_header.Attribute | None]:
    """The time code and frame rate of another format, as header attributes of OpenEXR."""
    found: dict[str, exr_header.Attribute | None] = {}
    if code := spec.getattribute("smpte:TimeCode"):
        found["timeCode"] = exr_header.Attribute("timecode", struct.pack("<II", *code))
    if rate := spec.getattribute("FramesPerSecond"):
        found["framesPerSecond"] = exr_header.Attribute("rational", struct.pack("<iI", *rate))
    return found


def _levels(part: Part, plate: Plate) -> tuple[Level, ...]:
    """The mip levels of a part; whether alpha is coverage is decided by the first."""
    stored = [_stored(level.planes, plate.choice) for level in part.levels]
    rgb, alpha = stored[0]
    covers = alpha is not None and plate.covers(rgb, alpha)
    if covers:
        return tuple(Level(plate.space.to_linear(rgb, alpha), alpha) for rgb, alpha in stored)
    return tuple(Level(plate.space.to_linear(rgb), None, alpha) for rgb, alpha in stored)


def _stored(planes: Items[Plane], choice: Choice) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Colour [h, w, 3] and alpha [h, w] or None, as stored."""
    with np.errstate(invalid="ignore"):  # Signalling NaNs are left for the caller to find.
        rgb = np.stack([_channel(planes, index) for index in choice.rgb], axis=-1, dtype=np.float32)
        alpha = None if choice.alpha is None else np.ascontiguousarray(_channel(planes, choice.alpha), np.float32)
    return rgb, alpha


def _channel(planes: Items[Plane], index: int) -> NDArray[Any]:
    """A channel of a part, [h, w] in its own type."""
    plane = next(plane for plane in planes if index in plane.channels)
    return plane.pixels[..., plane.channels.index(index)]


def _read_part(image: Any, number: int, specs: Items[Any], header: exr_header.Header) -> Part:
    spec = specs[0]
    types = tuple(str(spec.channelformat(channel)) for channel in range(spec.nchannels))
    levels = tuple(
        PartLevel(data_window(own), _read_planes(image, number, level, types)) for level, own in enumerate(specs)
    )
    compression = spec.get_string_attribute("compression")
    if "dwaCompressionLevel" in header:
        compression += f":{spec.get_float_attribute('openexr:dwaCompressionLevel'):g}"
    return Part(
        channels=tuple(spec.channelnames),
        types=types,
        levels=levels,
        tile=(spec.tile_width, spec.tile_height) if spec.tile_width else None,
        mipmapped="tiles" in header and bool(header["tiles"].value[8] & 15),
        round_up="tiles" in header and bool(header["tiles"].value[8] >> 4),
        compression=compression,
        line_order=spec.get_string_attribute("openexr:lineOrder"),
    )


def _read_planes(image: Any, part: int, level: int, types: Items[str]) -> tuple[Plane, ...]:
    """Read all channels, each in its own type, decoding the file once, and once more where it has whole numbers."""
    everything = range(len(types))
    if len(set(types)) == 1:
        return (Plane(tuple(everything), pixels_of(image, part, level, everything, types[0])),)
    planes = []
    if floats := [index for index in everything if types[index] != "uint"]:
        pixels = pixels_of(image, part, level, range(floats[0], floats[-1] + 1), "float")
        for kind, dtype in (("half", np.float16), ("float", np.float32)):
            if chosen := tuple(index for index in floats if types[index] == kind):
                with np.errstate(all="ignore"):
                    planes.append(Plane(chosen, pixels[..., [index - floats[0] for index in chosen]].astype(dtype)))
    if whole := tuple(index for index in everything if types[index] == "uint"):
        pixels = pixels_of(image, part, level, range(whole[0], whole[-1] + 1), "uint")
        planes.append(Plane(whole, np.ascontiguousarray(pixels[..., [index - whole[0] for index in whole]])))
    return tuple(planes)


def _read_other(image: Any, layout: FileLayout, plate: Plate, frame: int, path: Path) -> Picture:
    """Read a file that is no OpenEXR: its picture and alpha alone, to be written as OpenEXR."""
    spec = layout.specs[plate.choice.part][0]
    rgba = read_rgba(image, spec, plate.choice, plate.space)
    alpha = rgba.alpha
    if alpha is not None and plate.covers(rgba.rgb, alpha, straight=rgba.straight):
        level = Level(rgba.premultiplied, alpha)
    else:
        level = Level(rgba.rgb, None, alpha)
    kind = "half" if is_whole(spec) or str(spec.format) == "half" else "float"
    channels = ("R", "G", "B") if alpha is None else ("R", "G", "B", "A")
    planes = (
        () if alpha is None else (Plane((3,), alpha[..., None].astype(np.float16 if kind == "half" else np.float32)),)
    )
    part = Part(
        channels=channels,
        types=(kind,) * len(channels),
        levels=(PartLevel(data_window(spec), planes),),
        tile=None,
        mipmapped=False,
        round_up=False,
        compression="zip",
        line_order="increasingY",
    )
    contents = Contents(
        (part,), Choice(0, (0, 1, 2), None if alpha is None else 3), replaced={**_time(spec), **_replaced(plate.space)}
    )
    return _picture(plate, layout, frame, path, (level,), contents)


def _picture(
    plate: Plate, layout: FileLayout, frame: int, path: Path, levels: tuple[Level, ...], contents: Contents
) -> Picture:
    spec = layout.specs[plate.choice.part][0]
    aspect = spec.get_float_attribute("PixelAspectRatio", 1.0)
    names, windows = plate.rgb_names, (data_window(spec), display_window(spec))
    return Picture(frame, path, levels, *windows, aspect, names, contents)
