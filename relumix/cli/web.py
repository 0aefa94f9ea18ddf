"""`relumix web`: a page to try it."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from typing import TYPE_CHECKING

from relumix.cli.threads import let_idle_threads_sleep
from relumix.cli.values import byte_count
from relumix.util.extras import needed

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand. Its options are the fields of relumix.web.options.Options, and their defaults."""
    parser = commands.add_parser(
        "web",
        help="open a page in the browser to try it",
        description="Serve a page to relight clips in a browser (docs/web.md), and open it.",
        examples=("relumix web", "relumix web --root /shots", "relumix web --listen 0.0.0.0:7860 --token-file tokens"),
        argument_default=argparse.SUPPRESS,
    )
    add = parser.add_argument_group("who may come").add_argument
    add("--listen", metavar="HOST:PORT", help="where the page is (127.0.0.1:7860); port 0 takes a free one")
    add("--token-file", metavar="FILE", help="tokens, one a line, of which a visitor must bring one")
    add("--tls-cert", metavar="FILE", help="certificate of the page, PEM")
    add("--tls-key", metavar="FILE", help="its key, PEM")
    add("--root", metavar="DIR", action="append", help="clips below it may be named; may be given several times")
    add("--no-open", action="store_true", help="do not open a browser")
    add = parser.add_argument_group("engines").add_argument
    add("--engine", metavar="NAMES", help="engines to load, by commas; the first is the default (flow)")
    add("--model", metavar="PATH", help="weights of the engine that takes some (its own)")
    add("--device", choices=("auto", "cpu", "cuda"), help="where engines run (auto)")
    add("--words-model", metavar="DIR", help="folder of a model that makes references by words (none)")
    add("--depth-model", metavar="DIR", help="folder of a model of depth, for lamps on any clip (none)")
    add("--metrics", metavar="HOST:PORT", help="their status page (a free port of 127.0.0.1)")
    _add_limits(parser.add_argument_group("limits"))
    parser.set_defaults(run=run)


def _add_limits(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--folder", metavar="DIR", help="for visitors' files (the system's for temporary files)")
    add("--max-upload-bytes", metavar="BYTES", type=byte_count, help="of one clip or picture, like 500M (2G)")
    add("--max-session-bytes", metavar="BYTES", type=byte_count, help="of all that one visitor has (16G)")
    add("--max-pixels", metavar="N", type=int, help="of one frame (67108864)")
    add("--max-frames", metavar="N", type=int, help="of one clip (2000)")
    add("--max-sessions", metavar="N", type=int, help="visitors at once (32)")
    add("--max-jobs", metavar="N", type=int, help="shots that are relit at once (2)")
    add("--upload-seconds", metavar="S", type=float, help="that one upload may take (1800)")
    add("--session-seconds", metavar="S", type=float, help="without a visit, after which files are removed (7200)")


@needed("the page", "web")
def run(args: argparse.Namespace) -> int:
    """Serve until told to stop. Returns the exit code."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from relumix.web.options import Options  # noqa: PLC0415  the parser must not wait for it

    given = {name: value for name, value in vars(args).items() if name not in ("run", "no_open")}
    given["root"] = tuple(given.get("root", ()))
    if "engine" in given:
        given["engine"] = tuple(name.strip() for name in given["engine"].split(",") if name.strip())
    options = Options(**given)
    let_idle_threads_sleep()
    from relumix.web.app import serve  # noqa: PLC0415

    def ready(address: str) -> None:
        print(f"relumix's page is at {address}", flush=True)
        if not getattr(args, "no_open", False) and options.local and _has_screen():
            webbrowser.open(address)

    serve(options, ready)
    return 0


def _has_screen() -> bool:
    """Tell whether a browser would be seen: in a terminal alone, a text browser could take that over."""
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
