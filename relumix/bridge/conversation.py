"""One connection of a plugin: greeting, orders, and the bytes of what is wished for and answered."""

from __future__ import annotations

import contextlib
import hmac
import re
import socket
from dataclasses import dataclass, field

import numpy as np

from relumix.bridge import glance, wire
from relumix.bridge.order import Order
from relumix.bridge.tasks import Workshop, task
from relumix.bridge.wire import GoneError, Message, WireError
from relumix.bridge.wishes import REFERENCE, SOURCE, Absent, Dialogue, End, Image, Look, Result, Send, Wait, Wish
from relumix.errors import RelumixError
from relumix.version import __version__

GREETING_SECONDS = 10.0
ANSWER_SECONDS = 900.0
"""How long a plugin may take to answer: its host renders whatever lies before a clip."""

LONGEST_EDGE_PX = 65_536

_PRINT = re.compile(r"[0-9a-f]{32}")


@dataclass
class Conversation:
    """Answers one plugin until it hangs up, or says what is none of the protocol.

    token            what it must bring; None where the socket's folder says who may come.
    most_frame_bytes of a picture.
    """

    connection: socket.socket
    shop: Workshop
    token: str | None = None
    most_frame_bytes: int = 2 << 30
    _dialogue: Dialogue[End] | None = field(default=None, init=False)

    def run(self) -> None:
        """Talk. Returns when it is over, with whatever was under way for it ended."""
        try:
            self._greet()
            while True:
                self.connection.settimeout(None)  # A host may be open for days between two orders.
                self._serve(self._receive())
        except WireError as error:
            with contextlib.suppress(GoneError):
                self._say("error", text=error)
        except GoneError:
            pass
        finally:
            if self._dialogue is not None:
                self._dialogue.close()
            self.connection.close()

    def _greet(self) -> None:
        self.connection.settimeout(GREETING_SECONDS)
        message = wire.receive(self.connection, 0)
        if message.kind != "hello":
            raise WireError(f"the first word is {message.kind[:40]!r}: expected hello")
        if self.token is not None and not hmac.compare_digest(
            message.fields.get("token", "").encode(), self.token.encode()
        ):
            raise WireError("the token is not this bridge's")
        if message.fields.get("version") != str(wire.VERSION):
            raise WireError(
                f"the plugin speaks version {message.fields.get('version', '')[:20]!r}, this bridge of relumix "
                f"{__version__} version {wire.VERSION}: install both of the same release (relumix ofx install)"
            )
        self._say("welcome", version=wire.VERSION, relumix=__version__)

    def _serve(self, message: Message) -> None:
        """Have one order done. What is wrong with it costs the order, not the connection."""
        if message.kind != "open" or message.body_bytes:
            raise WireError(f"got {message.kind[:40]!r}: expected open, without a body")
        self.connection.settimeout(ANSWER_SECONDS)
        try:
            self._dialogue = task(Order.of(message.fields), self.shop)
            self._end(self._talk(self._dialogue))
        except (WireError, GoneError):
            raise
        except RelumixError as error:
            self._say("error", text=error)
        except Exception as error:  # an engine's own trouble must not end the bridge, and the host is to hear of it
            self._say("error", text=f"relumix failed: {type(error).__name__}: {error}")
        finally:
            if self._dialogue is not None:
                self._dialogue.close()
                self._dialogue = None

    def _talk(self, dialogue: Dialogue[End]) -> End:
        answer: Image | None = None
        while True:
            try:
                wish = dialogue.send(answer)
            except StopIteration as end:
                found: End = end.value
                return found
            answer = self._ask(wish)

    def _ask(self, wish: Wish) -> Image | None:
        if isinstance(wish, Wait):
            self._say("wait", permille=wish.permille, text=wish.text)
            message = self._receive()
            if message.kind != "next" or message.body_bytes:
                raise WireError(f"got {message.kind[:40]!r}: expected next, without a body")
            return None
        self._say("send" if isinstance(wish, Send) else "look", clip=wish.clip, frame=wish.frame)
        return self._image(wish)

    def _image(self, wish: Look | Send) -> Image:
        message = self._receive()
        if message.kind != "image":
            raise WireError(f"got {message.kind[:40]!r}: expected image")
        image = _image_of(message)
        if (image.clip, image.frame) != (wish.clip, wish.frame):
            raise WireError(f"got {image.clip} {image.frame}: expected {wish.clip} {wish.frame}")
        expected = image.bytes if isinstance(wish, Send) and image.fingerprint else 0
        if message.body_bytes != expected:
            raise WireError(f"a picture has {message.body_bytes} bytes of pixels: expected {expected}")
        if expected:
            self.shop.store.keep(image.fingerprint or "", expected, wire.receive_pieces(self.connection, expected))
        return image

    def _end(self, end: End) -> None:
        if isinstance(end, Result):
            height, width = end.values.shape[:2]
            body = np.ascontiguousarray(end.values, "<f4").data.cast("B")
            self._say("result", body, frame=end.frame, width=width, height=height)
        else:
            self._say("absent" if isinstance(end, Absent) else "done", text=end.text)

    def _say(self, kind: str, body: wire.Buffer = b"", **fields: object) -> None:
        wire.send(self.connection, kind, fields, body)

    def _receive(self) -> Message:
        return wire.receive(self.connection, self.most_frame_bytes)


def _image_of(message: Message) -> Image:
    """Read the fields of an `image`. Raises WireError."""
    fields = message.fields
    clip, frame = fields.get("clip", ""), fields.get("frame", "")
    if clip not in (SOURCE, REFERENCE) or not re.fullmatch(r"-?[0-9]{1,8}", frame):
        raise WireError(f"a picture is of {clip[:40]!r} {frame[:40]!r}: expected a clip and a frame")
    if "fingerprint" not in fields:
        return Image(clip, int(frame), None)
    if not _PRINT.fullmatch(fields["fingerprint"]):
        raise WireError("a picture's fingerprint is not of 32 hexadecimal digits")
    width, height = (_edge(fields.get(name, "")) for name in ("width", "height"))
    return Image(
        clip,
        int(frame),
        fields["fingerprint"],
        _glance(fields.get("glance", "")),
        width,
        height,
        fields.get("alpha") == "1",
    )


def _edge(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) <= LONGEST_EDGE_PX:
        raise WireError(f"a picture's edge is {text[:40]!r}: expected 1 to {LONGEST_EDGE_PX} pixels")
    return int(text)


def _glance(text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(word) for word in text.split())
    except ValueError:
        numbers = ()
    if len(numbers) != glance.NUMBERS or not all(map(np.isfinite, numbers)):
        raise WireError(f"a picture's glance is not of {glance.NUMBERS} numbers")
    return numbers
