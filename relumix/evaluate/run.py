"""Measures a relit sequence of files, two frames of each input in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relumix.errors import InputError
from relumix.evaluate.compare import Comparison, Step
from relumix.evaluate.confidence import ConfidenceFiles, Expected
from relumix.evaluate.files import DisplayFrame, Files, refuse_missing
from relumix.evaluate.metrics import SMALLEST_EDGE_PX
from relumix.evaluate.report import Exhibit, Report
from relumix.preview.display import auto_exposure

EXHIBITS = 6
"""Frames that a report shows, at most."""


def evaluate(
    result: str | Path,
    *,
    truth: str | Path | None = None,
    source: str | Path | None = None,
    confidence: str | Path | None = None,
    frames: Sequence[int] | None = None,
    references: Sequence[int] | None = None,
    layer: str | None = None,
    view: str | None = None,
    colorspace: str | None = None,
    hdr_flip: bool = True,
    on_frame: Callable[[int, int], None] | None = None,
) -> Report:
    """Measure a relit sequence against ground truth, by the flicker of its light over its source, or both.

    result, truth, source  patterns of sequences (see relumix.shot.sequence).
    confidence             pattern of what relumix said of the result's errors: files of --confidence-out, or results
                           with a confidence layer; goes with a truth.
    frames                 the frames to score; None for all of the truth (of the source where there is no truth).
    references             frames to leave out: those the method was given relit, which would flatter it. None for those
                           that the result's own files name, as relumix writes them.
    layer, view            which pixels to compare, None for the default ones.
    colorspace             what those are in that are not OpenEXR (PNG, DPX, ...); OpenEXR is taken as scene-linear.
    hdr_flip               whether to take that too: it takes four times as long as all other metrics together.
    on_frame               is told (frames done, frames in all) after every frame.

    Frames are compared over the display window, black where a file has no data. The exposure is that of the first frame
    of the truth's files (of the source's where there is no truth), scored or not: the same for any choice of frames.

    Raises InputError where there is nothing to compare with, frames are missing, sizes differ, a file cannot be read,
    or pixels of the result or the truth are not finite (without truth, the result's may be where the source's are).
    """
    how = {"layer": layer, "view": view, "colorspace": colorspace}
    ours = Files(result, **how)
    against = _Baselines.of(result, truth, source, confidence, how)
    walk = sorted(set(against.first.frames if frames is None else frames))
    given = set(ours.references(walk) if references is None else references)
    scored = _scored(result, [ours, *against.every], walk, given)
    exposure, steps = _compare(ours, against, walk, scored, hdr_flip=hdr_flip, on_frame=on_frame)
    return Report(
        result=ours.pattern,
        truth=_pattern(against.truth),
        source=_pattern(against.source),
        exposure=exposure,
        references=tuple(frame for frame in walk if frame not in scored),
        rows=tuple(step.row for step in steps),
        exhibits=tuple(Exhibit(step.row.frame, step.pictures) for step in steps if step.pictures),
        confidence=_pattern(against.confidence),
    )


def _pattern(files: Files | ConfidenceFiles | None) -> str | None:
    return files.pattern if files else None


@dataclass(frozen=True)
class _Baselines:
    """What a result is compared with: its ground truth, its source, or both; and what was said of its errors."""

    truth: Files | None
    source: Files | None
    confidence: ConfidenceFiles | None

    @classmethod
    def of(
        cls,
        result: str | Path,
        truth: str | Path | None,
        source: str | Path | None,
        confidence: str | Path | None,
        how: Mapping[str, str | None],
    ) -> _Baselines:
        """Find what a result is compared with, by patterns; how: arguments of Files. Raises InputError."""
        if truth is None and source is None:
            raise InputError(f"{result} has nothing to be compared with: give its ground truth, its source, or both")
        if confidence is not None and truth is None:
            raise InputError(
                f"confidence is {confidence}, without ground truth to measure the true error by: give --truth"
            )
        return cls(
            None if truth is None else Files(truth, **how),
            None if source is None else Files(source, **how),
            None if confidence is None else ConfidenceFiles(confidence),
        )

    @property
    def every(self) -> list[Files | ConfidenceFiles]:
        """Those that there are."""
        return [each for each in (self.truth, self.source, self.confidence) if each]

    @property
    def first(self) -> Files:
        """The sequence that decides frames, size and exposure."""
        first = self.truth or self.source
        assert first is not None
        return first


def _scored(
    result: str | Path, sequences: Sequence[Files | ConfidenceFiles], walk: Sequence[int], references: Collection[int]
) -> list[int]:
    """Return the frames of the walk that are no references. Raises InputError where there is none, or one is gone."""
    scored = [frame for frame in walk if frame not in references]
    if not scored:
        raise InputError(f"{result} has no frame to score: expected at least one that is not a reference")
    for files in sequences:
        refuse_missing(files.pattern, files.frames, scored)
    return scored


def _compare(
    ours: Files,
    against: _Baselines,
    walk: Sequence[int],
    scored: Sequence[int],
    *,
    hdr_flip: bool,
    on_frame: Callable[[int, int], None] | None,
) -> tuple[float, list[Step]]:
    """Return the exposure, and what was found of each scored frame on the walk."""
    first = against.first.read(against.first.frames[0])
    exposure = source_exposure = auto_exposure(first.rgb)
    if against.source:
        source_exposure = auto_exposure(against.source.read(against.source.frames[0]).rgb)
    comparison = Comparison(exposure, source_exposure, hdr_flip=hdr_flip)
    exhibited = {scored[round(float(i))] for i in np.linspace(0, len(scored) - 1, min(EXHIBITS, len(scored)))}
    steps: list[Step] = []
    for frame in walk:
        if frame not in scored:
            comparison.forget()
            continue
        seen, aim, before = _read(frame, first, ours, against)
        expected = against.confidence.read(frame) if against.confidence else None
        _refuse_sizes(first, expected)
        steps.append(comparison.step(frame, seen, aim, before, expected, pictures=frame in exhibited))
        if on_frame:
            on_frame(len(steps), len(scored))
    return exposure, steps


def _read(
    frame: int, first: DisplayFrame, ours: Files, against: _Baselines
) -> tuple[DisplayFrame, DisplayFrame | None, DisplayFrame | None]:
    """Return result, truth and source of a frame. Raises InputError where they cannot be compared."""
    seen = ours.read(frame)
    aim = against.truth.read(frame) if against.truth else None
    before = against.source.read(frame) if against.source else None
    _refuse_sizes(first, seen, aim, before)
    _refuse_nonfinite(seen, aim, before)
    return seen, aim, before


def _refuse_sizes(first: DisplayFrame, *others: DisplayFrame | Expected | None) -> None:
    """Raise InputError unless all frames are of one size, and large enough."""
    height, width = first.known.shape
    if min(height, width) < SMALLEST_EDGE_PX:
        raise InputError(f"{first.path} is {width}x{height}: expected {SMALLEST_EDGE_PX} pixels or more on each edge")
    for other in others:
        if other is not None and other.known.shape != first.known.shape:
            h, w = other.known.shape
            raise InputError(
                f"{other.path} is {w}x{h}, {first.path} {width}x{height}: expected display windows of one size"
            )


def _refuse_nonfinite(result: DisplayFrame, truth: DisplayFrame | None, source: DisplayFrame | None) -> None:
    """Raise InputError for pixels that cannot be compared; without truth the source's own may pass."""
    if truth is not None:
        _refuse_pixels(truth, truth.nonfinite)
        _refuse_pixels(result, result.nonfinite)
    elif source is not None:
        _refuse_pixels(result, result.nonfinite & ~source.nonfinite)


def _refuse_pixels(seen: DisplayFrame, bad: NDArray[np.bool_]) -> None:
    if count := int(bad.sum()):
        pixels = f"{count} pixel{'s' if count > 1 else ''}"
        raise InputError(f"{seen.path} has NaN or infinity in {pixels}: expected finite values; render it again")
