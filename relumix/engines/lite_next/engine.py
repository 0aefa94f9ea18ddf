"""The network at work on shots: light looked for in every reference at once, held still along its own matches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from relumix.engines.base import Carried, Keyframe, Propagator, Windowing
from relumix.engines.lite_next.candidates import match
from relumix.engines.lite_next.layers import resized, sample
from relumix.engines.lite_next.network import STRIDE, Answer, LightNet, Look, Reference
from relumix.errors import InputError
from relumix.gain.guided_filter import upsample_by_color
from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float32

NET_EDGE_PX = 384
"""Long edge of what the network sees."""

_LEAST_SPREAD_STOPS = 0.05  # what is less is noise, and would be all that is seen if it were scaled up
_LEAST_ERROR = 0.2  # in units of spread: no gain is surer than this
_KEEP = 0.5  # of what was gathered so far a frame takes on from its neighbour
_ALIKE = 0.5  # features that are less alike than this are not of one place
_SAME, _SURE, _LEAST_SHARED = 0.8, 0.99, 0.02  # what two references show alike, known in both, and enough of it
_SAME_LIGHT_STOPS = 0.02  # lights that differ by less are one: matches are no better than that


class LiteNextEngine:
    """The network, its weights loaded. See `Engine`."""

    def __init__(self, model: Path, device: str = "auto") -> None:
        """Load a weights file that `relumix train lite-next` made, or the folder that holds it.

        Raises InputError where it cannot be used, or there is no such device.
        """
        if device == "cuda" and not torch.cuda.is_available():
            raise InputError("got --device cuda, but torch finds no CUDA device here: expected auto or cpu")
        self.device = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
        file = model / "lite.safetensors" if model.is_dir() else model
        self.network = load_network(file).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.half = self.device.type == "cuda"
        self.lock = Lock()
        self.name = "lite-next"
        version = blake2b(file.read_bytes(), digest_size=4).hexdigest()
        self.windowing = Windowing(version=f"3-{version}", window=8, overlap=2, tracks=False)

    def fast(self) -> torch.autocast:
        """Within it, convolutions on a graphics card are in half precision."""
        return torch.autocast(self.device.type, torch.float16, enabled=self.half)

    def start(self) -> Propagator:
        """Begin a shot."""
        return LiteNextPropagator(self)


def load_network(file: Path) -> LightNet:
    """Return the network of a weights file, ready to infer. Raises InputError where it is none."""
    try:
        with safe_open(file, "pt") as kept:
            shape = json.loads((kept.metadata() or {})["network"])
            weights = {key: kept.get_tensor(key).float() for key in kept.keys()}  # noqa: SIM118  it is not a mapping
        network = LightNet(**shape)
        network.load_state_dict(weights)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{file} does not hold weights of relumix train lite-next: {reason}") from error
    return network.eval()


class LiteNextPropagator:
    """The engine at work on one shot. It remembers nothing."""

    def __init__(self, engine: LiteNextEngine) -> None:
        self._engine = engine

    def propagate(
        self,
        frames: Sequence[ProxyFrame],
        references: Sequence[ProxyReference],
        keyframe_paths: Sequence[Sequence[Keyframe]],
    ) -> Carried:
        """Carry the light of the references to the frames of one window (see `Propagator.propagate`)."""
        with self._engine.lock, torch.inference_mode():  # one window at a time: it uses all processors
            shown = [self._look(one) for one in references]
            levels = self._levels(references, shown)
            spread = _spread_of(references, levels)
            known = [self._reference(*each, spread) for each in zip(references, shown, levels, strict=True)]
            looks = [self._look(frame) for frame in frames]
            scale = torch.full((1, 1, 1, 1), max(spread, _LEAST_SPREAD_STOPS), device=self._engine.device)
            with self._engine.fast():
                answers = [self._engine.network(look, known, scale) for look in looks]
            gains = _held_still(looks, answers)
        # A grade that was rounded in its file has a spread as well, and nothing that is said of rounding is light.
        said = spread * min(1.0, spread / _LEAST_SPREAD_STOPS)
        own = {one.frame: one.gain_stops for one in references}
        stops = [
            own[frame.frame]
            if frame.frame in own
            else _level(frame.frame, references, levels) + _enlarged(gain, look, frame) * np.float32(said)
            for frame, look, gain in zip(frames, looks, gains, strict=True)
        ]
        errors = [
            np.zeros_like(frame.known) if frame.frame in own else _miss(answer, frame) * np.float32(spread)
            for frame, answer in zip(frames, answers, strict=True)
        ]
        return Carried(np.stack(stops), np.stack(errors))

    def _look(self, frame: ProxyFrame) -> Look:
        with self._engine.fast():
            look: Look = self._engine.network.look(self._shrunk(_log(frame.rgb), frame))
        return look

    def _levels(self, references: Sequence[ProxyReference], looks: Sequence[Look]) -> list[Float32]:
        """Each reference's level in stops, [3] each: the median gain of all, and how far its light is from the first's.

        Medians alone would not do: references of one light that show different things differ in them.
        """
        offsets: list[Float32] = [np.zeros(3, np.float32)]
        for one, look in zip(references[1:], looks[1:], strict=True):
            offsets.append(self._offset(one, look, references[0], looks[0]))
        gains = [(one.gain_stops - offset)[one.trusted > 0.5] for one, offset in zip(references, offsets, strict=True)]
        every = np.concatenate(gains)
        common = np.median(every, axis=0).astype(np.float32) if len(every) else np.zeros(3, np.float32)
        return [common + offset for offset in offsets]

    def _offset(self, one: ProxyReference, look: Look, other: ProxyReference, other_look: Look) -> Float32:
        """How many stops more gain one reference has than another, [3]: the median where both show the same."""
        way = match(look.coarse, other_look.coarse, look.fine, other_look.fine)
        own, its = (
            self._shrunk(np.concatenate([each.gain_stops, each.trusted[..., None]], -1), each) for each in (one, other)
        )
        there = sample(its, resized(way.there, own))
        same = (resized(way.alike, own) > _SAME) & (own[:, 3:] > _SURE) & (there[:, 3:] > _SURE)
        if float(same.float().mean()) < _LEAST_SHARED:
            return one.median_gain() - other.median_gain()
        apart = (own - there)[:, :3].movedim(1, -1)[same[:, 0]].median(0).values.cpu().numpy()
        return np.where(np.abs(apart) < _SAME_LIGHT_STOPS, np.float32(0), apart)

    def _reference(self, reference: ProxyReference, look: Look, level: Float32, spread: float) -> Reference:
        local = (reference.gain_stops - level) / np.float32(max(spread, _LEAST_SPREAD_STOPS))
        lit = self._shrunk(reference.trusted[..., None], reference)
        gain = self._shrunk(np.clip(local, -4, 4) * reference.trusted[..., None], reference)
        return Reference(look, gain / lit.clamp_min(1e-3), lit)

    def _shrunk(self, planes: Float32, frame: ProxyFrame) -> Tensor:
        """[1, c, h, w] of what the network sees, from [H, W, c]."""
        tensor = torch.from_numpy(np.ascontiguousarray(planes)).to(self._engine.device).permute(2, 0, 1)[None].float()
        width, height = net_size(frame.rgb.shape[:2])
        return resized(tensor, torch.empty(1, 1, height, width))


def net_size(shape: Sequence[int]) -> tuple[int, int]:
    """Return (width, height) of what the network sees of a picture of shape (height, width)."""
    scale = min(1.0, NET_EDGE_PX / max(shape))
    width, height = (max(2, round(side * scale / STRIDE)) * STRIDE for side in shape[1::-1])
    return width, height


def _log(rgb: Float32) -> Float32:
    return np.asarray(np.log2((rgb + np.float32(BLACK_OFFSET)) / np.float32(MID_GREY)), np.float32)


def _spread_of(references: Sequence[ProxyReference], levels: Sequence[Float32]) -> float:
    """How far the references' gain strays from its median: root mean square, in stops."""
    squares = [
        np.square(one.gain_stops - level)[one.trusted > 0.5].ravel()
        for one, level in zip(references, levels, strict=True)
    ]
    every = np.concatenate(squares)
    return float(np.sqrt(every.mean())) if every.size else 0.0


def _level(frame: int, references: Sequence[ProxyReference], levels: Sequence[Float32]) -> Float32:
    """The references' level, the nearer counting more: between two, light changes over time."""
    if len(levels) == 1:
        return levels[0]
    away = np.array([abs(one.frame - frame) for one in references], np.float32)
    nearness = 1 - away / away.sum()
    return np.asarray(nearness @ np.stack(levels) / nearness.sum(), np.float32)


def _held_still(looks: Sequence[Look], answers: Sequence[Answer]) -> list[Tensor]:
    """Gains [1, 3, h, w], averaged along the matches of neighbouring frames; the surer count more.

    Two recursive passes, one from each end: see relumix.engines.tracking.motion_averaging.
    """
    own = []
    for answer in answers:
        weight = 1 / (torch.exp2(answer.miss) + _LEAST_ERROR)
        own.append(torch.cat([answer.gain * weight, weight], 1))
    before, after = _gathered(looks, own), _gathered(looks[::-1], own[::-1])[::-1]
    totals = [one + other - each for one, other, each in zip(before, after, own, strict=True)]
    return [total[:, :3] / total[:, 3:] for total in totals]


def _gathered(looks: Sequence[Look], own: Sequence[Tensor]) -> list[Tensor]:
    found = [own[0]]
    for i in range(1, len(own)):
        way = match(looks[i].coarse, looks[i - 1].coarse, looks[i].fine, looks[i - 1].fine)
        there = resized(way.there, own[i])
        alike = ((resized(way.alike, own[i]) - _ALIKE) / (1 - _ALIKE)).clamp(0, 1)
        miss = (sample(looks[i - 1].picture, there) - looks[i].picture).abs().mean(1, keepdim=True)
        found.append(own[i] + _KEEP * alike * torch.exp2(-2 * miss) * sample(found[-1], there))
    return found


def _miss(answer: Answer, frame: ProxyFrame) -> Float32:
    """The error that the network expects of its answer, [H, W] in units of spread."""
    height, width = frame.rgb.shape[:2]
    miss = resized(torch.exp2(answer.miss), torch.empty(1, 1, height, width))
    return np.asarray(miss[0, 0].float().cpu().numpy(), np.float32)


def _enlarged(gain: Tensor, look: Look, frame: ProxyFrame) -> Float32:
    """A gain [1, 3, h, w] along the edges of a frame, [H, W, 3]."""
    small, guide = (
        np.ascontiguousarray(plane[0].permute(1, 2, 0).float().cpu().numpy()) for plane in (gain, look.picture)
    )
    full = _log(frame.rgb)
    if small.shape == full.shape:
        return small
    return upsample_by_color(small, guide, full)
