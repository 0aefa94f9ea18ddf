"""Which engines there are, and how one is loaded. A new engine is a folder beside this file, and a line here.

The folder is a package with a function `load(model, device, options)`, which takes what `load_engine` takes and returns
an `Engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from relumix.engines.base import Configurable, Engine, refuse_options
from relumix.errors import InputError
from relumix.settings import Settings
from relumix.util.extras import MissingPackageError, needed


@dataclass(frozen=True)
class _Entry:
    """What is known of an engine before its packages, which are heavy, are imported.

    extra         of relumix: brings the packages it needs.
    takes_model   whether it has weights.
    makes_pixels  whether --transfer direct can deliver what it makes.
    """

    extra: str
    takes_model: bool = False
    makes_pixels: bool = False


_ENTRIES: Mapping[str, _Entry] = MappingProxyType(
    {
        "lite": _Entry("lite", takes_model=True),
        "flow": _Entry("local"),
        "svd": _Entry("svd", takes_model=True, makes_pixels=True),
    }
)

ENGINES = tuple(_ENTRIES)
"""Names that load_engine takes."""

WITH_MODEL = tuple(name for name, entry in _ENTRIES.items() if entry.takes_model)
"""Those that take a model."""


def load_engine(name: str, *, model: str | None = None, device: str = "auto", options: Sequence[str] = ()) -> Engine:
    """Return an engine, ready to work.

    model    file or folder of weights; None for the engine's own.
    device   "auto", "cpu" or "cuda".
    options  of the engine, each "NAME=VALUE".

    Raises InputError for an unknown engine, a model, option or device that it does not take, or missing packages.
    """
    if name not in _ENTRIES:
        raise InputError(f"unknown engine {name!r}: expected one of {', '.join(ENGINES)}")
    entry = _ENTRIES[name]
    if model is not None and not entry.takes_model:
        raise InputError(f"engine {name} has no weights: got --model {model}, leave it out")
    # Imported here, by name: an engine's packages are heavy, and may not be installed.
    with needed(f"engine {name}", entry.extra):
        load: Callable[[str | None, str, Sequence[str]], Engine] = import_module(f"relumix.engines.{name}").load
        return load(model, device, options)


def refuse_impossible(settings: Settings) -> None:
    """Raise InputError where no machine can load the engine of the settings, without loading what is heavy."""
    name, model = settings.engine, settings.model
    if name not in _ENTRIES or not _ENTRIES[name].takes_model:
        with suppress(MissingPackageError):  # which other machines have
            engine_for(settings)
    elif model is not None and not Path(model).exists():
        raise InputError(f"no weights for engine {name} at {model}: give a file or folder that has them")
    elif settings.transfer == "direct" and not _ENTRIES[name].makes_pixels:
        raise InputError(f"engine {name} makes light and no pixels: --transfer direct needs one that does, svd")


def refuse_unready(settings: Settings) -> None:
    """Raise InputError where this machine cannot load the engine of the settings, as far as is told before loading."""
    refuse_impossible(settings)
    if settings.engine == "svd":  # the others ship with what they need
        with needed("engine svd", _ENTRIES["svd"].extra):
            import_module("relumix.engines.svd").look(settings.model, settings.device, settings.engine_options)


def engine_for(settings: Settings) -> Engine:
    """Return the engine of the settings, configured by them. Raises InputError as load_engine does."""
    engine = load_engine(settings.engine, model=settings.model, device=settings.device, options=settings.engine_options)
    return configured(engine, (), transfer=settings.transfer)


def configured(engine: Engine, options: Sequence[str], *, transfer: str = "gain") -> Engine:
    """Return an engine with other options, making what `transfer` delivers. Raises InputError."""
    direct = transfer == "direct"
    if not options and not direct:
        return engine
    if isinstance(engine, Configurable):
        return engine.with_options(options, direct=direct)
    if direct:
        others = ", ".join(name for name, entry in _ENTRIES.items() if entry.makes_pixels)
        raise InputError(
            f"engine {engine.name} makes light and no pixels: --transfer direct needs one that does, {others}"
        )
    refuse_options(engine.name, options)
    return engine
