"""Depth by a model that the user has: a folder as transformers keeps it, with weights in safetensors.

Models of two kinds are known. Some say depth in metres; others an inverse depth without scale or origin, of which the
nearest is put at one end of a range, and the farthest at the other. Nothing is fetched, and no pickle is opened.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from relumix.color.rec709 import srgb_encode
from relumix.errors import InputError
from relumix.gain.proxy import ProxyFrame
from relumix.types import Float32
from relumix.util.extras import needed
from relumix.util.json_object import read_object

METRIC, RELATIVE, EITHER = "metric", "relative", "either"

KINDS = {
    "depth_anything": EITHER,
    "depth_pro": METRIC,
    "dpt": RELATIVE,
    "glpn": METRIC,
    "zoedepth": METRIC,
}
"""What models say, by model_type of their config.json; EITHER: depth_estimation_type says which."""

FETCH = (
    "get one with: hf download depth-anything/Depth-Anything-V2-Small-hf --local-dir depth-model (Apache 2.0; the "
    "larger ones of its family are for non-commercial use)"
)

_FILES = ("config.json", "preprocessor_config.json")
_NEAREST_M = 1e-3


@dataclass(frozen=True)
class DepthModel:
    """A loaded model. files: what it was loaded from."""

    folder: Path
    files: tuple[Path, ...]
    metric: bool
    range_of_depth: tuple[float, float]
    _network: Any
    _processor: Any
    _device: Any

    @classmethod
    @needed("--estimate", "svd")
    def load(cls, folder: Path, device: str, range_of_depth: tuple[float, float]) -> DepthModel:
        """Load it. range_of_depth: nearest and farthest depth of a model that says no metres, in units of the rig.

        Raises InputError: no such folder, a file that is missing or cannot be read, or a model of an unknown kind.
        """
        files = _files(folder)
        config = read_object(folder / "config.json", FETCH)
        kind = KINDS.get(str(config.get("model_type")))
        if kind is None:
            raise InputError(
                f"{folder} is a model of type {config.get('model_type')!r}: expected one of {', '.join(KINDS)}; {FETCH}"
            )
        metric = kind == METRIC or (kind == EITHER and config.get("depth_estimation_type") == METRIC)
        network, processor = _loaded(folder)
        from relumix.engines.svd.model import device_of  # noqa: PLC0415  loads torch

        place = device_of(device, "--estimate")
        return cls(folder, files, metric, range_of_depth, network.to(place).eval(), processor, place)

    def depth(self, frame: ProxyFrame) -> tuple[Float32, float | None]:
        """Return the depth of a proxy along the axis, [h, w] float32 above 0, and the field of view across, or None."""
        import torch  # noqa: PLC0415  only models need it

        shape = frame.known.shape
        shown = (srgb_encode(frame.rgb) * 255 + 0.5).astype(np.uint8)
        with torch.inference_mode():
            asked = self._processor(images=shown, return_tensors="pt", input_data_format="channels_last")
            said = self._network(**{name: value.to(self._device) for name, value in asked.items()})
            finish = self._processor.post_process_depth_estimation
            options: dict[str, Any] = {"target_sizes": [shape]}
            if "source_sizes" in inspect.signature(finish).parameters:
                options["source_sizes"] = [shape]
            (found,) = finish(said, **options)
        values = found["predicted_depth"].float().cpu().numpy().reshape(shape)
        if not np.isfinite(values).all():
            raise InputError(f"the depth model {self.folder} gave depth that is not finite: its weights are damaged")
        fov = found.get("field_of_view")
        depth = values if self.metric else self._within_range(values)
        return np.maximum(depth, _NEAREST_M).astype(np.float32), None if fov is None else float(fov)

    def _within_range(self, nearness: Float32) -> Float32:
        """Return the depth of an inverse depth of unknown scale, [h, w]."""
        near, far = self.range_of_depth
        least, most = float(nearness.min()), float(nearness.max())
        share = (nearness - least) / max(most - least, 1e-12)
        return np.asarray(1 / (share / near + (1 - share) / far), np.float32)


def _files(folder: Path) -> tuple[Path, ...]:
    """Return what a model is loaded from. Raises InputError."""
    if not folder.is_dir():
        raise InputError(f"the depth model {folder} is no folder; {FETCH}")
    if missing := [name for name in _FILES if not (folder / name).is_file()]:
        raise InputError(f"the depth model {folder} lacks {missing[0]}; {FETCH}")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise InputError(f"the depth model {folder} has no weights in safetensors; {FETCH}")
    return (*(folder / name for name in _FILES), *weights)


def _loaded(folder: Path) -> tuple[Any, Any]:
    """Return the network and what prepares pictures for it. Raises InputError."""
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation  # noqa: PLC0415  loads torch

    from relumix.engines.svd.loading import UNREADABLE, refuse_other_weights  # noqa: PLC0415

    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        processor = AutoImageProcessor.from_pretrained(folder, **options)  # type: ignore[no-untyped-call]
        network, found = AutoModelForDepthEstimation.from_pretrained(
            folder, use_safetensors=True, output_loading_info=True, **options
        )
    except UNREADABLE as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(f"the depth model {folder} cannot be read: {first}") from error
    refuse_other_weights(folder, found["missing_keys"], found["unexpected_keys"])
    return network, processor
