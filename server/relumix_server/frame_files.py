"""The files of a frame, and how a worker process opens them."""

from __future__ import annotations

import hashlib
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from relumix.errors import FrameError, InputError
from relumix.settings import Settings
from relumix.shot.images import ImageError, data_window, display_window, opened
from relumix.shot.layout import FileLayout, layout_of
from relumix.shot.plate import Plate
from relumix.shot.reference_parts import Part
from relumix.shot.sequence import Sequence as Shot
from relumix.shot.source import PlateSource
from relumix.util.stopwatch import Stopwatch
from relumix.v1 import relight_pb2 as pb
from relumix_server import header_limits
from relumix_server.beneath import FileBeneath

DTYPES = {"half": np.float16, "float": np.float32}

AnyFile = Path | FileBeneath
"""A file of the spool, or one that a client named."""

HEADER_SECONDS = 5.0
"""Processor time for the header of a file."""

HEADER_BYTES = 1 << 20
"""A generous bound on the header of a result."""

MADE_ROLES = (pb.ROLE_RESULT, pb.ROLE_GAIN, pb.ROLE_CONFIDENCE)
"""What is made of a frame, in the order in which it is sent; light maps only where they are asked for."""


class TooLargeError(Exception):
    """A file has more pixels than the server takes. Its text is one line."""


@dataclass(frozen=True)
class FrameFiles:
    """One frame of a session's shot, and the files that belong to it.

    session          what keeps the first files of sessions apart.
    first, path      file of the first reference's plate, which is laid out as all of them; and of this frame.
    reference, mask  files, None where this frame has none.
    reference_names  what all references of the job are called, by frame.
    matte            whether the plate's alpha is known to be no coverage (see relumix.shot.alpha).
    weight           how much of the reference counts, 0..1; reference_mask: file of its matte, None: everywhere.
    max_pixels       of any of these files.
    """

    session: str
    settings: Settings
    frame: int
    path: AnyFile
    first_frame: int
    first: AnyFile
    reference: AnyFile | None = None
    mask: AnyFile | None = None
    reference_names: Mapping[int, str] = field(default_factory=dict)
    matte: bool = False
    weight: float = 1.0
    reference_mask: AnyFile | None = None
    max_pixels: int = 1 << 27


@dataclass(frozen=True)
class PlaneShape:
    """Planes of pixels: [height, width, len(channels)], `kind` being "half" or "float"."""

    width: int
    height: int
    channels: tuple[str, ...]
    kind: str

    @property
    def total_bytes(self) -> int:
        """Size of the planes."""
        return self.width * self.height * len(self.channels) * np.dtype(DTYPES[self.kind]).itemsize


@dataclass(frozen=True)
class SentSource(PlateSource):
    """A PlateSource whose references have the client's names."""

    names: Mapping[int, str] = field(default_factory=dict)
    layout: FileLayout | None = None

    @property
    def reference_names(self) -> dict[int, str]:
        """The client's names of the references, by frame."""
        return dict(self.names)


@contextmanager
def opened_source(files: FrameFiles) -> Iterator[SentSource]:
    """The source of one frame. Errors call its files as people do. Raises FrameError, InputError and TooLargeError."""
    with ExitStack() as stack:
        links: dict[str, str] = {}
        names = ("first", "path", "reference", "mask", "reference_mask")
        paths = {name: stack.enter_context(_path(getattr(files, name), links)) for name in names}
        try:
            yield _source(files, paths)
        except FrameError as error:
            raise FrameError(error.frame, _named(str(error), links)) from None
        except InputError as error:
            raise InputError(_named(str(error), links)) from None
        except TooLargeError as error:
            raise TooLargeError(_named(str(error), links)) from None


def most_written(source: SentSource) -> dict[int, int]:
    """Return the most bytes that each file of a frame, result and light maps, can have, by pb.Role."""
    layout, bits = source.layout, source.settings.bits
    if layout is None:
        return dict.fromkeys(MADE_ROLES, 0)
    result = largest = most_layer = 0
    for levels in layout.specs:
        sizes = [_channel_bytes(levels[0], channel, bits) for channel in range(levels[0].nchannels)]
        pixels = sum(level.width * level.height for level in levels)
        result += pixels * sum(sizes)
        largest, most_layer = max(largest, levels[0].width * levels[0].height), max(most_layer, pixels)
    layer = most_layer if source.settings.confidence_layer else 0
    halves = {pb.ROLE_RESULT: layer, pb.ROLE_GAIN: 3 * largest, pb.ROLE_CONFIDENCE: largest}
    return {role: HEADER_BYTES + 2 * halves[role] + (result if role == pb.ROLE_RESULT else 0) for role in MADE_ROLES}


def _channel_bytes(spec: object, channel: int, bits: str | None) -> int:
    half = str(spec.channelformat(channel)) == "half" and bits != "float"  # type: ignore[attr-defined]
    return 2 if half else 4


@contextmanager
def _path(file: AnyFile | None, links: dict[str, str]) -> Iterator[Path | None]:
    """A path at which a file can be read; nothing is there where the file cannot be opened. Fills `links`.

    It is a link to a descriptor, for the end of a name says what kind of image a file is. It lies in the folder for
    temporary files, which is the server's own spool (see relumix_server.workers).
    """
    if not isinstance(file, FileBeneath):
        yield file
        return
    name = hashlib.sha256(str(file.path).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    link = Path(tempfile.gettempdir(), f"{link_prefix(os.getpid())}{name}{file.suffix}")
    fresh = str(link) not in links
    links[str(link)] = str(file.path)
    with ExitStack() as stack:
        with suppress(OSError):
            descriptor = stack.enter_context(file.opened())
            if fresh:
                link.unlink(missing_ok=True)  # left by a killed process that had our pid
                link.symlink_to(f"/dev/fd/{descriptor}")
                stack.callback(link.unlink)
        yield link


def link_prefix(pid: int) -> str:
    """Return how the names of a process's links begin."""
    return f"relumix-{pid}-"


def _named(text: str, links: Mapping[str, str]) -> str:
    for link, name in links.items():
        text = text.replace(link, name)
    return text


@lru_cache(maxsize=32)
def _plate(session: str, first_frame: int, first: Path, settings: Settings) -> Plate:
    """The plate of a session; only the first reference's file is looked at, once."""
    return Plate(
        Shot.of({first_frame: first}),
        layer=settings.layer,
        view=settings.view,
        colorspace=settings.colorspace,
        premult=settings.premult,
    )


def _source(files: FrameFiles, paths: Mapping[str, Path | None]) -> SentSource:
    first, path, reference, mask = (paths[name] for name in ("first", "path", "reference", "mask"))
    own_mask = paths["reference_mask"]
    assert first is not None
    assert path is not None
    layouts = {
        each: _bounded_layout(each, files.max_pixels) for each in {first, path, reference, mask, own_mask} if each
    }
    shot = Shot.of({files.first_frame: first, files.frame: path})
    plate = _plate(files.session, files.first_frame, first, files.settings).of(shot, matte=files.matte)
    return SentSource(
        shot=shot,
        plate=plate,
        reference_paths={files.frame: reference} if reference else {},
        masks=Shot.of({files.frame: mask}) if mask else None,
        settings=files.settings,
        watch=Stopwatch(),
        parts={} if own_mask is None and files.weight == 1 else {files.frame: Part(files.weight, own_mask)},
        names=files.reference_names,
        layout=layouts[path],
    )


@contextmanager
def _quickly() -> Iterator[None]:
    """End the process by SIGVTALRM if it takes too much processor time: what is read is no more than a header.

    Formats other than OpenEXR have no counts of ours: a PNG file may unpack gigabytes of text before its pixels.
    """
    signal.setitimer(signal.ITIMER_VIRTUAL, HEADER_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _bounded_layout(path: Path, most: int) -> FileLayout | None:
    """Return how a file is laid out; None where it cannot be read, as who reads it will say.

    Raises TooLargeError where it has too many pixels, or its header is too large.
    """
    try:
        if too_much := header_limits.excess(path):
            raise TooLargeError(f"{path} has {too_much}: this server takes no more of them")
    except OSError:
        return None
    try:
        with _quickly(), opened(path, unassociated=True) as image:
            layout = layout_of(image, path)
    except ImageError:
        return None
    if len(layout.specs) > header_limits.MOST_PARTS:
        raise TooLargeError(f"{path} has more than {header_limits.MOST_PARTS} parts: this server takes no more of them")
    for levels in layout.specs:
        extent = data_window(levels[0]).union(display_window(levels[0]))
        deepest = extent.width * extent.height * max(1.0, levels[0].nchannels / 64)
        if deepest > most:
            raise TooLargeError(
                f"{path} is {extent.width}x{extent.height} with {levels[0].nchannels} channels: "
                f"this server takes up to {most} pixels a frame"
            )
    return layout
