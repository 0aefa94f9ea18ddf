"""The status page and Prometheus' metrics, over HTTP: for people and scrapers on the server's own network."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from relumix.errors import InputError
from relumix.version import __version__
from relumix_server.metrics import Metrics, device_memory_bytes, resident_bytes
from relumix_server.options import LOOPBACK_HOSTS, Options, asked_host, is_local, split_address
from relumix_server.scheduler import EngineThread
from relumix_server.service import RelightService
from relumix_server.spool import Spool
from relumix_server.workers import Workers

REFRESH_SECONDS = 2
MOST_CONNECTIONS = 32
MOST_SECONDS = 20.0
"""Of one connection, however slowly it asks or reads."""

log = logging.getLogger("relumix_server")


@dataclass(frozen=True)
class SessionRow:
    """A session's row on the page: client, shot and progress.

    share, remaining_seconds  as in relumix.pipeline.estimate.
    """

    session: str
    client: str
    shot: str
    engine: str
    stage: str
    done: int
    total: int
    failed: int
    seconds: float
    share: float
    remaining_seconds: float | None


class StatusPage:
    """An HTTP server in threads of its own. address: where it is, '' where there is none."""

    def __init__(self, http: ThreadingHTTPServer | None, address: str) -> None:
        self._http, self.address = http, address

    @classmethod
    def start(
        cls,
        options: Options,
        service: RelightService,
        spool: Spool,
        device: EngineThread,
        workers: Workers,
        metrics: Metrics,
    ) -> StatusPage:
        """Serve the page at the options' address. Raises InputError where it is taken."""
        _add_gauges(metrics, service, spool, device, workers)
        if not options.metrics:
            return cls(None, "")
        pages = jinja2.Environment(loader=jinja2.PackageLoader("relumix_server", "."), autoescape=True)
        pages.filters["clock"] = _clock
        template = pages.get_template("status.html")
        look = Markup(files("relumix_server").joinpath("look.css").read_text(encoding="utf-8"))

        def page() -> bytes:
            memory, disk = spool.used()
            return template.render(
                version=__version__,
                refresh_seconds=REFRESH_SECONDS,
                sessions=_rows(service),
                max_sessions=options.max_sessions,
                queued=device.queued,
                rate=metrics.frames_a_second(),
                memory_bytes=memory,
                memory_budget=options.memory_budget,
                spool_bytes=disk,
                device_bytes=device_memory_bytes(),
                errors=[(time.strftime("%H:%M:%S", time.localtime(e.when)), e) for e in reversed(metrics.recent)],
                draining=service.draining,
                ready=service.ready,
                page=options.page,
                shared_look=look,
            ).encode()

        host, port = split_address(options.metrics)
        try:
            http = _Server((host, port), _handler(page, metrics, host, local=is_local(options.metrics)))
        except OSError as error:
            raise InputError(
                f"the status page cannot be at {options.metrics}: {error.strerror}; choose another port with "
                "--metrics, or 'none' for no page"
            ) from error
        threading.Thread(target=http.serve_forever, name="relumix-page", daemon=True).start()
        return cls(http, f"http://{host}:{http.server_address[1]}/")

    def close(self) -> None:
        """Stop serving."""
        if self._http:
            self._http.shutdown()
            self._http.server_close()


class _Server(ThreadingHTTPServer):
    """An HTTP server whose connections are bounded: more are closed at once."""

    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._began: dict[socket.socket, float] = {}

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer on a thread if fewer than the limit run, else hang up."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and free the thread."""
        self._began[request] = time.monotonic()
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._began.pop(request, None)
            self._free.release()

    def service_actions(self) -> None:
        """Hang up on clients that take too long; called every half second."""
        overdue = time.monotonic() - MOST_SECONDS
        for request, began in list(self._began.items()):
            if began < overdue:
                self._began.pop(request, None)
                _hang_up(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up; log other errors as one line."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            log.error("the status page failed: %s: %s", type(error).__name__, error)


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):  # It is closed already.
        connection.shutdown(socket.SHUT_RDWR)


def _rows(service: RelightService) -> list[SessionRow]:
    return [
        SessionRow(
            name,
            session.client,
            session.shot_name,
            session.request.engine.name,
            session.stage,
            session.tally.done,
            len(session.request.deliver),
            session.tally.failed,
            session.tally.seconds,
            session.estimate.share,
            session.estimate.remaining_seconds,
        )
        for name, session in list(service.sessions.items())
    ]


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _add_gauges(
    metrics: Metrics, service: RelightService, spool: Spool, device: EngineThread, workers: Workers
) -> None:
    gauges: dict[str, tuple[str, Callable[[], float]]] = {
        "relumix_sessions_running": ("Sessions that run", lambda: len(service.sessions)),
        "relumix_queued_windows": ("Windows that wait or are worked on", lambda: device.queued),
        "relumix_memory_bytes": ("Frames held in memory", lambda: spool.used()[0]),
        "relumix_spool_bytes": ("Frames held on disk", lambda: spool.used()[1]),
        "relumix_device_memory_bytes": ("Memory that engines hold", device_memory_bytes),
        "relumix_resident_bytes": ("Memory of the server's own process", resident_bytes),
        "relumix_frames_a_second": ("Frames relit, over the last minute", metrics.frames_a_second),
        "relumix_worker_deaths": ("Worker processes that had to be replaced", lambda: workers.deaths),
    }
    for name, (text, read) in gauges.items():
        metrics.gauge(name, text, read)


def _handler(page: Callable[[], bytes], metrics: Metrics, host: str, *, local: bool) -> type[BaseHTTPRequestHandler]:
    hosts = LOOPBACK_HOSTS | {host}

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            """Answer with the page or the metrics."""
            path = self.path.partition("?")[0]
            if not self._is_ours():
                self.send_error(421, "this page is not the one of that host")
            elif path == "/":
                self._answer(page(), "text/html; charset=utf-8")
            elif path == "/metrics":
                self._answer(metrics.text(), metrics.content_type)
            else:
                self.send_error(404)

        def _is_ours(self) -> bool:
            return not local or asked_host(self.headers.get("Host", "")) in hosts

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, form: str, *args: Any) -> None:
            """Do not log requests: scrapers call every few seconds."""

    return Handler
