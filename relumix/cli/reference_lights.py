"""`relumix reference lights`: light by lamps, on the geometry of a frame."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from relumix.errors import InputError
from relumix.settings import Settings

if TYPE_CHECKING:
    from relumix.reference.maker import Maker
    from relumix.shot.plate import Plate

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_MAPS = {"normals": "normal", "position": "position", "depth": "depth", "albedo": "albedo"}


def add_parser(kinds: Subparsers) -> argparse.ArgumentParser:
    """Add this kind of light, and return its parser."""
    parser = kinds.add_parser(
        "lights",
        help="by lamps: suns, points, spots, areas, a dome",
        description="Make a reference that has the light of lamps, on the geometry of the frame.",
        usage="relumix reference lights PLATE --lights FILE.json -o FILE [options]",
        examples=(
            "relumix reference lights cg.####.exr --frame 1001 --lights lights.json -o relit.1001.exr",
            "relumix reference lights plate.####.exr --lights lights.json --depth z.exr --fov 40 -o relit.1001.exr",
            "relumix reference lights plate.####.exr --lights lights.json --estimate depth-model/ -o relit.1001.exr",
        ),
    )
    add = parser.add_argument_group("lights").add_argument
    add("--lights", required=True, metavar="FILE.json", help="the rig (docs/reference.md)")
    add("--normals", metavar="PATTERN", help="normals, in the world or the camera's space (the plate's N)")
    add("--position", metavar="PATTERN", help="positions, in the world or the camera's space (the plate's P)")
    add("--depth", metavar="PATTERN", help="depth, in the units of the rig (the plate's Z)")
    add("--depth-is", choices=("axis", "distance"), default="axis", help="measured along the axis, or from the camera")
    add("--depth-codes", metavar="BLACK,WHITE", help="what black and white of --depth stand for, such as 10,1")
    add("--albedo", metavar="PATTERN", help="albedo (the plate's; without any it is estimated)")
    add("--fov", type=float, metavar="DEG", help="angle across the display window (what the header says)")
    add("--estimate", metavar="DIR", help="folder of a depth model in transformers' layout, to estimate depth with")
    add("--depth-range", metavar="NEAR,FAR", help="where an estimate without units puts the nearest and farthest (1,5)")
    parser.set_defaults(maker=_maker)
    return parser


def _maker(args: argparse.Namespace, settings: Settings, plate: Plate) -> Maker:
    from relumix.reference.lights.geometry import Sources  # noqa: PLC0415  the parser must not wait for numpy
    from relumix.reference.lights.maker import Lights  # noqa: PLC0415
    from relumix.reference.lights.rig import RigFile  # noqa: PLC0415
    from relumix.shot.sequence import Sequence as Shot  # noqa: PLC0415

    if args.fov is not None and not 0 < args.fov < 180:
        raise InputError(f"fov is {args.fov:g}: expected an angle across the picture above 0 and below 180 degrees")
    rig = RigFile(Path(args.lights))
    given = {name: getattr(args, name) for name in _MAPS if getattr(args, name)}
    if args.estimate and (both := [name for name in ("normals", "position", "depth") if name in given]):
        raise InputError(f"--estimate and --{both[0]} are both given: depth is either estimated or known")
    if args.depth_range and not args.estimate:
        raise InputError("--depth-range goes with --estimate alone")
    estimate = None
    if args.estimate:
        from relumix.reference.lights.depth_model import DepthModel  # noqa: PLC0415

        estimate = DepthModel.load(Path(args.estimate), args.device, _range(args.depth_range or "1,5"))
    if args.depth_codes and not args.depth:
        raise InputError("--depth-codes goes with --depth alone")
    codes = _codes(args.depth_codes)
    files = {_MAPS[name]: Shot.find(pattern) for name, pattern in given.items()}
    sources = Sources(files, args.depth_is, args.fov, estimate, codes)
    named = {name: Path(path).name for name in ("lights", "estimate", *_MAPS) if (path := getattr(args, name))}
    ways = ("depth_is", "fov", "depth_range", *(["depth_codes"] if args.depth_codes else []))
    options = {**named, **{name: getattr(args, name) for name in ways}}
    return Lights(plate, rig, sources, options, estimate.files if estimate else ())


def _codes(text: str | None) -> tuple[float, float] | None:
    """Return the depth of black and of white."""
    if text is None:
        return None
    try:
        black, white = (float(each) for each in text.split(","))
    except ValueError:
        black, white = 0.0, 0.0
    if not (0 <= min(black, white) < max(black, white) < 1e9):
        raise InputError(f"depth codes are {text!r}: expected the depth of black and of white, such as 10,1")
    return black, white


def _range(text: str) -> tuple[float, float]:
    try:
        near, far = (float(each) for each in text.split(","))
    except ValueError:
        near, far = 0.0, 0.0
    if not 0 < near < far < 1e9:
        raise InputError(f"depth range is {text!r}: expected two numbers above 0, the nearest first, such as 1,5")
    return near, far
