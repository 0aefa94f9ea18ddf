"""Dr.Jit's types for the processor (LLVM) or the graphics card (CUDA), chosen when a renderer is made."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from relumix.dataset.llvm import CURE
from relumix.errors import InputError
from relumix.util.extras import needed

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Types:
    """Dr.Jit's array types of one backend, "cuda" or "llvm"."""

    name: str
    Float: Any
    UInt32: Any
    Bool: Any
    Array3f: Any


@needed("rendering", "dataset")
def choose(device: str = "auto", no_llvm: str = "") -> Types:
    """Return the types for "cpu", "cuda", or for what there is ("auto": CUDA first).

    Dr.Jit is to load a libLLVM that works: call relumix.dataset.llvm.use_if_any() before, whose answer is `no_llvm`.
    Raises InputError for another name, or where there is nothing to render with; MissingPackageError without Dr.Jit.
    """
    if device not in DEVICES:
        raise InputError(f"got device {device!r}, expected one of {', '.join(DEVICES)}")
    with _silenced() if no_llvm else nullcontext():  # Dr.Jit would say on stderr what no_llvm says
        import drjit as dr  # noqa: PLC0415  only rendering needs it

        has_cuda = device != "cpu" and dr.has_backend(dr.JitBackend.CUDA)
    if has_cuda:
        return _types("cuda")
    if device == "cuda":
        raise InputError("Dr.Jit found no CUDA device: give --device auto or cpu")
    if no_llvm or not dr.has_backend(dr.JitBackend.LLVM):
        raise InputError(no_llvm or f"Dr.Jit found no CUDA device and no LLVM; {CURE}")
    return _types("llvm")


@contextmanager
def _silenced() -> Iterator[None]:
    """Send to nowhere what libraries write on stderr."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _types(name: str) -> Types:
    module = importlib.import_module(f"drjit.{name}")
    return Types(name, module.Float, module.UInt32, module.Bool, module.Array3f)
