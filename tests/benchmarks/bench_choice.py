"""What choosing among the next `lite`'s candidates could give, and what of it a chooser learns.

    python tests/benchmarks/bench_choice.py WEIGHTS [--clips 24] [--examples 480] [--steps 150] [--loss whole ...]

Clips are rendered, and candidates found, with the network of WEIGHTS. Then a chooser is taught anew, and it alone, so
that minutes are enough; it is tried on clips that it has not seen. PSNR in dB of display values, means over examples:

each candidate, their mean and median; and what a match without mistakes would carry ("true tracks")
one an example   the best of them for all of it
best NxN         in each pixel the one of least error in a patch; in a single pixel (1x1) much of that is luck:
luck 1x1         the same where candidates differ from the first as they do 24 pixels away, which tells nothing
chosen           by shares; hard: the likeliest alone; whole: with the residual
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from relumix.dataset import llvm
from relumix.dataset.light_stage.sdf.backend import choose
from relumix.engines.lite_next.engine import load_network
from relumix.engines.lite_next.layers import sample
from relumix.engines.lite_next.network import CANDIDATES, Answer, LightNet, Look, Reference, shares
from relumix.engines.lite_next.training.clips import Clip, Stage
from relumix.engines.lite_next.training.learn import references_of
from relumix.engines.lite_next.training.losses import Light, display, light_losses, total
from relumix.engines.lite_next.training.pairs import Example, View, draw
from relumix.engines.lite_next.training.run import HELD_OUT, SEEDS_A_RUN
from relumix.util.words import number_of

SIZE, FRAMES, LIGHTS = (128, 80), 8, 6
BATCH, RATE, WARM_UP_STEPS = 4, 2e-3, 20
PATCHES = (1, 3, 5, 9, 17)
LUCK_PX = 24


@dataclass(frozen=True)
class Seen:
    """Examples as the chooser sees them."""

    look: Look
    gains: Tensor
    evidence: Tensor
    view: View
    light: Light
    tracked: Tensor

    def squares(self, gain: Tensor) -> Tensor:
        """Squared errors [B, h, w] of a gain in units of spread."""
        stops = gain * self.light.spread + self.light.level
        return (display(self.view, stops) - display(self.view, self.view.truth)).square().mean(1)


def collect(network: LightNet, clips: list[Clip], examples: int, seed: int) -> list[Seen]:
    """Draw examples of clips in turn, in batches of BATCH."""
    found = []
    with torch.no_grad():
        for i in range(examples // BATCH):
            these = [clips[(i * BATCH + k) % len(clips)] for k in range(BATCH)]
            example = draw(these, np.random.default_rng([seed, i]), BATCH)
            look = network.look(example.frame.picture)
            light, references = references_of(example, [network.look(one.view.picture) for one in example.references])
            candidates = network.candidates(look, references, light.spread)
            found.append(Seen(look, *candidates, example.frame, light, _tracked(example, references)))
    return found


def _tracked(example: Example, references: list[Reference]) -> Tensor:
    """The references' gain along the true tracks; of several, where a place is seen."""
    pairs = list(zip(references, example.references, strict=True))
    seen = [given.seen + 1e-3 for given in example.references]
    brought = [sample(one.gain, given.track) * share for (one, given), share in zip(pairs, seen, strict=True)]
    return torch.stack(brought).sum(0) / torch.stack(seen).sum(0)


def ceilings(seen: list[Seen]) -> dict[str, float]:
    """What candidates and ideal choices give."""
    squares: dict[str, list[Tensor]] = defaultdict(list)
    for one in seen:
        each = torch.stack([one.squares(gain) for gain in one.gains.unbind(1)], 1)
        for name, values in zip(CANDIDATES, each.unbind(1), strict=False):
            squares[name].append(values)
        squares["true tracks"].append(one.squares(one.tracked))
        squares["mean"].append(one.squares(one.gains.mean(1)))
        squares["median"].append(one.squares(one.gains.median(1).values))
        squares["one an example"].append(_picked(each, each.mean((2, 3), keepdim=True)))
        for patch in PATCHES:
            around = F.avg_pool2d(each, patch, 1, patch // 2, count_include_pad=False)
            squares[f"best {patch}x{patch}"].append(_picked(each, around))
        first = one.gains[:, :1]
        elsewhere = torch.roll(one.gains - first, (LUCK_PX, LUCK_PX), (-2, -1)) + first
        lucky = torch.stack([one.squares(gain) for gain in elsewhere.unbind(1)], 1)
        squares["luck 1x1"].append(_picked(lucky, lucky))
    return _psnr(squares)


def _picked(each: Tensor, by: Tensor) -> Tensor:
    """Of errors [B, n, h, w] those of the candidate that is least in `by`."""
    return each.gather(1, by.argmin(1, keepdim=True).expand(-1, -1, *each.shape[-2:]))[:, 0]


def _psnr(squares: dict[str, list[Tensor]]) -> dict[str, float]:
    means = {name: torch.cat(each).mean((1, 2)).clamp_min(1e-10) for name, each in squares.items()}
    return {name: float((-10 * torch.log10(mean)).mean()) for name, mean in means.items()}


def doubts_alone(answer: Answer, seen: Seen) -> Tensor:
    """The loss on the expected errors, and on nothing else."""
    return light_losses(answer, seen.view, seen.light)["doubts"]


def image_alone(answer: Answer, seen: Seen) -> Tensor:
    """The losses on the result, none on the choice."""
    parts = light_losses(answer, seen.view, seen.light)
    return total({name: part for name, part in parts.items() if name != "doubts"})


def whole(answer: Answer, seen: Seen) -> Tensor:
    """What the training has."""
    return total(light_losses(answer, seen.view, seen.light))


def expected(answer: Answer, seen: Seen) -> Tensor:
    """The mean error of the candidates under their shares."""
    each = torch.stack([seen.squares(gain) for gain in answer.candidates.unbind(1)], 1)
    return (shares(answer.doubts) * each.sqrt()).sum(1).mean()


LOSSES: dict[str, Callable[[Answer, Seen], Tensor]] = {
    "whole": whole,
    "image": image_alone,
    "doubts": doubts_alone,
    "expected": expected,
}


def teach(network: LightNet, seen: list[Seen], steps: int, loss: Callable[[Answer, Seen], Tensor]) -> None:
    """Teach a new chooser."""
    torch.manual_seed(0)
    fresh = LightNet(**network.shape)
    network.chooser.load_state_dict(fresh.chooser.state_dict())
    network.said.load_state_dict(fresh.said.state_dict())
    learned = [*network.chooser.parameters(), *network.said.parameters()]
    optimizer = torch.optim.AdamW(learned, RATE, betas=(0.9, 0.98), weight_decay=1e-3)
    random = np.random.default_rng(1)
    for step in range(steps):
        fall = np.cos(step / steps * np.pi / 2) ** 2
        optimizer.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / WARM_UP_STEPS) * max(0.02, fall)
        one = seen[int(random.integers(len(seen)))]
        optimizer.zero_grad()
        loss(network.choose(one.look, one.gains, one.evidence, one.light.spread), one).backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()


@torch.no_grad()
def chosen(network: LightNet, seen: list[Seen]) -> dict[str, float]:
    """What a chooser makes of candidates."""
    squares: dict[str, list[Tensor]] = defaultdict(list)
    for one in seen:
        answer = network.choose(one.look, one.gains, one.evidence, one.light.spread)
        each = torch.stack([one.squares(gain) for gain in answer.candidates.unbind(1)], 1)
        mixture = (shares(answer.doubts)[:, :, None] * answer.candidates).sum(1)
        squares["chosen"].append(one.squares(mixture))
        squares["hard"].append(_picked(each, answer.doubts))
        squares["whole"].append(one.squares(answer.gain))
    return _psnr(squares)


def lines(title: str, figures: dict[str, float]) -> Iterator[str]:
    """A table."""
    yield title
    for name, value in figures.items():
        yield f"  {name:16}{value:6.2f}"


def main() -> int:
    """Run the command. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("weights", type=Path, help="lite.safetensors of a run of `relumix train lite-next`, or its folder")
    add("--clips", type=int, default=24, metavar="N", help="to learn from (24)")
    add("--held-out", type=int, default=8, metavar="N", help="clips to try it on (8)")
    add("--examples", type=int, default=480, metavar="N", help="drawn of the clips (480), a fifth of that held out")
    add("--steps", type=int, default=150, metavar="N", help="of learning (150)")
    add("--loss", nargs="*", choices=LOSSES, default=["whole"], help="what to learn by, each from the start (whole)")
    add("--threads", type=int, default=1, metavar="N", help="of torch (1)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    stage = Stage(choose("cpu", llvm.use_if_any()), SIZE, FRAMES, LIGHTS, torch.device("cpu"))
    file = args.weights / "lite.safetensors" if args.weights.is_dir() else args.weights
    network = load_network(file)
    held = collect(network, [stage.clip(HELD_OUT + i) for i in range(args.held_out)], args.examples // 5, 77)
    print(*lines("held out", ceilings(held)), sep="\n", flush=True)
    if not args.loss:
        return 0
    known = collect(network, [stage.clip(SEEDS_A_RUN + i) for i in range(args.clips)], args.examples, 5)
    for name in args.loss:
        teach(network, known, args.steps, LOSSES[name])
        for which, examples in (("held out", held), ("learned from", known[: len(held)])):
            print(
                *lines(f"{name}, {number_of(args.steps, 'step')}, {which}", chosen(network, examples)),
                sep="\n",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
