"""What a plugin can ask for, each as a dialogue (see relumix.bridge.wishes). Closing one ends what it has under way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from relumix.bridge import light
from relumix.bridge.frame_file import Made
from relumix.bridge.glance import alike
from relumix.bridge.light import Engines, Light
from relumix.bridge.order import Order, Place
from relumix.bridge.pictures import Pictures
from relumix.bridge.run import Run
from relumix.bridge.store import Store
from relumix.bridge.wishes import REFERENCE, SOURCE, Absent, Dialogue, Done, End, Image, Look, Result, Send, Wait
from relumix.errors import InputError
from relumix.pipeline.relit_frame import RelitFrame
from relumix.types import Float32

LOOKING_PERMILLE = 200
"""What looking at the frames counts for in the progress."""


@dataclass(frozen=True)
class Workshop:
    """What every task works with. place: servers for orders that name none; None: this machine."""

    store: Store
    engines: Engines
    place: Place | None


def task(order: Order, shop: Workshop) -> Dialogue[End]:
    """Return the dialogue of an order. What it raises is for the plugin to tell: InputError, FrameError."""
    if order.purpose == "clear":
        return _clear(order, shop)
    task = _Task(order, shop)
    return {"relight": task.relight, "render": task.render, "farm": task.farm}[order.purpose]()


def _clear(order: Order, shop: Workshop) -> Dialogue[End]:
    yield from ()
    return Done(f"{_frames(shop.store.forget(order.instance))} forgotten")


class _Task:
    def __init__(self, order: Order, shop: Workshop) -> None:
        self._order, self._shop, self._store = order, shop, shop.store
        self._seen: dict[tuple[str, int], Image] = {}
        self._sent_bytes = 0

    def render(self) -> Dialogue[End]:
        """Give a frame if it is there."""
        found = yield from self._there()
        if found is not None:
            return found
        return Absent(f"frame {self._order.frame} is not relit, or has changed since: press Relight range")

    def farm(self) -> Dialogue[End]:
        """Give a frame; make it, and those that come with it, where it is not there."""
        order = self._order
        if order.frame not in order.wanted:
            return Absent(f"frame {order.frame} is not among {order.first} to {order.last}, which are to be relit")
        found = yield from self._there()
        if found is None:
            maker = yield from self._light()
            together = maker.together(order.shot, order.references, order.frame)
            yield from self._make(maker, [frame for frame in together if frame in order.wanted])
            found = self._found()
        if found is None:
            raise InputError(f"frame {order.frame} does not stay in the store: give the bridge a larger --store-bytes")
        return found

    def relight(self) -> Dialogue[End]:
        """Make every frame that is not up to date."""
        yield from self._look_at_references()
        maker = yield from self._light()
        made, fresh = yield from self._make(maker, self._order.wanted)
        if not made:
            return Done(f"{_frames(fresh)} up to date")
        return Done(f"{_frames(made)} relit" + (f", {fresh} up to date" if fresh else ""))

    def _light(self) -> Dialogue[Light]:
        """Return what relights; loading an engine, or reaching a server, may take its time."""
        found: list[Light] = []
        place = self._order.place or self._shop.place
        run = Run(lambda: found.append(light.light_of(self._order, place, self._shop.engines)), lambda: None)
        run.start()
        while not run.is_over:
            run.news()
            yield Wait(0, "reaching the server" if place else "loading the engine")
        return found[0]

    def _there(self) -> Dialogue[Result | None]:
        yield from self._look(SOURCE, self._order.frame)
        yield from self._look_at_references()
        return self._found()

    def _look(self, clip: str, frame: int, *, send: bool = False) -> Dialogue[Image]:
        """Return what a picture is. Raises InputError where there is none, or it has changed meanwhile."""
        image = yield (Send(clip, frame) if send else Look(clip, frame))
        if image is None or image.fingerprint is None:
            cure = "" if clip == SOURCE else ": connect it, or name a reference file"
            raise InputError(f"{clip.capitalize()} has no picture at frame {frame}{cure}")
        before = self._seen.setdefault((clip, frame), image)
        if before.fingerprint != image.fingerprint:
            raise InputError(f"{clip.capitalize()} changed at frame {frame} while it was relit: press Relight range")
        return image

    def _look_at_references(self) -> Dialogue[None]:
        for frame in self._order.references:
            if self._order.reference_file is None:
                yield from self._look(REFERENCE, frame)
            else:
                self._seen[REFERENCE, frame] = Image(REFERENCE, frame, _print_of(self._order, frame))

    @property
    def _references(self) -> list[Image]:
        return [self._seen[REFERENCE, frame] for frame in self._order.references]

    def _look_digest(self, frame: int) -> str:
        """Return all that a frame depends on but pixels. Times count from the first reference."""
        order, start = self._order, self._order.references[0]
        offsets = [reference - start for reference in order.references]
        settings = [order.engine, order.work_size, order.coding, order.reference_coding]
        return _digest("look", settings, offsets, frame - start)

    def _key(self, source: Image) -> str:
        shown = [reference.fingerprint for reference in self._references]
        return _digest("frame", self._look_digest(source.frame), source.fingerprint, shown)

    def _found(self) -> Result | None:
        """Return the frame that is to be rendered: as it was made, or shrunken from a larger one."""
        source = self._seen[SOURCE, self._order.frame]
        made = self._store.made(self._key(source)) or self._larger(source)
        values = self._store.read(made.key, gain=self._order.gain) if made else None
        if made is None or values is None:
            return None
        if (made.width, made.height) != (source.width, source.height):
            values = light.shrunken(values, source.width, source.height)
        return Result(source.frame, values)

    def _larger(self, source: Image) -> Made | None:
        def shows_the_same(made: Made) -> bool:
            pairs = zip(self._references, made.references, made.reference_glances, strict=True)
            return (
                made.width > source.width
                and made.height > source.height
                and alike(made.glance, source.glance)
                and all(now.fingerprint == before or alike(now.glance, glance) for now, before, glance in pairs)
            )

        candidates = self._store.made_with(self._look_digest(source.frame))
        return next((made for made in candidates if shows_the_same(made)), None)

    def _make(self, maker: Light, wanted: Sequence[int]) -> Dialogue[tuple[int, int]]:
        """Make the frames that are not up to date. Returns how many these were, and how many were."""
        shot, references = self._order.shot, self._order.references
        inputs = {frame: maker.inputs(shot, references, frame) for frame in wanted}
        needed = sorted({each for frames in inputs.values() for each in frames})
        for count, frame in enumerate(needed):
            yield from self._gather(SOURCE, frame)
            yield Wait(LOOKING_PERMILLE * (count + 1) // len(needed), "looking at the frames")
        full_keys = {frame: self._full_key(maker, frame, inputs[frame]) for frame in wanted}
        stale = [frame for frame in wanted if not self._is_fresh(frame, full_keys[frame])]
        if stale:
            for frame in references if self._order.reference_file is None else ():
                yield from self._gather(REFERENCE, frame)
                self._refuse_other_sizes(frame)
            yield from self._run(maker, stale, full_keys)
        return len(stale), len(wanted) - len(stale)

    def _gather(self, clip: str, frame: int) -> Dialogue[None]:
        """Look at a picture, and have it sent at once where it is new and leaves room for others."""
        image = yield from self._look(clip, frame)
        new = not self._store.has_pixels(image.fingerprint or "")
        if new and self._sent_bytes + image.bytes < self._store.most_bytes // 2:
            yield from self._look(clip, frame, send=True)
            self._sent_bytes += image.bytes

    def _refuse_other_sizes(self, frame: int) -> None:
        source, reference = self._seen[SOURCE, frame], self._seen[REFERENCE, frame]
        if (reference.width, reference.height) != (source.width, source.height):
            raise InputError(
                f"Reference is {reference.width}x{reference.height} at frame {frame}, but Source is "
                f"{source.width}x{source.height}: expected the same size"
            )

    def _full_key(self, maker: Light, frame: int, inputs: Sequence[int]) -> str:
        start = self._order.references[0]
        seen = [(each - start, self._seen[SOURCE, each].fingerprint) for each in inputs]
        return _digest("full", self._key(self._seen[SOURCE, frame]), maker.version, seen)

    def _is_fresh(self, frame: int, full_key: str) -> bool:
        made = self._store.made(self._key(self._seen[SOURCE, frame]))
        return made is not None and made.full_key == full_key

    def _run(self, maker: Light, stale: Sequence[int], full_keys: dict[int, str]) -> Dialogue[None]:
        done: list[int] = []

        def work() -> None:
            for relit in maker.relit(pictures.source, pictures.references, stale):
                self._keep(relit, pictures.coded(relit), full_keys[relit.frame])
                done.append(relit.frame)

        run = Run(work, maker.cancel)
        pictures = Pictures(self._order, self._store, self._seen, run.need)
        run.start()
        try:
            while not run.is_over:
                if (needed := run.news()) is not None:
                    yield from self._look(needed.clip, needed.frame, send=True)
                    run.answered(needed)
                    continue
                share = (1000 - LOOKING_PERMILLE) * len(done) // len(stale)
                yield Wait(LOOKING_PERMILLE + share, f"{len(done)} of {_frames(len(stale))} relit")
        finally:
            run.cancel()

    def _keep(self, relit: RelitFrame, rgb: Float32, full_key: str) -> None:
        source, references = self._seen[SOURCE, relit.frame], self._references
        made = Made(
            key=self._key(source),
            full_key=full_key,
            look=self._look_digest(relit.frame),
            instance=self._order.instance,
            width=source.width,
            height=source.height,
            glance=source.glance,
            references=tuple(reference.fingerprint or "" for reference in references),
            reference_glances=tuple(reference.glance for reference in references),
        )
        self._store.add(made, rgb, relit.stops)


def _print_of(order: Order, frame: int) -> str:
    """Return the fingerprint of a reference file: of its bytes, which are read again where it seems to have changed."""
    path = order.reference_path(frame)
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


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"
