"""A plugin in Python, for tests of the bridge: it says exactly what a test wants said."""

from __future__ import annotations

import hashlib
import socket
import threading

import numpy as np

from relumix.bridge import wire
from relumix.bridge.relighter import Engines
from relumix.bridge.session import Session
from relumix.bridge.store import Store
from relumix.bridge.tasks import Context

THUMBNAIL = " ".join(["0.5"] * 192)


def context_of(folder, most_bytes=1 << 30):
    return Context(Store(folder, most_bytes), Engines(), None)


class Plugin:
    """One side of a conversation; the other runs on a thread."""

    def __init__(self, context, token=None, most_frame_bytes=1 << 20):
        self.socket, other = socket.socketpair()
        self.socket.settimeout(30)
        talk = Session(other, context, token, most_frame_bytes)
        self.thread = threading.Thread(target=talk.run, daemon=True)
        self.thread.start()

    def say(self, kind, body=b"", **fields):
        wire.send(self.socket, kind, fields, body)

    def hear(self):
        message = wire.receive(self.socket, 1 << 30)
        self.body = bytearray(message.body_bytes)
        wire.receive_into(self.socket, memoryview(self.body))
        return message

    def ask(self, kind, body=b"", **fields):
        self.say(kind, body, **fields)
        return self.hear()

    def greet(self):
        assert self.ask("hello", version=1).kind == "welcome"
        return self

    def answer(self, query, pixels, **changed):
        """Answer a look or a send with pixels [h, w, 4]."""
        fields = {
            "clip": query.fields["clip"],
            "frame": query.fields["frame"],
            "fingerprint": hashlib.sha256(pixels.tobytes()).hexdigest()[:32],
            "thumbnail": THUMBNAIL,
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            "alpha": 0,
            **changed,
        }
        body = pixels.astype("<f4").tobytes() if query.kind == "send" else b""
        return self.ask("image", body, **{name: value for name, value in fields.items() if value is not None})

    def follow(self, query, pictures):
        """Answer queries by (clip, frame) until the dialogue ends; returns its end."""
        while query.kind in ("look", "send", "wait"):
            if query.kind == "wait":
                query = self.ask("next")
            else:
                query = self.answer(query, pictures[query.fields["clip"], int(query.fields["frame"])])
        return query

    def is_over(self):
        self.thread.join(30)
        return not self.thread.is_alive()


def pictures(shot):
    """The clips of a synthetic shot, whose first frame has a reference."""
    one = np.ones((*shot.plate[shot.frames[0]].shape[:2], 1), np.float32)
    found = {("source", frame): np.concatenate([pixels, one], -1) for frame, pixels in shot.plate.items()}
    found["reference", shot.frames[0]] = np.concatenate([shot.truth[shot.frames[0]], one], -1)
    return found
