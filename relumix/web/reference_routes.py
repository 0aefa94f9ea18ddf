"""The addresses below a clip's that make references, and what each of them does."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from relumix.shot.movie_frames import MOVIE_SUFFIXES
from relumix.web.clips import Clip
from relumix.web.errors import RefusedError
from relumix.web.requests import (
    Handler,
    blocking,
    clamped,
    clip_of,
    described,
    frame_of,
    is_full,
    json_of,
    site_of,
    view_of,
)
from relumix.web.sessions import Session
from relumix.web.studio import fov_of, leaving_nothing, look_of
from relumix.web.uploads import receive, refuse_large, safe_name


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
    return described(site_of(request), clip)


async def upload_reference(request: Request) -> Response:
    """Take a relit picture as a frame's reference."""
    site, (session, clip), frame = site_of(request), clip_of(request), frame_of(request)
    name, target = await _received(request, session, clip, frame, "reference")
    await blocking(site.studio.take_reference, session.owner, clip, frame, target, name)
    return described(site, clip)


async def _received(request: Request, session: Session, clip: Clip, frame: int, what: str) -> tuple[str, Path]:
    """Take a picture for a frame. Returns the name that it came under, and its file: WHAT.FRAME, in a new folder."""
    site, name = site_of(request), safe_name(request.path_params["file"])
    options = site.options
    if Path(name).suffix.lower() in MOVIE_SUFFIXES:
        raise RefusedError(422, f"{name} is a movie: expected a picture, like a still of it")
    refuse_large(request.headers.get("content-length"), options.max_upload_bytes, name)
    target = site.studio.reference_path(clip, frame, Path(name).suffix)
    target = target.with_stem(target.stem.replace("reference", what))
    with leaving_nothing(target.parent):
        most = min(options.max_upload_bytes, options.max_session_bytes - await blocking(session.bytes_used))
        full = partial(is_full, site, session)
        await receive(request.stream(), target, most_bytes=most, seconds=options.upload_seconds, is_full=full)
    return name, target


async def match_picture(request: Request) -> Response:
    """Take a picture, and begin to make a frame's reference by its light."""
    site, (session, clip), frame = site_of(request), clip_of(request), frame_of(request)
    name, target = await _received(request, session, clip, frame, "picture")
    await blocking(site.studio.match, session.owner, clip, frame, target, name)
    return described(site, clip)


async def light(request: Request) -> Response:
    """Begin to make a frame's reference by lamps."""
    site, (session, clip), fields = site_of(request), clip_of(request), await json_of(request)
    await blocking(site.studio.light, session.owner, clip, frame_of(request), fields)
    return described(site, clip)


async def words(request: Request) -> Response:
    """Begin to make a frame's reference by words."""
    site, (session, clip), fields = site_of(request), clip_of(request), await json_of(request)
    said, seed = str(fields.get("words", "")), fields.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 1 << 31:
        raise RefusedError(422, "seed: expected a whole number from 0")
    await blocking(site.studio.words, session.owner, clip, frame_of(request), said, seed)
    return described(site, clip)


async def remove_reference(request: Request) -> Response:
    """Take a frame's reference away."""
    _, clip = clip_of(request)
    clip.set_reference(clip.frame(frame_of(request)), None)
    return described(site_of(request), clip)


async def shape(request: Request) -> Response:
    """Show the shape of a frame that lamps fall on, as JPEG; the query may say "fov" in degrees."""
    (session, clip), (size, _), fov = clip_of(request), view_of(request), request.query_params.get("fov")
    studio, frame = site_of(request).studio, frame_of(request)
    jpeg = await blocking(studio.shape, session.owner, clip, frame, fov_of(fov), clamped(size))
    return Response(jpeg, media_type="image/jpeg")


async def place(request: Request) -> Response:
    """Say where in the scene a place of the picture is, and what camera sees it: {"at": [x, y]} or {}, with "fov"."""
    (session, clip), fields = clip_of(request), await json_of(request)
    at, fov = fields.get("at") or (), fov_of(fields.get("fov"))
    return JSONResponse(await blocking(site_of(request).studio.place, session.owner, clip, frame_of(request), at, fov))


async def stop(request: Request) -> Response:
    """Cancel the reference or movie that is being made, or forget what became of it."""
    site, (_, clip) = site_of(request), clip_of(request)
    site.studio.stop_making(clip)
    return described(site, clip)


TABLE: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/frames/{frame}/graded", graded),
    ("GET", "/frames/{frame}/shape", shape),
    ("POST", "/frames/{frame}/place", place),
    ("POST", "/references/{frame}", make_reference),
    ("PUT", "/references/{frame}/{file}", upload_reference),
    ("DELETE", "/references/{frame}", remove_reference),
    ("PUT", "/matches/{frame}/{file}", match_picture),
    ("POST", "/lights/{frame}", light),
    ("POST", "/words/{frame}", words),
    ("DELETE", "/making", stop),
)
"""Method, address below that of a clip, and what answers."""
