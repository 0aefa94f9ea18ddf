"""`relumix reference match`: the colour and contrast of another picture's light."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from relumix.settings import Settings

if TYPE_CHECKING:
    from relumix.reference.maker import Maker
    from relumix.shot.plate import Plate

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(kinds: Subparsers) -> argparse.ArgumentParser:
    """Add this kind of light, and return its parser."""
    parser = kinds.add_parser(
        "match",
        help="by the light of another picture",
        description="Make a reference that has the colour and contrast of another picture's light.",
        usage="relumix reference match PLATE --to PICTURE -o FILE [options]",
        examples=(
            "relumix reference match plate.####.exr --frame 1001 --to sunset.jpg -o relit.1001.exr",
            "relumix reference match plate.####.exr --to other.0001.exr --region face.png -o relit.1001.exr",
            "relumix reference match plate.####.exr --to sunset.jpg -o relit.1001.exr --all-of-it relit/",
        ),
    )
    add = parser.add_argument_group("match").add_argument
    add("--to", required=True, metavar="PICTURE", help="the picture whose light is wanted: EXR, JPEG, PNG, ...")
    add("--to-colorspace", metavar="NAME", help="its OCIO colour space (sRGB for integer files, else the plate's)")
    add("--region", metavar="MASK", help="matte of the plate's part that is compared with it (all of it)")
    add("--to-region", metavar="MASK", help="matte of the picture's part that is looked at (all of it)")
    add(
        "--contrast",
        type=float,
        metavar="0..1",
        help="how much is taken beside a plain grade (as much as the colours agree on)",
    )
    add("--keep-exposure", action="store_true", help="leave the plate as bright as it is")
    parser.set_defaults(maker=_maker)
    return parser


def _maker(args: argparse.Namespace, settings: Settings, plate: Plate) -> Maker:
    from relumix.reference.match.maker import Match  # noqa: PLC0415  the parser must not wait for numpy

    return Match.of(
        plate,
        args.to,
        settings.work_size,
        colorspace=args.to_colorspace,
        region=args.region,
        to_region=args.to_region,
        contrast=args.contrast,
        keep_exposure=args.keep_exposure,
    )
