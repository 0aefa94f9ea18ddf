"""The learned engine: the flow engine's gain, corrected by a network that also estimates its own error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from relumix.engines.base import Carried, Keyframe, Propagator, Windowing
from relumix.engines.lite.attention import attend_in_torch
from relumix.engines.lite.features import (
    NET_EDGE_PX,
    SpreadLight,
    averaged_features,
    frame_features,
    reference_features,
    shrink,
)
from relumix.engines.lite.network import STRIDE, EncodedReference
from relumix.engines.lite.weights import digest_of, load_network, shipped_weights
from relumix.engines.tracking.appearance import match, match_cost
from relumix.engines.tracking.blending import Side, blend_window
from relumix.engines.tracking.correspondence import Track
from relumix.engines.tracking.expected_error import ErrorGauge, Evidence, small
from relumix.engines.tracking.log_frame import LogFrame
from relumix.engines.tracking.motion_averaging import WeightedGain, average
from relumix.engines.tracking.reference_light import carry, combine
from relumix.engines.tracking.tracks import Tracker, WindowMotion
from relumix.engines.tracking.window_progress import WindowProgress
from relumix.errors import InputError
from relumix.gain.guided_filter import upsample_by_color
from relumix.gain.proxy import ProxyFrame, ProxyReference
from relumix.types import Float16, Float32

_THREADS = 2

_LEAST_ERROR = 0.4  # in units of spread: a floor, so that no gain gets an unbounded weight
_LEAST_LOGGED = 1 / 16  # of the network's own error, in units of spread: its widest answer
_KEEP = 0.4  # as in `average`, for corrections: less than there, since the gain below them was averaged already


class LiteEngine:
    """The network, its weights loaded. See `Engine`."""

    def __init__(self, model: Path | None = None, device: str = "auto") -> None:
        """Load the weights: those that ship with the package, or a file or folder that `relumix train lite` made.

        Raises InputError where they cannot be used, or there is no such device.
        """
        if device == "cuda" and not torch.cuda.is_available():
            raise InputError("got --device cuda, but torch finds no CUDA device here: expected auto or cpu")
        self.device = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
        path = model or shipped_weights()
        self.network = load_network(path).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._lock = Lock()
        self.name = "lite"
        self.windowing = Windowing(version=f"6-{digest_of(path)}", window=16, overlap=2, tracks=True, further=True)

    def start(self) -> Propagator:
        """Begin a shot."""
        return LitePropagator(self)

    def encode_reference(self, features: Float16) -> list[EncodedReference]:
        """Return the network's encoding of a reference from its features [c, h, w]."""
        with self._lock, torch.inference_mode():
            encoded: list[EncodedReference] = self.network.encode_reference(self._tensor(features))
        return encoded

    def correct(self, features: Float16, encoded: list[EncodedReference]) -> tuple[Float32, Float32]:
        """Return correction and log error, [h, w, c], of a frame's features [c, h, w]."""
        with self._lock, torch.inference_mode():  # one frame at a time: torch uses all cores for it
            outputs = self.network.correct(self._tensor(features), encoded)
        correction, log_error = (each[0].permute(1, 2, 0).float().cpu().contiguous().numpy() for each in outputs)
        return correction, log_error

    def _tensor(self, planes: Float16) -> Tensor:
        tensor = torch.from_numpy(planes)[None].to(self.device, torch.float32)
        return tensor.contiguous(memory_format=torch.channels_last)


class LitePropagator:
    """The lite engine at work on one shot. It remembers the tracks of the last few keyframes, nothing else."""

    def __init__(self, engine: LiteEngine) -> None:
        self._engine = engine
        self._tracker, self._progress = Tracker(), WindowProgress()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="relumix-lite")

    def report_to(self, tell: Callable[[float], None]) -> None:
        """See `Reporting`."""
        self._progress.report_to(tell)

    def propagate(
        self,
        frames: Sequence[ProxyFrame],
        references: Sequence[ProxyReference],
        keyframe_paths: Sequence[Sequence[Keyframe]],
    ) -> Carried:
        """Carry the light of the references to the frames of one window (see `Propagator.propagate`).

        Steps 1 to 7 are the flow engine's (see relumix.engines.flow.engine), with the network between 5 and 6.
        """
        with threadpool_limits(1, user_api="blas"):  # the products are small: BLAS threads would only wait
            window = WindowMotion.of(frames)
            self._progress.begin(3 * len(frames) * len(references))
            sides = []
            for reference, keyframe_path in zip(references, keyframe_paths, strict=True):
                corrector = _Corrector.of(self._engine, reference)
                # 1. Track.
                log_frame = corrector.reference.light.log_frame
                tracks = self._tracker.tracks(log_frame, keyframe_path, window, self._progress.step)
                # 2. to 4. Carry, match and combine, frame by frame; features are kept for the network.
                several = len(references) > 1
                relit = self._pool.map(partial(_relight, corrector.reference, several), window.frames, tracks)
                del tracks  # large: without this list the pool frees each as its frame is done
                found = list(self._progress.each(relit))
                # 5. Average along the motion: the network sees this gain, and corrects it.
                averaged = average([each.gain for each in found], window)
                # 5a. The network: a correction and its weight.
                corrected = map(corrector.correction, window.frames, averaged, found)
                corrections = list(self._progress.each(corrected))
                # 5b. Average the corrections too, since each is made from one frame alone; less than the gain.
                smooth = average(corrections, window, _KEEP)
                gains = [_corrected(*each) for each in zip(averaged, smooth, strict=True)]
                del averaged, smooth  # before the next reference's are made
                # 6. Weigh what is known of it, the network's own estimate included.
                gauge = ErrorGauge("lite", corrector.reference.light)
                evidence, log_errors = [each.evidence for each in found], map(_log_error, corrections)
                gauged = map(gauge.error, window.frames, evidence, gains, log_errors)
                sides.append(Side.of(corrector.reference.light, gains, gauged))
                del found, corrections, gains
            # 7. Blend the references' gains, by how sure each is.
            return blend_window(frames, references, sides)


@dataclass(frozen=True)
class _FlowResult:
    """Steps 2 to 4 on a frame: the flow engine's gain; features and evidence (None on the reference's own picture)."""

    gain: WeightedGain
    features: Float16 | None
    evidence: Evidence | None


def _relight(reference: SpreadLight, several: bool, frame: LogFrame, track: Track) -> _FlowResult:
    light = reference.light
    if frame.digest == light.log_frame.digest:
        return _FlowResult(light.own_gain(), None, None)
    carried = carry(light, frame, track)
    matched = match(light.bank, frame, track, attend_in_torch)
    features = frame_features(reference, frame, track, carried, matched, net_size(frame.log_luma.shape))
    gain = combine(light, carried, matched)
    cost = match_cost(light.bank, frame, track) if several else None
    return _FlowResult(gain, features, Evidence.of(track, carried, matched, gain, cost))


@dataclass(frozen=True)
class _Corrector:
    """The network, and its encoding of one reference."""

    engine: LiteEngine
    reference: SpreadLight
    encoded: list[EncodedReference]

    @classmethod
    def of(cls, engine: LiteEngine, reference: ProxyReference) -> _Corrector:
        light = SpreadLight.of(reference)
        size = net_size(light.light.log_frame.log_luma.shape)
        return cls(engine, light, engine.encode_reference(reference_features(light, size)))

    def correction(self, frame: LogFrame, averaged: WeightedGain, found: _FlowResult) -> WeightedGain:
        """Return the correction of the averaged gain, in stops, and its weight."""
        height, width = frame.log_luma.shape
        if found.features is None:
            nothing = np.zeros((height, width, 3), np.float32)
            return WeightedGain(nothing, np.full((height, width), 1 / _LEAST_ERROR, np.float32))
        size = net_size((height, width))
        features = np.concatenate([found.features, averaged_features(self.reference, averaged, size)])
        correction, log_error = self.engine.correct(features, self.encoded)
        added = correction * np.float32(self.reference.spread_stops)
        if size != (width, height):
            added = upsample_by_color(added, shrink(frame.log_rgb, size), frame.log_rgb)
        log_error = np.asarray(cv2.resize(log_error, (width, height)), np.float32)
        return WeightedGain(added, np.float32(1) / (np.exp2(log_error) + np.float32(_LEAST_ERROR)))


def _corrected(averaged: WeightedGain, correction: WeightedGain) -> WeightedGain:
    return WeightedGain(averaged.gain_stops + correction.gain_stops, averaged.weight)


def _log_error(correction: WeightedGain) -> Float32:
    """Return log2 of the error that the network expects, in units of spread, at the size of `Evidence`."""
    error = np.float32(1) / small(correction.weight) - np.float32(_LEAST_ERROR)
    return np.asarray(np.log2(np.maximum(error, np.float32(_LEAST_LOGGED))), np.float32)


def net_size(shape: Sequence[int]) -> tuple[int, int]:
    """Return the (width, height) at which the network sees a picture of shape (height, width)."""
    scale = min(1.0, NET_EDGE_PX / max(shape))
    width, height = (max(1, round(side * scale / STRIDE)) * STRIDE for side in shape[1::-1])
    return width, height
