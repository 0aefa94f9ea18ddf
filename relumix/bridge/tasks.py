"""What a plugin can ask for, each as a dialogue (see relumix.bridge.dialogue). Closing one cancels its work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from relumix.bridge.cuts import FoundCuts, told
from relumix.bridge.dialogue import REFERENCE, SOURCE, Absent, Dialogue, Done, Image, Look, Outcome, Result, Send, Wait
from relumix.bridge.frame_file import FrameRecord
from relumix.bridge.pictures import Pictures
from relumix.bridge.relighter import Engines, Relighter, Shot, cuts_of, named_cuts, relighter_for, scaled_down
from relumix.bridge.request import Request, Servers
from relumix.bridge.run import Run
from relumix.bridge.store import Store
from relumix.bridge.thumbnail import same_picture
from relumix.errors import InputError
from relumix.pipeline.relit_frame import RelitFrame
from relumix.shot.scenes import Scenes
from relumix.types import Float32
from relumix.util.words import number_of

LOOKING_PERMILLE = 200
"""The share of the progress that looking at the frames takes."""


@dataclass(frozen=True)
class Context:
    """What all requests share. servers: servers for requests that name none; None: this machine."""

    store: Store
    engines: Engines
    servers: Servers | None
    cuts: FoundCuts = field(default_factory=FoundCuts)


def task(request: Request, context: Context) -> Dialogue[Outcome]:
    """Return the dialogue of a request. It raises what the plugin shows its user: InputError, FrameError."""
    if request.purpose == "clear":
        return _clear(request, context)
    task = _Task(request, context)
    return {"relight": task.relight, "render": task.render, "farm": task.farm}[request.purpose]()


def _clear(request: Request, context: Context) -> Dialogue[Outcome]:
    yield from ()
    return Done(f"{number_of(context.store.forget(request.instance), 'frame')} forgotten")


class _Task:
    def __init__(self, request: Request, context: Context) -> None:
        self._request, self._context, self._store = request, context, context.store
        self._images: dict[tuple[str, int], Image] = {}
        self._sent_bytes = 0

    def render(self) -> Dialogue[Outcome]:
        """Return the frame if it was made."""
        found = yield from self._look_up()
        if found is not None:
            return found
        return Absent(f"frame {self._request.frame} is not relit, or has changed since: press Relight range")

    def farm(self) -> Dialogue[Outcome]:
        """Return the frame, made first, with its window, where it was not."""
        request = self._request
        if request.frame not in request.wanted:
            return Absent(
                f"frame {request.frame} is not among {request.first} to {request.last}, which are to be relit"
            )
        found = yield from self._look_up()
        if found is None:
            relighter = yield from self._relighter()
            shot = yield from self._shot()
            together = relighter.together(shot, request.frame)
            yield from self._make(relighter, shot, [frame for frame in together if frame in request.wanted])
            found = self._cached()
        if found is None:
            raise InputError(
                f"frame {request.frame} does not stay in the store: start the bridge with a larger --store-bytes"
            )
        return found

    def relight(self) -> Dialogue[Outcome]:
        """Make every frame that is not up to date."""
        yield from self._look_at_references()
        relighter = yield from self._relighter()
        yield from self._gather_all(self._request.shot)
        shot = yield from self._shot()
        made, fresh = yield from self._make(relighter, shot, self._request.wanted)
        done = f"{number_of(made, 'frame')} relit" + (f", {fresh} up to date" if fresh else "")
        scenes = told(shot.scenes, shot.frames, self._request.wanted)
        return Done((done if made else f"{number_of(fresh, 'frame')} up to date") + scenes)

    def _relighter(self) -> Dialogue[Relighter]:
        """Return the relighter, on a thread, since loading an engine or reaching a server takes a while."""
        found: list[Relighter] = []
        servers = self._request.servers or self._context.servers
        engines = self._context.engines
        run = Run(lambda: found.append(relighter_for(self._request, servers, engines)), lambda: None)
        run.start()
        while not run.is_over:
            run.next_needed()
            yield Wait(0, "reaching the server" if servers else "loading the engine")
        return found[0]

    def _shot(self) -> Dialogue[Shot]:
        """Return the shot with its cuts: as named, or as found before if the frames looked at are the same, or found.

        To find them every frame is looked at.
        """
        request = self._request
        cuts = named_cuts(request)
        name = _digest("shot", request.instance, [request.shot.start, request.shot.stop], request.coding)
        if cuts is None:
            cuts = self._context.cuts.get(name, self._fingerprints)
        if cuts is None:
            yield from self._gather_all(request.shot)
            cuts = yield from self._find_cuts()
            self._context.cuts.put(name, self._fingerprints, cuts)
        return Shot(request.shot, request.references, cuts)

    def _find_cuts(self) -> Dialogue[tuple[int, ...]]:
        found: list[tuple[int, ...]] = []
        run = Run(lambda: found.append(cuts_of(pictures.source, self._request.shot, run.check)), lambda: None)
        pictures = Pictures(self._request, self._store, self._images, run.need)
        yield from self._beside(run, lambda: Wait(LOOKING_PERMILLE, "looking for cuts"))
        return found[0]

    @property
    def _fingerprints(self) -> dict[int, str]:
        """The fingerprints of the frames looked at."""
        return {frame: image.fingerprint or "" for (clip, frame), image in self._images.items() if clip == SOURCE}

    def _look_up(self) -> Dialogue[Result | None]:
        yield from self._look(SOURCE, self._request.frame)
        yield from self._look_at_references()
        return self._cached()

    def _look(self, clip: str, frame: int, *, send: bool = False) -> Dialogue[Image]:
        """Return a picture's description. Raises InputError where there is none, or it changed during the work."""
        image = yield (Send(clip, frame) if send else Look(clip, frame))
        if image is None or image.fingerprint is None:
            remedy = "" if clip == SOURCE else ": connect it, or name a reference file"
            raise InputError(f"{clip.capitalize()} has no picture at frame {frame}{remedy}")
        before = self._images.setdefault((clip, frame), image)
        if before.fingerprint != image.fingerprint:
            raise InputError(f"{clip.capitalize()} changed at frame {frame} while it was relit: press Relight range")
        return image

    def _look_at_references(self) -> Dialogue[None]:
        for frame in self._request.references:
            if self._request.reference_file is None:
                yield from self._look(REFERENCE, frame)
            else:
                self._images[REFERENCE, frame] = Image(REFERENCE, frame, _file_fingerprint(self._request, frame))

    @property
    def _references(self) -> list[Image]:
        return [self._images[REFERENCE, frame] for frame in self._request.references]

    def _look_key(self, frame: int) -> str:
        """Digest what a frame depends on but pixels, counted from the first reference: a moved shot matches."""
        request, start = self._request, self._request.references[0]
        offsets = [reference - start for reference in request.references]
        settings = [request.engine, request.model, request.work_size, request.coding, request.reference_coding]
        cuts = named_cuts(request)
        ends = Scenes(request.references, cuts or ()).around(frame) or ()
        scene = "auto" if cuts is None else [None if end is None else end - start for end in ends]
        return _digest("look", settings, offsets, frame - start, scene)

    def _key(self, source: Image) -> str:
        shown = [reference.fingerprint for reference in self._references]
        return _digest("frame", self._look_key(source.frame), source.fingerprint, shown)

    def _cached(self) -> Result | None:
        """Return the frame from the store: as it was made, or scaled down from a larger one."""
        source = self._images[SOURCE, self._request.frame]
        record = self._store.record(self._key(source)) or self._larger(source)
        values = self._store.read(record.key, self._request.output) if record else None
        if record is None or values is None:
            return None
        if (record.width, record.height) != (source.width, source.height):
            values = scaled_down(values, source.width, source.height)
        return Result(source.frame, values)

    def _larger(self, source: Image) -> FrameRecord | None:
        def shows_the_same(record: FrameRecord) -> bool:
            pairs = zip(self._references, record.references, record.reference_thumbnails, strict=True)
            return (
                record.width > source.width
                and record.height > source.height
                and same_picture(record.thumbnail, source.thumbnail)
                and all(
                    now.fingerprint == before or same_picture(now.thumbnail, thumbnail)
                    for now, before, thumbnail in pairs
                )
            )

        candidates = self._store.records_with(self._look_key(source.frame))
        return next((each for each in candidates if shows_the_same(each)), None)

    def _make(self, relighter: Relighter, shot: Shot, wanted: Sequence[int]) -> Dialogue[tuple[int, int]]:
        """Make the stale frames. Returns how many were stale, and how many up to date."""
        inputs = {frame: relighter.inputs(shot, frame) for frame in wanted}
        yield from self._gather_all(sorted({each for frames in inputs.values() for each in frames}))
        full_keys = {frame: self._full_key(relighter, frame, inputs[frame]) for frame in wanted}
        stale = [frame for frame in wanted if not self._is_fresh(frame, full_keys[frame])]
        if stale:
            yield from self._gather_all(shot.references)  # Also those of no light here: relighting reads them all.
            for frame in shot.references if self._request.reference_file is None else ():
                yield from self._gather(REFERENCE, frame)
                self._refuse_other_sizes(frame)
            yield from self._run(relighter, shot, stale, full_keys)
        return len(stale), len(wanted) - len(stale)

    def _gather_all(self, frames: Sequence[int]) -> Dialogue[None]:
        """Gather the frames of Source that were not looked at yet."""
        new = [frame for frame in frames if (SOURCE, frame) not in self._images]
        for count, frame in enumerate(new):
            yield from self._gather(SOURCE, frame)
            yield Wait(LOOKING_PERMILLE * (count + 1) // len(new), "looking at the frames")

    def _gather(self, clip: str, frame: int) -> Dialogue[None]:
        """Look at a picture, and have it sent at once if it is new; half of the store stays free for relit frames."""
        image = yield from self._look(clip, frame)
        new = not self._store.has_pixels(image.fingerprint or "")
        if new and self._sent_bytes + image.bytes < self._store.most_bytes // 2:
            yield from self._look(clip, frame, send=True)
            self._sent_bytes += image.bytes

    def _refuse_other_sizes(self, frame: int) -> None:
        source, reference = self._images[SOURCE, frame], self._images[REFERENCE, frame]
        if (reference.width, reference.height) != (source.width, source.height):
            raise InputError(
                f"Reference is {reference.width}x{reference.height} at frame {frame}, but Source is "
                f"{source.width}x{source.height}: expected the same size"
            )

    def _full_key(self, relighter: Relighter, frame: int, inputs: Sequence[int]) -> str:
        start = self._request.references[0]
        seen = [(each - start, self._images[SOURCE, each].fingerprint) for each in inputs]
        return _digest("full", self._key(self._images[SOURCE, frame]), relighter.version, seen)

    def _is_fresh(self, frame: int, full_key: str) -> bool:
        record = self._store.record(self._key(self._images[SOURCE, frame]))
        return record is not None and record.full_key == full_key

    def _run(self, relighter: Relighter, shot: Shot, stale: Sequence[int], full_keys: dict[int, str]) -> Dialogue[None]:
        done: list[int] = []

        def work() -> None:
            for relit in relighter.relit(pictures.source, pictures.references, shot, stale):
                self._keep(relit, pictures.coded(relit), full_keys[relit.frame])
                done.append(relit.frame)

        run = Run(work, relighter.cancel)
        pictures = Pictures(self._request, self._store, self._images, run.need)

        def progress() -> Wait:
            share = (1000 - LOOKING_PERMILLE) * len(done) // len(stale)
            return Wait(LOOKING_PERMILLE + share, f"{len(done)} of {number_of(len(stale), 'frame')} relit")

        yield from self._beside(run, progress)

    def _beside(self, run: Run, progress: Callable[[], Wait]) -> Dialogue[None]:
        """Let a thread work to its end, and have sent what it needs."""
        run.start()
        try:
            while not run.is_over:
                if (needed := run.next_needed()) is None:
                    yield progress()
                else:
                    yield from self._look(needed.clip, needed.frame, send=True)
                    run.answered(needed)
        finally:
            run.cancel()

    def _keep(self, relit: RelitFrame, rgb: Float32, full_key: str) -> None:
        source, references = self._images[SOURCE, relit.frame], self._references
        record = FrameRecord(
            key=self._key(source),
            full_key=full_key,
            look_key=self._look_key(relit.frame),
            instance=self._request.instance,
            width=source.width,
            height=source.height,
            thumbnail=source.thumbnail,
            references=tuple(reference.fingerprint or "" for reference in references),
            reference_thumbnails=tuple(reference.thumbnail for reference in references),
        )
        assert relit.confidence is not None
        self._store.add(record, rgb, relit.stops, relit.confidence)


def _file_fingerprint(request: Request, frame: int) -> str:
    """Digest a reference file's bytes; they are read again only if its size or time changed."""
    path = request.reference_path(frame)
    stat = path.stat()
    return _file_digest(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _file_digest(path: str, size: int, changed_ns: int) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:  # noqa: PTH123
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
