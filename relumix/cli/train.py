"""`relumix train`: teach an engine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from relumix.cli.values import size
from relumix.util.extras import needed

if TYPE_CHECKING:
    from relumix.train.loop import Task

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand and the engines that learn."""
    parser = commands.add_parser("train", help="teach an engine", description="Teach an engine.")
    engines = parser.add_subparsers(metavar="ENGINE", required=True)
    _add_lite(engines)
    _add_lite_next(engines)
    _add_svd(engines)


def _add_lite(engines: Subparsers) -> None:
    parser = engines.add_parser(
        "lite",
        help="the small network that corrects what flow carries, from a light stage",
        description="Train lite on the scenes that `relumix dataset render` made. The result is in OUT/final.",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="light stage to learn from")
    parser.add_argument("--held-out", type=Path, required=True, metavar="DIR", help="light stage to validate on")
    parser.add_argument("--start", type=Path, metavar="FILE", help="weights to start from (a new network)")
    parser.add_argument("--batch", type=int, default=8, metavar="N", help="frames a step (8)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that prepare data (1)")
    add_loop_options(parser, steps=5000, rate=1e-3)
    parser.set_defaults(run=run_lite)


def _add_lite_next(engines: Subparsers) -> None:
    parser = engines.add_parser(
        "lite-next",
        help="what lite is to become: renders its scenes itself, and learns by the clock",
        description="Render scenes and learn from them in one process, for so many minutes. OUT/lite.safetensors is "
        "the result so far. SIGTERM or Ctrl-C end it with all that it learned; --resume goes on.",
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    add("--minutes", type=float, required=True, metavar="M", help="to render and learn, in all")
    add("--resume", action="store_true", help="go on with the run in OUT")
    add(
        "--size", type=size, nargs="+", default=[(256, 160)], metavar="WxH", help="of frames, multiples of 16 (256x160)"
    )
    add("--batch", type=int, default=8, metavar="N", help="examples a step (8)")
    add("--pool", type=int, default=32, metavar="N", help="clips that examples are drawn from (32)")
    add("--steps-a-clip", type=int, default=2, metavar="N", help="steps until the next clip is rendered (2)")
    add("--data", metavar="DIR", help="light stage with planes, of this size: a quarter of what is learned at the end")
    add("--rate", type=float, default=6e-4, metavar="X", help="highest learning rate (6e-4)")
    add("--seed", type=int, default=1, metavar="N", help="of scenes, weights and examples (1)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to do all of it (auto: CUDA if any)")
    add("--threads", type=int, metavar="N", help="of the renderer and of torch on the CPU (as they choose)")
    parser.set_defaults(run=run_lite_next)


def _add_svd(engines: Subparsers) -> None:
    parser = engines.add_parser(
        "svd",
        help="the published method, from Stable Video Diffusion",
        description="Fine-tune Stable Video Diffusion to carry light. The result, a whole model, is in OUT/final.",
    )
    add = parser.add_argument
    add("--base", type=Path, required=True, metavar="DIR", help="Stable Video Diffusion, or a model to go on from")
    add("--data", type=Path, required=True, metavar="DIR", help="CARLA Relight, or a light stage")
    add("--frames", type=int, default=14, metavar="N", help="of a clip (14)")
    add("--size", type=size, default=(512, 512), metavar="WxH", help="of CARLA's frames (512x512)")
    add("--batch", type=int, default=1, metavar="N", help="clips a step (1)")
    add("--pairs", type=int, default=20_000, metavar="N", help="different clips that are drawn in all (20000)")
    add("--cache", type=Path, metavar="DIR", help="keep there what VAE and CLIP make of each clip")
    add_loop_options(parser, steps=20_000, rate=2e-5)
    parser.set_defaults(run=run_svd)


def add_loop_options(parser: argparse.ArgumentParser, *, steps: int, rate: float) -> None:
    """Add what every training takes, with an engine's own defaults."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in OUT")
    parser.add_argument("--steps", type=int, default=steps, metavar="N", help=f"in all ({steps})")
    parser.add_argument("--rate", type=float, default=rate, metavar="X", help=f"highest learning rate ({rate})")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of weights, data and noise (1)")
    parser.add_argument("--precision", choices=("no", "bf16", "fp16"), default="no", help="mixed precision (no)")
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto", help="where to train (auto: CUDA if any)")
    parser.add_argument("--threads", type=int, metavar="N", help="of torch on the CPU (as torch chooses)")
    parser.add_argument("--validate-every", type=int, default=500, metavar="N", help="between validations (500)")
    parser.add_argument("--checkpoint-every", type=int, default=250, metavar="N", help="between checkpoints (250)")


@needed("train lite", "train")
def run_lite(args: argparse.Namespace) -> int:
    """Train lite. Returns the exit code."""
    from relumix.train.lite import LiteTask  # noqa: PLC0415  the parser must not wait for torch

    return run_training(args, LiteTask(args.data, args.held_out, args.batch, args.workers, start=args.start))


@needed("train svd", "train")
def run_svd(args: argparse.Namespace) -> int:
    """Train svd. Returns the exit code."""
    from relumix.train.svd import SvdTask  # noqa: PLC0415

    names = ("base", "data", "frames", "batch", "pairs", "cache", "device")
    return run_training(args, SvdTask(size_px=args.size, **{name: getattr(args, name) for name in names}))


@needed("train lite-next", "dataset")
def run_lite_next(args: argparse.Namespace) -> int:
    """Render and learn. Returns the exit code: 0, or 143 when told to stop."""
    from relumix.dataset import llvm  # noqa: PLC0415
    from relumix.dataset.light_stage.sdf.backend import choose  # noqa: PLC0415

    types = choose(args.device, llvm.use_if_any())
    import drjit  # noqa: PLC0415
    import torch  # noqa: PLC0415

    from relumix.engines.lite_next.training.run import Settings, train  # noqa: PLC0415

    if args.threads:
        torch.set_num_threads(args.threads)
        drjit.set_thread_count(args.threads)
    names = ("minutes", "batch", "pool", "steps_a_clip", "data", "rate", "seed")
    settings = Settings(sizes=tuple(args.size), **{name: getattr(args, name) for name in names})
    done = train(settings, args.out, types, resume=args.resume, say=lambda line: print(line, flush=True))
    return 0 if done else 143


def run_training(args: argparse.Namespace, task: Task) -> int:
    """Train a task as `add_loop_options` was answered. Returns the exit code: 0, or 143 when told to stop."""
    import torch  # noqa: PLC0415

    from relumix.train.loop import StoppedError, TrainSettings, train  # noqa: PLC0415

    if args.threads:
        torch.set_num_threads(args.threads)
    names = ("steps", "rate", "seed", "precision", "device", "validate_every", "checkpoint_every")
    settings = TrainSettings(**{name: getattr(args, name) for name in names})
    try:
        train(task, settings, args.out, resume=args.resume, say=lambda line: print(line, flush=True))
    except StoppedError as error:
        print(f"relumix: {error}", file=sys.stderr)
        return 143
    return 0
