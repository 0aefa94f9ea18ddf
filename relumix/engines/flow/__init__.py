"""The engine without weights: gain carried along optical flow, and matched by appearance where flow fails."""

from __future__ import annotations

from collections.abc import Sequence

from relumix.errors import InputError
from relumix.util.extras import needed

with needed("engine flow", "local"):
    from relumix.engines.base import Engine, refuse_options
    from relumix.engines.flow.engine import FlowEngine

__all__ = ["FlowEngine", "load"]


def load(model: str | None, device: str, options: Sequence[str]) -> Engine:
    """See relumix.engines.registry."""
    refuse_options("flow", options)
    if device == "cuda":
        raise InputError("engine flow runs on the CPU: got --device cuda, expected auto or cpu")
    return FlowEngine()
