"""The way of one job: render what has changed, run the command, show each frame as it arrives."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field

import nuke

from relumix_nuke import cache, command, job, knobs, render, server
from relumix_nuke.cache import Folder
from relumix_nuke.errors import RelumixError
from relumix_nuke.knobs import RenderSettings, Request
from relumix_nuke.progress import Progress, on_main


class Running:
    """The jobs that run in this Nuke, by their folder: how one button finds what another has started. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancels: dict[Folder, threading.Event] = {}

    def __contains__(self, folder: Folder) -> bool:
        with self._lock:
            return folder in self._cancels

    def add(self, folder: Folder) -> threading.Event:
        """Enter a job, if it was not; returns what is set where it is to stop."""
        with self._lock:
            return self._cancels.setdefault(folder, threading.Event())

    def remove(self, folder: Folder) -> None:
        """Take a job out that has ended."""
        with self._lock:
            self._cancels.pop(folder, None)

    def cancel(self, folder: Folder | None = None) -> bool:
        """Ask a job to stop, or all of them; tells whether there was any."""
        with self._lock:
            asked = [event for where, event in self._cancels.items() if folder in (None, where)]
        for event in asked:
            event.set()
        return bool(asked)


RUNNING = Running()
"""One for the process, as Nuke has one script open at a time."""


@dataclass
class Work:
    """A job whose inputs are rendered.

    failed    what frames failed with, by frame.
    warnings  what the command wants known.
    """

    node: nuke.Node
    request: Request
    folder: Folder
    program: command.Program
    failed: dict[int, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    _done: int = 0
    _stage: str = ""

    def run(self, progress: Progress) -> None:
        """Run the command, view after view, on any thread. Raises RelumixError, CancelledError."""
        cancel = RUNNING.add(self.folder)
        arrivals: Counter[int] = Counter()

        def stopped() -> bool:
            progress.tick()
            return cancel.is_set() or progress.cancelled()

        try:
            for number, view in enumerate(self.request.views):
                self._tell(progress, number, {"done": 0})
                arguments = command.relight(self.program, self.request, self.folder, view)
                log = self.folder.log(view)
                with closing(job.events(arguments, log, stopped)) as events:
                    for event in events:
                        self._follow(event, number, arrivals, cancel, progress)
        finally:
            RUNNING.remove(self.folder)
        self._finish()

    def _follow(
        self, event: job.Event, number: int, arrivals: Counter[int], cancel: threading.Event, progress: Progress
    ) -> None:
        """React to what the command tells; events that are not known are passed over."""
        kind, frame = event.get("event"), event.get("frame")
        if kind == "frame":
            arrivals[event["frame"]] += 1
            if arrivals[event["frame"]] == len(self.request.views):
                on_main(self._show, f"relighting, frame {frame} has arrived", (frame,), cancel)
        elif kind == "progress":
            self._tell(progress, number, event)
        elif kind == "stage":
            self._stage = str(event.get("message", ""))
            self._tell(progress, number, event)
        elif kind == "warning":
            self.warnings.append(str(event["message"]))
            progress.say(self.warnings[-1])
            on_main(self._show, f"relighting; {self.warnings[-1]}", (), cancel)
        elif kind == "error" and frame is not None:
            self.failed.setdefault(frame, str(event["message"]))

    def _tell(self, progress: Progress, number: int, event: job.Event) -> None:
        """Show how far it is; relumix 0.1 tells frames alone, and no share of its time."""
        frames, views = len(self.request.frames), len(self.request.views)
        self._done = event.get("done", self._done)
        share = float(event.get("share", self._done / max(frames, 1)))
        words = [f"{number * frames + self._done} of {views * frames} frames", *([self._stage] if share < 1 else [])]
        # How long further views take is not known.
        remaining = event.get("remaining_seconds") if number == views - 1 else None
        progress.show(", ".join(filter(None, words)), (number + share) / views, remaining)

    def _show(self, status: str, arrived: tuple[int, ...], cancel: threading.Event) -> None:
        try:
            if cache.folder_of(self.node) == self.folder:  # Or the artist has undone it.
                knobs.show(self.node, status, arrived)
        except ValueError:  # Nuke raises it for a node that was deleted, or whose script was closed.
            cancel.set()

    def _finish(self) -> None:
        if self.failed:
            message = self.failed[min(self.failed)]
            raise RelumixError(
                f"{len(self.failed)} of {len(self.request.frames)} frames failed, the others are relit; "
                f"the first of them: {message}"
            )

    def summary(self) -> str:
        """Return the outcome, for the status line."""
        count = len(self.request.frames)
        text = f"{count} frame{'s are' if count > 1 else ' is'} relit"
        warnings = list(dict.fromkeys(self.warnings))
        more = f" (and {len(warnings) - 1} more warnings)" if len(warnings) > 1 else ""
        return (f"{text}, with a warning: {warnings[0]}" if warnings else text) + more


def prepare(node: nuke.Node, *, by_farm: bool = False) -> Work:
    """Render changed inputs and point the node at the job's folder. On the main thread.

    by_farm  a farm will run it: its machines reach the servers, so this one need not.

    Raises RelumixError, CancelledError.
    """
    _refuse_running(node, cache.folder_of(node))
    request = Request.of(node)
    program = command.find(_text(node, "executable"))
    if request.server and not by_farm:
        server.reach(request.server)
    with render.undo_step("Relight"), render.left_as_it_was(node):
        by_view = render.hashes_by_view(node, request)
        folder = cache.open_folder(node, request, render.hashes(node, request, by_view), by_view, program.version)
        _refuse_running(node, folder)  # The artist may have undone the start of it.
        folder.take_over(cache.folder_of(node), request.views)
        render.render(node, request, folder)
        knobs.show_folder(node, folder.path.as_posix(), request.shot)
    return Work(node, request, folder, program)


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


def is_stale(node: nuke.Node) -> bool:
    """Tell whether the node's result was made from other inputs or settings than it has now.

    Checks the inputs at the current frame and view alone, since it runs on every redraw of the node.
    """
    if not _text(node, "folder"):
        return False
    made_from = cache.folder_of(node).made_from()
    if made_from is None:
        return True
    if made_from.settings != RenderSettings.of(node).asdict() or set(made_from.inputs) != set(knobs.connected(node)):
        return True
    references = knobs.reference_frames(node)
    if references and references != sorted(made_from.inputs["Reference"]):
        return True
    now, by_view = nuke.frame(), made_from.by_view.get(nuke.thisView(), {})
    return any(render.hash_now(node, name) != by[now] for name, by in by_view.items() if now in by)


def clear(node: nuke.Node) -> None:
    """Go back to the plate and delete what this node has in the cache; not undoable. Raises RelumixError."""
    _refuse_running(node, cache.folder_of(node))
    knobs.show_nothing(node)
    cache.delete(node)


def cancel(node: nuke.Node) -> bool:
    """Ask the node's job to stop; tells whether there was one. Finished frames are kept."""
    return RUNNING.cancel(cache.folder_of(node))


def cancel_all() -> None:
    """Ask every job to stop, as when the script is closed."""
    RUNNING.cancel()


def _refuse_running(node: nuke.Node, folder: Folder) -> None:
    if folder in RUNNING:
        raise RelumixError(f"{node.fullName()} is being relit already: wait for it, or press Cancel")


def _text(node: nuke.Node, knob: str) -> str:
    return str(node[knob].value() or "")
