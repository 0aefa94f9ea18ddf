"""Relight one frame of a shot; relumix relights the rest, in scene-linear light, at the plate's own resolution.

relight   a shot on disk: files in, files out.
relit     the same without files: numpy arrays in, numpy arrays out.
Settings  how; the options of the `relumix relight` command.

Importing relumix is cheap: OpenCV and the engines load when the first of these functions is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relumix.errors import FrameError, InputError, RelumixError
from relumix.settings import Settings
from relumix.version import __version__ as __version__

if TYPE_CHECKING:
    from relumix.engines.registry import load_engine
    from relumix.pipeline.arrays import relit
    from relumix.pipeline.job import relight
    from relumix.pipeline.relit_frame import RelitFrame

__all__ = ["FrameError", "InputError", "RelitFrame", "RelumixError", "Settings", "load_engine", "relight", "relit"]

_LAZY = {
    "RelitFrame": "relumix.pipeline.relit_frame",
    "load_engine": "relumix.engines.registry",
    "relight": "relumix.pipeline.job",
    "relit": "relumix.pipeline.arrays",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'relumix' has no attribute {name!r}")
    import importlib  # noqa: PLC0415

    from relumix.util.extras import needed  # noqa: PLC0415

    with needed(f"relumix.{name}", "local"):
        return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted((*__all__, "__version__"))
