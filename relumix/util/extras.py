"""Optional packages: a missing one raises an error that names the extra which installs it."""

from __future__ import annotations

import importlib.util
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from relumix.errors import InputError


class MissingPackageError(InputError, ModuleNotFoundError):
    """A package is missing that an extra of relumix brings. Its text says how to install it."""


@contextmanager
def needed(what: str, extra: str, *, otherwise: str = "") -> Iterator[None]:
    """Around imports: raises MissingPackageError, which says what needs which package and how to get it.

    what       the user's word for what is asked for, such as "evaluate".
    extra      the extra of relumix that brings all of it.
    otherwise  what else helps, after the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if isinstance(error, MissingPackageError) or (error.name or "relumix").startswith("relumix"):
            raise  # it is said already, or it is a fault of ours
        raise _missing(what, str(error.name), extra, otherwise) from error


def require(what: str, extra: str, *modules: str) -> None:
    """As `needed`, without importing anything: raises MissingPackageError for the first module that is not there."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise _missing(what, module, extra, "")


def install_command(extra: str) -> str:
    """Return the command that installs relumix once more with an extra, from where it was installed from."""
    return f"pip install {_requirement(extra, _origin())}"


def _missing(what: str, module: str, extra: str, otherwise: str) -> MissingPackageError:
    package = module.partition(".")[0]
    return MissingPackageError(f"{what} needs the package {package}: {install_command(extra)}{otherwise}")


def _origin() -> dict[str, Any]:
    """What pip noted of where relumix came from (PEP 610); nothing where it came from an index."""
    import importlib.metadata  # noqa: PLC0415  slow to load, and most never need it

    # Beside a clone's own metadata lies that of its installation, which alone has the note.
    for distribution in importlib.metadata.distributions(name="relumix"):
        if noted := distribution.read_text("direct_url.json"):
            found: dict[str, Any] = json.loads(noted)
            return found
    return {}


def _requirement(extra: str, origin: dict[str, Any]) -> str:
    url = str(origin.get("url", ""))
    if vcs := origin.get("vcs_info"):
        return shlex.quote(f"relumix[{extra}] @ {vcs['vcs']}+{url}@{vcs['commit_id']}")
    if url.startswith("file:"):  # a clone or a wheel
        path = shlex.quote(f"{url2pathname(urlsplit(url).path)}[{extra}]")
        return f"-e {path}" if origin.get("dir_info", {}).get("editable") else path
    return shlex.quote(f"relumix[{extra}] @ {url}" if url else f"relumix[{extra}]")
