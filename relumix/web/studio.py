"""What the page can do, without HTTP: opens clips, makes references and pictures, runs jobs."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from relumix.errors import FrameError, InputError
from relumix.web.clips import Clip, Reference
from relumix.web.commands import run
from relumix.web.downloads import Movie, movie_order, movies, remove_movies
from relumix.web.engine import EngineServer
from relumix.web.errors import RefusedError, without_folders
from relumix.web.examples import Example
from relumix.web.grade import Look, number
from relumix.web.jobs import Job, Making, Order
from relumix.web.makers import Makers, Recipe
from relumix.web.options import Options
from relumix.web.reference_tasks import CheckReference, Code, Relight
from relumix.web.sessions import Session
from relumix.web.shape_tasks import Place, Shape, ShowShape
from relumix.web.tasks import Encoded, Kind, Limits, Measure, Probe, Show, ShowGraded, Source
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
        self._turn, self._making_turn = (threading.Semaphore(options.max_jobs) for _ in range(2))
        self._aside = ThreadPoolExecutor(1, "relumix-web-aside")
        self.makers = Makers.of(options)
        self._own, self._cards = Owner(), dict[tuple[str, str], bytes]()
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
        clip.shapes = example.shapes
        clip.references = {
            frame: Reference(path, "example", name=path.name) for frame, path in example.references.items()
        }
        return clip

    def example_picture(self, example: Example, kind: str) -> bytes:
        """Return an example's relit frame, "plate" or "reference", as JPEG. It is made once."""
        if (example.name, kind) not in self._cards:
            source, (frame, path) = Source(str(example.plate)), next(iter(example.references.items()))
            exposure = self.call(Probe(source, self.limits), self._own).exposure
            shown: Kind = "reference" if kind == "reference" else "plate"
            file = path if kind == "reference" else None
            self._cards[example.name, kind] = self.call(Show(source, frame, shown, file, 480, exposure), self._own).jpeg
        return self._cards[example.name, kind]

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

    # The shape of a frame.

    def shape(self, owner: Owner, clip: Clip, frame: int, fov_deg: float | None, long_edge: int) -> bytes:
        """Return what lamps fall on in a frame as JPEG."""
        return self.call(ShowShape(self._shape(clip, frame, fov_deg), long_edge), owner).jpeg

    def place(self, owner: Owner, clip: Clip, frame: int, at: Any, fov_deg: float | None) -> dict[str, Any]:
        """Return where a place of the picture is in the scene, and the camera, fit for JSON.

        at  across and down in shares of the picture's width, as JSON; nothing: the camera alone is wanted.
        """
        if not isinstance(at, list | tuple) or len(at) not in (0, 2):
            raise RefusedError(422, "at: expected two numbers, across and down")
        try:
            places = [number(value, "at", -10.0, 10.0) for value in at]
        except InputError as error:
            raise RefusedError(422, str(error)) from None
        shape = self._shape(clip, frame, fov_deg)
        placed = self.call(Place(shape, (places[0], places[1]) if places else None), owner)
        return {name: getattr(placed, name) for name in ("point", "normal", "camera", "depth")}

    def _shape(self, clip: Clip, frame: int, fov_deg: float | None) -> Shape:
        clip.frame(frame)
        if not (clip.found.geometry or clip.shapes.covers(frame)):
            raise RefusedError(404, f"nothing says the shape of frame {frame}")
        files = () if clip.found.geometry else tuple(clip.shapes.files.items())
        return Shape(clip.source, frame, files, fov_deg)

    # References.

    def grade(self, owner: Owner, clip: Clip, frame: int, fields: Mapping[str, Any], look: Look) -> None:
        """Make the reference of a frame by a look. fields: it as JSON."""
        path = self.reference_path(clip, frame, ".exr")
        with leaving_nothing(path.parent):
            self.call(Relight(clip.source, frame, look, clip.found.exposure, path), owner)
            clip.set_reference(frame, Reference(path, "graded", look=fields))

    def take_reference(self, owner: Owner, clip: Clip, frame: int, path: Path, name: str) -> None:
        """Make an uploaded file the reference of a frame, or remove it where it cannot be."""
        with leaving_nothing(path.parent):
            self.call(CheckReference(clip.source, frame, path, self.limits), owner)
            clip.set_reference(frame, Reference(path, "uploaded", name=name))

    def match(self, owner: Owner, clip: Clip, frame: int, picture: Path, name: str) -> None:
        """Begin to make the reference of a frame by the light of a picture that was uploaded."""
        recipe = self.makers.match(clip, frame, picture)
        self._begin(owner, clip, recipe, Reference(recipe.target, "matched", name=name, files=(picture,)))

    def light(self, owner: Owner, clip: Clip, frame: int, fields: Mapping[str, Any]) -> None:
        """Begin to make one by lamps; fields: "rig" and, where it is to be told, "fov" in degrees."""
        clip.frame(frame)
        clip.refuse_busy()
        recipe = self.makers.lights(clip, frame, fields.get("rig"), fov_of(fields.get("fov")))
        rig = recipe.target.with_name(f"lights.{clip.number(frame)}.json")
        self._begin(owner, clip, recipe, Reference(recipe.target, "lit", look=fields, files=(rig,)))

    def words(self, owner: Owner, clip: Clip, frame: int, words: str, seed: int) -> None:
        """Begin to make one by words."""
        clip.frame(frame)
        clip.refuse_busy()
        recipe = self.makers.words(clip, frame, words, seed)
        self._begin(owner, clip, recipe, Reference(recipe.target, "worded", look={"words": words, "seed": seed}))

    def _begin(self, owner: Owner, clip: Clip, recipe: Recipe, reference: Reference) -> None:
        """Begin to make a reference. It takes its place when it is made; of one that fails nothing is left."""

        def finish() -> None:
            coded = self.call(Code(clip.source, recipe.frame, recipe.target), owner).changed
            command = tuple(recipe.arguments())
            clip.take_made(recipe.frame, replace(reference, command=command, coded=coded))

        def ended(job: Job[Any]) -> None:
            if job.told.state != "done":
                shutil.rmtree(recipe.folder, ignore_errors=True)

        job = Job(recipe, self._making_turn, finish=finish, wanted=lambda: clip.waited_for)
        job.on_end = ended
        try:
            self._make(clip, Making(recipe.kind, recipe.frame, job))
        except RefusedError:
            shutil.rmtree(recipe.folder, ignore_errors=True)
            raise

    def _make(self, clip: Clip, making: Making) -> None:
        with clip.lock:
            clip.refuse_busy()
            clip.looked()
            clip.making = making
            making.job.start()

    def movie(self, clip: Clip, kind: Movie) -> None:
        """Begin to make a movie of a result; one that is there already is left as it is."""
        with clip.lock:
            clip.refuse_busy()
            order = movie_order(clip, kind)
            if kind not in movies(clip):
                job = Job(order, self._turn, server=self._server_arguments, wanted=lambda: clip.waited_for)
                self._make(clip, Making(kind, None, job))

    def stop_making(self, clip: Clip) -> None:
        """Cancel what is being made of a clip beside its result, or forget what became of it."""
        with clip.lock:
            if clip.making is not None and clip.making.job.running:
                clip.making.job.cancel()
            else:
                clip.making = None

    def reference_path(self, clip: Clip, frame: int, suffix: str) -> Path:
        """Return where a reference of a frame goes, in a folder of its own. Raises RefusedError while a job runs."""
        clip.frame(frame)
        clip.refuse_busy()
        return clip.reference_folder() / f"reference.{clip.number(frame)}{suffix.lower()}"

    # Jobs.

    def relight(self, session: Session, clip: Clip, wanted: JobOptions) -> None:
        """Begin to relight a clip, or go on."""
        with clip.lock:
            if clip.job is not None and clip.job.running:
                raise RefusedError(409, "the shot is being relit already")
            clip.refuse_busy()
            if not clip.references:
                raise RefusedError(409, "the clip has no reference yet: relight one of its frames first")
            self._refuse_full(session, clip)
            order, before = self.order(clip, wanted), clip.made()
            remove_movies(clip)
            clip.give_references()
            clip.making = None
            clip.job = Job(
                order,
                self._turn,
                server=self._server_arguments,
                on_frame=lambda frame: self._made(session, clip, frame),
            )
            clip.job.on_end = partial(self._ended, clip, before)
            clip.measures.confidence.clear()
            clip.measures.flicker.clear()
            clip.job.start()

    def _ended(self, clip: Clip, before: Mapping[int, str], job: Job[Order]) -> None:
        """Do what is to be done after a job: one that failed at once has left what was made before."""
        if job.told.state == "done":
            self._later(self._suggest, clip, job)
        else:
            job.keep(before)

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

    def _measure(self, session: Session, clip: Clip, frame: int, job: Job[Order] | None) -> None:
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

    def _suggest(self, clip: Clip, job: Job[Order]) -> None:
        """Ask which frame would help most as another reference: `relumix suggest`, in a process of its own."""
        order = job.order
        spaces = [option for option in order.options if option.startswith("--colorspace")]
        done = run(["suggest", order.source, *order.given(), *spaces, "--json"], order.folder, _SUGGEST_SECONDS)
        if done.returncode == 0:
            named = json.loads(done.stdout)["frames"]
            job.suggest(int(named[0]["frame"]) if named else None)


@contextmanager
def leaving_nothing(folder: Path) -> Iterator[None]:
    """Remove a folder where what is made in it fails."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _log_trouble(done: Future[None]) -> None:
    if not done.cancelled() and (error := done.exception()) and not isinstance(error, RefusedError):
        log.error("what was measured of a shot broke off", exc_info=error)


def fov_of(value: Any) -> float | None:
    """Return an angle across the frame, in degrees, of JSON or a query, None for none. Raises RefusedError."""
    try:
        return (
            None if value is None else number(float(value[:12]) if isinstance(value, str) else value, "fov", 1.0, 170.0)
        )
    except ValueError:
        raise RefusedError(422, f"fov is {value[:12]!r}: expected a number from 1 to 170") from None
    except InputError as error:
        raise RefusedError(422, str(error)) from None


def look_of(fields: Any) -> Look:
    """Return a look of JSON. Raises RefusedError."""
    try:
        return Look.of(fields)
    except InputError as error:
        raise RefusedError(422, str(error)) from None
