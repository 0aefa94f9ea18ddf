"""Clips without end: scenes drawn from seeds and rendered into torch's memory, never into files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import drjit as dr
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from relumix.color.rec709 import LUMINANCE
from relumix.dataset import shards
from relumix.dataset.light_stage.sdf.backend import Types
from relumix.dataset.light_stage.sdf.draw import draw
from relumix.dataset.light_stage.sdf.renderer import Frames, Renderer
from relumix.dataset.light_stage.sdf.table import Tables, tables
from relumix.dataset.light_stage.sdf.textures import bank
from relumix.engines.lite_next.layers import places, sample

MEAN_LIGHT, LARGEST_SCALE = 0.18, 30.0


@dataclass(frozen=True)
class Clip:
    """A scene of T frames under its L lights, each alone and of mean luminance MEAN_LIGHT. Half precision.

    radiance, irradiance [T, L, 3, h, w]; normal [T, 3, h, w] in the camera's space; depth [T, 1, h, w] inverse, 0 for
    sky. tracks [R, T, 2, h, w]: where each frame's pixels are in the frames `anchors` (R numbers), (x, y) from -1 to 1,
    and seen [R, T, 1, h, w]; following, followed: the same in the frame after. kinds: of the lights.
    """

    radiance: Tensor
    irradiance: Tensor
    normal: Tensor
    depth: Tensor
    anchors: tuple[int, ...]
    tracks: Tensor
    seen: Tensor
    following: Tensor
    followed: Tensor
    kinds: tuple[str, ...]


class Stage:
    """Renders clips of one size on one device."""

    def __init__(self, types: Types, size: tuple[int, int], frames: int, lights: int, device: torch.device) -> None:
        """`size` is (width, height) in pixels."""
        self._renderer = Renderer(types, bank(), size)
        self._types, self._size, self._frames, self._lights, self._device = types, size, frames, lights, device
        self.pixels = size[0] * size[1]

    def clip(self, seed: int) -> Clip:
        """Render the clip of a seed."""
        return self.clips([seed])[0]

    def clips(self, seeds: Sequence[int]) -> list[Clip]:
        """Render the clips of seeds at once, which is faster on a graphics card than one by one."""
        t, scenes = self._frames, [draw(seed, self._frames, self._lights) for seed in seeds]
        made = tables([(scene, frame) for scene in scenes for frame in range(t)])
        frames = self._renderer.render(made)
        lit = self._lit(frames, len(scenes))
        normal = torch.stack([self._tensor(axis, len(scenes), t) for axis in frames.normal], 2).half()
        depth = (1 / self._tensor(frames.depth, len(scenes), t, 1)).half()
        anchors = tuple(dict.fromkeys((0, t - 1, t // 2)))
        ways = [self._follow(frames, made, [anchor] * t) for anchor in anchors]
        tracks, seen = (torch.stack(each, 1) for each in zip(*ways, strict=True))
        after = self._follow(frames, made, [min(frame + 1, t - 1) for frame in range(t)])
        if self._device.type == "cuda":
            torch.cuda.synchronize()  # Dr.Jit takes its memory back, on a stream of its own, when this returns
        kinds = [("dome", *(lamp.kind for lamp in scene.lamps)) for scene in scenes]
        return [
            Clip(*lit[i], normal[i], depth[i], anchors, tracks[i], seen[i], after[0][i], after[1][i], kinds[i])
            for i in range(len(scenes))
        ]

    def _lit(self, frames: Frames, scenes: int) -> list[tuple[Tensor, Tensor]]:
        """Radiance and irradiance [T, L, 3, h, w] of each scene, every light of MEAN_LIGHT."""
        found = []
        both = [self._tensor(a, self._lights, 3, scenes, self._frames) for a in (frames.radiance, frames.irradiance)]
        for radiance, irradiance in zip(*(each.unbind(2) for each in both), strict=True):
            rgb = torch.tensor(LUMINANCE, device=self._device).reshape(1, 3, 1, 1, 1)
            luminance = (radiance * rgb).sum(1).flatten(1)
            held = torch.minimum(luminance, luminance[:, ::7].quantile(0.99, 1, keepdim=True)).mean(1)
            scale = (MEAN_LIGHT / held.clamp_min(1e-9)).clamp_max(LARGEST_SCALE).reshape(-1, 1, 1, 1, 1)
            scaled = ((a * scale).clamp_max(6e4).permute(2, 0, 1, 3, 4) for a in (radiance, irradiance))
            found.append(tuple(a.half().contiguous() for a in scaled))
        return found

    def _follow(self, frames: Frames, made: Tables, there: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Where pixels are in the frames `there` of the same scenes [S, T, 2, h, w], and if seen [S, T, 1, h, w]."""
        t, width, height = self._frames, *self._size
        scenes = len(made.rows) // t
        other = made.take([scene * t + frame for scene in range(scenes) for frame in there])
        x, y, seen = (self._tensor(a, scenes, t) for a in self._renderer.follow(frames, made, other))
        spots = torch.stack([x * (2 / width) - 1, y * (2 / height) - 1], 2)
        return spots.clamp(-4, 4).half(), seen[:, :, None].half()

    def _tensor(self, array: Any, *before: int) -> Tensor:
        """A flat array of Dr.Jit as a tensor [*before, h, w]."""
        dr.eval(array)
        dr.sync_thread()
        width, height = self._size
        return from_dlpack(array).to(self._device).reshape(*before, height, width).clone()


def of_shard(scene: shards.Scene, device: torch.device) -> Clip:
    """Return the clip of a shard with all planes; where pixels are in far frames is followed from frame to frame."""

    def planar(plane: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis(plane, -1, -3))).to(device)

    planes, frames = scene.planes, len(scene.light)
    height, width = scene.light.shape[2:4]
    scale = torch.tensor([2 / width, 2 / height], device=device).reshape(1, 2, 1, 1)
    flows = {step: planar(planes[f"flow_{name}"]) * scale for step, name in ((1, "forward"), (-1, "backward"))}
    open_ways = {
        step: 1 - torch.from_numpy(planes[f"occluded_{name}"]).to(device).float()[:, None]
        for step, name in ((1, "forward"), (-1, "backward"))
    }
    anchors = tuple(dict.fromkeys((0, frames - 1, frames // 2)))
    ways = [[_chained(flows, open_ways, frame, anchor) for frame in range(frames)] for anchor in anchors]
    tracks, seen = (torch.stack([torch.cat([way[i] for way in each]) for each in ways]) for i in (0, 1))
    depth = 1 / torch.from_numpy(planes["depth"]).to(device).float()
    return Clip(
        planar(scene.light),
        planar(planes["irradiance"]),
        planar(planes["normal"]),
        depth.half()[:, None],
        anchors,
        tracks.half(),
        seen.half(),
        (places(flows[1]) + flows[1]).half(),
        open_ways[1].half(),
        tuple(light["kind"] for light in scene.meta["lights"]),
    )


def _chained(flows: dict[int, Tensor], open_ways: dict[int, Tensor], frame: int, anchor: int) -> tuple[Tensor, Tensor]:
    """Where a frame's pixels are in another [1, 2, h, w], and whether they were seen all the way [1, 1, h, w]."""
    spot = places(flows[1][:1])
    seen = torch.ones_like(spot[:, :1])
    step = 1 if anchor > frame else -1
    for now in range(frame, anchor, step):
        moved, visible = sample(flows[step][now][None], spot), sample(open_ways[step][now][None], spot)
        spot, seen = spot + moved, seen * (visible > 0.5)
    return spot, seen
