"""Which engines there are, and how one is loaded. A new engine is a folder beside this file, and a line here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from relumix.engines.base import Configurable, Engine
from relumix.errors import InputError
from relumix.settings import Settings
from relumix.util.extras import needed

ENGINES = ("lite", "flow", "svd")
"""Names that load_engine takes."""

WITH_MODEL = ("lite", "svd")
"""Those that take a model."""


def load_engine(name: str, *, model: str | None = None, device: str = "auto", options: Sequence[str] = ()) -> Engine:
    """Return an engine, ready to work.

    model    file or folder of weights; None for the engine's own.
    device   "auto", "cpu" or "cuda".
    options  of the engine, each "NAME=VALUE".

    Raises InputError for an unknown engine, a model, option or device that it does not take, or missing packages.
    """
    if name not in ENGINES:
        raise InputError(f"unknown engine {name!r}: expected one of {', '.join(ENGINES)}")
    load = {"lite": _lite, "flow": _flow, "svd": _svd}[name]
    with needed(f"engine {name}", {"flow": "local"}.get(name, name)):
        return load(model, device, options)


def engine_for(settings: Settings) -> Engine:
    """Return the engine that settings ask for, as they ask for it. Raises InputError as load_engine does."""
    engine = load_engine(settings.engine, model=settings.model, device=settings.device, options=settings.engine_options)
    return configured(engine, (), transfer=settings.transfer)


def configured(engine: Engine, options: Sequence[str], *, transfer: str = "gain") -> Engine:
    """Return an engine with some options changed, and so that it makes what `transfer` delivers. Raises InputError."""
    direct = transfer == "direct"
    if not options and not direct:
        return engine
    if isinstance(engine, Configurable):
        return engine.with_options(options, direct=direct)
    if direct:
        raise InputError(f"engine {engine.name} makes light and no pixels: --transfer direct needs one that does, svd")
    raise InputError(f"engine {engine.name} has no options: got {options[0]}, leave it out")


# Heavy packages load with the engine, not before.


def _flow(model: str | None, device: str, options: Sequence[str]) -> Engine:
    from relumix.engines.flow import FlowEngine  # noqa: PLC0415

    if model is not None:
        raise InputError(f"engine flow has no weights: got --model {model}, leave it out")
    if device == "cuda":
        raise InputError("engine flow runs on the CPU: got --device cuda, expected auto or cpu")
    return configured(FlowEngine(), options)


def _lite(model: str | None, device: str, options: Sequence[str]) -> Engine:
    from relumix.engines.lite import LiteEngine  # noqa: PLC0415

    return configured(LiteEngine(None if model is None else Path(model), device), options)


def _svd(model: str | None, device: str, options: Sequence[str]) -> Engine:
    from relumix.engines.svd.weights import model_folder  # noqa: PLC0415

    folder = model_folder(model)  # before torch: where there are no weights, that is what is to be said
    from relumix.engines.svd.engine import SvdEngine  # noqa: PLC0415

    return SvdEngine.load(folder, device, options)
