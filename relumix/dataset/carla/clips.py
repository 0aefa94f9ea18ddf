"""CARLA Relight: one drive recorded under several lights, as pairs of clips to train video engines on.

Layout, as published with ReLumix (arXiv 2509.23769): `root/map/scene/light/00000.png`, 8-bit sRGB. Frame n shows the
same moment under every light of a scene.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from relumix.errors import InputError
from relumix.evaluate.metrics import SMALLEST_EDGE_PX, ssim
from relumix.types import Float32

Split = Literal["train", "validation"]

_STILL_SSIM = 0.9
_REDRAWS = 10
_REVERSED_SHARE = 0.2

_FRAME = re.compile(r"\d{5,}\.png")

_BROKEN = (OSError, SyntaxError, ValueError)
"""What Pillow raises at a damaged PNG."""


@dataclass(frozen=True)
class ClipPair:
    """The same moments of one scene under two lights.

    source, target  [T, 3, H, W] float32 in [-1, 1], sRGB-coded as published, channels R, G, B.
    scene           `map/scene`; lights: names of the source's and the target's; frames: T numbers, in the clip's order.
    """

    source: Float32
    target: Float32
    scene: str
    lights: tuple[str, str]
    frames: tuple[int, ...]


class Skipped(NamedTuple):
    """A folder that is not drawn from, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class CarlaRelight:
    """Pairs of clips without end, each a function of the files, the seed and its index.

    `skipped` names every scene and light of this split that cannot be used; `len()` is the number of scenes that can.
    """

    def __init__(
        self,
        root: Path,
        *,
        split: Split,
        frames: int = 14,
        size_px: tuple[int, int] = (512, 512),
        seed: int = 0,
        held_out: float = 0.1,
    ) -> None:
        """Look through the folders; of each light only the first frame is opened.

        frames    T of a clip, 2 or more.
        size_px   width and height that frames are resized to, whole: nothing is cropped, aspect is not kept.
        held_out  share of the scenes that `validation` gets. Each scene's place follows from its name alone, so more
                  scenes never move another from one split to the other.

        Raises InputError where the split has no scene to draw from.
        """
        if frames < 2 or min(size_px) < SMALLEST_EDGE_PX:
            least = f"2 frames of {SMALLEST_EDGE_PX}x{SMALLEST_EDGE_PX}"
            raise InputError(f"clips of {frames} frames of {size_px[0]}x{size_px[1]}: expected at least {least}")
        if not root.is_dir():
            raise InputError(f"{root} is no folder: expected CARLA Relight, map/scene/light/00000.png")
        self.root, self.frames, self.size_px, self.seed = root, frames, size_px, seed
        folders = [scene for town in _folders(root) for scene in _folders(town)]
        mine = [folder for folder in folders if split_of(_name(folder), held_out) == split]
        self.skipped: list[Skipped] = []
        self._scenes = [scene for folder in mine if (scene := self._look_at(folder)) is not None]
        if not self._scenes:
            skipped = f"; first of {len(self.skipped)} skipped: {self.skipped[0]}" if self.skipped else ""
            raise InputError(
                f"{root} has no scene to draw {split} clips from: {len(folders)} scenes were found as "
                f"map/scene/light/00000.png, {len(mine)} of them are in this split{skipped}"
            )

    def __len__(self) -> int:
        return len(self._scenes)

    def draw(self, index: int) -> ClipPair:
        """Return pair `index`, any number from 0 on.

        Where hardly anything moves (the source's first and last frame have an SSIM above 0.9), scene, lights and moment
        are drawn again, up to 10 times; one clip in five runs backwards. Raises InputError, naming the file, for a
        frame that cannot be read or differs in size from its scene's.
        """
        rng = np.random.default_rng([self.seed, index])
        for _ in range(1 + _REDRAWS):
            scene = self._scenes[rng.integers(len(self._scenes))]
            first, second = rng.choice(len(scene.lights), 2, replace=False)
            start = int(rng.integers(scene.length - self.frames + 1))
            source, target = scene.lights[first], scene.lights[second]
            ends = [self._read(scene, source, frame) for frame in (start, start + self.frames - 1)]
            if ssim(*ends) <= _STILL_SSIM:
                break
        numbers = range(start, start + self.frames)
        if rng.random() < _REVERSED_SHARE:
            numbers, ends = numbers[::-1], ends[::-1]
        inner = [self._read(scene, source, frame) for frame in numbers[1:-1]]
        return ClipPair(
            source=_as_network([ends[0], *inner, ends[1]]),
            target=_as_network([self._read(scene, target, frame) for frame in numbers]),
            scene=_name(scene.folder),
            lights=(source, target),
            frames=tuple(numbers),
        )

    def _look_at(self, folder: Path) -> _Scene | None:
        """Return what a scene has to draw from; what is wrong with it or its lights is noted."""
        found = {light.name: shape for light in _folders(folder) if (shape := self._shape(light))}
        if found:
            usual = Counter(found.values()).most_common(1)[0][0]
            for light in [light for light, shape in found.items() if shape != usual]:
                self.skipped.append(Skipped(folder / light, f"has {found.pop(light)}, the scene {usual}"))
        if len(found) < 2:
            self.skipped.append(Skipped(folder, f"only {len(found)} usable light{'' if len(found) == 1 else 's'}"))
            return None
        if usual.length < self.frames:
            self.skipped.append(Skipped(folder, f"only {usual.length} frames, fewer than a clip of {self.frames}"))
            return None
        return _Scene(folder, tuple(found), usual.length, usual.size_px)

    def _shape(self, light: Path) -> _Shape | None:
        """Return a light's length and size; what is wrong with it is noted."""
        numbers = sorted(int(path.stem) for path in light.iterdir() if _FRAME.fullmatch(path.name))
        missing = next((expected for expected, number in enumerate(numbers) if number != expected), None)
        if not numbers or missing is not None:
            reason = "no frames" if missing is None else f"frame {missing:05d} is missing"
            self.skipped.append(Skipped(light, reason))
            return None
        try:
            with _opened(_frame(light, 0)) as image:
                return _Shape(len(numbers), image.size)
        except InputError as error:
            self.skipped.append(Skipped(light, str(error)))
            return None

    def _read(self, scene: _Scene, light: str, frame: int) -> Float32:
        """Return a frame [h, w, 3] in 0..1, resized. Raises InputError."""
        path = _frame(scene.folder / light, frame)
        with _opened(path) as image:
            if image.size != scene.size_px:
                got, expected = ("{}x{}".format(*size) for size in (image.size, scene.size_px))
                raise InputError(f"{path} is {got}, expected {expected} as in its scene; record that light again")
            try:
                resized = image.convert("RGB").resize(self.size_px, Image.Resampling.BICUBIC)
            except _BROKEN as error:
                raise _unreadable(path, error) from None
        return np.asarray(resized, np.float32) / np.float32(255)


def split_of(scene: str, held_out: float) -> Split:
    """Return the split that a scene, named `map/scene`, belongs to: a function of its name, spread evenly."""
    place = int.from_bytes(hashlib.sha256(scene.encode()).digest()[:8], "big") / 2**64
    return "validation" if place < held_out else "train"


class _Shape(NamedTuple):
    length: int
    size_px: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.length} frames of {self.size_px[0]}x{self.size_px[1]}"


class _Scene(NamedTuple):
    folder: Path
    lights: tuple[str, ...]
    length: int
    size_px: tuple[int, int]


def _folders(parent: Path) -> list[Path]:
    """Return the folders in a folder by name; hidden ones are not finished."""
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


def _name(scene: Path) -> str:
    return f"{scene.parent.name}/{scene.name}"


def _frame(light: Path, number: int) -> Path:
    return light / f"{number:05d}.png"


def _opened(path: Path) -> Image.Image:
    """Open a frame without reading its pixels. Raises InputError."""
    try:
        image = Image.open(path)
    except _BROKEN as error:
        raise _unreadable(path, error) from None
    if image.mode not in ("RGB", "RGBA"):
        with image:
            raise InputError(f"{path} holds {image.mode} pixels, expected 8-bit RGB; record that light again")
    return image


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = "there is no such file" if isinstance(error, FileNotFoundError) else "it is no image or damaged"
    return InputError(f"{path} cannot be read: {reason}; record that light again")


def _as_network(frames: list[Float32]) -> Float32:
    """[T, 3, H, W] in [-1, 1] from T frames [h, w, 3] in 0..1."""
    return np.ascontiguousarray(np.stack(frames).transpose(0, 3, 1, 2)) * 2 - 1
