"""Other processes of relumix: what they are started with, and the environment that they get (docs/environment.md)."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

# `python -m` and `python -c` look for modules in the working folder first, where a file may be called numpy.py; what is
# in the folder of relumix itself is found last, for a relumix that was never installed.
_START = (
    "import sys; sys.path[:] = [*filter(None, sys.path), sys.argv.pop(1)]; from {module} import main; sys.exit(main())"
)

_FOR_DECODERS = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|TEMP|TMP|OCIO\w*|RELUMIX_\w+"
    r"|PYTHON\w+|VIRTUAL_ENV|CONDA_\w+|NIX_\w+|LD_LIBRARY_PATH|LD_PRELOAD|DYLD_\w+|COVERAGE_\w+"
    r"|OMP_\w+|OPENBLAS_\w+|MKL_\w+|OPENCV_\w+|OPENIMAGEIO_\w+|MALLOC_\w+|GLIBC_TUNABLES"
)


SERVES_ON = "relumix serves on "
"""What `relumix serve` says on stdout before its address, once its engines are loaded."""


def command(module: str, folder: Path) -> list[str]:
    """Return the command line that runs `main` of a module in this Python, with the packages that this process has.

    folder  in which the module's package is.

    What is in the working folder is never loaded.
    """
    return [sys.executable, "-c", _START.format(module=module), str(folder)]


def relumix_command() -> list[str]:
    """Return the command line of this very `relumix`."""
    return command("relumix.cli.main", Path(__file__).parents[2])


def decoder_environment(host: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a process that reads files of others: what Python and the image libraries look at.

    Whatever else the server's has, such as keys of a cloud, is not in it.
    """
    return {name: value for name, value in host.items() if _FOR_DECODERS.fullmatch(name.upper())}


def write_token(path: Path) -> None:
    """Write a new token for `relumix serve --token-file`, where nobody else on this machine can read it."""
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(32))


def last_words(said: str, otherwise: str) -> str:
    """Return why a `relumix` ended: the last line of what it said on stderr; `otherwise` where it said nothing."""
    return (said.strip().splitlines() or [otherwise])[-1].removeprefix("relumix: ")
