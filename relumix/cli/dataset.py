"""`relumix dataset`: what the learned engines learn from."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from relumix.cli import record_carla
from relumix.cli.values import size
from relumix.errors import InputError
from relumix.util.extras import needed
from relumix.util.words import number_of

if TYPE_CHECKING:
    from relumix.dataset.light_stage.render import Settings
    from relumix.dataset.light_stage.surfaces import Photos

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


SDF_SAMPLES = 4


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand and its own subcommands."""
    parser = commands.add_parser("dataset", help="make data to train on", description="Make data to train on.")
    kinds = parser.add_subparsers(metavar="KIND", required=True)
    _add_render(kinds)
    _add_shots(kinds)
    record_carla.add_parser(kinds)


def _add_render(kinds: Subparsers) -> None:
    parser = kinds.add_parser(
        "render",
        help="render synthetic scenes under one light at a time",
        description="Render synthetic scenes under one light at a time. Scenes that are there already are kept.",
    )
    _add_stage(parser, size_px=(256, 160), frames=8, spp=20)
    parser.set_defaults(run=run_render, default_spp=20)


def _add_shots(kinds: Subparsers) -> None:
    parser = kinds.add_parser(
        "shots",
        help="render held-out shots to be scored on",
        description="Render synthetic shots as EXR sequences, each with two relit versions as ground truth.",
    )
    _add_stage(parser, size_px=(480, 270), frames=16, spp=32)
    parser.set_defaults(run=run_shots, default_spp=32)


def _add_stage(parser: argparse.ArgumentParser, size_px: tuple[int, int], frames: int, spp: int) -> None:
    wide, high = size_px
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the scenes")
    parser.add_argument("--scenes", type=_positive, required=True, metavar="N", help="how many")
    parser.add_argument("--seed", type=_positive, required=True, metavar="S", help="of the first; the next is S + 1")
    parser.add_argument("--size", type=size, default=size_px, metavar="WxH", help=f"in pixels ({wide}x{high})")
    parser.add_argument("--frames", type=_positive, default=frames, metavar="T", help=f"frames a scene ({frames})")
    parser.add_argument("--lights", type=_positive, default=6, metavar="L", help="lights a scene (6)")
    parser.add_argument(
        "--renderer",
        choices=("mitsuba", "sdf"),
        default="mitsuba",
        help="mitsuba: path-traced meshes; sdf: signed-distance shapes, simpler and quicker (mitsuba)",
    )
    parser.add_argument(
        "--spp", type=_positive, metavar="N", help=f"samples a pixel and light ({spp}; of sdf {SDF_SAMPLES})"
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where sdf renders (auto: CUDA if any)"
    )
    parser.add_argument(
        "--generator", type=_positive, metavar="V", help="version that draws scenes from their seeds (the newest)"
    )
    parser.add_argument("--workers", type=_positive, default=1, metavar="K", help="processes to render with (1)")
    parser.add_argument(
        "--photos", type=Path, metavar="DIR", help="pictures to cut textures from (those bundled with scikit-image)"
    )


@needed("dataset render", "dataset")
def run_render(args: argparse.Namespace) -> int:
    """Render training scenes. Returns the exit code."""
    from tqdm import tqdm  # noqa: PLC0415  the parser must not wait for numpy

    from relumix.dataset.light_stage.render import render  # noqa: PLC0415

    scenes = render(args.out, *_stage(args))
    for scene in tqdm(scenes, total=args.scenes, unit="scene", disable=not sys.stderr.isatty()):
        if scene.trouble:
            tqdm.write(f"relumix: {scene.trouble}: it was", file=sys.stderr)
    print(f"{number_of(args.scenes, 'scene')} in {args.out}")
    return 0


@needed("dataset shots", "dataset")
def run_shots(args: argparse.Namespace) -> int:
    """Render held-out shots. Returns the exit code."""
    from tqdm import tqdm  # noqa: PLC0415

    from relumix.dataset.shots import render_shots  # noqa: PLC0415

    shots = render_shots(args.out, *_stage(args))
    for _ in tqdm(shots, total=args.scenes, unit="shot", disable=not sys.stderr.isatty()):
        pass
    print(f"{number_of(args.scenes, 'shot')} in {args.out}")
    return 0


def _stage(args: argparse.Namespace) -> tuple[range, Settings, Photos | None, int]:
    """What both commands render: seeds, settings, photographs, workers."""
    seeds = range(args.seed, args.seed + args.scenes)
    version = {"generator": args.generator} if args.generator else {}
    if args.renderer == "sdf":
        from relumix.dataset.light_stage.sdf.settings import SdfSettings  # noqa: PLC0415

        if args.photos:
            raise InputError(f"--renderer sdf paints its own textures: got --photos {args.photos}, leave it out")
        shape = args.size, args.frames, args.lights, args.spp or SDF_SAMPLES
        return seeds, SdfSettings(*shape, device=args.device, **version), None, args.workers
    from relumix.dataset.light_stage.scenes import StageSettings  # noqa: PLC0415
    from relumix.dataset.light_stage.surfaces import Photos  # noqa: PLC0415

    settings = StageSettings(args.size, args.frames, args.lights, args.spp or args.default_spp, **version)
    return seeds, settings, Photos(args.photos), args.workers


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected a whole number from 1")
    return number
