"""One connection of a plugin: the handshake, then requests, each a dialogue turned into messages."""

from __future__ import annotations

import contextlib
import hmac
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from relumix.bridge import thumbnail, wire
from relumix.bridge.dialogue import REFERENCE, SOURCE, Absent, Dialogue, Image, Look, Outcome, Query, Result, Send, Wait
from relumix.bridge.request import Request
from relumix.bridge.tasks import Context, task
from relumix.bridge.wire import GoneError, Message, WireError
from relumix.errors import RelumixError
from relumix.version import __version__

GREETING_SECONDS = 10.0
ANSWER_SECONDS = 900.0
"""How long a plugin may take to answer: its host renders everything upstream of a clip first."""

LONGEST_EDGE_PX = 65_536

_FINGERPRINT = re.compile(r"[0-9a-f]{32}")


@dataclass
class Session:
    """Answers one plugin until it hangs up or breaks the protocol.

    token            what the plugin must bring; None where the socket's folder keeps others out.
    most_frame_bytes of a picture.
    on_request       called at each request.
    """

    connection: socket.socket
    context: Context
    token: str | None = None
    most_frame_bytes: int = 2 << 30
    on_request: Callable[[], None] = lambda: None
    _dialogue: Dialogue[Outcome] | None = field(default=None, init=False)

    def run(self) -> None:
        """Serve until the connection ends; work still under way for it is cancelled."""
        try:
            self._handshake()
            while True:
                self.connection.settimeout(None)  # A host may be open for days between two requests.
                self._serve(self._receive())
        except WireError as error:
            with contextlib.suppress(GoneError):
                self._send("error", text=error)
                wire.hang_up(self.connection)
        except GoneError:
            pass
        finally:
            if self._dialogue is not None:
                self._dialogue.close()
            self.connection.close()

    def _handshake(self) -> None:
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
        self._send("welcome", version=wire.VERSION, relumix=__version__)

    def _serve(self, message: Message) -> None:
        """Answer one request. An error in it ends the request, not the connection."""
        if message.kind != "open" or message.body_bytes:
            raise WireError(f"got {message.kind[:40]!r}: expected open, without a body")
        self.connection.settimeout(ANSWER_SECONDS)
        self.on_request()
        try:
            self._dialogue = task(Request.of(message.fields), self.context)
            self._finish(self._drive(self._dialogue))
        except (WireError, GoneError):
            raise
        except RelumixError as error:
            self._send("error", text=error)
        except Exception as error:  # a bug in an engine must not end the bridge, and the host shall hear of it
            self._send("error", text=f"relumix failed: {type(error).__name__}: {error}")
        finally:
            if self._dialogue is not None:
                self._dialogue.close()
                self._dialogue = None

    def _drive(self, dialogue: Dialogue[Outcome]) -> Outcome:
        answer: Image | None = None
        while True:
            try:
                query = dialogue.send(answer)
            except StopIteration as end:
                found: Outcome = end.value
                return found
            answer = self._ask(query)

    def _ask(self, query: Query) -> Image | None:
        if isinstance(query, Wait):
            self._send("wait", permille=query.permille, text=query.text)
            message = self._receive()
            if message.kind != "next" or message.body_bytes:
                raise WireError(f"got {message.kind[:40]!r}: expected next, without a body")
            return None
        self._send("send" if isinstance(query, Send) else "look", clip=query.clip, frame=query.frame)
        return self._image(query)

    def _image(self, query: Look | Send) -> Image:
        message = self._receive()
        if message.kind != "image":
            raise WireError(f"got {message.kind[:40]!r}: expected image")
        image = _image_of(message)
        if (image.clip, image.frame) != (query.clip, query.frame):
            raise WireError(f"got {image.clip} {image.frame}: expected {query.clip} {query.frame}")
        expected = image.bytes if isinstance(query, Send) and image.fingerprint else 0
        if message.body_bytes != expected:
            raise WireError(f"a picture has {message.body_bytes} bytes of pixels: expected {expected}")
        if expected:
            self.context.store.keep(image.fingerprint or "", expected, wire.receive_pieces(self.connection, expected))
        return image

    def _finish(self, outcome: Outcome) -> None:
        if isinstance(outcome, Result):
            height, width = outcome.values.shape[:2]
            body = np.ascontiguousarray(outcome.values, "<f4").data.cast("B")
            self._send("result", body, frame=outcome.frame, width=width, height=height)
        else:
            self._send("absent" if isinstance(outcome, Absent) else "done", text=outcome.text)

    def _send(self, kind: str, body: wire.Buffer = b"", **fields: object) -> None:
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
    if not _FINGERPRINT.fullmatch(fields["fingerprint"]):
        raise WireError("a picture's fingerprint is not of 32 hexadecimal digits")
    width, height = (_edge_px(fields.get(name, "")) for name in ("width", "height"))
    return Image(
        clip,
        int(frame),
        fields["fingerprint"],
        _thumbnail(fields.get("thumbnail", "")),
        width,
        height,
        fields.get("alpha") == "1",
    )


def _edge_px(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) <= LONGEST_EDGE_PX:
        raise WireError(f"a picture's edge is {text[:40]!r}: expected 1 to {LONGEST_EDGE_PX} pixels")
    return int(text)


def _thumbnail(text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(word) for word in text.split())
    except ValueError:
        numbers = ()
    if len(numbers) != thumbnail.NUMBERS or not all(map(np.isfinite, numbers)):
        raise WireError(f"a picture's thumbnail is not of {thumbnail.NUMBERS} numbers")
    return numbers
