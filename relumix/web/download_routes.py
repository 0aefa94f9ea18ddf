"""The addresses below a clip's from which its result is taken home, and what each of them does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from relumix.web import downloads
from relumix.web.clips import Clip
from relumix.web.errors import RefusedError
from relumix.web.requests import Handler, blocking, clip_of, described, site_of
from relumix.web.studio import JobOptions


async def command(request: Request) -> Response:
    """Say the command that makes the same."""
    site, (_, clip) = site_of(request), clip_of(request)
    return PlainTextResponse(
        _command(clip, site.local, site.studio.order(clip, JobOptions.of({}, site.options.engine)))
    )


def _command(clip: Clip, local: bool, order: Any) -> str:
    return downloads.commands(clip, clip.job.order if clip.job else order, local=local) + "\n"


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


async def make_movie(request: Request) -> Response:
    """Begin to make a movie: of the result, or of plate and result side by side."""
    site, (_, clip) = site_of(request), clip_of(request)
    await blocking(site.studio.movie, clip, _movie_kind(request))
    return described(site, clip)


async def movie(request: Request) -> Response:
    """Give a movie that was made."""
    (_, clip), kind = clip_of(request), _movie_kind(request)
    path = downloads.movie(clip, kind)
    name = _attached(clip, f"{'relit' if kind == 'movie' else kind}{path.suffix}")
    return FileResponse(path, media_type="application/octet-stream", headers={"Content-Disposition": name})


def _movie_kind(request: Request) -> downloads.Movie:
    kind = request.path_params["kind"]
    if kind not in downloads.MOVIES:
        raise RefusedError(404, f"expected one of {', '.join(downloads.MOVIES)}")
    return downloads.MOVIES[downloads.MOVIES.index(kind)]


def _attached(clip: Clip, what: str) -> str:
    """Return the header that has a browser save a file: named after the clip and what of it this is."""
    name = f"{Path(clip.title).stem.rstrip('.#') or 'clip'}-{what}"
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in name)
    return f'attachment; filename="{plain}"'


TABLE: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/command.txt", command),
    ("POST", "/movies/{kind}", make_movie),
    ("GET", "/movies/{kind}", movie),
    ("GET", "/{kind}.zip", archive),
)
"""Method, address below that of a clip, and what answers."""
