from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the page needs the extra [web]")
pytest.importorskip("uvicorn", reason="the page needs the extra [web]")

from relumix_server.workers import Workers
from tests.web.rig import Rig


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    workers = Workers(1, memory_bytes=2 << 30, seconds=30)
    yield workers
    workers.close()


@pytest.fixture
def rig(workers: Workers, tmp_path: Path) -> Iterator[Rig]:
    """A page without engines, in this process."""
    with Rig(workers, tmp_path) as rig:
        yield rig
