"""A plugin in Python, for tests of the bridge: it says exactly what a test wants said."""

from __future__ import annotations

import hashlib
import socket
import threading

import numpy as np

from relumix.bridge import wire
from relumix.bridge.conversation import Conversation
from relumix.bridge.light import Engines
from relumix.bridge.store import Store
from relumix.bridge.tasks import Workshop

GLANCE = " ".join(["0.5"] * 192)


def workshop(folder, most_bytes=1 << 30):
    return Workshop(Store(folder, most_bytes), Engines(), None)


class Plugin:
    """One side of a conversation; the other runs on a thread."""

    def __init__(self, shop, token=None, most_frame_bytes=1 << 20):
        self.socket, other = socket.socketpair()
        self.socket.settimeout(30)
        talk = Conversation(other, shop, token, most_frame_bytes)
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

    def answer(self, wish, pixels, **changed):
        """Answer a look or a send with pixels [h, w, 4]."""
        fields = {
            "clip": wish.fields["clip"],
            "frame": wish.fields["frame"],
            "fingerprint": hashlib.sha256(pixels.tobytes()).hexdigest()[:32],
            "glance": GLANCE,
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            "alpha": 0,
            **changed,
        }
        body = pixels.astype("<f4").tobytes() if wish.kind == "send" else b""
        return self.ask("image", body, **{name: value for name, value in fields.items() if value is not None})

    def follow(self, wish, pictures):
        """Answer wishes by (clip, frame) until the dialogue ends; returns its end."""
        while wish.kind in ("look", "send", "wait"):
            if wish.kind == "wait":
                wish = self.ask("next")
            else:
                wish = self.answer(wish, pictures[wish.fields["clip"], int(wish.fields["frame"])])
        return wish

    def is_over(self):
        self.thread.join(30)
        return not self.thread.is_alive()


def pictures(shot):
    """The clips of a synthetic shot, whose first frame has a reference."""
    one = np.ones((*shot.plate[shot.frames[0]].shape[:2], 1), np.float32)
    found = {("source", frame): np.concatenate([pixels, one], -1) for frame, pixels in shot.plate.items()}
    found["reference", shot.frames[0]] = np.concatenate([shot.truth[shot.frames[0]], one], -1)
    return found
