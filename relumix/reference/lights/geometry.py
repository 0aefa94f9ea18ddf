"""The geometry of a frame: its own channels, files beside it, or an estimate; in one space, at the proxy's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from relumix.errors import FrameError, InputError
from relumix.gain.proxy import ProxyFrame
from relumix.reference.lights import lens, normals
from relumix.reference.lights.albedo import estimated
from relumix.reference.lights.camera import Camera
from relumix.reference.lights.lighting import Geometry
from relumix.reference.lights.maps import Map, file_map, own_map
from relumix.reference.maker import PlateFrame
from relumix.shot.channels import PartNames
from relumix.shot.geometry_channels import find
from relumix.shot.sequence import Sequence as Shot
from relumix.types import Float32

Mask = NDArray[np.bool_]

FAR = 1e9
"""Depth from which there is nothing: renderers write 1e10, 1e30 or infinity there."""

DEFAULT_FOV_DEG = 40.0
"""Of a plate whose depth is estimated, where nobody says what it is."""

_OFF_DEG = 35.0
"""Median angle between given normals and those of the positions above which something is wrong."""

_AWAY = -0.3
"""Cosine to the camera below which a normal is of the other side of a surface."""


class DepthEstimate(Protocol):
    """A depth model. `depth` returns [h, w] of a proxy and, where the model tells it, the field of view in degrees."""

    def depth(self, frame: ProxyFrame) -> tuple[Float32, float | None]: ...  # noqa: D102


@dataclass(frozen=True)
class Sources:
    """Where geometry comes from.

    files     by what they hold: "position", "normal", "depth", "albedo"; one file for all frames, or one a frame.
    depth_is  "axis" where depth is measured along the optical axis, "distance" where from the camera.
    fov_deg   across the display window; None: what the file's header says.
    estimate  a depth model, instead of the plate's own channels.
    depth_codes  the depth of black and of white in a file of depth; None: it holds depth itself.
    """

    files: Mapping[str, Shot] = field(default_factory=dict)
    depth_is: Literal["axis", "distance"] = "axis"
    fov_deg: float | None = None
    estimate: DepthEstimate | None = None
    depth_codes: tuple[float, float] | None = None

    def path(self, role: str, frame: int) -> Path:
        """Return the file of a frame. Raises InputError where there is none."""
        shot = self.files[role]
        if len(shot.frames) == 1:
            return shot.path(shot.frames[0])
        if frame not in shot.frames:
            raise InputError(f"{shot.pattern} lacks frame {frame}: it has {shot.frames[0]} to {shot.frames[-1]}")
        return shot.path(frame)


@dataclass(frozen=True)
class _Found:
    """Positions in units of the plate, where there are any, the camera that sees them, and what to tell."""

    position: Float32
    known: Mask
    camera: Camera
    told: tuple[str, ...] = ()


def geometry_of(
    frame: PlateFrame, parts: Sequence[PartNames], view: str, sources: Sources, metres_per_unit: float
) -> tuple[Geometry, list[str]]:
    """Return the geometry of a frame, in metres, and what to tell the artist of it.

    parts, view  the names of the plate's channels, and the view that is relit.

    Raises FrameError where there is none, or it cannot be made sense of.
    """
    try:
        maps = _maps(frame, parts, view, sources)
        found = _positions(frame, maps, sources)
        if not found.known.any():
            names = ", ".join(each.name for role, each in maps.items() if role in ("position", "depth"))
            raise InputError(f"{names or 'the estimate'} shows no surface in the picture: there is nothing to light")
        normal, told = _normals(frame, maps, found)
        albedo = _albedo(frame, maps)
    except InputError as error:
        raise FrameError(frame.number, f"frame {frame.number}: {error}") from error
    told = [*found.told, *told]
    if "albedo" not in maps:
        told.append(
            "no albedo was given: it is estimated from the plate, which still has its own light and shade in it"
        )
    position = found.position * np.float32(metres_per_unit)
    return Geometry(position, normal, albedo, found.known, found.camera.scaled(metres_per_unit)), told


def refuse_maps(frame: PlateFrame, parts: Sequence[PartNames], view: str, sources: Sources) -> None:
    """Raise FrameError where a map of a frame cannot be read."""
    try:
        _maps(frame, parts, view, sources)
    except InputError as error:
        raise FrameError(frame.number, f"frame {frame.number}: {error}") from error


def _maps(frame: PlateFrame, parts: Sequence[PartNames], view: str, sources: Sources) -> dict[str, Map]:
    own = find(parts, view)
    if sources.estimate is not None:
        own = {role: each for role, each in own.items() if role == "albedo"}
    elif not sources.files.keys().isdisjoint(("position", "depth")):  # what was given goes before what is in the plate
        own = {role: each for role, each in own.items() if role not in ("position", "depth")}
    maps = {role: own_map(frame.picture, channels) for role, channels in own.items() if role not in sources.files}
    given = {role: sources.path(role, frame.number) for role in sources.files}
    return maps | {role: file_map(path, role, sources.depth_codes) for role, path in given.items()}


def _positions(frame: PlateFrame, maps: Mapping[str, Map], sources: Sources) -> _Found:
    if sources.estimate is not None:
        return _estimated(frame, sources, sources.estimate)
    fov = sources.fov_deg or _header_fov(frame)
    lens_only = None if fov is None else _camera(frame, fov)
    shown = frame.proxy.known > 0.5
    if "position" in maps:
        position, inside = maps["position"].at(frame.canvas, frame.picture.display_window)
        known = inside & shown & position.any(-1) & (np.abs(position).max(-1) < FAR)
        if "depth" in maps:
            depth, has_depth = maps["depth"].at(frame.canvas, frame.picture.display_window)
            known &= ~has_depth | (np.abs(depth[..., 0]) < FAR)
        camera = Camera.seeing(position, known, maps["position"].name, lens_only)
        return _Found(position, known & (camera.depth(position) > 0), camera)
    if "depth" not in maps:
        raise InputError(
            f"{frame.picture.path} has no geometry: no channels are called as positions (P) or depth (Z) are; give "
            "--position, --depth with --fov, or --estimate with the folder of a depth model"
        )
    if lens_only is None:
        raise InputError(
            f"{maps['depth'].name} is depth, and no header says what the lens saw: give --fov, the angle across the "
            "picture in degrees"
        )
    assert fov is not None
    position, known = _points_of_depth(maps["depth"], frame, fov, sources.depth_is == "distance")
    told = () if sources.depth_codes else _told_of_codes(maps["depth"])
    return _Found(position, known & shown, lens_only, told)


def _told_of_codes(depth: Map) -> tuple[str, ...]:
    """Tell the artist where depth looks like a picture of it: from 0 to 1 all over."""
    values = depth.values[np.isfinite(depth.values)]
    if not len(values) or values.min() < 0 or values.max() > 1:
        return ()
    return (
        f"{depth.name} is nowhere farther than 1 unit: if black and white stand for other distances, --depth-codes "
        "says them",
    )


def _points_of_depth(depth: Map, frame: PlateFrame, fov: float, along_ray: bool) -> tuple[Float32, Mask]:
    """Return the point of each proxy pixel from a depth map: made at the map's own size, where depth is of a pixel."""
    whole, own = depth.display_window, depth.data_window
    middle = whole.x + whole.width / 2 - 0.5 - own.x, whole.y + whole.height / 2 - 0.5 - own.y
    # It covers the plate's display window, so that its pixels are as wide and as high as that makes them.
    plate = frame.picture.display_window
    aspect = frame.picture.pixel_aspect * ((plate.width / whole.width) / (plate.height / whole.height))
    values = np.abs(depth.values[..., 0])
    values = np.where((values > 0) & (values < FAR), values, np.float32(np.nan))
    points = Camera.of_fov(fov, whole.width, middle, aspect).points(values, along_ray=along_ray)
    return replace(depth, values=points).at(frame.canvas, frame.picture.display_window)


def _estimated(frame: PlateFrame, sources: Sources, estimate: DepthEstimate) -> _Found:
    depth, seen_fov = estimate.depth(frame.proxy)
    fov = sources.fov_deg or _header_fov(frame) or seen_fov
    told = ["depth is estimated: shadows and the direction of surfaces are as good as the model's guess"]
    if fov is None:
        fov = DEFAULT_FOV_DEG
        told.append(f"nobody says what the lens saw: {fov:g} degrees across are taken (--fov says it)")
    camera = _camera(frame, fov)
    return _Found(camera.points(depth), (frame.proxy.known > 0.5) & (depth < FAR), camera, tuple(told))


def _header_fov(frame: PlateFrame) -> float | None:
    contents = frame.picture.contents
    return lens.fov_deg(contents.headers[contents.choice.part]) if contents.headers else None


def _camera(frame: PlateFrame, fov_deg: float) -> Camera:
    """Return the camera of a field of view across the display window, in pixels of the proxy."""
    canvas, whole = frame.canvas, frame.picture.display_window
    across, down = canvas.width / canvas.window.width, canvas.height / canvas.window.height
    middle = (
        (whole.x + whole.width / 2 - canvas.window.x) * across - 0.5,
        (whole.y + whole.height / 2 - canvas.window.y) * down - 0.5,
    )
    return Camera.of_fov(fov_deg, whole.width * across, middle, frame.picture.pixel_aspect * down / across)


def _normals(frame: PlateFrame, maps: Mapping[str, Map], found: _Found) -> tuple[Float32, list[str]]:
    surface, sure = normals.of_positions(found.position, found.known, found.camera)
    if "normal" not in maps:
        return surface, []
    given, inside = maps["normal"].at(frame.canvas, frame.picture.display_window)
    given, sound = normals.unit(given, inside & found.known)
    given, off_deg, turned = normals.in_space_of(given, sound, surface, sure)
    if off_deg > _OFF_DEG:
        raise InputError(
            f"the normals of {maps['normal'].name} do not fit its positions: {off_deg:.0f} degrees off in the median; "
            "expected both of one frame, in the world or the camera's space"
        )
    towards = found.camera.eye.astype(np.float32) - found.position
    towards /= np.maximum(np.sqrt(np.square(towards).sum(-1, keepdims=True)), np.float32(1e-12))
    away = (given * towards).sum(-1, keepdims=True) < _AWAY
    normal = np.where(sound[..., None], np.where(away, -given, given), surface)
    told = ["normals were turned into the space of the positions"] if turned else []
    return normal, told


def _albedo(frame: PlateFrame, maps: Mapping[str, Map]) -> Float32:
    if "albedo" not in maps:
        return estimated(frame.proxy)
    albedo, inside = maps["albedo"].at(frame.canvas, frame.picture.display_window, average=True)
    return np.where(inside[..., None], np.clip(albedo, 0, 1), np.float32(0))
