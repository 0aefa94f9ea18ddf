"""Dr.Jit's types for the processor (LLVM) or the graphics card (CUDA), chosen when a renderer is made."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from relumix.errors import InputError

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Types:
    """Dr.Jit's array types of one backend, "cuda" or "llvm"."""

    name: str
    Float: Any
    UInt32: Any
    Bool: Any
    Array3f: Any


def choose(device: str = "auto") -> Types:
    """Return the types for "cpu", "cuda", or for what there is ("auto": CUDA first).

    Raises InputError for another name, where drjit is missing, or where there is nothing to render with.
    """
    if device not in DEVICES:
        raise InputError(f"got device {device!r}, expected one of {', '.join(DEVICES)}")
    try:
        import drjit as dr  # noqa: PLC0415  only rendering needs it
    except ModuleNotFoundError as error:
        raise InputError("rendering needs drjit, which is missing: pip install 'relumix[dataset]'") from error
    if device != "cpu" and dr.has_backend(dr.JitBackend.CUDA):
        return _types("cuda")
    if device != "cuda" and dr.has_backend(dr.JitBackend.LLVM):
        return _types("llvm")
    wanted = {"auto": "neither a CUDA device nor an LLVM library", "cpu": "no LLVM library", "cuda": "no CUDA device"}
    cure = "give --device cpu" if device == "cuda" else "install LLVM (Debian: apt-get install libllvm19)"
    raise InputError(f"Dr.Jit found {wanted[device]}; {cure}")


def _types(name: str) -> Types:
    module = importlib.import_module(f"drjit.{name}")
    return Types(name, module.Float, module.UInt32, module.Bool, module.Array3f)
