"""The options of the page."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

from relumix.errors import InputError
from relumix_server.options import GIB, is_local, split_address

LISTEN = "127.0.0.1:7860"


@dataclass(frozen=True)
class Options:
    """How to serve the page. Each field is an option of `relumix web` under the same name.

    listen            HOST:PORT; port 0 takes a free one.
    root              folders whose clips may be named; none: clips are uploaded.
    token_file        tokens, one a line, one of which a visitor must bring; None: everyone who can reach the page.
    tls_cert, tls_key PEM files; None: no TLS.
    engine            names of the engines to load; the first is the default.
    model, device     as for `relumix serve`.
    words_model       folder of a model that relights by words, on this machine; None: words are not offered.
    depth_model       folder of one that estimates depth, for lamps on clips without geometry; None: on others alone.
    metrics           HOST:PORT of the engines' status page; port 0 takes a free one.
    folder            in which visitors' files are kept while they are there; None: the system's for temporary files.
    max_upload_bytes  of one clip or picture.
    max_session_bytes of all that one visitor has, results included.
    max_pixels        of one frame.
    max_frames        of one clip.
    max_sessions      visitors at once.
    max_jobs          shots that are relit at once; more wait for their turn.
    upload_seconds    that one upload may take.
    session_seconds   without a request, after which a visitor's files are removed.
    """

    listen: str = LISTEN
    root: tuple[str, ...] = ()
    token_file: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    engine: tuple[str, ...] = ("flow",)
    model: str | None = None
    device: str = "auto"
    words_model: str | None = None
    depth_model: str | None = None
    metrics: str = "127.0.0.1:0"
    folder: str | None = None
    max_upload_bytes: int = 2 * GIB
    max_session_bytes: int = 16 * GIB
    max_pixels: int = 1 << 26
    max_frames: int = 2000
    max_sessions: int = 32
    max_jobs: int = 2
    upload_seconds: float = 1800.0
    session_seconds: float = 7200.0

    def __post_init__(self) -> None:
        """Raise InputError for unusable options."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not 0 < value < math.inf:
                raise InputError(f"{field.name} is {value}: expected more than 0")
        for name in ("token_file", "tls_cert", "tls_key", "folder", "words_model", "depth_model"):
            if getattr(self, name) == "":  # Perhaps a variable that is not set: it would mean no guard at all.
                raise InputError(f"{name} is empty: expected a name, or no such option")
        for root in self.root:
            if not root or not Path(root).is_dir():
                raise InputError(f"the root {root or 'that was given'} is no folder: expected one that is there")
        for name in ("words_model", "depth_model"):
            if (model := getattr(self, name)) is not None and not Path(model).is_dir():
                raise InputError(f"the {name.replace('_', ' ')} {model} is no folder: expected that of a model")
        if bool(self.tls_cert) != bool(self.tls_key):
            raise InputError("TLS needs a certificate and its key: give both --tls-cert and --tls-key")
        if not is_local(self.metrics):
            raise InputError(f"the status page at {self.metrics} could be read from other machines: use 127.0.0.1")
        if not (is_local(self.listen) or self.token_file):
            raise InputError(f"{self.listen} can be reached from other machines: give --token-file, or use 127.0.0.1")

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the page."""
        return is_local(self.listen)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen at."""
        return split_address(self.listen)
