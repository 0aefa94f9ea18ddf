"""Image models of diffusers: any pipeline that takes a picture and a prompt, loaded from a folder and asked."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import diffusers
import numpy as np
import torch
import transformers
from PIL import Image

from relumix.engines.svd.loading import UNREADABLE
from relumix.engines.svd.model import device_of
from relumix.errors import InputError
from relumix.reference import quiet as quieting
from relumix.reference.maker import Tell
from relumix.reference.text.folder import LEFT_OUT, ModelFolder
from relumix.reference.text.networks import networks
from relumix.reference.text.options import Precision, TextOptions
from relumix.reference.text.sizing import Frame
from relumix.types import Float32

_DEFAULT_SIZE = 1024
_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class Model(Protocol):
    """An image model that is loaded."""

    def edit(self, picture: Float32, seed: int, tell: Tell) -> Float32:
        """Return what it makes of a picture, both [h, w, 3] float32 in 0..1. Raises InputError."""
        ...


def load(folder: ModelFolder, pipeline: str | None, device: str, precision: Precision, *, offload: bool = False) -> Any:
    """Load a pipeline that takes a picture and a prompt.

    pipeline  the class of diffusers to load the folder as; None: the one that it was saved from or, where that takes no
              picture, its counterpart that does.
    offload   whether each part is on the GPU only while it works.

    Raises InputError. No file but the folder's is read, and none that could run code.
    """
    place = device_of(device, "reference text")
    kind = kind_of(folder, pipeline)
    refuse_lacking(folder, kind)
    dtype = dtype_of(place, precision, transformer="transformer" in folder.parts)
    takes = inspect.signature(kind.__init__).parameters
    left_out: dict[str, Any] = {name: None for name in LEFT_OUT if name in takes}
    left_out |= {"requires_safety_checker": False} if "requires_safety_checker" in takes else {}
    words = {"torch_dtype": dtype, "use_safetensors": True, "local_files_only": True, "variant": folder.variant}
    try:
        with quiet():
            given = networks(folder, takes, dtype)
            pipe = kind.from_pretrained(folder.path, **words, **given, **left_out)
    except InputError:
        raise
    except Exception as error:  # which one is another for each field of a config.json that is wrong
        raise InputError(f"{folder.path} cannot be read as {kind.__name__}: {_first_line(error)}") from error
    pipe.set_progress_bar_config(disable=True)
    settle(pipe, place, offload=offload)
    return pipe


def settle(pipe: Any, place: torch.device, *, offload: bool) -> None:
    """Bring a pipeline to its device, or have each part go there while it works. Raises InputError: no room."""
    with in_memory_of(pipe):
        if offload and place.type == "cuda":
            pipe.enable_model_cpu_offload()
        else:
            pipe.to(place)


@contextmanager
def in_memory_of(pipe: Any) -> Iterator[None]:
    """Turn a GPU's lack of memory into InputError."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise InputError(
            f"{type(pipe).__name__} does not fit the GPU's memory: try --offload, or a smaller --size"
        ) from error


def quiet() -> AbstractContextManager[None]:
    """Keep back what diffusers and transformers say as they load."""
    return quieting.quiet(diffusers.utils.logging, transformers.utils.logging)


def kind_of(folder: ModelFolder, pipeline: str | None) -> Any:
    """Return the class that a folder is loaded as. Raises InputError."""
    with quiet():
        return _kind(pipeline or folder.pipeline, chosen=pipeline is not None)


def _kind(name: str, *, chosen: bool) -> Any:
    kind = getattr(diffusers, name, None)
    if not (inspect.isclass(kind) and issubclass(kind, diffusers.DiffusionPipeline)):
        raise InputError(f"{name} is no pipeline of diffusers {diffusers.__version__}: a newer one may have it")
    takes = inspect.signature(kind.__call__).parameters
    if "image" in takes and "prompt" in takes and "mask_image" not in takes:
        return kind
    tasks = diffusers.pipelines.auto_pipeline
    try:
        counterpart = tasks._get_task_class(tasks.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING, name)
    except ValueError:
        counterpart = None
    if counterpart is None or chosen:
        raise InputError(
            f"{name} takes no picture with a prompt: expected an image-to-image or an editing pipeline, such as "
            "StableDiffusionInstructPix2PixPipeline"
        )
    return counterpart


def refuse_lacking(folder: ModelFolder, kind: type[Any]) -> None:
    """Raise InputError where a folder has not all parts that a class of pipelines is made of."""
    takes = inspect.signature(kind.__init__).parameters.values()
    needed = [each.name for each in takes if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD]
    optional = {"self", *LEFT_OUT, *getattr(kind, "_optional_components", ())}
    if lacks := [name for name in needed if name not in folder.parts and name not in optional]:
        raise InputError(
            f"{folder.path} was saved from {folder.pipeline} and lacks {lacks[0]}, a part of {kind.__name__}: expected "
            "a pipeline of the same parts"
        )


def dtype_of(place: torch.device, precision: Precision, *, transformer: bool) -> torch.dtype:
    """Return what a precision means on a device. Transformers are trained in bf16, and some overflow in fp16."""
    if precision == "auto":
        precision = "fp32" if place.type == "cpu" else "bf16" if transformer else "fp16"
    return _DTYPES[precision]


def size_of(pipe: Any, asked: int | None) -> int:
    """Return the edge in pixels of a square with as many pixels as a pipeline's picture."""
    if asked:
        return asked
    scale = int(getattr(pipe, "vae_scale_factor", 8))
    network = getattr(pipe, "unet", None)
    latent = network.config.sample_size if network is not None else getattr(pipe, "default_sample_size", None)
    latent = latent[0] if isinstance(latent, list | tuple) else latent
    return int(latent) * scale if latent else _DEFAULT_SIZE


def refuse_useless(kind: type[Any], options: TextOptions) -> None:
    """Raise InputError for an option that a class of pipelines has no use for."""
    takes = _arguments(kind)
    wanted = {
        "strength": options.strength is not None and "strength" not in takes,
        "image-guidance": options.image_guidance is not None and "image_guidance_scale" not in takes,
        "negative-prompt": options.negative_prompt is not None and not _heeds_negative(takes),
        "guidance": options.guidance is not None and not {"guidance_scale", "true_cfg_scale"} & takes.keys(),
    }
    for name, refused in wanted.items():
        if refused:
            raise InputError(f"{kind.__name__} has no use for --{name}: leave it out")
    if options.strength is not None:
        steps = options.steps or takes["num_inference_steps"].default
        if steps * options.strength < 1:
            raise InputError(
                f"a strength of {options.strength:g} is less than one of {steps} steps: expected at least "
                f"{1 / steps:g}, or more --steps"
            )


def _arguments(kind: type[Any]) -> dict[str, Any]:
    """Return the arguments that a class of pipelines is called with, by name."""
    return dict(inspect.signature(kind.__call__).parameters)


def _heeds_negative(takes: dict[str, Any]) -> bool:
    """Tell whether a negative prompt counts: with guidance that is distilled into the network it does not."""
    if "true_cfg_scale" in takes:
        return bool(takes["true_cfg_scale"].default > 1)
    return "negative_prompt" in takes


@dataclass(frozen=True)
class EditModel:
    """Any pipeline with a picture and a prompt."""

    pipe: Any
    options: TextOptions

    def __post_init__(self) -> None:
        """Raise InputError for an option that the pipeline has not."""
        refuse_useless(type(self.pipe), self.options)

    @property
    def _takes(self) -> dict[str, Any]:
        return _arguments(type(self.pipe))

    def edit(self, picture: Float32, seed: int, tell: Tell) -> Float32:
        """Return what it makes of a picture (see Model)."""
        frame = Frame.of(picture.shape, size_of(self.pipe, self.options.size))
        given = frame.fitted(picture)
        image = Image.fromarray((given * 255 + 0.5).astype(np.uint8))
        made = ask(self.pipe, {**self._words(frame), "image": image}, seed, tell)
        return frame.back(made)

    def _words(self, frame: Frame) -> dict[str, Any]:
        """Return the arguments of the call, but for the picture."""
        takes, options = self._takes, self.options
        scale = "guidance_scale"
        if "true_cfg_scale" in takes and takes["true_cfg_scale"].default > 1:
            scale = "true_cfg_scale"
        asked = {
            "prompt": options.prompt,
            "negative_prompt": options.negative_prompt,
            "strength": options.strength,
            "num_inference_steps": options.steps,
            scale: options.guidance,
            "image_guidance_scale": options.image_guidance,
        }
        if scale == "true_cfg_scale" and options.negative_prompt is None:
            asked["negative_prompt"] = " "  # without one, such pipelines leave their guidance out
        given = {name: value for name, value in asked.items() if value is not None}
        if "height" in takes:
            given |= {"height": frame.height, "width": frame.width}
        if "_auto_resize" in takes:  # FLUX Kontext would choose a shape of its own, and a size
            given |= {"_auto_resize": False, "max_area": frame.height * frame.width}
        return given


def ask(pipe: Any, words: dict[str, Any], seed: int, tell: Tell) -> Float32:
    """Call a pipeline; returns its picture [h, w, 3] float32 in 0..1. Raises InputError where it makes none."""
    takes = inspect.signature(pipe.__call__).parameters
    if "callback_on_step_end" in takes:

        def stepped(pipe: Any, step: int, time: Any, held: dict[str, Any]) -> dict[str, Any]:
            steps = max(int(getattr(pipe, "num_timesteps", 0) or 0), step + 1)
            tell((step + 1) / steps, f"step {step + 1} of {steps}")
            return held

        words = {**words, "callback_on_step_end": stepped}
    # On the CPU, so that a seed means the same on every device.
    generator = torch.Generator("cpu").manual_seed(seed)
    try:
        with torch.inference_mode(), quiet(), in_memory_of(pipe):
            made = pipe(**words, generator=generator, output_type="np").images[0]
    except (*UNREADABLE, ArithmeticError, AttributeError) as error:
        raise InputError(
            f"{type(pipe).__name__} made no picture: {_first_line(error)}; expected a folder whose parts are of one "
            "model, and options that it can follow"
        ) from error
    picture = np.asarray(made, np.float32)
    if not np.isfinite(picture).all():
        raise InputError(f"{type(pipe).__name__} made no picture but NaN: try --precision fp32 or bf16")
    return np.clip(picture, 0, 1)


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
