"""`relumix reference text`: light by words, as an image model pictures it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from relumix.settings import Settings
from relumix.util.extras import require
from relumix.util.words import from_utf8

if TYPE_CHECKING:
    from relumix.reference.maker import Maker
    from relumix.shot.plate import Plate

    Add = argparse._ActionsContainer
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(kinds: Subparsers) -> argparse.ArgumentParser:
    """Add this kind of light, and return its parser."""
    parser = kinds.add_parser(
        "text",
        help="by words, as an image model pictures it",
        description="Make a reference by words: an image model of your own pictures the plate under that light, and "
        "the light of its picture is taken over (docs/reference.md).",
        usage="relumix reference text PLATE --prompt WORDS --model DIR -o FILE [options]",
        examples=(
            "relumix reference text plate.####.exr --prompt 'make it night' --model instruct-pix2pix -o relit.1001.exr",
            "relumix reference text plate.####.exr --prompt 'low evening sun' --model DIR -n 4 -o relit.1001.exr "
            "--contact-sheet choose.png",
            "relumix reference text plate.####.exr --prompt 'sunlight' --model stable-diffusion "
            "--ic-light iclight_sd15_fc.safetensors --light-from left -o relit.1001.exr",
        ),
    )
    _add_words(parser.add_argument_group("words"))
    _add_model(parser.add_argument_group("the model"))
    _add_ic_light(parser.add_argument_group("IC-Light"))
    parser.set_defaults(maker=_maker)
    return parser


def _add_words(group: Add) -> None:
    add = group.add_argument
    add("--prompt", required=True, metavar="WORDS", help="what the light is to be; to an editing model, what to change")
    add("--negative-prompt", metavar="WORDS", help="what is not wanted, where the model heeds it")
    add("--strength", type=float, metavar="0..1", help="how far image-to-image may go from the plate (the model's)")
    add("--seed", type=int, default=0, metavar="N", help="another number, another picture (%(default)s)")
    add(
        "-n", "--candidates", type=int, default=1, metavar="N", help="so many to choose from, each of the next seed (1)"
    )
    add("--coarse", type=int, default=1, metavar="N", help="take light from pictures N times smaller (%(default)s)")
    add(
        "--leave-out",
        metavar="MASK",
        help="matte of what the model changed: no light is taken there, but from around it",
    )
    add("--transfer", choices=("gain", "direct"), help="the picture's light, or its pixels (%(default)s)")


def _add_model(group: Add) -> None:
    add = group.add_argument
    add("--model", required=True, metavar="DIR", help="folder of the model, as diffusers keeps it")
    add("--pipeline", metavar="CLASS", help="what diffusers loads it as (what its folder says)")
    add("--steps", type=int, metavar="N", help="steps of its sampler (the model's)")
    add("--guidance", type=float, metavar="X", help="how closely it follows the words (the model's)")
    add("--image-guidance", type=float, metavar="X", help="how closely it keeps to the plate (InstructPix2Pix)")
    add("--size", type=int, metavar="PX", help="edge of a square with as many pixels as its picture (the model's)")
    add("--precision", choices=("auto", "fp32", "fp16", "bf16"), default="auto", help="of its numbers (%(default)s)")
    add("--offload", action="store_true", help="have each part on the GPU only while it works")


def _add_ic_light(group: Add) -> None:
    add = group.add_argument
    add("--ic-light", metavar="FILE", help="its checkpoint, fc or fbc; --model is then Stable Diffusion 1.5")
    add("--light-from", choices=("left", "right", "top", "bottom", "ambient"), help="where the light comes from")
    add("--background", metavar="PICTURE", help="a picture whose light it is (fbc), or to start from (fc)")
    add("--subject", metavar="MASK", help="matte of what is lit (all of the plate)")


def _maker(args: argparse.Namespace, settings: Settings, plate: Plate) -> Maker:
    require("reference text", "svd", "torch", "diffusers", "transformers", "accelerate")
    from relumix.reference.text.background import read_background  # noqa: PLC0415  the parser must not wait for these
    from relumix.reference.text.folder import ModelFolder  # noqa: PLC0415
    from relumix.reference.text.maker import Words  # noqa: PLC0415
    from relumix.reference.text.options import TextOptions  # noqa: PLC0415

    options = TextOptions(
        from_utf8(args.prompt),
        None if args.negative_prompt is None else from_utf8(args.negative_prompt),
        strength=args.strength,
        steps=args.steps,
        guidance=args.guidance,
        image_guidance=args.image_guidance,
        size=args.size,
        seed=args.seed,
        count=args.candidates,
    )
    return Words(
        ModelFolder.of(Path(args.model)),
        options,
        pipeline=args.pipeline,
        device=settings.device,
        precision=args.precision,
        offload=args.offload,
        direct=settings.transfer == "direct",
        coarse=args.coarse,
        leave_out=Path(args.leave_out) if args.leave_out else None,
        subject=Path(args.subject) if args.subject else None,
        ic_light=Path(args.ic_light) if args.ic_light else None,
        direction=args.light_from,
        background=read_background(Path(args.background), plate) if args.background else None,
    )
