"""`relumix serve` on storage that does not answer while there is a file: looking there waits as the system would.

RELUMIX_STUCK=FILE python -m tests.server.stuck_storage serve ...    checks are given a second, not thirty
"""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

from relumix.cli.main import main
from relumix_server import request, service
from relumix_server.allowed_paths import is_there
from relumix_server.beneath import FileBeneath
from relumix_server.storage import OpeningChecks


def answers_late(file: FileBeneath) -> bool:
    """Tell whether a file is there, once storage answers."""
    while Path(os.environ["RELUMIX_STUCK"]).exists():
        time.sleep(0.05)
    return is_there(file)


if __name__ == "__main__":
    request.is_there = answers_late  # type: ignore[attr-defined]
    service.OpeningChecks = partial(OpeningChecks, longest_seconds=1.0)  # type: ignore[misc,assignment]
    raise SystemExit(main())
