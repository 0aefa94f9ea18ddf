"""The options of the svd engine, as `--engine-option NAME=VALUE` gives them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from relumix.engines.base import Windowing
from relumix.errors import InputError

VERSION = "3"
"""Of the engine: changes when its results do."""

TRAINED_FRAMES = (14, 30, 61)
"""Lengths of clip that the method was published for; shorter clips are padded to one of them."""

_WORDS: dict[str, bool] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_CHOICES: dict[str, tuple[str, ...]] = {
    "windows": ("leading", "anchored", "chained"),
    "pad": ("trained", "window"),
    "exposure": ("mid_grey", "plate"),
    "tone": ("reinhard", "srgb"),
    "median_gain": ("bounded", "whole", "none"),
    "reference_range": ("signed", "unsigned"),
    "precision": ("auto", "fp32", "fp16", "bf16", "autocast"),
    "encode_precision": ("auto", "fp32", "autocast"),
    "decode_precision": ("auto", "fp32"),
    "guidance": ("auto", "batched", "in_turn"),
}
_LEAST = {
    "steps": 1,
    "overlap": 0,
    "crop": 0,
    "pixels": 64 * 64,
    "vae_slice": 1,
    "seed": 0,
    "fps": 0,
    "augmentation": 0,
    "rho": 1,
}
_MOST_STEPS = 1000
"""Levels of noise that Stable Video Diffusion's own schedule has: more steps are time and nothing else."""


@dataclass(frozen=True)
class SvdOptions:
    """How the network is run. Each default is argued in docs/svd.md; PUBLISHED has what the authors' inference does.

    steps          of the sampler.
    windows        "leading": clips go from the reference on, frame by frame, as in training, as far as `window` is
                   long; "anchored": short ones, each with the reference before its first frame; "chained": each with
                   the last relit frame of the one before.
    window         most frames of a clip, the relit one that it begins with included; 0 for 61 where windows are
                   leading, 14 where they are not.
    overlap        frames that neighbouring windows share (chained ones share one).
    pad            what clips are padded to, by their last frame: "trained", the shortest of 14, 30, 61 and `window`
                   that holds them; "window", always `window`.
    exposure       what the network is shown the plate at: "mid_grey", its median at mid-grey; "plate", its own.
    tone           the picture's curve: "reinhard" rolls highlights off; "srgb" clips them at 1.
    median_gain    how much of the reference's is shown: "bounded" by what a photograph may be; "whole"; "none".
    calibrate      whether what the network says is shifted to agree with the reference where the answer is known, and
                   kept within the reference's reach.
    crop           the edge in pixels of the central square that the network sees; 0 for the whole frame.
    pixels         most pixels of the network's picture; larger working sizes are reduced to it.
    guidance_low, guidance_high   scale of guidance at the first and the last frame of a window.
    fps, augmentation             what the network is told; the second is also the noise added to source frames.
    sigma_min, sigma_max, rho     the schedule (Karras et al., "Elucidating the Design Space …", 2022, eq. 5).
    reference_range  "signed": reference pictures in -1..1, as trained; "unsigned": in 0..1, as the published command
                     line gives them.
    seed           with the frame's number, of every frame's noise.
    precision      of the U-Net and CLIP: "auto" is fp16 on a GPU and fp32 on a CPU; "autocast" is fp32 weights at work
                   in fp16 where torch holds that safe.
    encode_precision, decode_precision  of the VAE; "auto" follows `precision`, with fp32 for what it is too coarse for.
    guidance       "batched": both branches at once; "in_turn": half the memory; "auto": what fits.
    vae_slice      frames that the VAE decodes at once.
    offload        keep on the device only what is at work: for small GPUs, slower.
    compile        torch.compile, on a GPU: minutes at the start, faster afterwards.
    """

    steps: int = 25
    windows: Literal["leading", "anchored", "chained"] = "leading"
    window: int = 0
    overlap: int = 4
    pad: Literal["trained", "window"] = "trained"
    exposure: Literal["mid_grey", "plate"] = "mid_grey"
    tone: Literal["reinhard", "srgb"] = "reinhard"
    median_gain: Literal["bounded", "whole", "none"] = "bounded"
    calibrate: bool = True
    crop: int = 0
    pixels: int = 1024 * 576
    guidance_low: float = 1.0
    guidance_high: float = 1.5
    fps: float = 15.0
    augmentation: float = 0.02
    sigma_min: float = 0.002
    sigma_max: float = 700.0
    rho: float = 7.0
    reference_range: Literal["signed", "unsigned"] = "signed"
    seed: int = 0
    precision: Literal["auto", "fp32", "fp16", "bf16", "autocast"] = "auto"
    encode_precision: Literal["auto", "fp32", "autocast"] = "auto"
    decode_precision: Literal["auto", "fp32"] = "auto"
    guidance: Literal["auto", "batched", "in_turn"] = "auto"
    vae_slice: int = 4
    offload: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        """Refuse values out of range; raises InputError."""
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"svd's {name} is {getattr(self, name)!r}: expected one of {', '.join(allowed)}")
        for name, value in vars(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"svd's {name} is {value}: expected a finite number")
        if self.steps > _MOST_STEPS:
            raise InputError(f"svd's steps is {self.steps}: expected {_MOST_STEPS} or fewer")
        for name, low in _LEAST.items():
            if not getattr(self, name) >= low:
                raise InputError(f"svd's {name} is {getattr(self, name)}: expected {low} or more")
        if self.window != 0 and self.window < 3:
            raise InputError(f"svd's window is {self.window}: expected 3 or more, or 0 for what suits the windows")
        if self.overlap > self.clip_frames - 2:
            raise InputError(
                f"svd's overlap is {self.overlap}: expected at most {self.clip_frames - 2} in windows of "
                f"{self.clip_frames} frames, one of which is the reference"
            )
        if self.crop % 64:
            raise InputError(f"svd's crop is {self.crop}: expected a multiple of 64, or 0 for the whole frame")
        if not 0 < self.sigma_min < self.sigma_max:
            raise InputError(
                f"svd's sigmas go from {self.sigma_max} down to {self.sigma_min}: expected two above 0, falling"
            )

    @property
    def clip_frames(self) -> int:
        """Most frames of a clip."""
        return self.window or (TRAINED_FRAMES[-1] if self.windows == "leading" else TRAINED_FRAMES[0])

    @property
    def chained(self) -> bool:
        """Whether a window begins with the last relit frame of the one before."""
        return self.windows == "chained"

    def windowing(self) -> Windowing:
        """Return how the engine wants a shot cut.

        Anchored clips have the reference before the frames of their window, the others have it among them.
        """
        window = self.clip_frames - (self.windows == "anchored")
        overlap = 1 if self.chained else self.overlap
        return Windowing(version=VERSION, window=window, overlap=overlap, tracks=False, chained=self.chained)

    def padded(self, frames: int) -> int:
        """Return how many frames a clip of so many is padded to."""
        if self.pad == "window":
            return self.clip_frames
        return min(n for n in (*TRAINED_FRAMES, self.clip_frames) if frames <= n <= self.clip_frames)

    def changed(self, texts: Sequence[str]) -> SvdOptions:
        """Return these options with some of them set, each by a text NAME=VALUE. Raises InputError.

        `published=yes` sets all of PUBLISHED and `published=no` sets them back, whatever else is given beside it;
        `chained=true` is another way to say windows=chained, `chained=false` windows=anchored.
        """
        fields = {field.name: field for field in dataclasses.fields(self)}
        preset: Mapping[str, Any] = {}
        values: dict[str, Any] = {}
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals or name not in (*fields, "published", "chained"):
                names = ", ".join([*fields, "published"])
                raise InputError(f"{text!r} is no option of engine svd: expected NAME=VALUE with {names}")
            if name == "published":
                preset = PUBLISHED if _value(name, value, bool) else {n: fields[n].default for n in PUBLISHED}
            elif name == "chained":
                values["windows"] = "chained" if _value(name, value, bool) else "anchored"
            else:
                values[name] = _value(name, value, type(fields[name].default))
        return dataclasses.replace(self, **{**preset, **values})


PUBLISHED: Mapping[str, Any] = {
    "windows": "leading",
    "window": 14,
    "overlap": 0,
    "pad": "window",
    "exposure": "plate",
    "tone": "srgb",
    "median_gain": "whole",
    "calibrate": False,
    "crop": 512,
    "reference_range": "unsigned",
    "precision": "autocast",
    "encode_precision": "autocast",
    "decode_precision": "fp32",
    "vae_slice": 14,
}
"""What `published=yes` sets: the authors' inference, step by step. All that it leaves alone is as published already."""


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
