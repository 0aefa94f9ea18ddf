"""`relumix convert`: published weights into a folder that the svd engine loads."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from relumix.util.extras import needed

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "convert",
        help="convert a published checkpoint for the svd engine",
        description="Convert a checkpoint in the layout of Stability's generative-models to a diffusers folder: what "
        "`relight --engine svd --model DIR` takes. The VAE and CLIP encoder are the base's: copies of them in the "
        "checkpoint are left out, and so are networks that only training's loss asks (lpips.*, loss_fn.*).",
    )
    add = parser.add_argument
    add("checkpoint", metavar="CHECKPOINT", type=Path, help=".pth, .ckpt or .safetensors; code in it is never run")
    add("-o", "--output", metavar="DIR", type=Path, required=True, help="folder to make")
    add("--config", metavar="FILE", type=Path, help="the network's hyper-parameters as JSON (the published network's)")
    add(
        "--base",
        metavar="DIR",
        type=Path,
        help="Stable Video Diffusion as diffusers saves it: makes DIR a whole model",
    )
    add("--ema", action="store_true", help="take the running average of the weights, model_ema.* (the last weights)")
    parser.set_defaults(run=run)


@needed("convert", "svd")
def run(args: argparse.Namespace) -> int:
    """Convert and say what was written. Returns the exit code."""
    from relumix.engines.svd.convert import convert  # noqa: PLC0415  the parser must not wait for torch

    made = convert(args.checkpoint, args.output, config=args.config, base=args.base, ema=args.ema)
    if made.frozen:
        source = args.base or "the base (none was given: --base)"
        print(f"left out {made.frozen} tensors of the VAE and CLIP, which the method keeps frozen: {source} has them")
    if made.loss:
        print(f"left out {made.loss} tensors of the loss's networks (lpips.*, loss_fn.*), which training alone asks")
    if made.averages:
        print(f"left out {made.averages} tensors of the running average (model_ema.*): take them with --ema")
    print(f"wrote {made.network}: {made.parameters:,} parameters, {', '.join(made.dtypes)}")
    return 0
