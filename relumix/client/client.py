"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from os import PathLike

import grpc

from relumix.client.arrays import ArrayJob
from relumix.client.connection import Server, servers
from relumix.client.files import FileJob, RemoteBackend, refuse_movies_by_path, refuse_names_of_bytes
from relumix.client.fleet import FailureStreak, Fleet
from relumix.client.remote_job import Made, RemoteEngine, RemoteJob, batches
from relumix.client.rpc_errors import TryAgainError, error_of
from relumix.client.stop import Stop
from relumix.errors import FrameError, InputError
from relumix.events import AnyEvent
from relumix.pipeline.check import Job, check
from relumix.pipeline.relit_frame import RelitFrame
from relumix.pipeline.run import Notice, run, wants_previews
from relumix.pipeline.windows import refuse_chunks
from relumix.settings import Settings
from relumix.shot.array_source import Arrays, ArraySource
from relumix.shot.source import References
from relumix.v1.relight_pb2 import GetInfoResponse

GREETING_SECONDS = 15.0
"""How long to wait, at first, for a server that does not answer: it may just be starting, or the address be wrong."""

PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class PreparedJob:
    """A checked job, and the servers' engine for it."""

    job: Job
    engine: RemoteEngine
    by_path: bool


class RelightClient:
    """Relights shots on one or several servers that share the work. Thread-safe; needs no closing.

    A failed server is retried with growing pauses, and its frames go to the others meanwhile; a frame that arrived is
    never requested again.
    """

    def __init__(
        self,
        addresses: str | Sequence[str],
        *,
        token: str | None = None,
        tls_ca: str | PathLike[str] | None = None,
        tls_cert: str | PathLike[str] | None = None,
        tls_key: str | PathLike[str] | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Nothing is connected yet. Raises InputError for addresses and files that cannot be used.

        addresses          "host:port", or several, with commas between or as a sequence.
        token              the servers' token; relumix.client.connection.read_token reads one from a file.
        tls_ca             file of the certificates that signed the servers'; None: no TLS.
        tls_cert, tls_key  the client's own certificate and key, for servers that ask for one.
        patience_seconds   how long a server may fail in a row, or be full, before it is given up.
        """
        self._servers = servers(addresses, token=token, tls_ca=tls_ca, tls_cert=tls_cert, tls_key=tls_key)
        if not patience_seconds >= 0:  # nor nan
            raise InputError(f"patience is {patience_seconds} seconds: expected 0 or more")
        self._patience = patience_seconds

    def info(self) -> dict[str, GetInfoResponse]:
        """Return the GetInfo response of each server that answers, by address. Raises InputError if none answers."""
        failures = FailureStreak(min(GREETING_SECONDS, self._patience))
        while True:
            found, last = self._ask()
            if found:
                return found
            if failures.add(last):
                raise InputError(f"no server answers: {last}")
            time.sleep(min(1.0, failures.pause_seconds(last)))

    def prepare(
        self,
        source: str | PathLike[str],
        references: References,
        output: str | PathLike[str],
        settings: Settings | None = None,
        *,
        by_path: bool = False,
    ) -> PreparedJob:
        """Check what can be checked before the first frame is asked for; raises InputError.

        The arguments are those of relumix.relight. With by_path, servers read and write the files themselves: on
        storage that they see under the same paths.
        """
        settings = settings or Settings()
        engine = self._engine(settings)
        wants_previews(settings)
        job = check(source, references, output, settings)
        job.source.forget()
        refuse_chunks(engine, job.source.frames, job.frames)
        refuse_names_of_bytes(job, by_path=by_path)
        if by_path:
            refuse_movies_by_path(job)
        return PreparedJob(job, engine, by_path)

    def run(self, prepared: PreparedJob, *, stop: Stop | None = None) -> Generator[AnyEvent, None, None]:
        """Do a prepared job; as `relight`."""
        job = FileJob.of(prepared.job, prepared.engine, prepared.by_path)
        yield from run(prepared.job, RemoteBackend(job, partial(self._frames, stop=stop)))

    def relight(
        self,
        source: str | PathLike[str],
        references: References,
        output: str | PathLike[str],
        settings: Settings | None = None,
        *,
        by_path: bool = False,
        stop: Stop | None = None,
    ) -> Generator[AnyEvent, None, None]:
        """Relight a shot on disk; yields the events of relumix.relight, the last of them a Done.

        The arguments are those of relumix.relight and `prepare`; `stop` cancels it from another thread, and so
        does closing the iterator; finished frames are kept. Raises InputError where the job as a whole cannot be done.
        """
        yield from self.run(self.prepare(source, references, output, settings, by_path=by_path), stop=stop)

    def relit(
        self,
        source: Arrays,
        references: Arrays,
        settings: Settings | None = None,
        *,
        masks: Arrays | None = None,
        reference_masks: Arrays | None = None,
        reference_weights: Mapping[int, float] | None = None,
        frames: Sequence[int] | None = None,
        confidence: bool = False,
        stop: Stop | None = None,
    ) -> Generator[RelitFrame, None, None]:
        """Relight a shot of arrays; as relumix.relit, on servers.

        Frames come as they are done: ascending from one server, in any order from several. Their stops and
        confidence are rounded to half. Raises InputError, and FrameError for a frame of another size.
        """
        settings = settings or Settings()
        shot = ArraySource(
            source, references, masks, reference_masks=reference_masks, reference_weights=reference_weights
        )
        wanted, engine = shot.choose(frames), self._engine(settings)
        refuse_chunks(engine, shot.frames, wanted)
        shot.find_cuts(settings.cuts, settings.unlit, wanted)
        job = ArrayJob(shot, settings, engine, confidence)
        with closing(self._frames(job, wanted, stop)) as made:
            for frame in made:
                if isinstance(frame, FrameError):
                    raise frame
                if isinstance(frame, RelitFrame):
                    yield frame

    def _frames(
        self, job: RemoteJob[Made], frames: Sequence[int], stop: Stop | None
    ) -> Generator[Made | FrameError | Notice, None, None]:
        if not frames:
            return
        # A chained shot stays on one server: another would have to relight all frames before its own.
        cut = [list(frames)] if job.engine.windowing.chained else batches(job.plan, frames)
        fleet = Fleet(self._servers, job, cut, self._patience)
        if stop is not None:
            stop.then(fleet.cancel)
        yield from fleet.frames()

    def _ask(self) -> tuple[dict[str, GetInfoResponse], TryAgainError]:
        """Ask every server once; returns the answers, and the last failure."""
        with ThreadPoolExecutor(len(self._servers), thread_name_prefix="relumix-ask") as pool:
            answers = list(pool.map(_info, self._servers))
        found = {
            server.address: answer
            for server, answer in zip(self._servers, answers, strict=True)
            if isinstance(answer, GetInfoResponse)
        }
        failures = [answer for answer in answers if isinstance(answer, TryAgainError)]
        return found, failures[-1] if failures else TryAgainError("no server was named")

    def _engine(self, settings: Settings) -> RemoteEngine:
        """Return the engine that all servers agree on. Raises InputError."""
        for option, own in (("--model", settings.model is None), ("--device", settings.device == "auto")):
            if not own:
                raise InputError(f"{option} is the server's to choose: leave it out with --server")
        engines: dict[str, RemoteEngine] = {}
        for address, info in self.info().items():
            engine = RemoteEngine.of(info, settings.engine)
            if engine is None:
                raise InputError(
                    f"unknown engine '{settings.engine}': expected one of "
                    f"{', '.join(each.name for each in info.engines)}"
                )
            engines[address] = engine
        (first, wanted), *others = engines.items()
        for address, engine in others:
            if engine != wanted:
                raise InputError(
                    f"{first} and {address} have different versions of {settings.engine} or relumix: a shot needs "
                    "servers that are alike"
                )
        return wanted


def _info(server: Server) -> GetInfoResponse | TryAgainError:
    """Return a server's info, or its error where trying again may help. Raises InputError where it will not."""
    channel = server.channel()
    try:
        return server.info(channel)
    except TryAgainError as error:
        return error
    except grpc.RpcError as error:
        meaning = error_of(server.address, error)
        if isinstance(meaning, InputError):
            raise meaning from error
        return meaning
    finally:
        channel.close()
