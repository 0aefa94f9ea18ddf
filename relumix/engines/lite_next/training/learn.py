"""A step of learning, and how good the network is on clips that it has not learned from."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation gives it

from relumix.engines.lite_next.network import CANDIDATES, Answer, LightNet, Look, Reference
from relumix.engines.lite_next.training.clips import Clip
from relumix.engines.lite_next.training.losses import (
    Light,
    Parts,
    display,
    light_losses,
    match_losses,
    shape_losses,
    steady_loss,
    sum_loss,
    total,
)
from relumix.engines.lite_next.training.pairs import Example, View, draw

_LONGEST_GRADIENT = 1.0
_SUM_EVERY, _STEADY_EVERY = 8, 2
_VALIDATION_BATCHES = 3


def differentiate(
    network: LightNet, example: Example, generator: torch.Generator, step: int, shape_alone: bool
) -> Parts:
    """Add a step's gradients to the network's and return the parts of its loss, and the loss.

    On a graphics card this returns before anything is computed, as long as nobody looks at a value. shape_alone: learn
    shape, shading and matching, no light yet.
    """
    with torch.autocast(generator.device.type, torch.bfloat16, enabled=generator.device.type == "cuda"):
        parts = _parts(network, example, generator, step, shape_alone)
    loss = total(parts)
    loss.backward()  # type: ignore[no-untyped-call]
    return {"loss": loss.detach()} | {name: part.detach() for name, part in parts.items()}


def descend(network: LightNet, optimizer: torch.optim.Optimizer) -> Tensor:
    """Take a step along the gradients, of bounded length, and forget them. Returns how long they were."""
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), _LONGEST_GRADIENT)
    if torch.isfinite(norm):  # a step that is not a number is left out
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm


def _parts(
    network: LightNet, example: Example, generator: torch.Generator, step: int, shape_alone: bool
) -> dict[str, Tensor]:
    frame = network.look(example.frame.picture)
    looks = [network.look(given.view.picture) for given in example.references]
    parts = shape_losses([frame, looks[0]], [example.frame, example.references[0].view])
    each = [match_losses(frame, k, given, generator) for k, given in zip(looks, example.references, strict=True)]
    parts |= {name: torch.stack([one[name] for one in each]).mean() for name in each[0]}
    if shape_alone:
        return parts
    light, references = references_of(example, looks)
    answer = network(frame, references, light.spread)
    parts |= light_losses(answer, example.frame, light)
    if step % _STEADY_EVERY == 0:
        then = network(network.look(example.after.picture), references, light.spread)
        parts |= steady_loss(answer, then, example, light)
    if step % _SUM_EVERY == 1:
        parts |= sum_loss(network, frame, references, light)
    return parts


def references_of(example: Example, looks: list[Look]) -> tuple[Light, list[Reference]]:
    """Return the level and spread of an example's references, and what the network is to know of each."""
    light = Light.of(example.references)
    pairs = zip(looks, example.references, strict=True)
    return light, [Reference(look, light.local(given.gain) * given.lit, given.lit) for look, given in pairs]


@torch.no_grad()
def validate(network: LightNet, clips: list[Clip], batch: int) -> dict[str, float]:
    """Return PSNR of display values: of the network, a plain grade, each candidate, and the best choices there are.

    "best" chooses in each pixel, by luck too; "best 5x5" by the mean error of the patch around it.
    """
    network.eval()
    squares: dict[str, list[Tensor]] = {}
    for i in range(_VALIDATION_BATCHES):
        example = draw(clips, np.random.default_rng([77, i]), batch)
        frame = network.look(example.frame.picture)
        light, references = references_of(example, [network.look(one.view.picture) for one in example.references])
        answer = network(frame, references, light.spread)
        for name, gain in _results(answer).items():
            wrong = _squares(example.frame, gain * light.spread + light.level)
            squares.setdefault(name, []).append(wrong.mean((1, 2)))
        gains = answer.candidates.unbind(1)
        every = torch.stack([_squares(example.frame, gain * light.spread + light.level) for gain in gains], 1)
        around = F.avg_pool2d(every, 5, 1, 2, count_include_pad=False).argmin(1, keepdim=True)
        squares.setdefault("best 5x5", []).append(every.gather(1, around).mean((1, 2, 3)))
        squares.setdefault("best", []).append(every.amin(1).mean((1, 2)))
    network.train()
    return {name: float((-10 * torch.log10(torch.cat(each).clamp_min(1e-10))).mean()) for name, each in squares.items()}


def _results(answer: Answer) -> dict[str, Tensor]:
    named = dict(zip(CANDIDATES, answer.candidates.unbind(1), strict=True))
    return {"psnr": answer.gain, "plain": torch.zeros_like(answer.gain)} | named


def _squares(view: View, stops: Tensor) -> Tensor:
    return (display(view, stops) - display(view, view.truth)).square().mean(1)
