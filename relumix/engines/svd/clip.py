"""One clip through the networks: pictures in, pictures out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from relumix.engines.svd import tone
from relumix.engines.svd.canvas import NetworkCanvas
from relumix.engines.svd.memory import batched_if_it_fits
from relumix.engines.svd.model import SvdModel
from relumix.engines.svd.options import SvdOptions
from relumix.engines.svd.sampler import sample, vector_conditioning
from relumix.gain.proxy import ProxyFrame
from relumix.types import Float32

_WINDOWS_KEPT = 3  # whose frames, as the networks see them, are remembered
_DECODED_KEPT = 4  # clips of a window that is at work: each reference's anchor, and the frames between


@dataclass(frozen=True)
class Clip:
    """What the network is shown. Pictures are [h, w, 3] in -1..1 at the working size.

    anchor     the frame that the clip begins with, and `begin`, its relit picture.
    frames     those that follow, outwards.
    reference  the number of the reference's frame, and `artist`, its relit picture.
    """

    anchor: ProxyFrame
    begin: Float32
    frames: tuple[ProxyFrame, ...]
    reference: int
    artist: Float32


@dataclass(frozen=True)
class Shown:
    """What came of a clip: decoded pictures at the working size.

    source, result                [n, h, w, 3]: the clip's frames as they are, and relit, in the clip's order.
    anchor_source, anchor_result  [h, w, 3]: the same of the frame it begins with.
    """

    source: Float32
    result: Float32
    anchor_source: Float32
    anchor_result: Float32


@dataclass(frozen=True)
class _Seen:
    """A frame as the networks see it: latents [4, h, w] of the VAE's mode, with noise and without; embedding [1, C]."""

    noisy: Tensor
    clean: Tensor
    embedding: Tensor


class Clips:
    """The networks at work on one shot. What they made of a frame is kept for the windows that share it."""

    def __init__(self, model: SvdModel, options: SvdOptions) -> None:
        self._model, self._options = model, options
        self._seen: OrderedDict[object, _Seen] = OrderedDict()
        self._decoded: OrderedDict[object, Float32] = OrderedDict()
        self._canvas: NetworkCanvas | None = None
        self._batched = True

    def fit(self, frame: ProxyFrame) -> None:
        """Choose the networks' canvas for frames like this. Raises InputError, with advice, where they do not fit."""
        height, width = frame.rgb.shape[:2]
        if self._canvas is not None and self._canvas.working == (height, width):
            return
        options, model = self._options, self._model
        canvas = NetworkCanvas.fit(height, width, options.pixels)
        self._batched = batched_if_it_fits(
            model.weights,
            canvas,
            options.window,
            guidance=options.guidance,
            vae_slice=options.vae_slice,
            offload=options.offload,
            free_bytes=model.free_bytes(),
        )
        self._canvas = canvas

    def show(self, clip: Clip) -> Shown:
        """Run a clip. `fit` was called for frames of its size."""
        canvas = self._canvas
        assert canvas is not None
        with torch.inference_mode():
            seen = [self._plate(frame) for frame in clip.frames]
            anchor = self._plate(clip.anchor)
            begin = self._see(("begin", clip.reference, clip.anchor.frame), clip.anchor.frame, lambda: clip.begin)
            artist = self._see(("artist", clip.reference), clip.reference, lambda: self._reference_range(clip.artist))
            latents = self._sampled([begin, *seen], artist, [clip.anchor, *clip.frames])
            order = np.argsort([frame.frame for frame in clip.frames])  # decoded forward in time, as it was trained
            source = self._decode_source([clip.frames[i].frame for i in order], [seen[i] for i in order])
            result = self._decode(latents[1:][torch.from_numpy(order)])
            anchor_source = self._decode_source([clip.anchor.frame], [anchor])
            anchor_result = self._decode(latents[:1])
        back = np.argsort(order)
        return Shown(
            source=np.stack([canvas.take(each) for each in source[back]]),
            result=np.stack([canvas.take(each) for each in result[back]]),
            anchor_source=canvas.take(anchor_source[0]),
            anchor_result=canvas.take(anchor_result[0]),
        )

    # What the networks see.

    def _plate(self, frame: ProxyFrame) -> _Seen:
        return self._see(("plate", frame.frame), frame.frame, lambda: tone.encode(frame.rgb))

    def _see(self, key: object, frame: int, picture: Callable[[], Float32]) -> _Seen:
        """Return what the networks see, or saw, in a picture of a frame."""
        if key not in self._seen:
            assert self._canvas is not None
            small = picture()
            placed = self._canvas.place(small)
            noise: Float32 = self._noise("augmentation", frame, (3, *placed.shape[:2])).permute(1, 2, 0).numpy()
            noisy, clean = self._model.eyes.encode([placed + np.float32(self._options.augmentation) * noise, placed])
            (embedding,) = self._model.eyes.embed([small])
            self._seen[key] = _Seen(noisy, clean, embedding)
        self._seen.move_to_end(key)
        while len(self._seen) > _WINDOWS_KEPT * self._options.window:
            self._seen.popitem(last=False)
        return self._seen[key]

    def _reference_range(self, picture: Float32) -> Float32:
        return picture if self._options.reference_range == "signed" else (picture + 1) / np.float32(2)

    def _noise(self, kind: str, frame: int, shape: tuple[int, ...]) -> Tensor:
        """Standard normal noise of a frame: the same in every window that has the frame, on every device."""
        digest = blake2b(f"{kind} {self._options.seed} {frame}".encode(), digest_size=7).digest()
        return torch.randn(shape, generator=torch.Generator().manual_seed(int.from_bytes(digest, "big")))

    # The networks.

    def _sampled(self, source: list[_Seen], artist: _Seen, frames: list[ProxyFrame]) -> Tensor:
        """Return the latents of the relit clip, [n, 4, h, w], not scaled."""
        options, device, wanted = self._options, self._model.device, len(source)
        shape = tuple(source[0].noisy.shape)
        noise = [self._noise("start", frame.frame, shape) for frame in frames]
        if self._model.compiled:  # Another length would be compiled anew: short clips stand still at their end.
            still = options.window - wanted
            source, noise = [*source, *[source[-1]] * still], [*noise, *[noise[-1]] * still]
        with self._model.denoiser() as unet:
            vector = vector_conditioning(options.fps, options.augmentation, unet.config.vector_dims)
            latents = sample(
                unet,
                torch.stack(noise).to(device),
                torch.stack([each.noisy for each in source]).to(device),
                artist.clean.to(device),
                torch.stack([each.embedding for each in source]).to(device),
                artist.embedding.to(device),
                vector.to(device),
                options.steps,
                (options.guidance_low, options.guidance_high),
                options.sigma_min,
                options.sigma_max,
                options.rho,
                batched=self._batched,
            )
        return latents[:wanted].float().cpu() / self._model.eyes.scaling_factor

    def _decode(self, latents: Tensor) -> Float32:
        return self._model.eyes.decode(latents, self._options.vae_slice)

    def _decode_source(self, frames: Sequence[int], seen: Sequence[_Seen]) -> Float32:
        """Return frames as the VAE gives them back; kept for the other references of their window."""
        key = tuple(frames)
        if key not in self._decoded:
            self._decoded[key] = self._decode(torch.stack([each.clean for each in seen]))
        self._decoded.move_to_end(key)
        while len(self._decoded) > _DECODED_KEPT:
            self._decoded.popitem(last=False)
        return self._decoded[key]
