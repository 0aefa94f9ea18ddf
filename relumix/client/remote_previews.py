"""The previews of a job that servers do: made here, of frames as they lie on disk."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from relumix.errors import FrameError
from relumix.events import FrameDone
from relumix.pipeline.check import Job
from relumix.settings import Settings
from relumix.shot.plate import Plate
from relumix.shot.sequence import OutputPattern, Sequence
from relumix.types import Float32

if TYPE_CHECKING:
    from relumix.preview.previews import Previews


class Looks:
    """The previews that a job asks for, or none. A context manager: left in peace, it writes them.

    gain_output  where gain maps go: the job's own or, where the contact sheet alone wants them, a folder that is gone
                 afterwards.
    """

    def __init__(self, job: Job, *, by_path: bool) -> None:
        self._job, self._stack = job, ExitStack()
        self._previews: Previews | None = None
        self.gain_output = job.gain_output
        self._lent_gains = bool(job.source.settings.contact_sheet) and job.gain_output is None and not by_path

    def __enter__(self) -> Looks:
        source = self._job.source
        settings = source.settings
        if wanted(settings):
            from relumix.preview.previews import Previews  # noqa: PLC0415  only who wants them has the packages

            if self._lent_gains:
                folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="relumix-"))
                self.gain_output = OutputPattern(folder, self._job.source.shot, self._job.frames)
            self._previews = self._stack.enter_context(
                Previews(settings, self._job.frames, source.references, source.plate.frames_per_second)
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def written(self) -> list[str]:
        """The files that were made, when it was left."""
        return self._previews.written if self._previews else []

    def look(self, outcome: FrameDone | FrameError) -> FrameDone | FrameError:
        """Take a frame; they come in ascending order. Returns it, or why it cannot be looked at."""
        if self._previews is None or isinstance(outcome, FrameError):
            return outcome
        from relumix.preview.previews import Shown  # noqa: PLC0415

        try:
            gain = None if outcome.skipped else self._gain(outcome.frame)
            self._previews.add(Shown.written(self._job.source, outcome.frame, Path(outcome.path), gain=gain))
        except FrameError as error:
            return error
        return outcome

    def _gain(self, frame: int) -> Float32 | None:
        if not self.gain_output:
            return None
        path = self.gain_output.path(frame)
        plate = Plate(Sequence.find(path))
        stops = plate.read(plate.frames[0]).rgb
        if self._lent_gains:
            path.unlink()
        return stops


def wanted(settings: Settings) -> bool:
    """Tell whether previews are asked for. Raises MissingPackageError where what they need is not there."""
    if not (settings.preview or settings.contact_sheet):
        return False
    import relumix.preview.previews  # noqa: F401, PLC0415

    return True
