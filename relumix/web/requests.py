"""What handlers share: the visitor's session, bodies of JSON, numbers of a query."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from relumix.errors import InputError
from relumix.web import downloads
from relumix.web.clips import Clip
from relumix.web.errors import RefusedError
from relumix.web.examples import Example
from relumix.web.grade import number
from relumix.web.options import Options
from relumix.web.roots import Roots
from relumix.web.sessions import NO_CLIP, Session, Sessions
from relumix.web.studio import Studio
from relumix.web.tasks import SHOWN_PX

Handler = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")

log = logging.getLogger("relumix.web")

MOST_JSON_BYTES = 1 << 20
_JSON_SECONDS = 30.0
_MOST_STOPS = 12.0


@dataclass(frozen=True)
class Site:
    """What handlers work with. tokens: one of which a visitor must bring; none: everyone may come."""

    options: Options
    studio: Studio
    sessions: Sessions
    roots: Roots
    examples: dict[str, Example]
    tokens: tuple[bytes, ...]
    cookie: str

    @property
    def local(self) -> bool:
        """Whether visitors see this machine's files themselves."""
        return self.options.local and not self.tokens

    def admits(self, token: str) -> bool:
        """Tell whether a token is one of ours."""
        return any(hmac.compare_digest(token.encode(), known) for known in self.tokens)


def site_of(request: Request) -> Site:
    """Return the site that a request is for."""
    return cast("Site", request.app.state.site)


def visitor_of(request: Request) -> Session | None:
    """Return the session of whoever asks, None where he has none yet: to look needs none. Raises RefusedError."""
    site = site_of(request)
    session = site.sessions.find(request.cookies.get(site.cookie))
    if session is None and site.tokens:
        raise RefusedError(401, "this page asks for a token")
    return _noted(request, session)


def _noted(request: Request, session: Session | None) -> Session | None:
    """Note, once, that a request of a visitor's is open, so that he does not give way to others meanwhile."""
    if session is not None and getattr(request.state, "session", None) is None:
        session.asking += 1
        request.state.session = session
    return session


def session_of(request: Request) -> Session:
    """Return the visitor's session, begun with this request where he has none. Raises RefusedError."""
    session = visitor_of(request)
    if session is None:
        session = request.state.begun = site_of(request).sessions.begin()
        _noted(request, session)
    return session


def clip_of(request: Request) -> tuple[Session, Clip]:
    """Return the visitor and his clip that the path names. Raises RefusedError."""
    session = visitor_of(request)
    if session is None:
        raise RefusedError(404, NO_CLIP)
    return session, session.clip(request.path_params["clip"])


def frame_of(request: Request) -> int:
    """Return the frame that the path names. Raises RefusedError."""
    try:
        return int(request.path_params["frame"][:12])
    except ValueError:
        raise RefusedError(404, "there is no such frame") from None


def view_of(request: Request) -> tuple[int, float]:
    """Return the long edge in pixels and the stops brighter that the query asks for. Raises RefusedError."""
    query = request.query_params
    try:
        stops = float(query.get("stops", "0")[:12])
        return int(query.get("size", "960")[:6]), number(stops, "stops", -_MOST_STOPS, _MOST_STOPS)
    except (ValueError, InputError) as error:
        raise RefusedError(400, f"size and stops: {error}") from None


def clamped(long_edge: int) -> int:
    """Return a size that pictures are made at: one of few, so that they are made once for many."""
    return next((size for size in (192, 480, 960) if size >= long_edge), SHOWN_PX)


async def json_of(request: Request) -> dict[str, Any]:
    """Return the object of JSON that a request brings. Raises RefusedError."""

    async def read() -> bytes:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_JSON_BYTES:
                raise RefusedError(413, f"a request of more than {MOST_JSON_BYTES} bytes")
        return bytes(body)

    try:
        body = await asyncio.wait_for(read(), _JSON_SECONDS)
        fields = json.loads(body) if body else {}
        # What is no number or no text goes into no answer, and what is kept of a request goes into answers.
        json.dumps(fields, ensure_ascii=False, allow_nan=False).encode()
    except asyncio.TimeoutError:
        raise RefusedError(408, "the request took longer to come than it may") from None
    except (ValueError, RecursionError):
        raise RefusedError(400, "the request is no JSON") from None
    if not isinstance(fields, dict):
        raise RefusedError(400, "the request is no object of JSON")
    return fields


async def blocking(do: Callable[..., T], *arguments: Any) -> T:
    """Do something that blocks, on a thread."""
    return await asyncio.to_thread(do, *arguments)


def described(site: Site, clip: Clip) -> Response:
    """Answer with what a page shows of a clip."""
    return JSONResponse(fields_of(site, clip))


def fields_of(site: Site, clip: Clip) -> dict[str, Any]:
    """Return what a page shows of a clip, and what can make references of it."""
    clip.looked()
    makers = site.studio.makers.offered(clip)
    lamps = {
        "frames": clip.shapes.frames,
        "rig": clip.shapes.rig,
        "shapes": clip.has_shapes,
        "exposure": clip.found.exposure,
    }
    return {**clip.described(), **changing(clip), "makers": makers, "lamps": lamps}


def changing(clip: Clip) -> dict[str, Any]:
    """Return what of that changes while a page shows it."""
    return {**clip.changing(), "movies": downloads.movies(clip)}


def is_full(site: Site, session: Session) -> bool:
    """Tell whether a visitor has as much as he may."""
    return session.bytes_used() > site.options.max_session_bytes


def answering(handler: Handler) -> Handler:
    """Return a handler that answers refusals as JSON, and keeps a new visitor's session in his browser.

    A session that was begun for what was refused then ends with it.
    """

    async def answered(request: Request) -> Response:
        try:
            response = await handler(request)
        except RefusedError as error:
            response = JSONResponse({"error": str(error)}, error.status)
        except OSError as error:
            log.error("%s %s failed: %s", request.method, request.url.path, error)
            response = JSONResponse({"error": f"the disk of the server: {error.strerror or 'it failed'}"}, 507)
        except ClientDisconnect:
            response = JSONResponse({"error": "the visitor left in the middle of it"}, 400)  # nobody reads it
        finally:
            if (session := getattr(request.state, "session", None)) is not None:
                session.asking -= 1
        begun = getattr(request.state, "begun", None)
        if begun is not None and not (response.status_code >= 400 and site_of(request).sessions.dismiss(begun)):
            keep(request, response, begun)
        return response

    return answered


def keep(request: Request, response: Response, session: Session) -> None:
    """Let the visitor's browser keep his session."""
    site = site_of(request)
    secure = request.url.scheme == "https"
    response.set_cookie(site.cookie, session.name, httponly=True, samesite="strict", secure=secure, path="/")
