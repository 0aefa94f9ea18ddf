"""The pictures of one request as an engine takes them: scene-linear arrays by frame, read when first used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from relumix.bridge.dialogue import REFERENCE, SOURCE, Image
from relumix.bridge.relighter import Coding, read_reference
from relumix.bridge.request import Request
from relumix.bridge.store import Store
from relumix.errors import InputError
from relumix.pipeline.relit_frame import RelitFrame
from relumix.shot.alpha import is_coverage, looked_at
from relumix.types import Float32

Images = Mapping[tuple[str, int], Image]
Need = Callable[[str, int], None]


class Pictures:
    """Source, references and results; thread-safe."""

    def __init__(self, request: Request, store: Store, images: Images, need: Need) -> None:
        """`images` are the host's pictures by clip and frame; `need` waits until the pixels of one are in the store."""
        self._request, self._store, self._images, self._need = request, store, images, need
        self._coding = Coding(request.coding)
        self.source: Mapping[int, NDArray[np.floating]] = _Lazy(request.shot, self._source)
        self.references: Mapping[int, NDArray[np.floating]] = _Lazy(request.references, self._reference)

    def coded(self, relit: RelitFrame) -> Float32:
        """Return a relit frame [h, w, 3] float32 as the clips are coded; the plate's bits where no light changed."""
        rgb = relit.pixels[..., :3]
        if self._coding.is_linear:
            return np.ascontiguousarray(rgb)
        plate = self._pixels(SOURCE, relit.frame)
        alpha = self._alpha(plate)
        same = (rgb == self._coding.decoded(plate[..., :3], alpha)).all(-1, keepdims=True)
        return np.where(same, plate[..., :3], self._coding.encoded(rgb, alpha))

    def _source(self, frame: int) -> Float32:
        plate = self._pixels(SOURCE, frame)
        return self._linear(plate, self._alpha(plate))

    def _linear(self, pixels: Float32, alpha: Float32 | None) -> Float32:
        """Return pixels [h, w, 4] scene-linear, with alpha [h, w] where it is used."""
        if self._coding.is_linear:
            return pixels if alpha is not None else pixels[..., :3]
        rgb = self._coding.decoded(pixels[..., :3], alpha)
        return rgb if alpha is None else np.concatenate([rgb, alpha[..., None]], axis=-1)

    def _reference(self, frame: int) -> Float32:
        if self._request.reference_file is not None:
            path, own = self._request.reference_path(frame), self._request.reference_coding
            return read_reference(path, frame, self._source(frame), self._coding, own)
        relit = self._pixels(REFERENCE, frame)
        return self._linear(
            relit, np.ascontiguousarray(relit[..., 3]) if self._images[REFERENCE, frame].alpha else None
        )

    def _alpha(self, pixels: Float32) -> Float32 | None:
        return np.ascontiguousarray(pixels[..., 3]) if self._uses_alpha else None

    @cached_property
    def _uses_alpha(self) -> bool:
        """Whether the source's alpha is coverage: the same rule as `relumix relight`'s."""
        return all(map(self._is_coverage, looked_at(self._request.references)))

    def _is_coverage(self, frame: int) -> bool:
        pixels = self._pixels(SOURCE, frame) if self._images[SOURCE, frame].alpha else None
        return pixels is not None and is_coverage(pixels[..., :3], pixels[..., 3], "auto")

    def _pixels(self, clip: str, frame: int) -> Float32:
        image = self._images[clip, frame]
        for _ in range(2):
            found = self._store.pixels(image.fingerprint or "", image.height, image.width)
            if found is not None:
                return found
            self._need(clip, frame)
        raise InputError(f"{clip} at frame {frame} does not stay in the store: give the bridge a larger --store-bytes")


class _Lazy(Mapping[int, NDArray[np.floating]]):
    def __init__(self, frames: Sequence[int], read: Callable[[int], Float32]) -> None:
        self._frames, self._read = frames, read

    def __getitem__(self, frame: int) -> Float32:
        if frame not in self._frames:
            raise KeyError(frame)
        return self._read(frame)

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)
