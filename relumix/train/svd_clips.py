"""Clips that svd is trained on, as pictures in -1..1: from CARLA Relight, and from a light stage."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from relumix.color.rec709 import LUMINANCE
from relumix.dataset.carla.clips import CarlaRelight, Split, split_of
from relumix.dataset.pairs import draw
from relumix.dataset.shards import MANIFEST, read_manifest, read_shard
from relumix.engines.svd.reformat import Reformat
from relumix.engines.svd.shown_light import ShownLight, bounded
from relumix.errors import InputError
from relumix.gain.log_gain import BLACK_OFFSET, MID_GREY
from relumix.types import Float32

_HELD_OUT = 0.1


class Clips(Protocol):
    """Pairs of clips without end."""

    def draw(self, index: int) -> tuple[Float32, Float32]:
        """Return pair `index`: source and target [T, H, W, 3], pictures in -1..1, sides multiples of 64."""
        ...


def open_clips(data: Path, split: Split, *, frames: int, size_px: tuple[int, int]) -> Clips:
    """Return the clips of a folder: a light stage where it has a manifest, else CARLA Relight. Raises InputError."""
    if (data / MANIFEST).is_file():
        return StageClips(data, split, frames=frames)
    return CarlaClips(CarlaRelight(data, split=split, frames=frames, size_px=size_px))


class CarlaClips:
    """CARLA Relight, as published."""

    def __init__(self, scenes: CarlaRelight) -> None:
        self._scenes = scenes

    def draw(self, index: int) -> tuple[Float32, Float32]:
        """Return pair `index` (see Clips)."""
        pair = self._scenes.draw(index)
        return pair.source.transpose(0, 2, 3, 1), pair.target.transpose(0, 2, 3, 1)


class StageClips:
    """A light stage under random sums of its lights, exposed, coded and kept within bounds as the engine does it."""

    def __init__(self, folder: Path, split: Split, *, frames: int) -> None:
        """Raises InputError where the split has no scene."""
        read_manifest(folder)
        self._frames = frames
        paths = sorted(folder.glob("scene_*.npz"))
        self._paths = [path for path in paths if split_of(path.stem, _HELD_OUT) == split]
        if not self._paths:
            raise InputError(f"{folder} has no scene to draw {split} clips from: {len(paths)} are there, render more")

    def draw(self, index: int) -> tuple[Float32, Float32]:
        """Return pair `index` (see Clips). Raises InputError for a scene that cannot be read, or is too short."""
        random = np.random.default_rng([index, 2])
        path = self._paths[int(random.integers(len(self._paths)))]
        try:
            pair = draw(read_shard(path), random, self._frames)
        except ValueError as error:
            raise InputError(f"{path}: {error}; choose fewer --frames, or render longer scenes") from error
        middle = float(np.median(pair.plate[0] @ LUMINANCE))
        exposure = np.float32(MID_GREY / max(middle, 1e-6))
        plate, relit = pair.plate * exposure, pair.relit * exposure
        gain = np.log2((relit[0] + BLACK_OFFSET) / (plate[0] + BLACK_OFFSET))
        median_gain = np.median(gain, axis=(0, 1)).astype(np.float32)
        shown = ShownLight(*bounded(median_gain), "reinhard")
        height, width = plate.shape[1:3]
        reformat = Reformat.whole(height, width, height * width)
        source = np.stack([reformat.place(shown.plate(frame)) for frame in plate])
        target = np.stack([reformat.place(shown.relit(frame * np.exp2(-median_gain))) for frame in relit])
        return source, target
