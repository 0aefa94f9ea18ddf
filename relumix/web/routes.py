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
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from relumix.shot.movie_frames import MOVIE_SUFFIXES
from relumix.version import __version__
from relumix.web import downloads
from relumix.web.clips import Clip
from relumix.web.errors import RefusedError
from relumix.web.requests import (
    Site,
    answering,
    blocking,
    clamped,
    clip_of,
    frame_of,
    json_of,
    keep,
    session_of,
    site_of,
    view_of,
)
from relumix.web.sessions import Session
from relumix.web.studio import JobOptions, look_of
from relumix.web.tasks import KINDS, Source
from relumix.web.uploads import receive, refuse_large, safe_name

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
    site, session = site_of(request), session_of(request)
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
            "clips": [_fields(site, clip) for clip in session.clips.values()],
        }
    )


async def open_example(request: Request) -> Response:
    """Open one of the clips that lie there."""
    site, session = site_of(request), session_of(request)
    example = site.examples.get(request.path_params["example"])
    if example is None:
        raise RefusedError(404, "there is no such example")
    clip = await blocking(site.studio.open_example, session, example)
    return _described(site_of(request), clip)


async def example_picture(request: Request) -> Response:
    """Show an example: its reference's frame, "plate" or "reference"."""
    site, session = site_of(request), session_of(request)
    example, kind = site.examples.get(request.path_params["example"]), request.path_params["kind"]
    if example is None or kind not in ("plate", "reference"):
        raise RefusedError(404, "there is no such picture")
    return Response(
        await blocking(site.studio.example_picture, session, example, kind), media_type="image/jpeg", headers=_KEEP
    )


async def browse(request: Request) -> Response:
    """List a folder below a root."""
    session_of(request)
    return JSONResponse(await blocking(site_of(request).roots.listed, request.query_params.get("folder", "")))


async def open_named(request: Request) -> Response:
    """Open a clip below a root."""
    site, session, fields = site_of(request), session_of(request), await json_of(request)
    pattern = await blocking(site.roots.clip, str(fields.get("path", "")))
    source = Source(pattern, _colorspace(fields))
    folder = session.folder / f"clip-{time.monotonic_ns():x}"
    clip = await blocking(site.studio.open, session, Path(pattern).name, source, pattern, folder)
    return _described(site_of(request), clip)


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
        is_full=partial(_is_full, site, session),
    )
    return JSONResponse({"name": name, "bytes": size})


async def open_upload(request: Request) -> Response:
    """Open what was uploaded as a clip."""
    site, session, fields = site_of(request), session_of(request), await json_of(request)
    folder = _upload_folder(session.folder, request.path_params["upload"])
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    if not files:
        raise RefusedError(404, "nothing was uploaded")
    single = len(files) == 1
    source = Source(str(files[0] if single else folder), _colorspace(fields))
    own = session.folder / f"clip-{request.path_params['upload']}"
    title = str(fields.get("title", ""))[:120] or files[0].name
    shown = files[0].name if single else title
    try:
        clip = await blocking(site.studio.open, session, title, source, shown, own, folder)
    except RefusedError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return _described(site_of(request), clip)


async def drop_upload(request: Request) -> Response:
    """Remove what was sent of an upload."""
    shutil.rmtree(_upload_folder(session_of(request).folder, request.path_params["upload"]), ignore_errors=True)
    return JSONResponse({})


async def describe(request: Request) -> Response:
    """Say what a clip is."""
    return _described(site_of(request), clip_of(request)[1])


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


async def graded(request: Request) -> Response:
    """Show a frame under a look as JPEG."""
    (session, clip), look = clip_of(request), look_of(await json_of(request))
    size, stops = view_of(request)
    studio, frame = site_of(request).studio, frame_of(request)
    jpeg = await blocking(studio.graded, session.owner, clip, frame, look, clamped(size), stops)
    return Response(jpeg, media_type="image/jpeg")


async def make_reference(request: Request) -> Response:
    """Make a frame's reference by a look."""
    (session, clip), fields = clip_of(request), await json_of(request)
    await blocking(site_of(request).studio.grade, session.owner, clip, frame_of(request), fields, look_of(fields))
    return _described(site_of(request), clip)


async def upload_reference(request: Request) -> Response:
    """Take a relit picture as a frame's reference."""
    site, (session, clip), frame = site_of(request), clip_of(request), frame_of(request)
    name, target = await _received(request, session, clip, frame)
    await blocking(site.studio.take_reference, session.owner, clip, frame, target, name)
    return _described(site, clip)


async def _received(request: Request, session: Session, clip: Clip, frame: int) -> tuple[str, Path]:
    """Take a picture for a frame. Returns the name that it came under, and its file."""
    site, name = site_of(request), safe_name(request.path_params["file"])
    options = site.options
    if Path(name).suffix.lower() in MOVIE_SUFFIXES:
        raise RefusedError(422, f"{name} is a movie: expected a picture, like a still of it")
    refuse_large(request.headers.get("content-length"), options.max_upload_bytes, name)
    target = site.studio.reference_path(clip, frame, f".{time.monotonic_ns():x}{Path(name).suffix}")
    most = min(options.max_upload_bytes, options.max_session_bytes - await blocking(session.bytes_used))
    full = partial(_is_full, site, session)
    await receive(request.stream(), target, most_bytes=most, seconds=options.upload_seconds, is_full=full)
    return name, target


def _is_full(site: Site, session: Session) -> bool:
    return session.bytes_used() > site.options.max_session_bytes


def _described(site: Site, clip: Clip) -> Response:
    return JSONResponse(_fields(site, clip))


def _fields(site: Site, clip: Clip) -> dict[str, Any]:
    """Return what a page shows of a clip, and what can make references of it."""
    return {**clip.described(), "makers": site.studio.makers.offered(clip)}


async def match_picture(request: Request) -> Response:
    """Take a picture, and make a frame's reference by its light."""
    site, (session, clip), frame = site_of(request), clip_of(request), frame_of(request)
    name, target = await _received(request, session, clip, frame)
    await blocking(site.studio.match, session.owner, clip, frame, target, name)
    return _described(site, clip)


async def light(request: Request) -> Response:
    """Make a frame's reference by lamps."""
    site, (session, clip), fields = site_of(request), clip_of(request), await json_of(request)
    await blocking(site.studio.light, session.owner, clip, frame_of(request), fields)
    return _described(site, clip)


async def words(request: Request) -> Response:
    """Make a frame's reference by words."""
    site, (session, clip), fields = site_of(request), clip_of(request), await json_of(request)
    said, seed = str(fields.get("words", "")), fields.get("seed", 0)
    if not isinstance(seed, int) or not 0 <= seed < 1 << 31:
        raise RefusedError(422, "seed: expected a whole number from 0")
    await blocking(site.studio.words, session.owner, clip, frame_of(request), said, seed)
    return _described(site, clip)


async def remove_reference(request: Request) -> Response:
    """Take a frame's reference away."""
    _, clip = clip_of(request)
    clip.set_reference(clip.frame(frame_of(request)), None)
    return _described(site_of(request), clip)


async def relight(request: Request) -> Response:
    """Begin to relight the clip, or go on."""
    site, (session, clip), fields = site_of(request), clip_of(request), await json_of(request)
    await blocking(site.studio.relight, session, clip, JobOptions.of(fields, site.options.engine))
    return _described(site_of(request), clip)


async def cancel(request: Request) -> Response:
    """Stop relighting; finished frames are kept."""
    _, clip = clip_of(request)
    if clip.job is not None:
        clip.job.cancel()
    return _described(site_of(request), clip)


async def events(request: Request) -> Response:
    """Say what a job does, as it does it: server-sent events, each the clip's job and measures."""
    session, clip = clip_of(request)
    return StreamingResponse(_told(session, clip, request), media_type="text/event-stream")


async def _told(session: Session, clip: Clip, request: Request) -> AsyncIterator[str]:
    said, last = None, time.monotonic()
    while not await request.is_disconnected():
        job = clip.job
        now = None if job is None else (id(job), job.version)
        if now != said:
            said, last = now, time.monotonic()
            message = {"job": job.snapshot() if job else None, "measures": vars(clip.measures)}
            yield f"data: {json.dumps(message)}\n\n"
        elif time.monotonic() - last > _HEARTBEAT_SECONDS:
            last = time.monotonic()
            site_of(request).sessions.find(session.name)  # Whoever looks on has not gone.
            yield ": still here\n\n"
        await asyncio.sleep(_TELL_SECONDS)


async def command(request: Request) -> Response:
    """Say the command that makes the same."""
    site, (_, clip) = site_of(request), clip_of(request)
    return PlainTextResponse(
        _command(clip, site.local, site.studio.order(clip, JobOptions.of({}, site.options.engine)))
    )


def _command(clip: Clip, local: bool, order: Any) -> str:
    return downloads.command_line(clip, clip.job.order if clip.job else order, local=local) + "\n"


async def archive(request: Request) -> Response:
    """Give results, gain or confidence as a ZIP of EXR files."""
    site, (_, clip), kind = site_of(request), clip_of(request), request.path_params["kind"]
    if kind not in ("result", "gain", "confidence"):
        raise RefusedError(404, "expected result.zip, gain.zip or confidence.zip")
    files = await blocking(downloads.contents, clip, kind)
    order = site.studio.order(clip, JobOptions.of({}, site.options.engine))
    texts = [("command.txt", _command(clip, False, order))] if kind == "result" else []
    return StreamingResponse(
        downloads.archive(files, texts),
        media_type="application/zip",
        headers={"Content-Disposition": _attached(clip, f"{kind}.zip")},
    )


async def before_after(request: Request) -> Response:
    """Give a movie of plate and result, side by side."""
    _, clip = clip_of(request)
    path = await blocking(downloads.before_after, clip)
    return FileResponse(
        path, media_type="video/mp4", headers={"Content-Disposition": _attached(clip, "before-after.mp4")}
    )


async def movie(request: Request) -> Response:
    """Give the result as a movie."""
    _, clip = clip_of(request)
    path = await blocking(downloads.movie, clip)
    name = _attached(clip, f"relit{path.suffix}")
    return FileResponse(path, media_type="application/octet-stream", headers={"Content-Disposition": name})


def _attached(clip: Clip, what: str) -> str:
    """Return the header that has a browser save a file: named after the clip and what of it this is."""
    name = f"{Path(clip.title).stem.rstrip('.#') or 'clip'}-{what}"
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in name)
    return f'attachment; filename="{plain}"'


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
        ("GET", f"{clip}/command.txt", command),
        ("GET", f"{clip}/before-after.mp4", before_after),
        ("GET", f"{clip}/movie", movie),
        ("GET", f"{clip}/{{kind}}.zip", archive),
        ("GET", f"{clip}/frames/{{frame}}/{{kind}}.jpg", picture),
        ("POST", f"{clip}/frames/{{frame}}/graded", graded),
        ("POST", f"{clip}/references/{{frame}}", make_reference),
        ("PUT", f"{clip}/references/{{frame}}/{{file}}", upload_reference),
        ("DELETE", f"{clip}/references/{{frame}}", remove_reference),
        ("PUT", f"{clip}/matches/{{frame}}/{{file}}", match_picture),
        ("POST", f"{clip}/lights/{{frame}}", light),
        ("POST", f"{clip}/words/{{frame}}", words),
        ("POST", f"{clip}/job", relight),
        ("DELETE", f"{clip}/job", cancel),
    ]
    return [Route(path, answering(handler), methods=[method]) for method, path, handler in table]
