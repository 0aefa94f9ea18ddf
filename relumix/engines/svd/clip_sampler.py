"""One clip through the networks: what frames were encoded to goes in, pictures come out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from relumix.engines.svd.conditioning import EncodedFrame, FrameEncoder
from relumix.engines.svd.memory import batched_if_it_fits
from relumix.engines.svd.model import SvdModel
from relumix.engines.svd.options import SvdOptions
from relumix.engines.svd.reformat import Reformat
from relumix.engines.svd.sampler import sample, vector_conditioning
from relumix.gain.proxy import ProxyFrame
from relumix.types import Float32


class ClipSampler:
    """The networks at work on the clips of one shot, all of one size."""

    def __init__(self, model: SvdModel, options: SvdOptions, working: tuple[int, int]) -> None:
        """Make it for working images of a size (height, width)."""
        self._model, self._options = model, options
        self.reformat = (
            Reformat.crop(*working, options.crop) if options.crop else Reformat.whole(*working, options.pixels)
        )
        self.encoder = FrameEncoder(
            model.encoders,
            self.reformat,
            augmentation=options.augmentation,
            seed=options.seed,
            clip_frames=options.clip_frames,
        )
        self._batched: dict[int, bool] = {}

    def sample(self, source: Sequence[EncodedFrame], reference: EncodedFrame, frames: Sequence[ProxyFrame]) -> Tensor:
        """Return the latents of the relit clip [padded, 4, h, w], not scaled: its own frames, then those that pad it.

        source  the clip's frames, of which the first is the relit one; frames: their numbers are their noise's.
        """
        options, device = self._options, self._model.device
        padding = options.padded(len(source)) - len(source)
        noise = [
            *(self._start_noise("start", frame) for frame in frames),
            *(self._start_noise(f"still {i}", frames[-1]) for i in range(padding)),
        ]
        source = [*source, *[source[-1]] * padding]
        with self._model.denoiser() as unet:
            vector = vector_conditioning(options.fps, options.augmentation, unet.config.vector_dims)
            latents = sample(
                unet,
                torch.stack(noise).to(device),
                torch.stack([each.noisy for each in source]).to(device),
                reference.clean.to(device),
                torch.stack([each.embedding for each in source]).to(device),
                reference.embedding.to(device),
                vector.to(device),
                options.steps,
                (options.guidance_low, options.guidance_high),
                options.sigma_min,
                options.sigma_max,
                options.rho,
                batched=self.batched(len(source)),
            )
        return latents.float().cpu() / self._model.encoders.scaling_factor

    def decode(self, latents: Tensor, wanted: int, *, backward: bool) -> Float32:
        """Return the pictures [wanted, H, W, 3] of the first frames of a clip's latents [n, 4, h, w], not scaled.

        backward  whether the clip runs so: frames are decoded in the order of time, as the decoder was trained to.

        Slices that hold no wanted frame are left out.
        """
        size, count = self._options.vae_slice, len(latents)
        if backward:
            first = (count - wanted) // size * size  # of the slices that hold wanted frames, in the order of time
            return self._model.encoders.decode(latents.flip(0)[first:], size)[::-1][:wanted]
        last = min(count, -(-wanted // size) * size)
        return self._model.encoders.decode(latents[:last], size)[:wanted]

    def padded(self, latents: Sequence[Tensor]) -> Tensor:
        """Return latents [n, 4, h, w] of a clip's frames with those that pad it."""
        padding = self._options.padded(len(latents)) - len(latents)
        return torch.stack([*latents, *[latents[-1]] * padding])

    def batched(self, frames: int) -> bool:
        """Return whether both branches of guidance run at once for a clip of so many frames, padding not counted.

        Raises InputError, with advice, where the clip does not fit into memory.
        """
        options, model, frames = self._options, self._model, self._options.padded(frames)
        if frames not in self._batched:
            self._batched[frames] = batched_if_it_fits(
                model.weights,
                self.reformat.picture,
                frames,
                guidance=options.guidance,
                vae_slice=options.vae_slice,
                offload=options.offload,
                on_gpu=model.device.type == "cuda",
                free_bytes=model.free_bytes(),
            )
        return self._batched[frames]

    def _start_noise(self, kind: str, frame: ProxyFrame) -> Tensor:
        height, width = (side // 8 for side in self.reformat.picture)
        return self.encoder.noise(kind, frame.frame, (4, height, width))
