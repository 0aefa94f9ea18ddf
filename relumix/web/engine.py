"""The process that holds the engines: a `relumix serve` of the page's own, on loopback, started anew where it dies."""

from __future__ import annotations

import logging
import re
import subprocess
import threading
from pathlib import Path

from relumix.util.child import SERVES_ON, last_words, relumix_command, write_token
from relumix.web.options import Options

_PAGE = re.compile(r"status page: (http\S+)")
_STOP_SECONDS = 10.0
_AGAIN_SECONDS = 2.0
_MOST_TRIES = 5
_IDLE_SECONDS = 3600

log = logging.getLogger("relumix.web")


class EngineServer:
    """Engines in a process of their own. Thread-safe.

    token_file  of the token that it asks for: nobody else on this machine may use it.
    """

    def __init__(self, options: Options, folder: Path, page: str) -> None:
        """folder: for its token, lease and log; page: address of the page, which its status page links to."""
        self._options, self._folder, self._page = options, folder, page
        self.token_file = folder / "token"
        write_token(self.token_file)
        self._lease = folder / "lease"
        self._lease.touch()
        self._log = folder / "log"
        self._ready, self._closed = threading.Event(), threading.Event()
        self.address, self.status_page, self.trouble = "127.0.0.1:0", "", ""
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._keep, name="relumix-web-engines", daemon=True)

    def start(self) -> None:
        """Start it; this does not wait until engines are loaded."""
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether it serves."""
        return self._ready.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until it serves. Returns whether it does."""
        return self._ready.wait(seconds)

    def close(self) -> None:
        """End it."""
        self._closed.set()
        self._lease.unlink(missing_ok=True)
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)

    def _keep(self) -> None:
        """Run it, and again where it ends by itself: at the same port, where clients that wait will find it."""
        tries = 0
        while not self._closed.is_set() and tries < _MOST_TRIES:
            tries = 0 if self._run_once() else tries + 1
            self._ready.clear()
            if not self._closed.wait(_AGAIN_SECONDS):
                log.warning("the engines' process ended: %s", self.trouble or "it said nothing")
        if not self._closed.is_set():
            log.error("the engines do not start: %s", self.trouble)

    def _run_once(self) -> bool:
        """Run the process until it ends. Returns whether it came to serve."""
        with self._log.open("w", encoding="utf-8") as told:
            process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=told, text=True
            )
        self._process = process
        if self._closed.is_set():
            process.terminate()
        assert process.stdout is not None
        line = process.stdout.readline()
        if served := line.startswith(SERVES_ON):
            self.address = line.removeprefix(SERVES_ON).strip()
            found = _PAGE.search(self._log.read_text(errors="replace"))
            self.status_page, self.trouble = found[1] if found else "", ""
            self._ready.set()
        process.wait()
        process.stdout.close()
        self.trouble = last_words(self._log.read_text(errors="replace"), self.trouble)
        return served

    def _command(self) -> list[str]:
        options = self._options
        command = [*relumix_command(), "serve", f"--listen={self.address}", f"--token-file={self.token_file}"]
        command += [f"--lease={self._lease}", f"--metrics={options.metrics}", f"--page={self._page}"]
        command += [f"--engine={','.join(options.engine)}", f"--device={options.device}", "--drain-seconds=2"]
        # Where this process was killed, that one ends by itself.
        command.append(f"--exit-idle-seconds={_IDLE_SECONDS}")
        command += [f"--max-frames={options.max_frames}", f"--max-frame-pixels={options.max_pixels}"]
        return command + ([f"--model={options.model}"] if options.model else [])
