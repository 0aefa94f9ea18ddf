"""The engines. Each is a folder of its own behind one interface: see relumix.engines.base."""

from __future__ import annotations

from relumix.engines.base import Engine
from relumix.errors import InputError

ENGINES = ("flow",)
"""Names that load_engine takes."""


def load_engine(name: str, *, model: str | None = None, device: str = "auto") -> Engine:
    """Return an engine, ready to work.

    model   file or folder of weights; None for the engine's own.
    device  "auto", "cpu" or "cuda".

    Raises InputError for an unknown engine, a model it does not take, a device it cannot use, or missing packages.
    """
    if name not in ENGINES:
        raise InputError(f"unknown engine {name!r}: expected one of {', '.join(ENGINES)}")
    try:
        from relumix.engines.flow import FlowEngine  # noqa: PLC0415  heavy packages load with the engine, not before
    except ModuleNotFoundError as error:
        raise InputError(f"engine {name} needs the package {error.name}: pip install 'relumix[local]'") from error
    if model is not None:
        raise InputError(f"engine flow has no weights: got --model {model}, leave it out")
    if device == "cuda":
        raise InputError("engine flow runs on the CPU: got --device cuda, expected auto or cpu")
    return FlowEngine()
