"""Results as images of whole numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import OpenImageIO as oiio

from relumix.events import Stage, Warned
from relumix.pipeline.coder import Coder, output_space
from relumix.pipeline.delivery import Fingerprint, clear, form_key, key_of, made_in, not_ours, told_clipped
from relumix.shot.coded_image import kind_of, stored_form, stored_key, write_coded
from relumix.shot.images import DPX_RATES, frames_per_second
from relumix.shot.rgba_image import is_whole
from relumix.shot.sequence import OutputPattern
from relumix.shot.source import PlateSource

_KEPT = {"smpte:TimeCode": "timecode", "FramesPerSecond": "rational"}
"""What a plate's header says of time, and its type."""


class ImageDelivery:
    """A Delivery of images (see relumix.pipeline.delivery), each as soon as its frame is made."""

    def __init__(self, output: str, source: PlateSource, frames: Sequence[int]) -> None:
        """Raises InputError for a kind of images that is not written, and names that have no place for the frame."""
        path = Path(output)
        self._kind = kind_of(path)
        self._pattern = OutputPattern(output, source.shot, frames, kind=path.suffix)
        self.made = made_in(path, source.shot, frames)
        self._source, self._frames, self._settings = source, frames, source.settings
        self._space = output_space(source, path)
        has_alpha = source.plate.choice.alpha is not None
        alpha = has_alpha and self._kind.alpha
        self._coder = Coder(source, self._space, alpha, straight=True, roll_off=self._settings.roll_off)
        self._bits = self._depth()
        self._clipped, self._cut_frames = 0, 0
        self.warnings = (f"{output}: {path.suffix} holds no alpha; it is left out",) if has_alpha and not alpha else ()

    def path(self, frame: int) -> Path:
        """Return the file of a frame."""
        return self._pattern.path(frame)

    def refuse(self, inputs: Sequence[Path], *, overwrite: bool) -> None:
        """Raise InputError as Delivery.refuse."""
        self._pattern.refuse_overwriting(inputs)
        for path in map(self.path, self._frames):
            if not overwrite and path.exists() and stored_key(path) is None:
                raise not_ours(path)

    def has(self, frame: int, fingerprint: Fingerprint) -> bool:
        """Tell whether a frame is delivered, as it would be made now."""
        path = self.path(frame)
        return path.exists() and stored_key(path) == self._key(frame, fingerprint)

    def holds(self, frame: int) -> bool:
        """Tell whether a frame is delivered in the form that settings ask for, whatever it was made from."""
        path = self.path(frame)
        return path.exists() and stored_form(path) == form_key(self._settings)

    def add(self, frame: int, fingerprint: Fingerprint) -> None:
        """Write the image of a frame. Raises InputError."""
        clipped = write_coded(
            self.path(frame),
            self._coder.coded(self.made.path(frame), frame),
            bits=self._bits,
            space=self._space.source,
            key=self._key(frame, fingerprint),
            form=form_key(self._settings),
            attributes=self._attributes(frame),
        )
        self._clipped += clipped
        self._cut_frames += clipped > 0
        self.made.path(frame).unlink(missing_ok=True)

    def finish(self, fingerprint: Fingerprint, lost: Sequence[int]) -> Iterator[Stage | Warned]:
        """Clear up, and yield what was cut."""
        clear(self.made, self._frames)
        if self._clipped:
            roll_off = self._settings.roll_off
            yield Warned(told_clipped(str(self._pattern), self._clipped, self._cut_frames, roll_off=roll_off))

    def _depth(self) -> int:
        """The bits of a code: the plate's where it has whole numbers, and the kind can hold as many."""
        spec = self._source.plate.spec
        own = spec.get_int_attribute("oiio:BitsPerSample") or int(spec.format.size()) * 8
        return own if is_whole(spec) and own in self._kind.depths else self._kind.bits

    def _attributes(self, frame: int) -> dict[str, Any]:
        spec = self._source.plate.spec_of(frame)
        found: dict[str, Any] = {"PixelAspectRatio": self._source.plate.pixel_aspect}
        for name, kind in _KEPT.items():
            if (value := spec.getattribute(name)) and (name != "FramesPerSecond" or frames_per_second(spec)):
                found[name] = (oiio.TypeDesc(kind), value)
        if (rate := frames_per_second(spec)) and self._pattern.path(frame).suffix.lower() == ".dpx":
            found |= {name: (oiio.TypeDesc("float"), rate) for name in DPX_RATES}
        return found

    def _key(self, frame: int, fingerprint: Fingerprint) -> str:
        return key_of(self._settings, [fingerprint(frame), self._bits])
