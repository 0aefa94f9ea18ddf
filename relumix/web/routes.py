"""The page's addresses, and what each of them does."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from relumix.shot.movie_frames import stream_of
from relumix.version import __version__
from relumix.web import download_routes, reference_routes
from relumix.web.clips import Clip
from relumix.web.errors import RefusedError
from relumix.web.requests import (
    answering,
    blocking,
    changing,
    clamped,
    clip_of,
    described,
    fields_of,
    frame_of,
    is_full,
    json_of,
    keep,
    session_of,
    site_of,
    view_of,
    visitor_of,
)
from relumix.web.sessions import Session
from relumix.web.studio import JobOptions
from relumix.web.tasks import KINDS, Source
from relumix.web.uploads import receive, refuse_large, safe_name

_LONGEST_TITLE = 255
_TELL_SECONDS = 0.25
_HEARTBEAT_SECONDS = 15.0
_KEEP = {"Cache-Control": "private, max-age=86400, immutable"}


async def login(request: Request) -> Response:
    """Take a token; the visitor's session is admitted."""
    site, fields = site_of(request), await json_of(request)
    if not site.admits(str(fields.get("token", ""))):
        await asyncio.sleep(1.0)  # Guessing gets slow.
        raise RefusedError(401, "that is no token of this page")
    response = JSONResponse({})
    keep(request, response, site.sessions.begin())
    return response


async def state(request: Request) -> Response:
    """Say all that the page shows when it is opened."""
    site, session = site_of(request), visitor_of(request)
    options, engines = site.options, site.studio.engines
    return JSONResponse(
        {
            "version": __version__,
            "engines": options.engine,
            "ready": engines.ready,
            "trouble": engines.trouble,
            "status_page": engines.status_page if site.local else "",
            "roots": bool(site.roots.folders),
            "limits": {"upload_bytes": options.max_upload_bytes, "frames": options.max_frames},
            "examples": [
                {"name": each.name, "title": each.title, "about": each.about} for each in site.examples.values()
            ],
            "clips": [fields_of(site, clip) for clip in session.clips.values()] if session else [],
        }
    )


async def open_example(request: Request) -> Response:
    """Open one of the clips that lie there."""
    site, example = site_of(request), site_of(request).examples.get(request.path_params["example"])
    if example is None:
        raise RefusedError(404, "there is no such example")
    clip = await blocking(site.studio.open_example, session_of(request), example)
    return described(site_of(request), clip)


async def example_picture(request: Request) -> Response:
    """Show an example: its reference's frame, "plate" or "reference"."""
    site, _ = site_of(request), visitor_of(request)
    example, kind = site.examples.get(request.path_params["example"]), request.path_params["kind"]
    if example is None or kind not in ("plate", "reference"):
        raise RefusedError(404, "there is no such picture")
    jpeg = await blocking(site.studio.example_picture, example, kind)
    return Response(jpeg, media_type="image/jpeg", headers=_KEEP)


async def browse(request: Request) -> Response:
    """List a folder below a root."""
    visitor_of(request)
    return JSONResponse(await blocking(site_of(request).roots.listed, request.query_params.get("folder", "")))


async def open_named(request: Request) -> Response:
    """Open a clip below a root."""
    site, session, fields = site_of(request), session_of(request), await json_of(request)
    pattern = await blocking(site.roots.clip, str(fields.get("path", "")))
    source = Source(pattern, _colorspace(fields))
    folder = session.folder / f"clip-{time.monotonic_ns():x}"
    file, stream = stream_of(Path(pattern))
    title = file.name if stream == 1 else f"{file.name}, stream {stream}"
    clip = await blocking(site.studio.open, session, title, source, pattern, folder)
    return described(site_of(request), clip)


async def upload(request: Request) -> Response:
    """Take one file of an upload: PUT /api/uploads/{upload}/{file}."""
    site, session = site_of(request), session_of(request)
    folder = _upload_folder(session.folder, request.path_params["upload"])
    name, options = safe_name(request.path_params["file"]), site.options
    used = await blocking(session.bytes_used)
    most = min(options.max_upload_bytes, options.max_session_bytes - used)
    refuse_large(request.headers.get("content-length"), most, name)
    folder.mkdir(parents=True, exist_ok=True)
    if len(list(folder.iterdir())) >= options.max_frames:
        raise RefusedError(413, f"a clip of more than {options.max_frames} files")
    taken = sum(path.stat().st_size for path in folder.iterdir())
    path = folder / name
    size = await receive(
        request.stream(),
        path,
        most_bytes=most - taken,
        seconds=options.upload_seconds,
        is_full=partial(is_full, site, session),
    )
    return JSONResponse({"name": name, "bytes": size})


async def open_upload(request: Request) -> Response:
    """Open what was uploaded as a clip."""
    site, session, fields = site_of(request), session_of(request), await json_of(request)
    folder = _upload_folder(session.folder, request.path_params["upload"])
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    if not files:
        raise RefusedError(404, "nothing was uploaded")
    # Out of the way of what is sent under that name yet, or opens it once more.
    own = session.folder / f"clip-{time.monotonic_ns():x}"
    plate = folder.rename(own.with_name(f"plate-{own.name}"))
    source = Source(str(plate / files[0].name if len(files) == 1 else plate), _colorspace(fields))
    title = Path(str(fields.get("title", ""))[:_LONGEST_TITLE]).name or files[0].name
    try:
        clip = await blocking(site.studio.open, session, title, source, _as_named(title), own, plate)
    except RefusedError:
        shutil.rmtree(plate, ignore_errors=True)
        raise
    return described(site_of(request), clip)


def _as_named(title: str) -> str:
    """Return what a clip is called beside itself, in a command, where a word that begins with - is an option."""
    return f"./{title}" if title.startswith("-") else title


async def drop_upload(request: Request) -> Response:
    """Remove what was sent of an upload."""
    if session := visitor_of(request):
        shutil.rmtree(_upload_folder(session.folder, request.path_params["upload"]), ignore_errors=True)
    return JSONResponse({})


async def describe(request: Request) -> Response:
    """Say what a clip is."""
    return described(site_of(request), clip_of(request)[1])


async def close(request: Request) -> Response:
    """Close a clip."""
    session, clip = clip_of(request)
    await blocking(site_of(request).studio.close_clip, session, clip)
    return JSONResponse({})


async def picture(request: Request) -> Response:
    """Show a frame as JPEG: plate, result, gain, confidence or reference."""
    (session, clip), kind = clip_of(request), request.path_params["kind"]
    if kind not in KINDS:
        raise RefusedError(404, f"expected one of {', '.join(KINDS)}")
    size, stops = view_of(request)
    studio, known = site_of(request).studio, KINDS[KINDS.index(kind)]
    jpeg = await blocking(studio.picture, session.owner, clip, known, frame_of(request), clamped(size), stops)
    return Response(jpeg, media_type="image/jpeg", headers=_KEEP if "v" in request.query_params else None)


async def relight(request: Request) -> Response:
    """Begin to relight the clip, or go on."""
    site, (session, clip), fields = site_of(request), clip_of(request), await json_of(request)
    await blocking(site.studio.relight, session, clip, JobOptions.of(fields, site.options.engine))
    return described(site_of(request), clip)


async def cancel(request: Request) -> Response:
    """Stop relighting; finished frames are kept."""
    _, clip = clip_of(request)
    if clip.job is not None:
        clip.job.cancel()
    return described(site_of(request), clip)


async def events(request: Request) -> Response:
    """Say what is made of a clip, as it is made: server-sent events, each what of its description may change."""
    session, clip = clip_of(request)
    return StreamingResponse(_told(session, clip, request), media_type="text/event-stream")


async def _told(session: Session, clip: Clip, request: Request) -> AsyncIterator[str]:
    said, last = None, time.monotonic()
    while clip.name in session.clips and not await request.is_disconnected():
        clip.looked()
        now = clip.state()
        if now != said:
            said, last = now, time.monotonic()
            yield f"data: {json.dumps(changing(clip))}\n\n"
        elif time.monotonic() - last > _HEARTBEAT_SECONDS:
            last = time.monotonic()
            site_of(request).sessions.find(session.name)  # Whoever looks on has not gone.
            yield ": still here\n\n"
        await asyncio.sleep(_TELL_SECONDS)


def _colorspace(fields: dict[str, Any]) -> str | None:
    return str(fields["colorspace"])[:200] if fields.get("colorspace") else None


def _upload_folder(session: Path, upload: str) -> Path:
    if not (upload.isascii() and upload.isalnum() and len(upload) <= 32):
        raise RefusedError(400, "an upload's name: expected up to 32 letters and digits")
    return session / "uploads" / upload


def routes() -> list[Route]:
    """Return the addresses below /api."""
    clip = "/api/clips/{clip}"
    table = [
        ("POST", "/api/login", login),
        ("GET", "/api/state", state),
        ("POST", "/api/examples/{example}", open_example),
        ("GET", "/api/examples/{example}/{kind}.jpg", example_picture),
        ("GET", "/api/browse", browse),
        ("POST", "/api/open", open_named),
        ("PUT", "/api/uploads/{upload}/{file}", upload),
        ("POST", "/api/uploads/{upload}", open_upload),
        ("DELETE", "/api/uploads/{upload}", drop_upload),
        ("GET", clip, describe),
        ("DELETE", clip, close),
        ("GET", f"{clip}/events", events),
        ("GET", f"{clip}/frames/{{frame}}/{{kind}}.jpg", picture),
        ("POST", f"{clip}/job", relight),
        ("DELETE", f"{clip}/job", cancel),
        *(
            (method, clip + path, handler)
            for method, path, handler in (*reference_routes.TABLE, *download_routes.TABLE)
        ),
    ]
    return [Route(path, answering(handler), methods=[method]) for method, path, handler in table]
