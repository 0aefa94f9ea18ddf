"""Building the bundle: for this system with any C++17 compiler, for every system with zig (pip install ziglang).

python -m relumix_ofx.build FOLDER    builds FOLDER/Relumix.ofx.bundle for every system
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

BUNDLE = "Relumix.ofx.bundle"
BINARY = "Relumix.ofx"

SYSTEMS = {
    "Linux-x86-64": ("x86_64-linux-gnu.2.28",),
    "Win64": ("x86_64-windows-gnu",),
    "MacOS": ("aarch64-macos.11.0", "x86_64-macos.11.0"),
}
"""Folders of a bundle, and zig's names of what goes into each."""

_SOURCE = Path(__file__).parent
_FLAGS = ("-std=c++17", "-O2", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-Wall", "-Wextra", "-shared")
_LINUX_FLAGS = ("-pthread", "-Wl,-z,nodelete", "-Wl,-z,defs", f"-Wl,--version-script={_SOURCE / 'exports.map'}")
"""A plugin that is unloaded must stay where it is until the host exits; and nothing but its door is exported."""

_FAT_MAGIC = 0xCAFEBABE
_FAT_ALIGN = 14
_CPU_TYPE_BYTES = slice(4, 12)


class BuildError(Exception):
    """The bundle could not be built. The text is one line."""


def this_system() -> str:
    """Return the folder of a bundle that this machine's hosts look into."""
    return {"linux": "Linux-x86-64", "win32": "Win64", "darwin": "MacOS"}.get(sys.platform, f"{platform.system()}")


def build(folder: Path, systems: Sequence[str] = tuple(SYSTEMS)) -> Path:
    """Build a bundle with zig. Returns its path. Raises BuildError."""
    bundle = _emptied(folder / BUNDLE)
    for system in systems:
        binary = bundle / "Contents" / system / BINARY
        binary.parent.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as parts:
            built = [Path(parts) / f"{i}.ofx" for i in range(len(SYSTEMS[system]))]
            for target, part in zip(SYSTEMS[system], built, strict=True):
                _compile([sys.executable, "-m", "ziglang", "c++", "-target", target], target, part)
            if len(built) == 1:
                shutil.copyfile(built[0], binary)
            else:
                binary.write_bytes(_fat([part.read_bytes() for part in built]))
        binary.chmod(0o755)
    return bundle


def build_here(folder: Path, flags: Sequence[str] = ()) -> Path:
    """Build a bundle for this system, with zig where it is installed, else with $CXX or c++. Raises BuildError."""
    if importlib.util.find_spec("ziglang") and not flags and this_system() in SYSTEMS:
        return build(folder, [this_system()])
    bundle = _emptied(folder / BUNDLE)
    binary = bundle / "Contents" / this_system() / BINARY
    binary.parent.mkdir(parents=True)
    _compile([*system_compiler(), *flags], sys.platform, binary)
    return bundle


def system_compiler() -> list[str]:
    """Return the command of this system's C++ compiler. Raises BuildError."""
    for name in (os.environ.get("CXX", ""), "c++", "g++", "clang++"):
        if (words := shlex.split(name)) and shutil.which(words[0]):
            return words
    raise BuildError("there is no C++ compiler to build the plugin with: pip install ziglang, which is one")


def _compile(compiler: Sequence[str], target: str, out: Path) -> None:
    flags: list[str] = [*_FLAGS]
    if "linux" in target:
        flags += [*_LINUX_FLAGS, "-static-libstdc++", "-static-libgcc"] if "ziglang" not in compiler else _LINUX_FLAGS
    if "windows" in target or target == "win32":
        flags = [flag for flag in flags if flag != "-fPIC"] + ["-lws2_32"]
    if "ziglang" in compiler:
        flags += ["-s"] if "macos" not in target else []
    sources = [str(path) for path in sorted(_SOURCE.glob("*.cpp"))]
    done = subprocess.run([*compiler, *flags, *sources, "-o", str(out)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"the plugin does not build for {target}: {done.stderr.strip() or done.stdout.strip()}")


def _fat(parts: Sequence[bytes]) -> bytes:
    """Return Mach-O files as one for several processors (mach-o/fat.h)."""
    head = struct.pack(">II", _FAT_MAGIC, len(parts))
    at, body = 8 + 20 * len(parts), b""
    for part in parts:
        start = -(-(at + len(body)) // (1 << _FAT_ALIGN)) * (1 << _FAT_ALIGN)
        body += bytes(start - at - len(body)) + part
        cpu, subtype = struct.unpack("<II", part[_CPU_TYPE_BYTES])
        head += struct.pack(">IIIII", cpu, subtype, start, len(part), _FAT_ALIGN)
    return head + body


def _emptied(bundle: Path) -> Path:
    if bundle.exists():
        shutil.rmtree(bundle)
    resources = bundle / "Contents" / "Resources"
    resources.mkdir(parents=True)
    shutil.copyfile(_SOURCE / "Info.plist", bundle / "Contents" / "Info.plist")
    return bundle


if __name__ == "__main__":
    try:
        print(build(Path(sys.argv[1])))
    except BuildError as error:
        sys.exit(f"relumix_ofx: {error}")
