"""The review files of a farm job's last step, and their paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relumix.pipeline.check import Job

NO_REPORT = "none"


@dataclass(frozen=True)
class Review:
    """The files that the last step makes for people: MP4, PNG and HTML (None where no report is wanted)."""

    preview: Path
    contact_sheet: Path
    report: Path | None

    @property
    def files(self) -> list[Path]:
        """All of them."""
        return [path for path in (self.preview, self.contact_sheet, self.report) if path]


def review(job: Job, report: str = "") -> Review:
    """Return where they go: where the job's settings and `report` say, else into review/ beside the frames."""
    # Beside a movie, as the folder of its frames goes.
    beside = Path(job.asked) if job.delivery else job.output.path(job.frames[0])
    settings, folder = job.source.settings, beside.parent / "review"
    return Review(
        Path(settings.preview) if settings.preview else folder / "preview.mp4",
        Path(settings.contact_sheet) if settings.contact_sheet else folder / "contact_sheet.png",
        None if report == NO_REPORT else Path(report) if report else folder / "report.html",
    )
