"""The previews of a job, movie and contact sheet, collected while its frames are made."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from relumix.preview.contact_sheet import ContactSheet
from relumix.preview.display import fit, on_display_window
from relumix.preview.movie import Movie
from relumix.settings import Settings
from relumix.shot.picture import Picture
from relumix.shot.source import PlateSource
from relumix.types import Float32

SHOWN_PX = 1280
"""Long edge of the small pictures: a movie of 1920x1080 shows two of 2.39:1 above each other no larger."""

FRAMES_PER_SECOND = 24
"""Rate of a movie whose plate does not say its own."""


@dataclass(frozen=True)
class Shown:
    """A frame at a size to be looked at: its display window, [h, w, 3] float32, scene-linear, finite.

    confidence  [h, w] float32 in 0..1, None where it was not asked for.
    """

    frame: int
    plate: Float32
    result: Float32
    reference: Float32 | None
    confidence: Float32 | None

    @classmethod
    def of(
        cls,
        picture: Picture,
        result: Float32,
        *,
        reference: Float32 | None = None,
        confidence: Float32 | None = None,
    ) -> Shown:
        """Make it from full-size pixels on the picture's data window."""

        width, height = picture.display_window.size
        scale = min(1.0, SHOWN_PX / max(width, height))

        def small(values: Float32) -> Float32:
            shown = on_display_window(values, picture.data_window, picture.display_window)
            return fit(shown, max(1, round(width * scale)), max(1, round(height * scale)))

        return cls(
            picture.frame,
            small(picture.levels[0].rgb),
            small(result),
            None if reference is None else small(reference),
            None if confidence is None else small(confidence),
        )

    @classmethod
    def written(cls, source: PlateSource, frame: int, path: Path, confidence_path: Path | None) -> Shown:
        """Make it from a result on disk, and its confidence where that has a file of its own. Raises FrameError."""
        picture = source.read(frame)
        reference = source.read_reference(frame, picture)[0] if frame in source.references else None
        confidence = source.confidence(picture, path, confidence_path)
        return cls.of(picture, source.result(path, frame), reference=reference, confidence=confidence)


class Previews:
    """The previews that settings ask for. A context manager: left without an error, it writes them.

    They show what is on disk, the plate and the result, so that a rerun makes the same ones whatever it finds done.
    """

    def __init__(self, source: PlateSource, frames: Sequence[int], settings: Settings) -> None:
        """frames: that are to be delivered, ascending. Nothing is written yet."""
        self._settings, self._frames, self._stack = settings, frames, ExitStack()
        aspect = source.plate.pixel_aspect
        self._movie: Movie | None = None
        self._sheet: ContactSheet | None = None
        if settings.preview:
            rate = source.plate.frames_per_second or FRAMES_PER_SECOND
            self._movie = self._stack.enter_context(Movie(Path(settings.preview), fps=rate, pixel_aspect=aspect))
        if settings.contact_sheet:
            sheet = ContactSheet(
                Path(settings.contact_sheet), frames, references=source.references, pixel_aspect=aspect
            )
            self._sheet = self._stack.enter_context(sheet)
        self.written: list[str] = []

    def __enter__(self) -> Previews:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if kind is None:
            self.written = [p for p in (self._settings.preview, self._settings.contact_sheet) if p]

    def wants(self, frame: int) -> bool:
        """Tell whether a frame is shown; thread-safe."""
        return self._movie is not None or (self._sheet is not None and self._sheet.wants(frame))

    def add(self, shown: Shown) -> None:
        """Take a frame; they come in ascending order."""
        if self._movie:
            self._movie.add(shown.frame, shown.plate, shown.result)
        if self._sheet:
            self._sheet.add(
                shown.frame, shown.plate, shown.result, reference=shown.reference, confidence=shown.confidence
            )
