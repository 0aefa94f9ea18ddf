"""The options of the svd engine, as `--engine-option NAME=VALUE` gives them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from relumix.engines.base import Windowing
from relumix.errors import InputError

VERSION = "1"
"""Of the engine: changes when its results do."""

_WORDS: dict[str, bool] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class SvdOptions:
    """How the network is run. What has no note is as published.

    steps          of the sampler.
    window         frames that the network sees at once, the reference pair included; it was trained on 14 or more.
    overlap        frames that neighbouring windows share (anchored windows alone; chained ones share one).
    chained        whether a window begins with the last relit frame of the one before, in place of the reference.
    pixels         most pixels of the network's picture; larger working sizes are reduced to it.
    guidance_low, guidance_high   scale of guidance at the first and the last frame of a window.
    fps, augmentation             what the network is told; the second is also the noise added to source frames.
    sigma_min, sigma_max, rho     the schedule (Karras et al., "Elucidating the Design Space …", 2022, eq. 5).
    reference_range               "signed": reference pictures in -1..1, as trained; "unsigned": in 0..1, as the
                                  published command line gives them.
    seed           with the frame's number, of every frame's noise.
    precision      of the network: "auto" is fp16 on a GPU and fp32 on a CPU.
    guidance       "batched": both branches at once; "in_turn": half the memory; "auto": what fits.
    vae_slice      frames that the VAE decodes at once.
    offload        keep on the device only what is at work: for small GPUs, slower.
    compile        torch.compile, on a GPU: minutes at the start, faster afterwards.
    """

    steps: int = 25
    window: int = 14
    overlap: int = 4
    chained: bool = False
    pixels: int = 1024 * 576
    guidance_low: float = 1.0
    guidance_high: float = 2.5
    fps: float = 15.0
    augmentation: float = 0.02
    sigma_min: float = 0.002
    sigma_max: float = 700.0
    rho: float = 7.0
    reference_range: Literal["signed", "unsigned"] = "signed"
    seed: int = 0
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    guidance: Literal["auto", "batched", "in_turn"] = "auto"
    vae_slice: int = 4
    offload: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        """Refuse values out of range; raises InputError."""
        choices = {
            "reference_range": ("signed", "unsigned"),
            "precision": ("auto", "fp32", "fp16", "bf16"),
            "guidance": ("auto", "batched", "in_turn"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"svd's {name} is {getattr(self, name)!r}: expected one of {', '.join(map(str, allowed))}"
                )
        least = {"steps": 1, "window": 3, "overlap": 0, "pixels": 64 * 64, "vae_slice": 1, "seed": 0, "augmentation": 0}
        for name, low in least.items():
            if not getattr(self, name) >= low:
                raise InputError(f"svd's {name} is {getattr(self, name)}: expected {low} or more")
        if self.overlap > self.window - 2:
            raise InputError(
                f"svd's overlap is {self.overlap}: expected at most {self.window - 2} in windows of {self.window} "
                "frames, one of which is the reference"
            )
        if not 0 < self.sigma_min < self.sigma_max:
            raise InputError(
                f"svd's sigmas go from {self.sigma_max} down to {self.sigma_min}: expected two above 0, falling"
            )

    def windowing(self) -> Windowing:
        """Return how the engine wants a shot cut: the reference takes one of the network's frames."""
        if self.chained:
            return Windowing(version=VERSION, window=self.window, overlap=1, tracks=False, chained=True)
        return Windowing(version=VERSION, window=self.window - 1, overlap=self.overlap, tracks=False)

    def changed(self, texts: Sequence[str]) -> SvdOptions:
        """Return these options with some of them set, each by a text NAME=VALUE. Raises InputError."""
        fields = {field.name: field for field in dataclasses.fields(self)}
        values: dict[str, Any] = {}
        for text in texts:
            name, equals, value = text.partition("=")
            if name not in fields or not equals:
                raise InputError(f"{text!r} is no option of engine svd: expected NAME=VALUE with {', '.join(fields)}")
            values[name] = _value(name, value, type(fields[name].default))
        return dataclasses.replace(self, **values)


def _value(name: str, text: str, kind: type) -> object:
    if kind is bool:
        if text.lower() not in _WORDS:
            raise InputError(f"svd's {name} is {text!r}: expected true or false")
        return _WORDS[text.lower()]
    try:
        return kind(text)
    except ValueError:
        raise InputError(
            f"svd's {name} is {text!r}: expected {'a number' if kind is float else 'a whole number'}"
        ) from None
