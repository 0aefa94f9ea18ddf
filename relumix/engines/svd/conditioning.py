"""What the network is told of each frame: latents, embeddings, and the noise that is a frame's own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from relumix.engines.svd.image_encoders import ImageEncoders
from relumix.engines.svd.reformat import Reformat
from relumix.types import Float32

_CLIPS_KEPT = 3  # whose frames, as the encoders see them, are remembered


@dataclass(frozen=True)
class EncodedFrame:
    """A frame as the networks see it.

    noisy, clean  [4, h, w] float32 latents, the VAE's mode, not scaled: with the augmentation's noise, and without.
    embedding     [1, C] float32, CLIP's.
    """

    noisy: Tensor
    clean: Tensor
    embedding: Tensor


class FrameEncoder:
    """Encodes frames of one shot at one size, and remembers the last of them for the windows that share them."""

    def __init__(
        self, encoders: ImageEncoders, reformat: Reformat, *, augmentation: float, seed: int, clip_frames: int
    ) -> None:
        self._encoders, self._reformat = encoders, reformat
        self._augmentation, self._seed, self._most = np.float32(augmentation), seed, _CLIPS_KEPT * clip_frames
        self._known: OrderedDict[object, EncodedFrame] = OrderedDict()

    def encode(self, key: object, frame: int, image: Callable[[], Float32]) -> EncodedFrame:
        """Return what the networks see, or saw, in an image [h, w, 3] in -1..1 of a frame at the working size.

        key  of the image: it alone tells whether it was seen before, and is not made then.
        """
        if key not in self._known:
            working = image()
            picture = self._reformat.place(working)
            noise: Float32 = self.noise("augmentation", frame, (3, *picture.shape[:2])).permute(1, 2, 0).numpy()
            noisy, clean = self._encoders.encode([picture + self._augmentation * noise, picture])
            (embedding,) = self._encoders.embed([self._reformat.seen(working)])
            self._known[key] = EncodedFrame(noisy, clean, embedding)
        self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return self._known[key]

    def noise(self, kind: str, frame: int, shape: tuple[int, ...]) -> Tensor:
        """Return standard normal noise of a frame: the same in every window that has the frame, on every device."""
        digest = blake2b(f"{kind} {self._seed} {frame}".encode(), digest_size=7).digest()
        return torch.randn(shape, generator=torch.Generator().manual_seed(int.from_bytes(digest, "big")))
