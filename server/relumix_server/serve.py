"""Runs the server from start to end."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from relumix.engines.base import Engine
from relumix.engines.registry import WITH_MODEL, load_engine
from relumix.errors import InputError
from relumix.rpc.messages import FLOW_OPTIONS, SERVICE
from relumix.util.child import SERVES_ON
from relumix_server import logs
from relumix_server.access import PromptMessages, TokenCheck, credentials, read_tokens
from relumix_server.health import Health
from relumix_server.memory import keep_freed_memory
from relumix_server.metrics import Metrics
from relumix_server.open_files import allow_open_files
from relumix_server.options import MAX_CHUNK_BYTES, MIB, Options, split_address
from relumix_server.page import StatusPage
from relumix_server.scheduler import EngineThread, warm
from relumix_server.service import RelightService, add_to
from relumix_server.spool import Spool
from relumix_server.status_errors import Code
from relumix_server.workers import Workers

CLOSE_SECONDS = 1.0
"""Grace for finished streams, so that clients can read their last bytes."""
WATCH_SECONDS = 0.5
"""How often idle time, lease and hanging engines are checked."""
LAST_SECONDS = 10.0
"""How long after a hang the process is ended, if it cannot end itself."""
HUNG_EXIT_CODE = 1
MOST_MILLISECONDS = 2**31 - 1
"""Which means never to gRPC."""

GRPC_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_CHUNK_BYTES + 12 * MIB),  # An opening message may name many paths.
    ("grpc.max_send_message_length", MAX_CHUNK_BYTES + 12 * MIB),
    # Of one connection, that is of one client. Without a limit, calls that are begun and reset, or never ended, take
    # memory without end, before any token is looked at.
    ("grpc.max_concurrent_streams", 16),
    # Frames are compressed already, and gRPC's limit on messages counts the bytes that came, not what they unpack to.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.max_metadata_size", 16 << 10),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.so_reuseport", 0),  # Two servers on one port would each get half of the calls.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),  # no end of it: gRPC would ask twice while nothing is sent, and stop
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 0),
    *FLOW_OPTIONS,
)

log = logging.getLogger("relumix_server")


class HungError(Exception):
    """A thread hangs and would keep the process from exiting. exit_code: of the process."""

    def __init__(self, exit_code: int = HUNG_EXIT_CODE) -> None:
        super().__init__()
        self.exit_code = exit_code


def serve(
    options: Options,
    on_ready: Callable[[str], None] = lambda address: None,
    make_service: type[RelightService] = RelightService,
) -> None:
    """Serve until SIGTERM or SIGINT, and then until the sessions that run have ended.

    on_ready      is told the address once engines are warm.
    make_service  what serves; a benchmark has its own.

    Raises InputError where the server cannot start. Where an engine hangs, the process ends here, with exit code 1.
    """
    logs.set_up(options.log_format)
    keep_freed_memory()
    files = allow_open_files()
    engines = {name: _loaded(name, options) for name in options.engine}
    try:
        asyncio.run(_serve(_fitting(options, files), engines, on_ready, make_service))
    except HungError as hung:
        logging.shutdown()
        os._exit(hung.exit_code)  # a normal exit would wait for the thread


def _fitting(options: Options, files: int) -> Options:
    """Return options with which connections leave half of the files that may be open for frames and all else."""
    most = max(1, files // 2)
    if options.max_connections <= most:
        return options
    log.warning("%d connections at once: the system lets this process open %d files", most, files)
    return dataclasses.replace(options, max_connections=most)


def _loaded(name: str, options: Options) -> Engine:
    """Load an engine before anything starts: a wrong name or a missing package fails here."""
    # With both, --model is for svd: lite ships its weights.
    theirs = [other for other in WITH_MODEL if other in options.engine][-1:]
    if len(options.engine) > 1 and name not in theirs:
        return load_engine(name, device=options.device if name in WITH_MODEL else "auto")
    return load_engine(name, model=options.model, device=options.device, options=options.engine_options)


async def _serve(
    options: Options,
    engines: dict[str, Engine],
    on_ready: Callable[[str], None],
    make_service: type[RelightService],
) -> None:
    stop, again = asyncio.Event(), asyncio.Event()
    _on_signals(stop, again)
    with ExitStack() as stack:
        metrics = Metrics()
        spool = _opened_spool(options)
        stack.callback(spool.close)
        workers = _started_workers(options, spool)
        stack.callback(workers.close)
        device = EngineThread(last_seconds=options.window_seconds + LAST_SECONDS)
        stack.callback(device.close)
        service = make_service(options, spool, workers, device, metrics)
        health = Health()
        # The page first: where its port is taken, no gRPC server has to be ended.
        page = StatusPage.start(options, service, spool, device, workers, metrics)
        stack.callback(page.close)
        server, address = await _listening(options, service, health, metrics)
        log.info("listening; status page: %s", page.address or "none", extra={"address": address})
        stack.callback(service.checks.close)
        await asyncio.to_thread(_warm, engines, device)
        service.open(engines)
        await _say(health, health_pb2.HealthCheckResponse.SERVING)
        log.info("serving %s", ", ".join(engines), extra={"address": address})
        on_ready(address)
        watching = asyncio.ensure_future(_watch_checks(service, health))
        stack.callback(watching.cancel)
        guarding = asyncio.ensure_future(service.connections.watch(split_address(address)[1]))
        stack.callback(guarding.cancel)
        life = asyncio.ensure_future(_live(options, service, server, health, stop, again))
        await _first(life, _hung(device, options.window_seconds))
        if life.cancelled():
            why = f"the engine hangs: it got no further with a window for {options.window_seconds:g} s"
            log.error("%s; the server ends", why)
            await health.enter_graceful_shutdown()
            service.give_up(f"{why}; go on at another server, or later")
            await server.stop(CLOSE_SECONDS)
            raise HungError
        life.result()
    log.info("stopped")
    if service.checks.hanging:
        raise HungError(0)


def _started_workers(options: Options, spool: Spool) -> Workers:
    return Workers(
        options.worker_count,
        memory_bytes=options.worker_memory,
        seconds=options.frame_seconds,
        threads=max(1, (os.cpu_count() or 1) // options.worker_count),
        scratch=spool.scratch,
    )


async def _live(
    options: Options,
    service: RelightService,
    server: aio.Server,
    health: Health,
    stop: asyncio.Event,
    again: asyncio.Event,
) -> None:
    """Serve until told to stop, and until the sessions that run have ended."""
    await _first(stop.wait(), _unneeded(options, service))
    stop.set()  # The next signal counts as the second.
    log.info("draining: no new sessions, %d run on", len(service.sessions))
    await health.enter_graceful_shutdown()
    await _first(service.drain(options.drain_seconds), again.wait())
    await server.stop(CLOSE_SECONDS)
    await service.rest()


async def _watch_checks(service: RelightService, health: Health) -> None:
    """Report NOT_SERVING while the folders below --root do not answer."""
    stuck = False
    while True:
        if service.checks.stuck != stuck:
            stuck = not stuck
            log.warning("no job can be checked: a folder does not answer" if stuck else "jobs can be checked again")
            serving = health_pb2.HealthCheckResponse
            await _say(health, serving.NOT_SERVING if stuck else serving.SERVING)
        await asyncio.sleep(WATCH_SECONDS)


async def _hung(device: EngineThread, limit_seconds: float) -> None:
    """Return when an engine has made no progress in a window for too long."""
    while device.seconds <= limit_seconds:
        await asyncio.sleep(WATCH_SECONDS)


def _on_signals(stop: asyncio.Event, again: asyncio.Event) -> None:
    """Let a first SIGTERM or SIGINT set `stop`, and a second `again`."""

    def told() -> None:
        (again if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)


async def _unneeded(options: Options, service: RelightService) -> None:
    """Return when the server is idle too long or its lease is gone; never without these options."""
    limit, lease = options.exit_idle_seconds, options.lease and Path(options.lease)
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        if limit is not None and service.unused_seconds > limit:
            log.info("no session for %g s", limit)
            return
        if lease and not lease.exists():
            log.info("the lease %s is gone", lease)
            return


async def _first(*waits: Awaitable[bool | None]) -> None:
    """Return when the first of these does; cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


def _opened_spool(options: Options) -> Spool:
    try:
        return Spool(options.memory_budget, options.spool)
    except OSError as error:
        raise InputError(f"the spool {options.spool or 'folder'} cannot be used: {error.strerror}") from error


def _grpc_options(options: Options) -> list[tuple[str, int]]:
    """Return how gRPC serves: connections without a call are closed as clients are that bring nothing."""
    idle_ms = min(max(1, int(options.idle_seconds * 1000)), MOST_MILLISECONDS)
    return [
        *GRPC_OPTIONS,
        ("grpc.max_allowed_incoming_connections", options.max_connections),
        ("grpc.max_connection_idle_ms", idle_ms),
    ]


async def _listening(
    options: Options, service: RelightService, health: Health, metrics: Metrics
) -> tuple[aio.Server, str]:
    """Start listening; health is NOT_SERVING until engines are warm."""
    tokens = read_tokens(options.token_file) if options.token_file else ()

    def refused() -> None:
        metrics.error("", Code.UNAUTHENTICATED.name, "a call came without a token that this server knows")

    interceptors = [PromptMessages(), *([TokenCheck(tokens, refused)] if tokens else [])]
    server = aio.server(interceptors=interceptors, options=_grpc_options(options))
    add_to(server, service)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    names = (SERVICE, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    await _say(health, health_pb2.HealthCheckResponse.NOT_SERVING)
    host, _ = split_address(options.listen)
    tls = credentials(options)
    try:
        port = server.add_secure_port(options.listen, tls) if tls else server.add_insecure_port(options.listen)
    except RuntimeError:
        port = 0
    if not port:
        raise InputError(
            f"{options.listen} cannot be listened on: it is taken, perhaps by another relumix serve, or not of this "
            "machine; stop that, or choose another port with --listen (0 takes a free one)"
        )
    await server.start()
    return server, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _warm(engines: dict[str, Engine], device: EngineThread) -> None:
    for engine in engines.values():
        warm(engine, device)


async def _say(health: Health, status: int) -> None:
    for name in ("", SERVICE):
        await health.set(name, status)


def ready_line(address: str) -> None:
    """Print the address for whoever started the server."""
    print(f"{SERVES_ON}{address}", flush=True, file=sys.stdout)
