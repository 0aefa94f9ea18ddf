"""IC-Light (https://github.com/lllyasviel/IC-Light): Stable Diffusion 1.5 that sees what it is to light.

Its checkpoint holds what is added to each weight of Stable Diffusion's U-Net, whose first convolution is widened from 4
channels to 8 (`fc`: the noise and the foreground) or 12 (`fbc`: and the background), the new ones beginning at 0. All
pictures beside the noise are the modes of the VAE's codes, scaled. The direction of a light is given, as by its
authors, by a ramp of grey: to `fc` as the picture that sampling starts from, to `fbc` as the background.

Not done is the authors' second pass at a larger size: it adds detail, of which nothing is taken over. Nor is their
network that cuts out the foreground: a matte says what it is, and without one all of the plate is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from relumix.engines.svd.loading import UNREADABLE
from relumix.engines.svd.model import device_of
from relumix.errors import InputError
from relumix.reference.maker import Tell
from relumix.reference.text import pipelines
from relumix.reference.text.folder import ModelFolder
from relumix.reference.text.options import Precision, TextOptions
from relumix.reference.text.pipelines import ask, dtype_of, load, quiet, refuse_lacking, settle, size_of
from relumix.reference.text.sizing import Frame
from relumix.types import Float32
from relumix.util.json_object import read_object

Direction = Literal["left", "right", "top", "bottom", "ambient"]

_BASE = "StableDiffusionImg2ImgPipeline"
_FIRST = "conv_in.weight"
_WANTED = {8: "fc", 12: "fbc"}
_ADDED_PROMPT = "best quality"
_NEGATIVE_PROMPT = "lowres, bad anatomy, bad hands, cropped, worst quality"
_GUIDANCE, _STEPS = {"fc": 2.0, "fbc": 7.0}, {"fc": 25, "fbc": 20}
_RAMP, _AMBIENT = {"fc": (255, 0), "fbc": (224, 32)}, 64
_FROM_RAMP = 0.9
"""How far sampling goes from the picture that it starts from."""

_GREY = 127 / 255
"""What is no foreground. Pictures are coded with it at 0."""


@dataclass(frozen=True)
class IcLight:
    """IC-Light, loaded.

    kind        "fc" or "fbc".
    direction   where the light comes from; None: as the prompt says.
    background  [h, w, 3] float32 in 0..1, of any size; None without.
    subject     [h, w] float32 in 0..1, at the size of the pictures: what is the foreground; None: all of it.
    """

    pipe: StableDiffusionPipeline
    kind: str
    options: TextOptions
    direction: Direction | None
    background: Float32 | None
    subject: Float32 | None = None

    @classmethod
    def load(
        cls,
        base: ModelFolder,
        offsets: Path,
        options: TextOptions,
        device: str,
        precision: Precision,
        *,
        direction: Direction | None = None,
        background: Float32 | None = None,
        offload: bool = False,
    ) -> IcLight:
        """Load it onto its base. Raises InputError."""
        kind = kind_of(base, offsets, options, direction, with_background=background is not None)
        loaded = load(base, _BASE, "cpu", "fp32")
        add_offsets(loaded.unet, _read(offsets), offsets)
        with quiet():
            pipe = StableDiffusionPipeline(**loaded.components, requires_safety_checker=False)
        pipe.scheduler = _scheduler()
        pipe.set_progress_bar_config(disable=True)
        _place(pipe, device, precision, offload=offload)
        return cls(pipe, kind, options, direction, background)

    def lighting(self, subject: Float32 | None) -> IcLight:
        """Return it with a foreground."""
        return replace(self, subject=subject)

    def edit(self, picture: Float32, seed: int, tell: Tell) -> Float32:
        """Return the picture under another light (see pipelines.Model)."""
        options = self.options
        frame = Frame.of(picture.shape, size_of(self.pipe, options.size))
        words: dict[str, Any] = {
            "prompt": f"{options.prompt}, {_ADDED_PROMPT}",
            "negative_prompt": _NEGATIVE_PROMPT if options.negative_prompt is None else options.negative_prompt,
            "guidance_scale": _GUIDANCE[self.kind] if options.guidance is None else options.guidance,
            "num_inference_steps": options.steps or _STEPS[self.kind],
        }
        around = self._around(frame)
        seen = [self._foreground(picture, frame), *([around] if self.kind == "fbc" and around is not None else [])]
        with self._shown([self._coded(each) for each in seen]):
            if self.kind == "fbc" or around is None:
                made = ask(self.pipe, {**words, "height": frame.height, "width": frame.width}, seed, tell)
            else:
                made = ask(*self._from(around, words), seed, tell)
        return frame.back(made)

    def _from(self, start: Float32, words: dict[str, Any]) -> tuple[StableDiffusionImg2ImgPipeline, dict[str, Any]]:
        """Return the pipeline that starts from a picture, and its arguments: as many steps are done as without."""
        with quiet():
            pipe = StableDiffusionImg2ImgPipeline(**self.pipe.components, requires_safety_checker=False)
        pipe.set_progress_bar_config(disable=True)
        strength = _FROM_RAMP if self.options.strength is None else self.options.strength
        steps = round(words["num_inference_steps"] / strength)
        return pipe, {**words, "image": self._coded(start), "strength": strength, "num_inference_steps": steps}

    def _foreground(self, picture: Float32, frame: Frame) -> Float32:
        if self.subject is not None:
            picture = _GREY + (picture - _GREY) * self.subject[..., None]
        return frame.fitted(np.asarray(picture, np.float32))

    def _around(self, frame: Frame) -> Float32 | None:
        """Return the background or the direction of the light, [height, width, 3]; None where neither is given."""
        height, width = frame.height, frame.width
        if self.background is not None:
            return _covering(self.background, height, width)
        if self.direction is None:
            return None
        if self.direction == "ambient":
            return np.full((height, width, 3), _AMBIENT / 255, np.float32)
        first, last = _RAMP[self.kind] if self.direction in ("left", "top") else _RAMP[self.kind][::-1]
        along = np.linspace(first, last, width if self.direction in ("left", "right") else height, dtype=np.float32)
        ramp = along[None, :] if self.direction in ("left", "right") else along[:, None]
        return np.repeat(np.broadcast_to(np.floor(ramp) / 255, (height, width))[..., None], 3, axis=-1)

    def _coded(self, picture: Float32) -> Tensor:
        """Return the VAE's code of a picture [height, width, 3] in 0..1, [1, 4, h, w]."""
        vae = self.pipe.vae
        centred = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None] / _GREY - 1
        with torch.inference_mode():
            code = vae.encode(centred.to(self.pipe._execution_device, vae.dtype)).latent_dist.mode()
        return code * vae.config.scaling_factor

    @contextmanager
    def _shown(self, codes: list[Tensor]) -> Iterator[None]:
        """Show the U-Net codes beside the noise, for as long as the context lasts."""
        beside = torch.cat(codes, dim=1)

        def widened(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            sample = args[0]
            held = beside.to(sample).expand(sample.shape[0], -1, -1, -1)
            return (torch.cat([sample, held], dim=1), *args[1:])

        hook = self.pipe.unet.register_forward_pre_hook(widened)
        try:
            yield
        finally:
            hook.remove()


def kind_of(
    base: ModelFolder, offsets: Path, options: TextOptions, direction: Direction | None, *, with_background: bool
) -> str:
    """Return "fc" or "fbc". Its weights are not loaded, nor those of its base.

    Raises InputError for what is no IC-Light, for another base, and for what this kind has no use for.
    """
    if options.image_guidance is not None:
        raise InputError("IC-Light has no use for --image-guidance: leave it out")
    kind = _stored_kind(offsets)
    if kind == "fbc" and direction is None and not with_background:
        raise InputError(
            f"{offsets} is IC-Light's fbc, which lights by a background: give --background or --light-from"
        )
    if kind == "fc" and direction == "ambient":
        raise InputError(f"{offsets} is IC-Light's fc, which knows no ambient light: leave --light-from out")
    if kind == "fbc" and options.strength is not None:
        raise InputError(f"{offsets} is IC-Light's fbc, which has no use for --strength: leave it out")
    refuse_lacking(base, pipelines.kind_of(base, _BASE))
    config = base.path / "unet" / "config.json"
    if (channels := read_object(config, "get it again from where the model is from").get("in_channels")) != 4:
        raise InputError(f"{config} has a U-Net of {channels} channels: expected Stable Diffusion 1.5, which has 4")
    return kind


def add_offsets(unet: Any, weights: dict[str, Tensor], path: Path) -> None:
    """Add IC-Light's weights to Stable Diffusion's. Raises InputError where they are not of one network."""
    first = unet.conv_in
    wide = nn.Conv2d(weights[_FIRST].shape[1], first.out_channels, first.kernel_size, first.stride, first.padding)
    with torch.no_grad():
        wide.weight.zero_()
        wide.weight[:, : first.in_channels] = first.weight
        wide.bias = first.bias
        unet.conv_in = wide.to(first.weight.dtype)
        own = unet.state_dict()
        if odd := sorted(own.keys() ^ weights.keys()):
            raise InputError(f"{path} and the U-Net of its base differ in {odd[0]}: expected Stable Diffusion 1.5's")
        for name, value in own.items():
            offset = weights[name]
            if value.shape != offset.shape:
                raise InputError(
                    f"{path} has {name} as {list(offset.shape)}, its base as {list(value.shape)}: expected "
                    "Stable Diffusion 1.5's"
                )
            value.add_(offset.to(value.dtype))


def _stored_kind(path: Path) -> str:
    try:
        with safe_open(path, framework="pt") as file:
            shape = file.get_slice(_FIRST).get_shape() if _FIRST in file.keys() else []  # noqa: SIM118  it is no dict
    except UNREADABLE as error:
        raise InputError(f"{path} cannot be read as safetensors: {error}") from error
    channels = shape[1] if len(shape) == 4 else 0
    if channels not in _WANTED:
        raise InputError(f"{path} is no IC-Light: its {_FIRST} has {channels} channels, expected 8 (fc) or 12 (fbc)")
    return _WANTED[channels]


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except UNREADABLE as error:
        raise InputError(f"{path} cannot be read as safetensors: {error}") from error


def _scheduler() -> Any:
    return DPMSolverMultistepScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        algorithm_type="sde-dpmsolver++",
        use_karras_sigmas=True,
        steps_offset=1,
    )


def _place(pipe: Any, device: str, precision: Precision, *, offload: bool) -> None:
    """Bring a pipeline that was put together in fp32 on the CPU to its device and precision."""
    place = device_of(device, "reference text")
    with quiet():
        pipe.to(dtype_of(place, precision, transformer=False))
    settle(pipe, place, offload=offload)


def _covering(picture: Float32, height: int, width: int) -> Float32:
    """Return a picture scaled until it covers a size, its middle."""
    scale = max(height / picture.shape[0], width / picture.shape[1])
    rows, columns = max(height, round(picture.shape[0] * scale)), max(width, round(picture.shape[1] * scale))
    scaled = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (rows - height) // 2, (columns - width) // 2
    return np.clip(np.asarray(scaled[top : top + height, left : left + width], np.float32), 0, 1)
