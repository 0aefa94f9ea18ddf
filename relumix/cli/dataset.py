"""`relumix dataset`: what the learned engines learn from."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from relumix.cli import record_carla
from relumix.cli.values import size

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand and its own subcommands."""
    parser = commands.add_parser("dataset", help="make data to train on", description="Make data to train on.")
    kinds = parser.add_subparsers(metavar="KIND", required=True)
    _add_render(kinds)
    record_carla.add_parser(kinds)


def _add_render(kinds: Subparsers) -> None:
    parser = kinds.add_parser(
        "render",
        help="render synthetic scenes under one light at a time",
        description="Render synthetic scenes under one light at a time. Scenes that are there already are kept.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the scenes")
    parser.add_argument("--scenes", type=_positive, required=True, metavar="N", help="how many")
    parser.add_argument("--seed", type=int, required=True, metavar="S", help="of the first scene; the next is S + 1")
    parser.add_argument("--size", type=size, default=(256, 160), metavar="WxH", help="in pixels (256x160)")
    parser.add_argument("--frames", type=_positive, default=8, metavar="T", help="frames a scene (8)")
    parser.add_argument("--lights", type=_positive, default=6, metavar="L", help="lights a scene (6)")
    parser.add_argument("--spp", type=_positive, default=20, metavar="N", help="samples a pixel and light (20)")
    parser.add_argument("--workers", type=_positive, default=1, metavar="K", help="processes to render with (1)")
    parser.add_argument(
        "--photos", type=Path, metavar="DIR", help="pictures to cut textures from (those bundled with scikit-image)"
    )
    parser.set_defaults(run=run_render)


def run_render(args: argparse.Namespace) -> int:
    """Render. Returns the exit code."""
    from tqdm import tqdm  # noqa: PLC0415  the parser must not wait for numpy

    from relumix.dataset.render import render  # noqa: PLC0415
    from relumix.dataset.scenes import StageSettings  # noqa: PLC0415
    from relumix.dataset.surfaces import Photos  # noqa: PLC0415

    settings = StageSettings(args.size, args.frames, args.lights, args.spp)
    seeds = range(args.seed, args.seed + args.scenes)
    scenes = render(args.out, seeds, settings, Photos(args.photos), args.workers)
    with tqdm(total=args.scenes, unit="scene", disable=not sys.stderr.isatty()) as bar:
        for scene in scenes:
            if scene.trouble:
                tqdm.write(f"relumix: {scene.trouble}: rendered again", file=sys.stderr)
            bar.update()
    print(f"{args.scenes} scenes in {args.out}")
    return 0


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected a whole number from 1")
    return number
