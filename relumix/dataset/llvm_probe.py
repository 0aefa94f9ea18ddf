"""Try one libLLVM in a process of its own: LLVM ends the process where it cannot compile for this processor.

    DRJIT_LIBLLVM_PATH=/path/to/libLLVM.so.19.1 python llvm_probe.py

Prints LLVM's version as soon as it is known, then WORKS. Dr.Jit loads one library, as it is imported.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Sequence

WORKS = "works"
SIZE = 64


def main() -> int:
    """Load the library, compile with it, and compute. Returns the exit code: 0 where all of it went well."""
    with contextlib.suppress(ImportError):
        import resource  # noqa: PLC0415  Unix alone has it, and core files

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import drjit  # noqa: PLC0415  says on stderr what is wrong with a library

    if not drjit.has_backend(drjit.JitBackend.LLVM):
        return 1
    print(dotted(drjit.detail.llvm_version()), flush=True)
    from drjit.llvm import Float, UInt32  # noqa: PLC0415

    i = drjit.arange(UInt32, SIZE)
    x = Float(i) / SIZE
    y = drjit.maximum(drjit.minimum(drjit.sin(x), 0.5), 0.25)  # LLVM 15 and 16 have no code for these with AVX-512
    y = drjit.fma(drjit.rsqrt(x + 1), drjit.gather(Float, y, SIZE - 1 - i), drjit.select(x > 0.5, x, drjit.floor(-x)))
    if not all(math.isclose(y[k], _expected(k), abs_tol=1e-5) for k in range(SIZE)):
        return 1
    print(WORKS)
    return 0


def dotted(version: Sequence[int]) -> str:
    """Return a version as it is written: (19, 1, 7) as 19.1.7."""
    return ".".join(str(part) for part in version)


def _expected(k: int) -> float:
    x = k / SIZE
    mirrored = max(min(math.sin((SIZE - 1 - k) / SIZE), 0.5), 0.25)
    return mirrored / math.sqrt(x + 1) + (x if x > 0.5 else math.floor(-x))


if __name__ == "__main__":
    sys.exit(main())
