"""What the page can do, without HTTP: opens clips, makes references and pictures, runs jobs."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relumix.errors import FrameError, InputError
from relumix.web.clips import Clip, Reference
from relumix.web.commands import run
from relumix.web.engine import EngineServer
from relumix.web.errors import RefusedError, without_folders
from relumix.web.examples import Example
from relumix.web.grade import Look, number
from relumix.web.jobs import Job, Order
from relumix.web.makers import Makers
from relumix.web.options import Options
from relumix.web.sessions import Session
from relumix.web.tasks import (
    CheckReference,
    Code,
    Encoded,
    Kind,
    Limits,
    Measure,
    Probe,
    Relight,
    Show,
    ShowGraded,
    Source,
)
from relumix_server.turns import Owner
from relumix_server.worker_tasks import Result, Task
from relumix_server.workers import OverLimitError, WorkerDiedError, WorkerError, Workers

log = logging.getLogger("relumix.web")

MOST_CLIPS = 20
_ENGINE_SECONDS, _SUGGEST_SECONDS = 120.0, 300.0
_BYTES_A_PIXEL = 14
"""Of results in half float, uncompressed: colour, gain and confidence."""


@dataclass(frozen=True)
class JobOptions:
    """How a shot is relit: the engine's name, and the mix from 0 (the plate) to 1."""

    engine: str
    mix: float

    @classmethod
    def of(cls, fields: Mapping[str, Any], engines: tuple[str, ...]) -> JobOptions:
        """Read it of JSON. Raises RefusedError."""
        engine = fields.get("engine", engines[0])
        if engine not in engines:
            raise RefusedError(422, f"there is no engine {str(engine)[:40]!r}: expected one of {', '.join(engines)}")
        try:
            return cls(str(engine), number(fields.get("mix", 1.0), "mix", 0.0, 1.0))
        except InputError as error:
            raise RefusedError(422, str(error)) from None

    def arguments(self) -> tuple[str, ...]:
        """Return them as arguments of the command."""
        return (f"--engine={self.engine}", *([] if self.mix == 1 else [f"--mix={self.mix:g}"]))


class Studio:
    """Does what visitors ask for. Thread-safe; its methods block, and raise RefusedError."""

    def __init__(self, options: Options, workers: Workers, engines: EngineServer) -> None:
        self._options, self._workers, self.engines = options, workers, engines
        self._turn = threading.Semaphore(options.max_jobs)
        self._aside = ThreadPoolExecutor(1, "relumix-web-aside")
        self.makers = Makers.of(options)
        self._exposures: dict[str, float] = {}
        self.limits = Limits(options.max_pixels, options.max_frames)

    def close(self) -> None:
        """Measure nothing more."""
        self._aside.shutdown(wait=False, cancel_futures=True)

    def call(self, task: Task[Result], owner: Owner) -> Result:
        """Run a task in a worker process. Raises RefusedError where it fails."""
        try:
            return self._workers.call(task, owner)
        except (InputError, FrameError) as error:
            raise RefusedError(422, without_folders(str(error))) from None
        except OverLimitError as error:
            raise RefusedError(413, str(error)) from None
        except WorkerDiedError as error:
            raise RefusedError(422, f"the file cannot be read: {error}") from None
        except WorkerError as error:
            raise RefusedError(500, f"that failed: {error}") from None

    def open(
        self, session: Session, title: str, source: Source, shown: str, folder: Path, uploaded: Path | None = None
    ) -> Clip:
        """Open a clip; the arguments are those of Clip."""
        if len(session.clips) >= MOST_CLIPS:
            raise RefusedError(409, f"{MOST_CLIPS} clips are open: close one of them first")
        found = self.call(Probe(source, self.limits), session.owner)
        folder.mkdir(parents=True, exist_ok=True)
        clip = Clip(title, Source(found.pattern, source.colorspace), found, folder, shown, uploaded)
        session.clips[clip.name] = clip
        return clip

    def open_example(self, session: Session, example: Example) -> Clip:
        """Open an example, with its reference; one that is open already is left as it is."""
        for clip in session.clips.values():
            if clip.source.pattern.startswith(str(example.folder)):
                return clip
        folder = session.folder / f"example-{example.name}"
        clip = self.open(session, example.title, Source(str(example.plate)), str(example.plate), folder)
        clip.references = {
            frame: Reference(path, "example", name=path.name) for frame, path in example.references.items()
        }
        return clip

    def example_picture(self, session: Session, example: Example, kind: str) -> bytes:
        """Return an example's relit frame, "plate" or "reference", as JPEG."""
        source, (frame, path) = Source(str(example.plate)), next(iter(example.references.items()))
        if example.name not in self._exposures:
            self._exposures[example.name] = self.call(Probe(source, self.limits), session.owner).exposure
        shown: Kind = "reference" if kind == "reference" else "plate"
        file = path if kind == "reference" else None
        return self.call(Show(source, frame, shown, file, 480, self._exposures[example.name]), session.owner).jpeg

    def close_clip(self, session: Session, clip: Clip) -> None:
        """Close a clip and remove its files."""
        session.clips.pop(clip.name, None)
        clip.close()

    # Pictures.

    def picture(self, owner: Owner, clip: Clip, kind: Kind, frame: int, long_edge: int, stops: float) -> bytes:
        """Return what is shown of a frame as JPEG; stops: by which it is brighter."""
        path = clip.file(kind, clip.frame(frame))
        exposure = clip.found.exposure * 2.0**stops
        return self.call(Show(clip.source, frame, kind, path, long_edge, exposure), owner).jpeg

    def graded(self, owner: Owner, clip: Clip, frame: int, look: Look, long_edge: int, stops: float) -> bytes:
        """Return a frame under a look as JPEG."""
        clip.frame(frame)
        exposure = clip.found.exposure
        task: Task[Encoded] = ShowGraded(clip.source, frame, look, exposure, long_edge, exposure * 2.0**stops)
        return self.call(task, owner).jpeg

    # References.

    def grade(self, owner: Owner, clip: Clip, frame: int, fields: Mapping[str, Any], look: Look) -> None:
        """Make the reference of a frame by a look. fields: it as JSON."""
        path = self.reference_path(clip, frame, ".exr")
        self.call(Relight(clip.source, frame, look, clip.found.exposure, path), owner)
        clip.set_reference(frame, Reference(path, "graded", look=fields))

    def take_reference(self, owner: Owner, clip: Clip, frame: int, path: Path, name: str) -> None:
        """Make an uploaded file the reference of a frame, or remove it where it cannot be."""
        try:
            self.call(CheckReference(clip.source, frame, path, self.limits), owner)
            clip.set_reference(frame, Reference(path, "uploaded", name=name))
        except RefusedError:
            path.unlink(missing_ok=True)
            raise

    def match(self, owner: Owner, clip: Clip, frame: int, picture: Path, name: str) -> None:
        """Make the reference of a frame by the light of a picture that was uploaded; that one is removed."""
        path = self.reference_path(clip, frame, ".exr")
        try:
            self.makers.match(clip, frame, picture, path)
        finally:
            picture.unlink(missing_ok=True)
        self._take_made(owner, clip, frame, Reference(path, "matched", name=name))

    def light(self, owner: Owner, clip: Clip, frame: int, fields: Mapping[str, Any]) -> None:
        """Make the reference of a frame by lamps; fields: "rig" and, where it is to be told, "fov" in degrees."""
        path, fov = self.reference_path(clip, frame, ".exr"), fields.get("fov")
        try:
            fov_deg = None if fov is None else number(fov, "fov", 1.0, 170.0)
        except InputError as error:
            raise RefusedError(422, str(error)) from None
        self.makers.lights(clip, frame, fields.get("rig"), fov_deg, path)
        self._take_made(owner, clip, frame, Reference(path, "lit", look=fields))

    def words(self, owner: Owner, clip: Clip, frame: int, words: str, seed: int) -> None:
        """Make the reference of a frame by words."""
        path = self.reference_path(clip, frame, ".exr")
        self.makers.words(clip, frame, words, seed, path)
        self._take_made(owner, clip, frame, Reference(path, "worded", look={"words": words, "seed": seed}))

    def _take_made(self, owner: Owner, clip: Clip, frame: int, reference: Reference) -> None:
        self.call(Code(clip.source, frame, reference.path), owner)
        clip.set_reference(frame, reference)

    def reference_path(self, clip: Clip, frame: int, suffix: str) -> Path:
        """Return where a reference of a frame is written. Raises RefusedError while a job runs."""
        clip.frame(frame)
        clip.refuse_busy()
        folder = clip.folder / "references"
        folder.mkdir(exist_ok=True)
        return folder / f"reference.{clip.number(frame)}{suffix.lower()}"

    # Jobs.

    def relight(self, session: Session, clip: Clip, wanted: JobOptions) -> None:
        """Begin to relight a clip, or go on."""
        with clip.lock:
            if clip.job is not None and clip.job.running:
                raise RefusedError(409, "the shot is being relit already")
            if not clip.references:
                raise RefusedError(409, "the clip has no reference yet: relight one of its frames first")
            self._refuse_full(session, clip)
            order = self.order(clip, wanted)
            clip.job = Job(order, self._server_arguments, self._turn, lambda frame: self._made(session, clip, frame))
            clip.job.on_done = lambda job: self._later(self._suggest, clip, job)
            clip.measures.confidence.clear()
            clip.measures.flicker.clear()
            clip.job.start()

    def order(self, clip: Clip, wanted: JobOptions) -> Order:
        """Return what makes a clip's result."""
        files = {frame: each.path for frame, each in clip.references.items()}
        options = list(wanted.arguments())
        if clip.source.colorspace:
            options.append(f"--colorspace={clip.source.colorspace}")
        return Order(clip.source.pattern, files, clip.results, tuple(options))

    def _refuse_full(self, session: Session, clip: Clip) -> None:
        found = clip.found
        needed = len(found.frames) * found.width * found.height * _BYTES_A_PIXEL
        room = min(self._options.max_session_bytes - session.bytes_used(), shutil.disk_usage(session.folder).free)
        if clip.job is None and needed > room:
            raise RefusedError(
                413, f"the result may take {needed / 1e9:.1f} GB, and {max(room, 0) / 1e9:.1f} GB are left"
            )

    def _server_arguments(self) -> list[str]:
        if not self.engines.wait(_ENGINE_SECONDS):
            raise RefusedError(503, f"the engines do not start: {self.engines.trouble or 'they take too long'}")
        return [f"--server={self.engines.address}", f"--token-file={self.engines.token_file}"]

    def _made(self, session: Session, clip: Clip, frame: int) -> None:
        """Measure a frame that was made, and the one after it, whose flicker could not be told before."""
        at = clip.found.frames.index(frame)
        after = clip.found.frames[at + 1 : at + 2]
        for each in [frame, *(other for other in after if other in clip.made())]:
            self._later(self._measure, session, clip, each, clip.job)

    def _later(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do something that nobody waits for, one thing after another; what goes wrong is logged."""
        self._aside.submit(work, *arguments).add_done_callback(_log_trouble)

    def _measure(self, session: Session, clip: Clip, frame: int, job: Job | None) -> None:
        if clip.job is not job or job is None:
            return
        before = clip.before(frame)
        before = before if before in clip.made() else None
        files = {each: clip.result("result", each) for each in (frame, before) if each is not None}
        task = Measure(clip.source, frame, before, files, clip.result("confidence", frame), clip.found.exposure)
        try:
            found = self.call(task, session.owner)
        except RefusedError:
            return  # The frame has gone, or its session: there is nothing to be told of it.
        if found.confidence is not None:
            clip.measures.confidence[frame] = found.confidence
        if found.flicker is not None:
            clip.measures.flicker[frame] = found.flicker
        job.touch()

    def _suggest(self, clip: Clip, job: Job) -> None:
        """Ask which frame would help most as another reference: `relumix suggest`, in a process of its own."""
        order = job.order
        spaces = [option for option in order.options if option.startswith("--colorspace")]
        done = run(["suggest", order.source, *order.given(), *spaces, "--json"], order.folder, _SUGGEST_SECONDS)
        if done.returncode == 0:
            named = json.loads(done.stdout)["frames"]
            job.suggest(int(named[0]["frame"]) if named else None)


def _log_trouble(done: Future[None]) -> None:
    if not done.cancelled() and (error := done.exception()) and not isinstance(error, RefusedError):
        log.error("what was measured of a shot broke off", exc_info=error)


def look_of(fields: Any) -> Look:
    """Return a look of JSON. Raises RefusedError."""
    try:
        return Look.of(fields)
    except InputError as error:
        raise RefusedError(422, str(error)) from None
