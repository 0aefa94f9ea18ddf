from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the page needs the extra [web]")
pytest.importorskip("uvicorn", reason="the page needs the extra [web]")

from relumix_server.workers import Workers
from tests.web.rig import Rig, make_clip, upload


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


@pytest.fixture(scope="session")
def words_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random model of the structure of InstructPix2Pix."""
    pytest.importorskip("diffusers", reason="words need the extra [svd]")
    from relumix.reference.text.pipelines import quiet  # these load torch
    from tests.reference.text import tiny

    with quiet():
        return tiny.stable_diffusion(tmp_path_factory.mktemp("instruct-pix2pix"), edits=True)


@pytest.fixture
def clip(rig: Rig, tmp_path: Path) -> tuple[Any, str]:
    """A visitor who has uploaded a clip, and its path."""
    visitor = rig.visitor()
    found = upload(visitor, make_clip(tmp_path / "made"))
    return visitor, f"/api/clips/{found['name']}"
