"""The `relumix` command: where it is, whether it fits, and what it is told."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nuke

from relumix_nuke import frames
from relumix_nuke.cache import Folder
from relumix_nuke.errors import RelumixError
from relumix_nuke.knobs import Request

COMPATIBLE = ((0, 1), (1, 0))
"""Versions of the command that the plugin knows how to talk to: from the first one to below the second."""

_VERSION_TIMEOUT_SECONDS = 60

_NUKES_OWN = re.compile(r"(?i)(PYTHON.*|__PYVENV_LAUNCHER__|VIRTUAL_ENV.*|QT_.*|QTWEBENGINE.*|QML.*)$")
"""Variables that Nuke, or what started it, has set for Nuke's Python and Nuke's Qt."""

_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH")
_READING_FLAGS = ("--fit", "--align")
_READING = (
    *("--reference-mask", "--reference-weight", "--colorspace", "--reference-colorspace"),
    *("--layer", "--view", "--premult", "--cuts", "--config"),
)
"""Options that a look at plate and references takes too, without a value and with one."""

_NAMES_COLORS = re.compile(r"--(reference-)?colorspace|--config")


@dataclass(frozen=True)
class Program:
    """A command that was found and can be talked to."""

    path: str
    version: str


def find(written: str) -> Program:
    """Return the command, as the executable knob says, or on PATH. Raises RelumixError."""
    name = written.strip() or "relumix"
    found = shutil.which(name)
    if found is None and written.strip():
        raise RelumixError(f"executable is {name}, which is no command that can be run: correct it, or leave it empty")
    if found is None:
        folders = os.environ.get("PATH", "").replace(os.pathsep, ", ")
        raise RelumixError(
            f"relumix was not found: the executable knob is empty, and no folder of PATH has it ({folders}). "
            "Install it (pip install '.[local]' in the folder of relumix) and write into the knob where it is"
        )
    return Program(found, _version(found))


def relight(program: Program, request: Request, folder: Folder, view: str, only: int | None = None) -> list[str]:
    """Return the command line that relights a view of the rendered inputs; only one frame of it where that is said."""
    wanted = request.frames if only is None else (only,)
    return [program.path, "relight", *_job(request, folder, view, wanted), "--progress", "json"]


def suggest(program: Program, request: Request, folder: Folder, view: str) -> list[str]:
    """Return the command line that names the frame which to relight next."""
    return [program.path, "suggest", *_inputs(request, folder, view), *_reading(request.options), "--json"]


def lights(program: Program, plate: Path, frame: int, rig: Path, output: Path, options: Sequence[str]) -> list[str]:
    """Return the command line that lights a frame by lamps, as a reference."""
    files = ["--lights", str(rig), "-o", str(output)]
    return [
        *(program.path, "reference", "lights", str(plate), f"--frame={frame}"),
        *(*files, *options, "--progress", "json"),
    ]


def bundle(program: Program, request: Request, folder: Folder, view: str, chunk_size: int, target: Path) -> list[str]:
    """Return the command line that writes the job bundle of a view for a render farm."""
    options = ["--chunk-size", str(chunk_size), "--bundle", str(target)]
    return [program.path, "farm", "bundle", *_job(request, folder, view, request.frames), *options]


def environment(options: Sequence[str] = ()) -> dict[str, str]:
    """Return the environment of a child: Nuke's own, without what would break another Python, its libraries or its Qt.

    options  of the command. OCIO, which in Nuke is for Nuke's own colours, goes to the command where one of them names
             a colour space or a file of options, and is left out elsewhere: what Nuke renders for it is raw.
    """
    kept = {name: value for name, value in os.environ.items() if not _NUKES_OWN.match(name)}
    if not any(_NAMES_COLORS.match(word) for word in options):
        kept.pop("OCIO", None)
    for name in _LIBRARY_PATHS:
        if name in kept:
            kept[name] = os.pathsep.join(path for path in kept[name].split(os.pathsep) if not _within_nuke(path))
            if not kept[name]:
                del kept[name]
    return {**kept, "PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1"}


def start_beside(arguments: Sequence[str]) -> None:
    """Start a program that goes on by itself. Raises OSError where it cannot be started."""
    child = subprocess.Popen(
        arguments, env=environment(), stdin=subprocess.DEVNULL, creationflags=no_window(), close_fds=True
    )
    # A child that nobody waits for stays in the list of processes until Nuke ends.
    threading.Thread(target=child.wait, name="relumix beside", daemon=True).start()


def no_window() -> int:
    """Return the flags of a process that opens no console on Windows."""
    return getattr(subprocess, "CREATE_NO_WINDOW", 0)


def _within_nuke(path: str) -> bool:
    """Tell whether a folder is one of Nuke's installation: the libraries in it are for Nuke alone."""
    executable = str(nuke.env.get("ExecutablePath") or "")
    if not path or not executable:
        return False
    home = Path(executable).parent
    return home == Path(path) or home in Path(path).parents


def _job(request: Request, folder: Folder, view: str, wanted: tuple[int, ...]) -> list[str]:
    settings = request.settings
    options = {
        "gain-out": folder.pattern("gain", view),
        "frames": frames.text(wanted),
        "engine": settings.engine,
        "work-size": settings.work_size,
        "compression": settings.compression,
        "device": request.device,
        "mask": folder.pattern("Mask", view) if "Mask" in request.inputs else None,
        "server": request.server,
    }
    return [
        *_inputs(request, folder, view),
        f"--output={folder.pattern('result', view)}",
        # Always, as it costs little: an artist who wants to see it later would have to relight the shot again.
        "--confidence-layer",
        *(f"--{name}={value}" for name, value in options.items() if value is not None),
        *request.options,
    ]


def _inputs(request: Request, folder: Folder, view: str) -> list[str]:
    references = (f"--reference={frame}={folder.file('Reference', view, frame)}" for frame in request.references)
    return [folder.pattern("Source", view), *references]


def _reading(options: Sequence[str]) -> Iterator[str]:
    """Yield those of the further options that say how plate and references are read."""
    words = iter(options)
    for word in words:
        name, equals, _ = word.partition("=")
        if name in _READING_FLAGS or (name in _READING and equals):
            yield word
        elif name in _READING:
            yield f"{name}={next(words, '')}"


def _version(executable: str) -> str:
    try:
        answer = subprocess.run(
            [executable, "--version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_VERSION_TIMEOUT_SECONDS,
            env=environment(),
            creationflags=no_window(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RelumixError(f"{executable} does not run ({error}): correct the executable knob") from error
    match = re.search(r"relumix (\d+)\.(\d+)", answer.stdout)
    if not match:
        said = (answer.stderr or answer.stdout).strip().splitlines() or ["nothing"]
        raise RelumixError(
            f"{executable} is not relumix (asked for its version it said: {said[-1]}): correct the executable knob"
        )
    first, end = COMPATIBLE
    if not first <= (int(match[1]), int(match[2])) < end:
        raise RelumixError(
            f"{executable} is {answer.stdout.strip()}: expected {first[0]}.{first[1]} to below {end[0]}.{end[1]}; "
            "install that, or the plugin that came with yours"
        )
    return answer.stdout.strip()
