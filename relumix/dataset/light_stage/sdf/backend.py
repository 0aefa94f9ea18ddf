"""Dr.Jit's types for the processor (LLVM) or the graphics card (CUDA), chosen when a renderer is made."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from relumix.errors import InputError

VARIANTS = ("auto", "cuda", "llvm")


@dataclass(frozen=True)
class Types:
    """Dr.Jit's array types of one backend."""

    variant: str
    Float: Any
    UInt32: Any
    Bool: Any
    Array3f: Any


def choose(variant: str = "auto") -> Types:
    """Return the types of "cuda", "llvm", or of what there is ("auto", CUDA first).

    Raises InputError for another name, where drjit is missing, or where the backend does not work here.
    """
    if variant not in VARIANTS:
        raise InputError(f"got variant {variant!r}, expected one of {', '.join(VARIANTS)}")
    try:
        import drjit as dr  # noqa: PLC0415  only rendering needs it
    except ModuleNotFoundError as error:
        raise InputError("rendering needs drjit, which is missing: pip install 'relumix[dataset]'") from error
    backends = {"cuda": dr.JitBackend.CUDA, "llvm": dr.JitBackend.LLVM}
    wanted = list(backends) if variant == "auto" else [variant]
    for name in wanted:
        if dr.has_backend(backends[name]):
            module = importlib.import_module(f"drjit.{name}")
            return Types(name, module.Float, module.UInt32, module.Bool, module.Array3f)
    raise InputError(
        f"Dr.Jit found no {' and no '.join(wanted)} backend; on a processor install LLVM "
        "(Debian: apt-get install libllvm19)"
    )
