"""The network: shape and shading of pictures, then a sharp choice among ways in which light may have moved.

gain = E_new / E_src: the light that arrives under the reference's light, over that under the plate's. Both change when
a thing turns or a shadow moves, so both are predicted, besides a choice among candidates that need no prediction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation gives it

from relumix.engines.lite_next.candidates import MOVED_SHARES, Lit, fitted, lit_by, match, moved_with, standing
from relumix.engines.lite_next.layers import UNet, resized, sample, silence

STRIDE = 16
"""Sides of pictures are multiples of this."""

CANDIDATES = ("carried", "attended", "standing", *(f"moved {share}" for share in MOVED_SHARES), "fitted", "shaded")
"""Each is a gain at every pixel; the last is the quotient of the two lights that are predicted."""

_COARSE, _FINE = 64, 32
_SAID = len(CANDIDATES) + 3 + 1 + 3
_WIDEST_MISS = 4.0
_EVIDENCE = 3 + 4 * 4 + (len(CANDIDATES) - 1) + 10
_TYPICAL_DOUBT = -4.0
_SHARPNESS = 2.0


@dataclass(frozen=True)
class Look:
    """What is seen in pictures [B, 3, h, w] of log2 light at mid-grey.

    coarse [B, 64, h/8, w/8] and fine [B, 32, h/4, w/4]: unit features, the same under every light; normal [B, 3, h/2,
    w/2] (unit, in the camera's space), depth [B, 1, h/2, w/2] (inverse), arriving [B, 3, h/2, w/2] log2 of the light
    that arrives; features [B, width, h/2, w/2].
    """

    picture: Tensor
    coarse: Tensor
    fine: Tensor
    normal: Tensor
    depth: Tensor
    arriving: Tensor
    features: Tensor


@dataclass(frozen=True)
class Reference:
    """A reference: what is seen in its plate, its gain [B, 3, h, w] in units of spread, and where that is known."""

    look: Look
    gain: Tensor
    lit: Tensor


@dataclass(frozen=True)
class Answer:
    """What is said of a frame; gains in units of the references' spread.

    gain [B, 3, h, w]; miss [B, 1, h, w] log2 of the error to be expected; doubts [B, n, h, w] log2 of the error to be
    expected of each of the candidates [B, n, 3, h, w], in display values; arriving [B, 3, h, w] log2 of the light that
    arrives under the reference's light.
    """

    gain: Tensor
    miss: Tensor
    doubts: Tensor
    candidates: Tensor
    arriving: Tensor


class LightNet(nn.Module):
    """See the module's docstring."""

    def __init__(
        self,
        seeing: tuple[int, ...] = (48, 80, 128, 176),
        choosing: tuple[int, ...] = (56, 88, 128, 160),
        depth: int = 1,
    ) -> None:
        super().__init__()
        self.shape: dict[str, Any] = {"seeing": list(seeing), "choosing": list(choosing), "depth": depth}
        self.eyes = UNet(4 * 3, seeing, depth)
        self.coarse, self.fine = nn.Conv2d(seeing[2], _COARSE, 1), nn.Conv2d(seeing[1], _FINE, 1)
        self.heads = nn.Conv2d(seeing[0], 3 + 1 + 3, 3, padding=1)
        self.query = nn.Conv2d(_COARSE + 6, _COARSE, 1)
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(12.0)))
        self.chooser = UNet(4 * (3 * (len(CANDIDATES) - 1) + _EVIDENCE) + seeing[0], choosing, depth)
        self.said = nn.Conv2d(choosing[0], 4 * _SAID, 3, padding=1)
        silence(self.said)

    def look(self, picture: Tensor) -> Look:
        """Look at pictures [B, 3, h, w], log2 of their light over mid-grey; h and w are multiples of STRIDE."""
        levels = self.eyes(F.pixel_unshuffle(picture * 0.5, 2))
        heads = self.heads(F.silu(levels[0])).float()
        normal = F.normalize(heads[:, :3] + torch.tensor([0, 0, 0.5], device=heads.device).reshape(1, 3, 1, 1), dim=1)
        coarse, fine = (F.normalize(said.float(), dim=1) for said in (self.coarse(levels[2]), self.fine(levels[1])))
        return Look(picture, coarse, fine, normal, F.softplus(heads[:, 3:4]), heads[:, 4:7], levels[0])

    def forward(self, frame: Look, references: list[Reference], spread: Tensor) -> Answer:
        """Say what light a frame has. spread [B, 1, 1, 1]: stops that a gain of 1 stands for."""
        return self.choose(frame, *self.candidates(frame, references, spread), spread)

    def choose(self, frame: Look, gains: Tensor, evidence: Tensor, spread: Tensor) -> Answer:
        """Choose among candidates, as `candidates` returns them."""
        seen = torch.cat([gains.flatten(1, 2), evidence], 1)
        x = torch.cat([F.pixel_unshuffle(seen.to(frame.features.dtype), 2), frame.features], 1)
        said = F.pixel_shuffle(self.said(F.silu(self.chooser(x)[0])), 2).float()
        n = len(CANDIDATES)
        shaded = said[:, n + 4 :]
        own = torch.cat([gains, shaded[:, None]], 1)
        doubts = said[:, :n] + _TYPICAL_DOUBT
        gain = (shares(doubts)[:, :, None] * own).sum(1) + said[:, n : n + 3]
        miss = _WIDEST_MISS * torch.tanh(said[:, n + 3 : n + 4] / _WIDEST_MISS)
        return Answer(gain, miss, doubts, own, resized(frame.arriving, frame.picture) + shaded * spread)

    def candidates(self, frame: Look, references: list[Reference], spread: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gains of all candidates but the last [B, n - 1, 3, h, w], and evidence [B, _EVIDENCE, h, w].

        In single precision whatever the rest is in: places and fits need it.
        """
        with torch.autocast(frame.picture.device.type, enabled=False):
            return self._candidates(frame, references, spread)

    def _candidates(self, frame: Look, references: list[Reference], spread: Tensor) -> tuple[Tensor, Tensor]:
        picture = frame.picture
        found = [match(frame.coarse, one.look.coarse, frame.fine, one.look.fine) for one in references]
        still = [standing(one) for one in found]
        ways = [[one.there, rests, *moved_with(one, rests)] for one, rests in zip(found, still, strict=True)]
        brighter = [brighter_than(frame, one.look, way.there) for one, way in zip(references, found, strict=True)]
        # Of several references, the one that looks most alike at a place is asked first.
        ask = torch.stack([one.alike for one in found]).mul(30).softmax(0)
        ask = torch.stack([resized(one, picture) for one in ask])
        carried, looks, known = [], [], []
        for each in zip(*ways, strict=True):
            spots = [resized(way, picture) for way in each]
            planes = [
                torch.cat([sample(one.gain, spot), sample(one.look.picture, spot) + more, known_at(one.lit, spot)], 1)
                for one, more, spot in zip(references, brighter, spots, strict=True)
            ]
            brought = (ask * torch.stack(planes)).sum(0)
            carried.append(brought[:, :3])
            looks.append((brought[:, 3:6] - picture).clamp(-4, 4))
            known.append(brought[:, 6:])
        attended, strength = self._attended(frame, references)
        shape = resized(frame.normal, picture), resized(frame.depth, picture), resized(frame.arriving, picture)
        fit = (self._fitted(frame, references, brighter, spread) - shape[2]) / spread
        gains = torch.stack([carried[0], attended, *carried[1:], fit], 1).clamp(-4, 4)
        alike = torch.stack([one.alike for one in found]).amax(0)
        evidence = [
            picture * 0.5,
            *looks,
            *known,
            (gains - gains.median(1, keepdim=True).values).mean(2) * spread,  # what it costs to choose wrongly
            resized(alike, picture),
            strength,
            torch.log2(spread).expand(-1, -1, *picture.shape[-2:]),
            *shape,
        ]
        return gains, torch.cat(evidence, 1)

    def _attended(self, frame: Look, references: list[Reference]) -> tuple[Tensor, Tensor]:
        """The gain of what looks, faces and is lit alike anywhere in any reference, and how well it fits."""
        query, keys = self._key(frame), torch.cat([self._key(one.look).flatten(2) for one in references], 2)
        values = torch.cat([resized(one.gain, frame.coarse).flatten(2) for one in references], 2)
        lit = torch.cat([resized(one.lit, frame.coarse).flatten(2) for one in references], 2)
        scores = query.flatten(2).transpose(1, 2) @ keys * self.log_sharpness.exp() + torch.log(lit.clamp_min(1e-4))
        found = (scores.softmax(-1) @ values.transpose(1, 2)).transpose(1, 2).reshape(-1, 3, *query.shape[-2:])
        best = scores.amax(-1).reshape(-1, 1, *query.shape[-2:]) * 0.1
        return resized(found, frame.picture), resized(best, frame.picture)

    def _key(self, look: Look) -> Tensor:
        shape = resized(look.normal, look.coarse), resized(look.arriving, look.coarse) * 0.3
        return F.normalize(self.query(torch.cat([look.coarse, *shape], 1)), dim=1)

    def _fitted(self, frame: Look, references: list[Reference], brighter: list[Tensor], spread: Tensor) -> Tensor:
        """Log2 of the light that arrives in the frame, at its exposure, as fitted to the references."""
        small = frame.coarse
        lit = []
        for one, more in zip(references, brighter, strict=True):
            look = one.look
            normal, depth, arriving = (resized(p, small).detach() for p in (look.normal, look.depth, look.arriving))
            lit.append(Lit(normal, depth, arriving + more, resized(one.gain, small) * spread, resized(one.lit, small)))
        return resized(lit_by(fitted(lit), frame.normal.detach(), frame.depth.detach()), frame.picture)


def shares(doubts: Tensor) -> Tensor:
    """What each candidate counts [B, n, h, w]: the less, by about the third power, the larger its expected error."""
    return (-_SHARPNESS * doubts).softmax(1)


def brighter_than(frame: Look, reference: Look, there: Tensor) -> Tensor:
    """How many stops brighter a frame is seen than a reference, [B, 1, 1, 1]: each is seen at its own exposure."""
    shown = sample(resized(reference.picture, frame.fine), there)
    stops: Tensor = (resized(frame.picture, frame.fine) - shown).mean(1).flatten(1).median(1).values
    return stops.reshape(-1, 1, 1, 1).detach()


def known_at(lit: Tensor, spot: Tensor) -> Tensor:
    """How much is known at places [B, 2, h, w] of a gain known where `lit` says: nothing beyond its edges."""
    return sample(lit, spot) * (spot.abs() <= 1).all(1, keepdim=True)
