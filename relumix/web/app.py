"""The page as an ASGI application, and the server that runs it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from relumix.errors import InputError
from relumix.web.engine import EngineServer
from relumix.web.examples import examples
from relumix.web.guard import Guard
from relumix.web.options import Options
from relumix.web.requests import Site
from relumix.web.roots import Roots
from relumix.web.routes import routes
from relumix.web.sessions import Sessions
from relumix.web.studio import Studio
from relumix_server.access import read_tokens
from relumix_server.options import GIB
from relumix_server.spool import own_folder
from relumix_server.workers import Workers

_WORKERS = 2
_WORKER_BYTES = 4 * GIB
_TASK_SECONDS = 60.0
_TIDY_SECONDS = 60.0

log = logging.getLogger("relumix.web")


def application(site: Site) -> Guard:
    """Return the application for a site."""
    static = Path(str(files("relumix.web") / "static"))
    look = Path(str(files("relumix_server") / "look.css"))

    async def index(request: Request) -> Response:
        return FileResponse(static / "index.html", headers={"Cache-Control": "no-cache"})

    async def shared_look(request: Request) -> Response:
        return FileResponse(look, media_type="text/css", headers={"Cache-Control": "no-cache"})

    async def broken(request: Request, error: Exception) -> Response:
        log.error("%s %s failed: %s: %s", request.method, request.url.path, type(error).__name__, error)
        return JSONResponse({"error": "that failed on the server: its log says why"}, 500)

    async def missing(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": "there is nothing here"}, 404)

    @contextlib.asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        tidying = asyncio.create_task(_tidy(site.sessions))
        yield
        tidying.cancel()

    app = Starlette(
        routes=[
            Route("/", index),
            Route("/static/look.css", shared_look),
            *routes(),
            Mount("/static", StaticFiles(directory=static)),
        ],
        exception_handlers={500: broken, 404: missing},
        lifespan=life,
    )
    app.state.site = site
    return Guard(app, None if site.tokens else frozenset({site.options.address[0]}))


async def _tidy(sessions: Sessions) -> None:
    while True:
        await asyncio.sleep(_TIDY_SECONDS)
        await asyncio.to_thread(sessions.tidy)


def serve(options: Options, ready: Callable[[str], None]) -> None:
    """Serve the page until SIGINT or SIGTERM. `ready` gets its address.

    Raises InputError where it cannot begin.
    """
    tokens = read_tokens(options.token_file) if options.token_file else ()
    with ExitStack() as stack:
        listener = stack.enter_context(_listening(options))
        address = _address(options, listener)
        folder = stack.enter_context(_private(options.folder))
        engines = EngineServer(options, _made(folder / "engines"), address)
        stack.callback(engines.close)
        engines.start()
        workers = Workers(_WORKERS, memory_bytes=_WORKER_BYTES, seconds=_TASK_SECONDS)
        stack.callback(workers.close)
        studio = Studio(options, workers, engines)
        stack.callback(studio.close)
        sessions = Sessions(_made(folder / "sessions"), options.max_sessions, options.session_seconds)
        stack.callback(sessions.close)
        cookie = f"relumix-{listener.getsockname()[1]}"
        site = Site(options, studio, sessions, Roots.of(options.root), examples(), tokens, cookie)
        ready(address)
        asyncio.run(_run(application(site), options, listener))


async def _run(app: Guard, options: Options, listener: socket.socket) -> None:
    config = uvicorn.Config(
        app,
        log_level="warning",
        server_header=False,
        ssl_certfile=options.tls_cert,
        ssl_keyfile=options.tls_key,
        timeout_graceful_shutdown=2,
        limit_concurrency=256,
        h11_max_incomplete_event_size=64 << 10,
    )
    await _Server(config).serve([listener])


class _Server(uvicorn.Server):
    """A server that ends quietly at SIGINT and SIGTERM: uvicorn's own raises them again once all is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Listen to signals."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def _listening(options: Options) -> socket.socket:
    host, port = options.address
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        raise InputError(
            f"the page cannot be at {options.listen}: {error.strerror}; choose another port with --listen"
        ) from None
    return listener


def _address(options: Options, listener: socket.socket) -> str:
    host = options.address[0]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if options.tls_cert else 'http'}://{shown}:{listener.getsockname()[1]}/"


@contextlib.contextmanager
def _private(folder: str | None) -> Iterator[Path]:
    """Yield a folder for visitors' files, which is removed at the end; what pages that were killed left is removed now.

    With their folder the process of their engines loses its lease, and ends. Raises InputError.
    """
    try:
        # Jobs run in folders below it, and are told of others by their paths.
        own = own_folder(Path(folder or tempfile.gettempdir()).absolute(), "relumix-web-")
    except OSError as error:
        raise InputError(f"the folder {folder or 'for temporary files'} cannot be used: {error.strerror}") from None
    try:
        yield own.folder
    finally:
        shutil.rmtree(own.folder, ignore_errors=True)
        own.lock.close()


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder
