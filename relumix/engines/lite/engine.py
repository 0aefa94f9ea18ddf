"""The learned engine: flow and appearance propose each reference's light; a network decides, adds, and doubts."""

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

from relumix.engines.base import Float32, Propagator, WorkingReference
from relumix.engines.flow.correspondence import Track, View
from relumix.engines.flow.guided import upsample
from relumix.engines.flow.propagator import TrackingPropagator
from relumix.engines.flow.proposals import propose
from relumix.engines.flow.temporal import Light
from relumix.engines.lite.clues import NET_EDGE_PX, Known, frame_clues, place, reference_clues, shrink
from relumix.engines.lite.network import STRIDE, LightNet
from relumix.errors import InputError

WEIGHTS = "lite.safetensors"

_LEAST_MISS = 0.4  # in units of spread: no light is surer than this


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
        self.version = f"1-{_digest(path)}"
        self.window = 16
        self.overlap = 2
        self.tracks = True
        self.chained = False

    @staticmethod
    def shipped() -> Path:
        """Return the folder of the weights that come with the package."""
        return Path(__file__).parent

    def start(self) -> Propagator:
        """Begin a shot."""
        return TrackingPropagator(partial(_Carrier.of, self))

    def ask(self, *planes: Float32) -> tuple[Float32, Float32, Float32]:
        """Return what the network says of planes [c, h, w] as it takes them: trust, residual and miss, [h, w, c]."""
        tensors = (torch.from_numpy(p)[None].to(self.device, memory_format=torch.channels_last) for p in planes)
        with self._lock, torch.inference_mode():  # one frame at a time: it uses all processors
            said = self.network(*tensors)
        trust, residual, miss = (s[0].permute(1, 2, 0).float().cpu().contiguous().numpy() for s in said)
        return trust, residual, miss


@dataclass(frozen=True)
class _Carrier:
    """Carries one reference's light, as the network decides. It is called by several threads; the network by one."""

    engine: LiteEngine
    known: Known
    planes: Float32
    size: tuple[int, int]

    @classmethod
    def of(cls, engine: LiteEngine, reference: WorkingReference, root: View) -> _Carrier:
        """Look at a reference, whose view is given."""
        size = net_size(root.log_luma.shape)
        known = Known.of(reference, root, size)
        return cls(engine, known, reference_clues(known, size), size)

    def __call__(self, view: View, track: Track) -> Light:
        """Return the light on a frame, whose track to the reference is given."""
        light = self.known.light
        if view.digest == light.view.digest:
            return light.stops, np.full(light.trusted.shape, 1 / _LEAST_MISS, np.float32)
        found = propose(light, view, track)
        clues = frame_clues(self.known, view, track, found, self.size)
        trust, residual, miss = self.engine.ask(clues, self.planes, place(track, self.size))
        height, width = view.log_luma.shape
        trust, miss = (np.asarray(cv2.resize(s, (width, height)), np.float32) for s in (trust, miss))
        added = residual * np.float32(self.known.spread)
        if self.size != (width, height):
            added = upsample(added, shrink(view.log_rgb, self.size), view.log_rgb)
        local = found.matched + trust[..., None] * (found.carried - found.matched) + added
        return light.level + local, np.float32(1) / (np.exp2(miss) + np.float32(_LEAST_MISS))


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
