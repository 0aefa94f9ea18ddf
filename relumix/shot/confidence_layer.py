"""The confidence as a channel of the result, beside the plate's own; and how it is read again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from relumix.errors import InputError
from relumix.shot import exr_header
from relumix.shot.box import Box
from relumix.shot.channels import PartNames
from relumix.shot.images import ImageError, data_window, display_window, opened, pixels_of
from relumix.shot.layout import layout_of
from relumix.shot.picture import Part, Picture, Plane
from relumix.types import Float32

MAP_CHANNEL = "Y"
"""The channel of confidence in files of its own."""

_LAYER = re.compile(r"confidence\.(.+\.)?Y")


def channel_name(part: PartNames, red: str) -> str:
    """Return the name of the channel: confidence.Y, or confidence.left.Y in a part of several views.

    part  that is relit; red: its red channel, whose name says the view.
    """
    *prefix, _ = red.split(".")
    view = f"{prefix[-1]}." if prefix and prefix[-1] in part.views else ""
    return f"confidence.{view}Y"


def refuse_taken(channel: str, channels: Sequence[str], path: Path) -> None:
    """Raise InputError where a plate has the channel already: what a plate has stays as it is."""
    if channel in channels:
        raise InputError(
            f"{path} has a channel {channel} already: leave out --confidence-layer, or write files of their own with "
            "--confidence-out"
        )


def with_confidence(picture: Picture, channel: str, confidence: Sequence[Float32]) -> Picture:
    """Return a picture with the channel, in half, beside the others of the part that is relit.

    confidence  [h, w] float32 for each level of the picture.

    Raises InputError where the part has such a channel.
    """
    contents = picture.contents
    part = contents.parts[contents.choice.part]
    refuse_taken(channel, part.channels, picture.path)
    own = (len(part.channels),)
    levels = tuple(
        replace(level, planes=(*level.planes, Plane(own, values[..., None].astype(np.float16))))
        for level, values in zip(part.levels, confidence, strict=True)
    )
    wider = replace(part, channels=(*part.channels, channel), types=(*part.types, "half"), levels=levels)
    return replace(
        picture,
        contents=replace(
            contents,
            parts=_exchanged(contents.parts, part, wider),
            headers=tuple(
                _listing(header, channel) if number == contents.choice.part else header
                for number, header in enumerate(contents.headers)
            ),
        ),
    )


def _exchanged(parts: Sequence[Part], old: Part, new: Part) -> tuple[Part, ...]:
    return tuple(new if part is old else part for part in parts)


def _listing(header: exr_header.Header, channel: str) -> exr_header.Header:
    """Return a header whose channel list, which is sorted by name, has one more, in half."""
    own = exr_header.Channel(channel, exr_header.HALF, 0, (1, 1))
    entries = sorted((*exr_header.channels(header), own), key=lambda each: each.name.encode("utf-8", "surrogateescape"))
    return {**header, "channels": exr_header.channel_list(entries)}


def read_confidence(path: Path, channel: str, picture: Picture) -> Float32:
    """Return the confidence that was written of a frame, [h, w] float32 in 0..1, on the picture's data window.

    path     its own file, whose channel is MAP_CHANNEL, or the result.
    picture  the plate.

    Raises InputError where it cannot be read, or is not of that picture.
    """
    stored = _read(path, [channel])
    _refuse_other(path, stored.data_window, picture)
    return stored.values


@dataclass(frozen=True)
class StoredConfidence:
    """The confidence in a file.

    values  [h, w] float32 in 0..1 on the data window.
    """

    values: Float32
    data_window: Box
    display_window: Box


def stored_confidence(path: Path) -> StoredConfidence:
    """Return the confidence in a result that has it as a layer, the first of several views, or in a file of its own.

    Raises InputError where it cannot be read.
    """
    return _read(path, None)


def _read(path: Path, wanted: Sequence[str] | None) -> StoredConfidence:
    """wanted: names of the channel, the first one that there is; None for those that relumix writes."""
    try:
        with opened(path) as image:
            layout = layout_of(image, path)
            every = {name: part for part, names in reversed([*enumerate(layout.names)]) for name in names.channels}
            own = [*filter(_LAYER.fullmatch, every), MAP_CHANNEL]
            for channel in own if wanted is None else wanted:
                if (part := every.get(channel)) is None:
                    continue
                index, spec = layout.names[part].channels.index(channel), layout.specs[part][0]
                values = pixels_of(image, part, 0, range(index, index + 1), "float")[..., 0]
                return StoredConfidence(_confidence(path, values), data_window(spec), display_window(spec))
    except ImageError as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    expected = f"channel {wanted[0]}" if wanted else f"channel confidence.Y, nor {MAP_CHANNEL}"
    raise InputError(f"{path} has no {expected}: expected the confidence there")


def _refuse_other(path: Path, window: Box, picture: Picture) -> None:
    if window != picture.data_window:
        raise InputError(f"{path} has the data window {window}: expected the plate's, {picture.data_window}")


def _confidence(path: Path, values: Float32) -> Float32:
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError(f"{path} has values that are no confidence: expected 0 to 1")
    return np.asarray(values, np.float32)
