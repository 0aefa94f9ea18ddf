"""Which channels of a file are geometry: position, normal, depth and albedo, by the names that renderers give them.

Arnold writes N, P, Z, albedo, diffuse_albedo or denoise_albedo; RenderMan P, Nn, z, __Pworld, __Nworld, __depth and
albedo; Karma P, N, hitPz, albedo or basecolor; V-Ray normals, Z and VRayDiffuseFilter; Cycles and Blender
ViewLayer.Position, ViewLayer.Normal, ViewLayer.Depth and ViewLayer.DiffCol. docs/reference.md says where these were
looked up. Case does not matter, nor do the layers that a name is in, nor whether components are called X, Y, Z or
R, G, B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relumix.shot.channels import PartNames

NAMES = {
    "position": (
        *("p", "position", "pworld", "__pworld", "worldposition", "worldpositions", "world_position", "pos", "hitp"),
        *("vrayworldpositions", "arnold_point"),
    ),
    "normal": (
        *("n", "normal", "normals", "nn", "nworld", "__nworld", "hitn", "vraynormals", "worldnormal", "world_normal"),
        *("n_denoise", "denoising normal", "bumpnormals", "bump_normals", "vraybumpnormals"),
    ),
    "depth": ("z", "depth", "__depth", "hitpz", "pz", "zdepth"),
    "albedo": (
        *("diffuse_albedo", "albedo", "diffcol", "vraydiffusefilter", "diffusefilter", "basecolor", "base_color"),
        *("denoise_albedo", "denoising albedo"),
    ),
}
"""What layers are called, in small letters, the first that is there being the one that is meant."""

_COMPONENTS = {"x": 0, "y": 1, "z": 2, "r": 0, "g": 1, "b": 2, "red": 0, "green": 1, "blue": 2}
_ONE = ("z", "v", "y", "x", "r", "red", "depth")
"""Components of a layer that holds one number, the first that is there being the one that is meant."""


@dataclass(frozen=True)
class Channels:
    """Channels of one part of a file: its number, their indices there (three, or one of depth), and their names."""

    part: int
    indices: tuple[int, ...]
    names: tuple[str, ...]


def find(parts: Sequence[PartNames], view: str = "") -> dict[str, Channels]:
    """Return the channels of geometry by what they are: "position", "normal", "depth", "albedo"; what there is of it.

    view  the view that is relit, '' without views.
    """
    layers = _layers(parts, view)
    found = {}
    for role, names in NAMES.items():
        made = (_made(layers[name], role == "depth") for name in names if name in layers)
        if first := next((each for each in made if each), None):
            found[role] = first
    return found


@dataclass(frozen=True)
class _Layer:
    part: int
    components: dict[str, tuple[int, str]]


def _layers(parts: Sequence[PartNames], view: str) -> dict[str, _Layer]:
    """Return layers by the last word of their names, in small letters; a plain channel is a layer of its own."""
    layers: dict[str, _Layer] = {}
    for number, part in enumerate(parts):
        if part.view and view and part.view != view:
            continue
        for index, channel in enumerate(part.channels):
            *prefix, component = channel.split(".")
            if prefix and prefix[-1] in part.views:
                if view and prefix[-1] != view:
                    continue
                prefix.pop()
            # Plain X, Y, Z or R, G, B are what their part is called; a plain Z alone is depth.
            names = prefix or [part.name.removesuffix(f".{part.view}").rpartition(".")[2]]
            if not prefix and not (part.name and component.casefold() in _COMPONENTS and _is_vector(part)):
                names = [component]
            layer = layers.setdefault(names[-1].casefold(), _Layer(number, {}))
            if layer.part == number:
                layer.components.setdefault(component.casefold(), (index, channel))
    return layers


def _is_vector(part: PartNames) -> bool:
    """Tell whether a part has three plain components, or one that is not called as depth is."""
    plain = {channel.casefold() for channel in part.channels if "." not in channel}
    return plain >= {"x", "y", "z"} or plain >= {"r", "g", "b"} or part.name.casefold() in NAMES["depth"]


def _made(layer: _Layer, single: bool) -> Channels | None:
    """Return a layer's channels in their order; None where some are missing."""
    if single:
        names = ("x",) if layer.components.keys() >= {"x", "y", "z"} else _ONE  # of three, as __depth has, the first
        one = next((layer.components[name] for name in names if name in layer.components), None)
        return None if one is None else Channels(layer.part, (one[0],), (one[1],))
    by_place = {_COMPONENTS[name]: where for name, where in layer.components.items() if name in _COMPONENTS}
    if len(by_place) < 3:
        return None
    chosen = [by_place[place] for place in range(3)]
    return Channels(layer.part, tuple(index for index, _ in chosen), tuple(name for _, name in chosen))
