"""The plan of a shot: which frames are relit together, from which references.

Windows sit on a grid that the shot's frames and its references alone decide, so a farm may cut the shot anywhere: every
chunk computes the same windows, and so the same frames, bit for bit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from relumix.engines.base import Traits, Window, Windowing
from relumix.errors import InputError
from relumix.shot.scenes import Scenes

REACH = 16
"""Most windows that tracking crosses. Farther away hardly anything of a reference is left in view, and a chunk at the
end of a long shot must not pay for tracking all of it."""


@dataclass(frozen=True)
class Share:
    """One window's part in a frame: `weight` in 0..1; the shares of a frame sum to 1."""

    window: int
    weight: float


@dataclass(frozen=True)
class Plan:
    """The windows of a shot, and for each frame that is not a reference its shares in them.

    A frame of a scene without a reference has no share: it stays the plate.
    """

    windows: tuple[Window, ...]
    shares: dict[int, tuple[Share, ...]]
    scenes: Scenes

    def windows_of(self, frames: Iterable[int]) -> tuple[int, ...]:
        """Return the indices of the windows that the gain on `frames` comes from, in the order of the frames."""
        return tuple(dict.fromkeys(share.window for frame in frames for share in self.shares.get(frame, ())))

    def keyframe_uses(self, order: Sequence[int]) -> dict[int, int]:
        """Return the keyframes of the windows in `order`, and the position of the last window that needs each."""
        uses: dict[int, int] = {}
        keyframes = {frame for i in order for path in self.windows[i].keyframe_paths for frame in path}
        before: tuple[int, ...] = ()
        for at, i in enumerate(order):
            window = self.windows[i]
            uses |= dict.fromkeys(keyframes.intersection(window.frames), at)
            paths = window.keyframe_paths
            if len(paths) == 1 and before and paths[0][: len(before)] == before:
                # The way goes on where the last one ended. That track is remembered: its end is enough to go on from.
                paths = (paths[0][len(before) - 1 :],)
            uses |= {frame: at for path in paths for frame in path}
            before = window.keyframe_paths[0] if len(paths) == 1 else ()
        return uses

    def describe_window(self, window: int, order: Sequence[int]) -> str:
        """Return a line for people: the window's frames, and its position in `order`."""
        first, last = self.windows[window].frames[0], self.windows[window].frames[-1]
        frames = f"frame {first}" if first == last else f"frames {first}-{last}"
        return f"light on {frames}" + (f" (part {order.index(window) + 1} of {len(order)})" if len(order) > 1 else "")

    def inputs(self, frame: int) -> tuple[int, ...]:
        """Return every plate frame that the gain on `frame` depends on, ascending."""
        used = {frame}
        for share in self.shares.get(frame, ()):
            window = self.windows[share.window]
            used.update(window.frames, window.references, *window.keyframe_paths)
        return tuple(sorted(used))


def refuse_chunks(engine: Traits, frames: Sequence[int], chosen: Sequence[int]) -> None:
    """Raise InputError where only some frames are chosen but each window of the engine needs all those before it."""
    if engine.windowing.chained and len(chosen) < len(frames):
        raise InputError(
            f"{len(chosen)} of {len(frames)} frames were chosen, and engine {engine.name} is chained: each window "
            "needs all those before it; relight the whole shot in one job, or leave out chained"
        )


def plan(frames: Sequence[int], references: Sequence[int], windowing: Windowing, cuts: Sequence[int] = ()) -> Plan:
    """Lay an engine's windows over a shot.

    frames, references  frame numbers, ascending; every reference is one of the frames.
    cuts                the first frame of each scene but the first, ascending: no window crosses one.

    The grid starts anew at every cut and reference: before the first reference of a scene and after its last it runs
    outwards, between two it runs forward and both count. Where two windows overlap their weights cross-fade linearly.
    Raises ValueError where a reference is not a frame.
    """
    known = frozenset(references)
    windows: list[Window] = []
    shares: dict[int, tuple[Share, ...]] = {}
    scenes = Scenes(tuple(references), tuple(cuts))
    for run in _runs(frames, scenes):
        stretch = run.frames
        spans = _spans(len(stretch), windowing)
        starts = [first for first, _ in spans]
        for offset, parts in enumerate(_shares(spans, len(stretch))):
            if stretch[offset] not in known:
                shares[stretch[offset]] = tuple(Share(len(windows) + i, weight) for i, weight in parts)
        windows += [_window(run, starts, span, windowing) for span in spans]
    return Plan(tuple(windows), shares, scenes)


def _window(run: _Run, starts: Sequence[int], span: tuple[int, int], windowing: Windowing) -> Window:
    """Return one window of a run: of the frames at offsets first to last of it."""
    first, last = span
    near, far = _keyframe_paths(run.frames, starts, span, windowing)
    paths = {run.frames[0]: near} | ({run.frames[-1]: far} if run.two_sided else {})
    step = windowing.window - windowing.overlap
    for beyond, path in ((run.before, near), (run.after, far)) if windowing.further else ():
        way = (*beyond[:-1:step], *path)
        if beyond and path and len(way) <= REACH:
            paths[beyond[0]] = way
    references = tuple(sorted(paths))
    return Window(tuple(sorted(run.frames[first : last + 1])), references, tuple(paths[r] for r in references))


def chained_keyframes(
    frames: Sequence[int], references: Sequence[int], windowing: Windowing, cuts: Sequence[int] = ()
) -> int:
    """Return how many keyframes the plan of a shot names over all windows, where these are chained (0 else).

    It grows with the square of the frames that a reference reaches, and is found without planning. See `plan`.
    """
    if not windowing.chained:
        return 0
    count = 0
    for run in _runs(frames, Scenes(tuple(references), tuple(cuts))):
        for first, last in _spans(len(run.frames), windowing):
            count += first + 1 + (len(run.frames) - last if run.two_sided else 0)
    return count


class _Run(NamedTuple):
    """A stretch of a shot on which the grid starts anew; its first frame is a reference.

    two_sided  whether its last frame is one as well.
    before     the frames from the next reference beyond the first to that one, both included; empty without.
    after      likewise beyond the last.
    """

    frames: Sequence[int]
    two_sided: bool
    before: Sequence[int] = ()
    after: Sequence[int] = ()


def _runs(frames: Sequence[int], scenes: Scenes) -> list[_Run]:
    """Return the stretches of a shot; scenes without a reference have none.

    Raises ValueError where a reference is not a frame.
    """
    place = {frame: i for i, frame in enumerate(frames)}
    if missing := set(scenes.references) - place.keys():
        raise ValueError(f"reference {min(missing)} is none of the frames")
    runs: list[_Run] = []
    for scene in scenes.split(frames):
        if anchors := [place[r] - place[scene[0]] for r in scenes.lit_from(scene[0])]:
            between: list[Sequence[int]] = [scene[a : b + 1] for a, b in pairwise(anchors)]
            sooner, later = [(), *between], [*(stretch[::-1] for stretch in between), ()]
            runs += [_Run(scene[anchors[0] :: -1], False, later[0])]
            runs += [_Run(stretch, True, sooner[i], later[i + 1]) for i, stretch in enumerate(between)]
            runs += [_Run(scene[anchors[-1] :], False, sooner[-1])]
    return runs


def _keyframe_paths(
    run: Sequence[int], starts: Sequence[int], span: tuple[int, int], windowing: Windowing
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the keyframes on the way to one window of a run from the run's first frame, and from its last."""
    first, last = span
    if windowing.chained:
        return tuple(run[: first + 1]), tuple(run[: last - 1 : -1])
    if not windowing.tracks:
        return (), ()
    # Counted before they are listed: most paths of a long shot exceed REACH, and listing them would make planning
    # quadratic.
    end, before, behind = len(run) - 1, bisect_right(starts, first), bisect_left(starts, last)
    near = tuple(run[start] for start in starts[:before]) if before <= REACH else ()
    count = len(starts) - behind + (starts[-1] != end)
    far = tuple(run[at] for at in sorted({end, *starts[behind:]}, reverse=True)) if count <= REACH else ()
    return near, far


def _spans(length: int, windowing: Windowing) -> list[tuple[int, int]]:
    """Return (first, last) of each window over a run; none where the run is the reference alone."""
    step = windowing.window - windowing.overlap
    starts = range(0, max(1, length - windowing.overlap), step) if length > 1 else ()
    return [(first, min(first + windowing.window, length) - 1) for first in starts]


def _shares(spans: Sequence[tuple[int, int]], length: int) -> list[list[tuple[int, float]]]:
    """Return the windows of each offset of a run, and their weights: a linear ramp over the overlap."""
    parts: list[list[tuple[int, float]]] = [[] for _ in range(length)]
    for i, (first, last) in enumerate(spans):
        shared = spans[i - 1][1] - first + 1 if i else 0
        for offset in range(first, last + 1):
            weight = min(1.0, (offset - first + 1) / (shared + 1))
            kept = [(w, share * (1 - weight)) for w, share in parts[offset] if weight < 1]
            parts[offset] = [*kept, (i, weight)]
    return parts
