"""Visitors: each has files of his own, which are removed when he has gone."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from relumix.web.clips import Clip
from relumix.web.errors import RefusedError
from relumix_server.turns import Owner

ASIDE_SECONDS = 60.0
"""Without a request, after which a visitor who has made nothing gives way where there are too many."""

NO_CLIP = "there is no such clip: it may have been closed"


@dataclass
class Session:
    """A visitor. name: a secret that his browser keeps; folder: his own; asking: how many requests of his are open."""

    name: str
    folder: Path
    asking: int = 0
    owner: Owner = field(default_factory=Owner)
    clips: dict[str, Clip] = field(default_factory=dict)
    used: float = field(default_factory=time.monotonic)

    def clip(self, name: str) -> Clip:
        """Return a clip of his. Raises RefusedError."""
        if name not in self.clips:
            raise RefusedError(404, NO_CLIP)
        return self.clips[name]

    @property
    def busy(self) -> bool:
        """Whether something is being done for him."""
        return self.asking > 0 or any(clip.busy for clip in self.clips.values())

    @property
    def unused(self) -> bool:
        """Whether he has nothing here, and is not about to."""
        return not self.clips and not self.busy and not any(names for _, _, names in os.walk(self.folder))

    @property
    def untouched(self) -> bool:
        """Whether all that he has here is opened again by a click."""
        return not self.busy and bool(self.clips) and all(clip.untouched for clip in self.clips.values())

    def bytes_used(self) -> int:
        """Return the size of his files."""
        total = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with suppress(FileNotFoundError):  # a job or an upload was done with it just now
                    total += (Path(folder) / name).lstat().st_size
        return total

    def end(self) -> None:
        """Stop his jobs and remove his files."""
        self.owner.left.set()
        for clip in self.clips.values():
            clip.close()
        self.clips.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sessions:
    """All visitors. Thread-safe."""

    def __init__(
        self, folder: Path, most: int, idle_seconds: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """folder: below which theirs are; most: how many there may be."""
        self._folder, self._most, self._idle_seconds, self._clock = folder, most, idle_seconds, clock
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def find(self, name: str | None) -> Session | None:
        """Return a visitor by the name that his browser keeps, None where he is not known (any more)."""
        with self._lock:
            session = self._sessions.get(name or "")
            if session is not None:
                session.used = self._clock()
            return session

    def begin(self) -> Session:
        """Begin a session. Raises RefusedError where there are as many as may be."""
        self.tidy()
        with self._lock:
            if len(self._sessions) >= self._most:
                self._make_room()
            name = secrets.token_urlsafe(32)
            folder = self._folder / secrets.token_hex(8)
            folder.mkdir(mode=0o700)
            session = Session(name, folder, used=self._clock())
            self._sessions[name] = session
            return session

    def tidy(self) -> None:
        """End the sessions whose visitors have gone."""
        with self._lock:
            gone = [
                session
                for session in self._sessions.values()
                if self._clock() - session.used > self._idle_seconds and not session.busy
            ]
            self._forget(gone)
        for session in gone:
            session.end()

    def dismiss(self, session: Session) -> bool:
        """End a session if nothing came of it. Returns whether it was ended."""
        with self._lock:
            if session.name not in self._sessions or not session.unused:
                return False
            self._forget([session])
        session.end()
        return True

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            every = list(self._sessions.values())
            self._sessions.clear()
        for session in every:
            session.end()

    def _make_room(self) -> None:
        # Who has nothing loses nothing. Who has a page open is heard of more often than this.
        left = self._clock() - ASIDE_SECONDS
        idle = [each for each in self._sessions.values() if each.unused or (each.untouched and each.used < left)]
        if not idle:
            raise RefusedError(503, f"{self._most} people are here already: come back later")
        oldest = min(idle, key=lambda session: (not session.unused, session.used))
        self._forget([oldest])
        oldest.end()

    def _forget(self, sessions: list[Session]) -> None:
        for session in sessions:
            del self._sessions[session.name]
