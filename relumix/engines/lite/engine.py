"""The learned engine: flow and appearance propose each reference's light; a network decides, adds, and doubts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from threadpoolctl import threadpool_limits

from relumix.engines.base import Float32, Propagator, Stone, WorkingFrame, WorkingReference
from relumix.engines.flow.correspondence import Track, View, step
from relumix.engines.flow.guided import upsample
from relumix.engines.flow.temporal import Light as Weighed
from relumix.engines.flow.temporal import mix, smooth
from relumix.engines.flow.tracking import Tracker
from relumix.engines.lite.clues import (
    Candidates,
    Light,
    candidates,
    frame_clues,
    place,
    reference_clues,
    shrink,
)
from relumix.engines.lite.network import STRIDE, LightNet
from relumix.errors import InputError

WEIGHTS = "lite.safetensors"

NET_EDGE_PX = 384
"""Long edge of what the network sees."""

MATCH_SHARE = 176 / NET_EDGE_PX
"""Of that edge: the long edge of the picture in which appearance is matched."""

_LEAST_MISS = 0.1  # in units of spread: no light is surer than this
_THREADS = 2


class LiteEngine:
    """The network, its weights loaded. See `Engine`."""

    def __init__(self, model: Path | None = None, device: str = "auto") -> None:
        """Load the weights: those that ship with the package, or a file or folder that `relumix train lite` made.

        Raises InputError where they cannot be used, or there is no such device.
        """
        if device == "cuda" and not torch.cuda.is_available():
            raise InputError("got --device cuda, but torch finds no CUDA device here: expected auto or cpu")
        self.device = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
        path = model or Path(__file__).parent
        self.network = load_network(path).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.name = "lite"
        self.version = f"1-{_digest(path)}"
        self.window = 16
        self.overlap = 2
        self.tracks = True
        self.chained = False

    def start(self) -> Propagator:
        """Begin a shot."""
        return LitePropagator(self)


class LitePropagator:
    """The learned engine at work on one shot."""

    def __init__(self, engine: LiteEngine) -> None:
        self._engine = engine
        self._tracker = Tracker()

    def propagate(
        self,
        frames: Sequence[WorkingFrame],
        references: Sequence[WorkingReference],
        approaches: Sequence[Sequence[Stone]],
    ) -> Float32:
        """Carry the light of the references to the frames of one window (see `Propagator.propagate`)."""
        with threadpool_limits(1, user_api="blas"):  # small products: its threads would only wait for each other
            return self._propagate(frames, references, approaches)

    def _propagate(
        self,
        frames: Sequence[WorkingFrame],
        references: Sequence[WorkingReference],
        approaches: Sequence[Sequence[Stone]],
    ) -> Float32:
        views = [View.of(frame) for frame in frames]
        steps = [step(now, last) for last, now in pairwise(views)]
        lights = []
        for reference, approach in zip(references, approaches, strict=True):
            root = View.of(reference)
            tracks = self._tracker.tracks(reference, root, approach, frames, views, steps)
            lights.append(smooth(list(self._relight(reference, root, views, tracks)), views, steps))
        return np.stack(
            [mix(frame.frame, references, [light[i] for light in lights]) for i, frame in enumerate(frames)]
        )

    def _relight(
        self, reference: WorkingReference, root: View, views: Sequence[View], tracks: Sequence[Track]
    ) -> Iterator[Weighed]:
        """Yield a reference's light on each frame; the network sees one while the next are being prepared."""
        size = net_size(root.log_luma.shape)
        light = Light.of(reference, root, round(MATCH_SHARE * max(size)))
        planes = reference_clues(light, size)

        def prepare(view: View, track: Track) -> tuple[Candidates, Float32, Float32]:
            found = candidates(light, view, track)
            return found, frame_clues(light, view, track, found, size), place(track, size)

        with ThreadPoolExecutor(_THREADS) as pool:
            for view, (found, clues, where) in zip(views, pool.map(prepare, views, tracks), strict=True):
                if view.digest == root.digest:
                    yield reference.stops, np.full(reference.lit.shape, 1 / _LEAST_MISS, np.float32)
                    continue
                trust, residual, miss = self._ask(clues, planes, where)
                yield _decide(light, view, found, trust, residual, miss)

    def _ask(self, *planes: Float32) -> tuple[Float32, Float32, Float32]:
        """Return what the network says, [h, w, 1 or 3] each."""
        tensors = (torch.from_numpy(p)[None].to(self._engine.device, memory_format=torch.channels_last) for p in planes)
        with torch.inference_mode():
            said = self._engine.network(*tensors)
        trust, residual, miss = (s[0].permute(1, 2, 0).float().cpu().contiguous().numpy() for s in said)
        return trust, residual, miss


def _decide(light: Light, view: View, found: Candidates, trust: Float32, residual: Float32, miss: Float32) -> Weighed:
    """Put the network's decisions, made small, into effect at the working size."""
    height, width = view.log_luma.shape
    trust, miss = (np.asarray(cv2.resize(s, (width, height)), np.float32) for s in (trust, miss))
    added = residual * np.float32(light.spread)
    if added.shape[:2] != (height, width):
        added = upsample(added, shrink(view.log_rgb, (added.shape[1], added.shape[0])), view.log_rgb)
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
