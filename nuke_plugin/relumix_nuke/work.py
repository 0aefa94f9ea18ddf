"""The way of one job: render what has changed, run the command, show each frame as it arrives."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import nuke

from relumix_nuke import budget, cache, command, frames, hashes, job, knobs, render, server, shown_by, stale
from relumix_nuke.cache import Folder
from relumix_nuke.errors import RelumixError
from relumix_nuke.knobs import Request
from relumix_nuke.progress import Progress, on_main


class Running:
    """The jobs that run in this Nuke, by their folder: how one button finds what another has started. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[Folder, tuple[str, threading.Event]] = {}

    def __contains__(self, folder: Folder) -> bool:
        with self._lock:
            return folder in self._jobs

    def add(self, folder: Folder, owner: str) -> threading.Event:
        """Enter the job of a node, if it was not; returns what is set where it is to stop."""
        with self._lock:
            return self._jobs.setdefault(folder, (owner, threading.Event()))[1]

    def remove(self, folder: Folder) -> None:
        """Take a job out that has ended."""
        with self._lock:
            self._jobs.pop(folder, None)

    def cancel(self, folder: Folder | None = None, owner: str | None = None) -> bool:
        """Ask the job of a folder to stop, if it is that node's, or all of them; tells whether there was any."""
        with self._lock:
            asked = [
                event
                for where, (whose, event) in self._jobs.items()
                if folder in (None, where) and owner in (None, whose)
            ]
        for event in asked:
            event.set()
        return bool(asked)


_SHOW_SECONDS = 3.0

RUNNING = Running()
"""One for the process, as Nuke has one script open at a time."""


@dataclass
class Work:
    """A job whose inputs are rendered.

    owner       the full name of the node.
    only        the one frame that is wanted now; None: all.
    failed      what frames failed with, by frame.
    warnings    what the command wants known.
    suggestion  what more references would bring, where that is much.
    """

    node: nuke.Node
    request: Request
    folder: Folder
    program: command.Program
    owner: str
    only: int | None = None
    failed: dict[int, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    suggestion: str = ""
    _done: int = 0
    _stage: str = ""
    _arrived: set[int] = field(default_factory=set)
    _said: str = ""
    _shown_at: float = float("-inf")

    def run(self, progress: Progress) -> None:
        """Run the command, view after view, on any thread. Raises RelumixError, CancelledError."""
        cancel = RUNNING.add(self.folder, self.owner)
        arrivals: Counter[int] = Counter()

        def stopped() -> bool:
            progress.tick()
            self._show_news(progress, cancel)
            return cancel.is_set() or progress.cancelled()

        try:
            for number, view in enumerate(self.request.views):
                self._tell(progress, number, {"done": 0})
                arguments = command.relight(self.program, self.request, self.folder, view, self.only)
                log = self.folder.log(view)
                with closing(job.events(arguments, log, stopped)) as events:
                    for event in events:
                        self._follow(event, number, arrivals, cancel, progress)
        finally:
            RUNNING.remove(self.folder)
            self._shown_at = float("-inf")
            self._show_news(progress, cancel)
        self._finish()

    def _follow(
        self, event: job.Event, number: int, arrivals: Counter[int], cancel: threading.Event, progress: Progress
    ) -> None:
        """React to what the command tells; events that are not known are passed over."""
        kind, frame = event.get("event"), event.get("frame")
        if kind == "frame":
            arrivals[event["frame"]] += 1
            if arrivals[event["frame"]] == len(self.request.views):
                self._arrived.add(event["frame"])
        elif kind == "progress":
            self._tell(progress, number, event)
        elif kind == "stage":
            self._stage = str(event.get("message", ""))
            self._tell(progress, number, event)
        elif kind == "suggestion":
            self.suggestion = str(event["message"])
        elif kind == "warning":
            self.warnings.append(str(event["message"]))
            progress.say(self.warnings[-1])
            self._said = f"relighting; {self.warnings[-1]}"
        elif kind == "error" and frame is not None:
            self.failed.setdefault(frame, str(event["message"]))

    def _show_news(self, progress: Progress, cancel: threading.Event) -> None:
        """Show what has arrived and was said, all at once and not often: Nuke draws the whole script anew each time."""
        if not (self._arrived or self._said) or time.monotonic() - self._shown_at < _SHOW_SECONDS:
            return
        arrived, said = tuple(sorted(self._arrived)), self._said
        self._arrived, self._said, self._shown_at = set(), "", time.monotonic()
        if not said:
            said = ", ".join(filter(None, [f"relighting, frame {arrived[-1]} has arrived", progress.remaining()]))
        on_main(self._show, said, arrived, cancel)

    def _tell(self, progress: Progress, number: int, event: job.Event) -> None:
        """Show how far it is; relumix 0.1 tells frames alone, and no share of its time."""
        count, views = self._count, len(self.request.views)
        self._done = event.get("done", self._done)
        share = float(event.get("share", self._done / max(count, 1)))
        words = [f"{number * count + self._done} of {views * count} frames", *([self._stage] if share < 1 else [])]
        # How long further views take is not known.
        remaining = event.get("remaining_seconds") if number == views - 1 else None
        progress.show(", ".join(filter(None, words)), (number + share) / views, remaining)

    def _show(self, status: str, arrived: tuple[int, ...], cancel: threading.Event) -> None:
        try:
            if cache.folder_of(self.node) == self.folder:  # Or the artist has undone it.
                knobs.show(self.node, status, arrived)
        except ValueError:  # Nuke raises it for a node that was deleted, or whose script was closed.
            cancel.set()

    @property
    def _count(self) -> int:
        return len(self.request.frames) if self.only is None else 1

    def _finish(self) -> None:
        if self.failed:
            message = self.failed[min(self.failed)]
            raise RelumixError(
                f"{len(self.failed)} of {self._count} frames failed, the others are relit; the first of them: {message}"
            )

    def summary(self) -> str:
        """Return the outcome, for the status line."""
        count = self._count
        text = f"{count} frame{'s are' if count > 1 else ' is'} relit"
        warnings = list(dict.fromkeys(self.warnings))
        more = f" (and {len(warnings) - 1} more warnings)" if len(warnings) > 1 else ""
        said = (f"{text}, with a warning: {warnings[0]}" if warnings else text) + more
        return f"{said}; {self.suggestion}" if self.suggestion else said


def prepare(node: nuke.Node, *, only: int | None = None, by_farm: bool = False) -> Work:
    """Render changed inputs and point the node at the job's folder. On the main thread.

    only     the one frame that is wanted now. It comes out as it does among the others, so their inputs are needed.
    by_farm  a farm will run it: its machines reach the servers, so this one need not.

    Raises RelumixError, CancelledError.
    """
    _refuse_running(node, cache.folder_of(node))
    request = Request.of(node)
    if only is not None and only not in request.frames:
        raise RelumixError(f"frame {only} is not in the frame range {frames.text(request.frames)}: go to one that is")
    if hashes.limited() and request.settings.layer != "rgba" and "Mask" in request.inputs:
        raise RelumixError(
            "this edition of Nuke lets Python touch ten nodes, which a layer and a mask together exceed: "
            "shuffle the layer into rgb before the node, or relight without a mask"
        )
    program = command.find(knobs.path(node, "executable"))
    if request.server and not by_farm:
        server.reach(request.server)
    with render.undo_step("Relight"), render.left_as_it_was(node):
        shown = cache.folder_of(node)
        made = stale.now(node, request, shown.made_from(), stale.with_bar(node))
        folder = cache.open_folder(cache.root_of(node), request, made, program.version)
        _refuse_running(node, folder)  # The artist may have undone the start of it.
        folder.take_over(shown, request.views)
        render.render(node, request, folder)
        knobs.show_folder(node, folder.path.as_posix(), request.shot, request.settings.layer)
    knobs.show_checked(node, stale.FRESH)
    shown_by.note(node)
    folder.used()
    return Work(node, request, folder, program, node.fullName(), only)


def relight(node: nuke.Node) -> None:
    """Relight a node's shot and return when it is done: for scripts, and for Nuke without a window.

    Raises RelumixError where it fails, which the status line says too; frames that are finished are kept.
    """
    try:
        work = prepare(node)
        work.run(Progress(f"Relighting {node.fullName()}"))
    except RelumixError as error:
        knobs.show(node, str(error))
        raise
    knobs.show(node, work.summary())
    tidy(node)


def check(node: nuke.Node, at: int | None = None) -> tuple[str, str]:
    """Return whether a node's result is stale.STALE, UNKNOWN or FRESH, and a sentence on it; the label says it too.

    at  look at this frame and the references alone, which is quick and without a bar.

    Raises RelumixError where an input has an error, CancelledError.
    """
    told = stale.with_bar(node) if at is None else _no_bar
    with knobs.not_undoable(), render.left_as_it_was(node):
        found = stale.check(node, told, at)
    knobs.show_checked(node, found[0])
    return found


def is_stale(node: nuke.Node) -> bool:
    """Tell whether the node's result was made from other inputs or settings than it has now, or may have been.

    Raises RelumixError where an input has an error.
    """
    return check(node)[0] != stale.FRESH


def clearing(node: nuke.Node) -> tuple[list[Path], dict[Path, list[str]]]:
    """Return the folders that `clear` would delete, and those that it would leave, with who shows them."""
    goes, stays = [], {}
    for folder in shown_by.noted(node, cache.root_of(node)):
        if others := shown_by.others(folder, node):
            stays[folder] = others
        else:
            goes.append(folder)
    return goes, stays


def clear(node: nuke.Node) -> None:
    """Go back to the plate and delete what this node has in the cache and nobody else shows; not undoable.

    Raises RelumixError.
    """
    _refuse_running(node, cache.folder_of(node))
    goes, stays = clearing(node)
    knobs.show_nothing(node)
    for folder in goes:
        cache.delete(folder)
    for folder in stays:
        shown_by.forget(node, folder)


def tidy(node: nuke.Node) -> list[Path]:
    """Bring the cache of a node below its limits; returns what was deleted. Raises RelumixError."""
    return budget.trim(cache.root_of(node), budget.Limits.of(node), lambda path: Folder(path) in RUNNING)


def cancel(node: nuke.Node) -> bool:
    """Ask the node's job to stop; tells whether there was one. Finished frames are kept."""
    return RUNNING.cancel(cache.folder_of(node))


def cancel_of_deleted(node: nuke.Node) -> None:
    """Ask the job of a node that is about to go to stop; not that of another one which shows the same."""
    RUNNING.cancel(cache.folder_of(node), node.fullName())


def cancel_all() -> None:
    """Ask every job to stop, as when the script is closed."""
    RUNNING.cancel()


def _refuse_running(node: nuke.Node, folder: Folder) -> None:
    if folder in RUNNING:
        raise RelumixError(f"{node.fullName()} is being relit already: wait for it, or press Cancel")


def _no_bar(text: str, share: float) -> None:
    """Where so little is looked at that no bar is needed."""
