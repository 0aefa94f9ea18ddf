"""The learned engine: the flow engine's light, corrected by a network that also says how sure it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation gives it

from relumix.engines.base import Propagator, Windowing
from relumix.engines.lite.clues import (
    NET_EDGE_PX,
    Halves,
    Known,
    frame_clues,
    reference_clues,
    shrink,
    steady_clues,
)
from relumix.engines.lite.network import STRIDE, Learned, LightNet
from relumix.engines.tracking.candidates import believe, propose
from relumix.engines.tracking.correspondence import Track, View
from relumix.engines.tracking.motion_averaging import Light, smooth
from relumix.engines.tracking.propagator import TrackingPropagator
from relumix.errors import InputError
from relumix.gain.guided_filter import upsample
from relumix.gain.proxy import ProxyReference
from relumix.types import Float32

WEIGHTS = "lite.safetensors"

_LEAST_MISS = 0.4  # in units of spread: no light is surer than this
_SURER = 4  # power by which the surer of two references' light counts: one that shows little must not spoil a frame
_KEEP = 0.4  # of the corrections of neighbours (see `smooth`), which lie on light that was averaged already


class LiteEngine:
    """The network, its weights loaded. See `Engine`."""

    def __init__(self, model: Path | None = None, device: str = "auto") -> None:
        """Load the weights: those that ship with the package, or a file or folder that `relumix train lite` made.

        Raises InputError where they cannot be used, or there is no such device.
        """
        if device == "cuda" and not torch.cuda.is_available():
            raise InputError("got --device cuda, but torch finds no CUDA device here: expected auto or cpu")
        self.device = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
        path = model or self.shipped()
        self.network = load_network(path).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._lock = Lock()
        self.name = "lite"
        self.windowing = Windowing(version=f"3-{_digest(path)}", window=16, overlap=2, tracks=True)

    @staticmethod
    def shipped() -> Path:
        """Return the folder of the weights that come with the package."""
        return Path(__file__).parent

    def start(self) -> Propagator:
        """Begin a shot."""
        return TrackingPropagator(partial(_Carrier.of, self))

    def learn(self, reference: Halves) -> list[Learned]:
        """Return what the network is to know of a reference, whose clues [c, h, w] are given."""
        with self._lock, torch.inference_mode():
            learned: list[Learned] = self.network.learn(self._tensor(reference))
        return learned

    def correct(self, frame: Halves, learned: list[Learned]) -> tuple[Float32, Float32]:
        """Return correction and miss, [h, w, c], as the network has them of a frame's clues [c, h, w]."""
        with self._lock, torch.inference_mode():  # one frame at a time: it uses all processors
            said = self.network.correct(self._tensor(frame), learned)
        correction, miss = (s[0].permute(1, 2, 0).float().cpu().contiguous().numpy() for s in said)
        return correction, miss

    def _tensor(self, planes: Halves) -> Tensor:
        tensor = torch.from_numpy(planes)[None].to(self.device, torch.float32)
        return tensor.contiguous(memory_format=torch.channels_last)


Carried = tuple[Light, "Halves | None"]
"""The flow engine's light on a frame, and the clues; no clues where the frame is the reference's own picture."""


@dataclass(frozen=True)
class _Carrier:
    """Carries one reference's light as the flow engine does, then corrects it. See `Carrier`."""

    engine: LiteEngine
    known: Known
    learned: list[Learned]
    size: tuple[int, int]

    @classmethod
    def of(cls, engine: LiteEngine, reference: ProxyReference, root: View) -> _Carrier:
        """Look at a reference, whose view is given."""
        size = net_size(root.log_luma.shape)
        known = Known.of(reference, root)
        return cls(engine, known, engine.learn(reference_clues(known, size)), size)

    def carry(self, view: View, track: Track) -> Carried:
        light = self.known.light
        if view.digest == light.view.digest:
            return light.itself(), None
        found = propose(light, view, track, attend)
        return believe(light, found), frame_clues(self.known, view, track, found, self.size)

    def settle(self, carried: Sequence[Carried], views: Sequence[View], steps: Sequence[Track]) -> list[Light]:
        steady = smooth([light for light, _ in carried], views, steps)
        corrections = [
            self._correction(view, light, clues) for view, light, (_, clues) in zip(views, steady, carried, strict=True)
        ]
        settled = smooth(corrections, views, steps, _KEEP)
        return [(stops + more, counts**_SURER) for (stops, _), (more, counts) in zip(steady, settled, strict=True)]

    def _correction(self, view: View, steady: Light, clues: Halves | None) -> Light:
        """What to add to the flow engine's light, in stops, and how much it counts."""
        height, width = view.log_luma.shape
        if clues is None:
            return np.zeros((height, width, 3), np.float32), np.full((height, width), 1 / _LEAST_MISS, np.float32)
        every = np.concatenate([clues, steady_clues(self.known, steady, self.size)])
        correction, miss = self.engine.correct(every, self.learned)
        added = correction * np.float32(self.known.spread)
        if self.size != (width, height):
            added = upsample(added, shrink(view.log_rgb, self.size), view.log_rgb)
        miss = np.asarray(cv2.resize(miss, (width, height)), np.float32)
        return added, np.float32(1) / (np.exp2(miss) + np.float32(_LEAST_MISS))


def attend(queries: Sequence[Float32], keys: Float32, stops: Float32) -> Float32:
    """What `appearance.match` needs, several times as fast as in numpy: see `Attend` there.

    A query for each guess becomes one query over as many copies of the keys, each beside nothing but zeros.
    """
    query, n, width = torch.from_numpy(np.concatenate(queries, 1)), len(keys), keys.shape[1]
    key, value = torch.zeros(len(queries), n, query.shape[1]), torch.zeros(len(queries), n, query.shape[1])
    for i, (own, light) in enumerate(zip(key, value, strict=True)):
        own[:, i * width : (i + 1) * width] = torch.from_numpy(keys)
        light[:, :3] = torch.from_numpy(stops)
    with torch.inference_mode():
        every = (query[None, None], key.reshape(1, 1, -1, query.shape[1]), value.reshape(1, 1, -1, query.shape[1]))
        found = F.scaled_dot_product_attention(*every, scale=1.0)
    return np.ascontiguousarray(found[0, 0, :, :3].numpy())


def net_size(shape: Sequence[int]) -> tuple[int, int]:
    """Return (width, height) of what the network sees of a picture of shape (height, width)."""
    scale = min(1.0, NET_EDGE_PX / max(shape))
    width, height = (max(1, round(side * scale / STRIDE)) * STRIDE for side in shape[1::-1])
    return width, height


def load_network(path: Path) -> LightNet:
    """Return the network of a weights file, or of the folder that holds one; ready to infer. Raises InputError."""
    file = path / WEIGHTS if path.is_dir() else path
    try:
        with safe_open(file, "pt") as kept:
            shape = json.loads((kept.metadata() or {})["network"])
            weights = {key: kept.get_tensor(key).float() for key in kept.keys()}  # noqa: SIM118  it is not a mapping
        network = LightNet(**shape)
        network.load_state_dict(weights)
    except FileNotFoundError as error:
        raise InputError(f"no weights for engine lite at {file}: give a file that relumix train lite made") from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{file} does not hold weights of engine lite: {reason}") from error
    return network.eval()


def _digest(path: Path) -> str:
    file = path / WEIGHTS if path.is_dir() else path
    return blake2b(file.read_bytes(), digest_size=4).hexdigest()
