"""Options that all kinds of `relumix reference` have: those of relight that a single frame has use for."""

from __future__ import annotations

import argparse

from relumix.cli.presets import PROJECT_FILE
from relumix.cli.progress import Show
from relumix.cli.relight import add_servers
from relumix.errors import InputError

PRESET = ("colorspace", "deinterlace", "layer", "view", "premult", "device", "work_size", "compression", "bits")
"""Presets of relight that count for references too. Others, like its mix, are for the shot that is made from them."""

Group = argparse._ArgumentGroup


def add_files(group: Group) -> None:
    """Add what is read, and where the reference goes."""
    add = group.add_argument
    one = group.add_mutually_exclusive_group()
    one.add_argument("--frame", dest="frames", type=_number, metavar="N", help="frame to make it of (the first)")
    one.add_argument("--frames", metavar="RANGE", help="several frames, like 1001-1100x20: a reference each")
    add("-o", "--output", required=True, metavar="FILE", help="where it goes: relit.1001.exr, a pattern, or a folder")
    add("--mask", metavar="PATTERN", help="matte, or mattes: light changes only where they are above 0")
    add("--colorspace", metavar="NAME", help="OCIO colour space of the plate (EXR: linear); `relumix colorspaces`")
    add("--deinterlace", action="store_true", help="make whole frames of an interlaced movie's fields")
    add("--layer", metavar="NAME", help="layer to relight (the main RGB)")
    add("--view", metavar="NAME", help="view to relight (the default one)")
    add("--premult", choices=("auto", "yes", "no"), help="whether alpha is coverage or a matte (%(default)s: look)")


def _number(text: str) -> str:
    try:
        return str(int(text))
    except ValueError:
        raise InputError(
            f"got --frame {text[:20]}, expected one number, such as 1001; --frames takes several"
        ) from None


def add_light(group: Group) -> None:
    """Add what is done with the light, whoever makes it."""
    group.add_argument("--mix", type=float, metavar="0..1", help="0 is the plate, 1 the relit plate (%(default)s)")
    group.add_argument("--work-size", type=int, metavar="PX", help="long edge at which light is made (%(default)s)")


def add_written(group: Group) -> None:
    """Add what else is written, and how."""
    add = group.add_argument
    add("--gain-out", metavar="FILE", help="also write the light itself, as gain in stops")
    add("--contact-sheet", metavar="FILE.png", help="also write a picture of the plate, each candidate and its light")
    add("--compression", metavar="NAME", help="EXR compression: zip, dwaa:45, ... (the plate's; zip for lossy ones)")
    add("--bits", choices=("half", "float"), help="type of the relit channels (the plate's)")
    add("--overwrite", action="store_true", help="write again what is up to date, and over other files")


def add_all_of_it(parser: argparse.ArgumentParser) -> None:
    """Add what relights the shot from the reference at once."""
    add = parser.add_argument_group("the whole shot at once").add_argument
    add("--all-of-it", metavar="OUTPUT", help="relight the shot from it, into that pattern or folder")
    add("--engine", help="what carries the light, as relight has it (flow)")
    add("--engine-option", dest="engine_options", action="append", metavar="NAME=VALUE", help="an option of it")
    add("--engine-model", metavar="PATH", help="its weights (its own)")
    add("--preview", metavar="FILE.mp4", help="also write a movie of plate and result")
    add_servers(parser.add_argument_group("with --server").add_argument)


def add_how(group: Group) -> None:
    """Add how it is run."""
    add = group.add_argument
    add("--device", choices=("auto", "cpu", "cuda"), help="where it runs (%(default)s)")
    add(
        "--config",
        metavar="FILE",
        help=f"a TOML file of options of relight ({PROJECT_FILE}, here or in a folder above)",
    )
    add("--progress", choices=[show.value for show in Show], default=Show.AUTO.value, help="how to tell (%(default)s)")
    add("--dry-run", action="store_true", help="check the input, print what would be done, and stop")
