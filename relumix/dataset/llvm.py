"""Which libLLVM Dr.Jit works with: it compiles for the processor with one, and some end the whole process.

`use()` goes before the first import of drjit or mitsuba: Dr.Jit loads a library then, the first that it finds.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relumix.dataset.llvm_probe import WORKS, dotted
from relumix.errors import InputError
from relumix.util.extras import MissingPackageError, require

VARIABLE = "DRJIT_LIBLLVM_PATH"
FOLDERS = (
    "/usr/lib/*-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/lib/llvm*/lib",
    "/usr/lib64/llvm*/lib*",
    "/opt/homebrew/opt/llvm*/lib",
    "/usr/local/opt/llvm*/lib",
)
"""Where packages put libLLVM, on Debian, Fedora, Arch and macOS."""

CURE = (
    "install LLVM 19 (Debian, Ubuntu: apt-get install libllvm19), or name a library: "
    f"export {VARIABLE}=/path/to/libLLVM.so.19.1"
)
PROBE_SECONDS = 120


@dataclass(frozen=True)
class Tried:
    """A library, its version as far as it is known, and what is wrong with it: nothing where it works."""

    path: Path
    version: str
    trouble: str

    def __str__(self) -> str:
        return f"{self.path} (LLVM {self.version or 'of unknown version'}: {self.trouble or 'works'})"


def use(folders: Sequence[Path] | None = None) -> Path:
    """Have Dr.Jit load the newest libLLVM that works, here and in child processes; returns its path.

    What DRJIT_LIBLLVM_PATH names is taken and no other; else `folders` are looked through (None: those of the system).
    Raises InputError, in one line that says what to install, where none works or Dr.Jit has loaded another already;
    MissingPackageError without Dr.Jit.
    """
    chosen = library(os.environ, system_folders() if folders is None else folders)
    if (drjit := sys.modules.get("drjit")) and _loaded(drjit) != chosen.version:
        raise InputError(
            f"Dr.Jit is loaded already, with LLVM {_loaded(drjit) or 'none'}, and {chosen.path} is what works: call "
            f"relumix.dataset.llvm.use() before drjit or mitsuba is imported, or export {VARIABLE}={chosen.path}"
        )
    os.environ[VARIABLE] = str(chosen.path)
    return chosen.path


def use_if_any() -> str:
    """As `use`, for what may do without: returns why no library is used, "" where one is.

    Raises as `use` does where DRJIT_LIBLLVM_PATH names what does not work.
    """
    try:
        use()
    except MissingPackageError:
        raise
    except InputError as error:
        if os.environ.get(VARIABLE):
            raise
        return str(error)
    return ""


def library(environment: Mapping[str, str], folders: Sequence[Path]) -> Tried:
    """Return the library that an environment names, or else the newest of these folders that works.

    Each is tried in a process of its own. Raises as `use` does.
    """
    require("rendering", "dataset", "drjit")
    if named := environment.get(VARIABLE):
        if (tried := probe(Path(named))).trouble:
            raise InputError(f"Dr.Jit cannot work with what {VARIABLE} names, {tried}; {CURE}")
        return tried
    refused = []
    for path in candidates(folders):
        if not (tried := probe(path)).trouble:
            return tried
        refused.append(str(tried))
    if refused:
        raise InputError(f"Dr.Jit cannot work with any libLLVM that is here, {', '.join(refused)}; {CURE}")
    raise InputError(f"Dr.Jit needs libLLVM, and none was found; {CURE}")


def system_folders() -> list[Path]:
    """Return the folders in which a system keeps its libraries: those that are named come first."""
    named = [Path(folder) for folder in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if folder]
    there = [path for pattern in FOLDERS for path in sorted(Path("/").glob(pattern.lstrip("/"))) if path.is_dir()]
    return [*named, Path(sys.prefix) / "lib", *there]


def candidates(folders: Sequence[Path]) -> list[Path]:
    """Return every libLLVM in these folders once, by its real path, the newest first."""
    found = dict.fromkeys(path.resolve() for folder in folders for path in _libraries(folder))
    return sorted(found, key=lambda path: (_version(path), path.name), reverse=True)


def probe(path: Path) -> Tried:
    """Try a library in a process of its own; never raises, whatever it does there."""
    script = Path(__file__).with_name("llvm_probe.py")
    with tempfile.TemporaryDirectory() as home:  # Dr.Jit keeps in HOME what another LLVM has compiled
        try:
            done = subprocess.run(
                [sys.executable, str(script)],
                env={**os.environ, VARIABLE: str(path), "HOME": home},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PROBE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Tried(path, _version_text(path), f"it took longer than {PROBE_SECONDS} s")
    version, _, rest = (done.stdout or _version_text(path)).strip().partition("\n")
    return Tried(path, version, "" if rest == WORKS and not done.returncode else _trouble(path, done))


def _trouble(path: Path, done: subprocess.CompletedProcess[str]) -> str:
    if not path.is_file():
        return "there is no such file"
    if done.returncode < 0:
        return "it ends the process"
    return "it computes wrongly" if done.stdout else "Dr.Jit does not take it"


def _loaded(drjit: Any) -> str:
    """The version of LLVM that this process has loaded; "" where Dr.Jit took none."""
    return dotted(drjit.detail.llvm_version()) if drjit.has_backend(drjit.JitBackend.LLVM) else ""


def _libraries(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.glob("libLLVM*") if re.search(r"\.so(\.|$)|\.dylib$", path.name))


def _version(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in _version_text(path).split(".") if part)


def _version_text(path: Path) -> str:
    """The version in a name, such as libLLVM-15.so.1, libLLVM.so.19.1 or libLLVM-14.0.6.so.1; "" where it has none."""
    found = re.match(r"libLLVM(?:-|\.so\.)(\d+(?:\.\d+)*)", path.name)
    return found[1] if found else ""
