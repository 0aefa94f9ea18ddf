"""The learned engine: a small network, trained here, that ships with the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from relumix.util.extras import needed

with needed("engine lite", "lite"):
    from relumix.engines.base import Engine, refuse_options
    from relumix.engines.lite.engine import LiteEngine

__all__ = ["LiteEngine", "load"]


def load(model: str | None, device: str, options: Sequence[str]) -> Engine:
    """See relumix.engines.registry."""
    refuse_options("lite", options)
    return LiteEngine(None if model is None else Path(model), device)
