"""Which channels of a file are the picture: layers, views, parts and the spellings of red, green, blue and alpha."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from relumix.errors import InputError

_COMPONENTS = {"r": 0, "red": 0, "g": 1, "green": 1, "b": 2, "blue": 2, "a": 3, "alpha": 3}

_BEAUTY = frozenset({"rgba", "rgb", "beauty", "c", "ci", "combined"})
"""What renderers call the picture itself: Arnold, V-Ray, Karma (C), RenderMan (Ci), Blender (ViewLayer.Combined)."""

_DATA = frozenset(
    {"n", "normal", "normals", "p", "pos", "position", "z", "depth", "motion", "velocity", "vector", "mv"}
    | {"uv", "st", "id"}
)
"""Words in the names of layers that hold no light, even where their channels are called R, G, B. Those of Cryptomatte
(crypto_object00, uCryptoAsset) have that in a word."""


@dataclass(frozen=True)
class PartNames:
    """The names in a part of a file: its name and view ('' where it has none), its channels, and the file's views.

    views  the multiView attribute: the views of a part that holds several, the default one first.
    """

    name: str
    view: str
    channels: tuple[str, ...]
    views: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """The channels that are relit: which part they are in, their indices there, and that of their alpha or None.

    layer, view  what the layer is called ('' for plain channels of the only part), and its view, '' without views.
    """

    part: int
    rgb: tuple[int, ...]
    alpha: int | None
    layer: str = field(default="", compare=False)
    view: str = field(default="", compare=False)


@dataclass
class _Group:
    """The channels of one part that share a layer and a view. alone: whether the file has one part only."""

    part: int
    layer: str
    part_name: str
    view: str
    alone: bool
    components: dict[int, int] = field(default_factory=dict)

    @property
    def has_rgb(self) -> bool:
        return all(component in self.components for component in (0, 1, 2))

    @property
    def name(self) -> str:
        """What `--layer` calls it: the layer or, of plain channels in a file of several parts, the part."""
        return self.layer or ("" if self.alone else self.part_name)

    @property
    def _bare_name(self) -> str:
        """The name in lower case, without the view that writers append to the names of parts."""
        name, view = self.name.casefold(), self.view.casefold()
        return name.removesuffix(f".{view}").removesuffix(f"_{view}") if view and not self.layer else name

    @property
    def is_beauty(self) -> bool:
        return self._bare_name.rpartition(".")[2] in _BEAUTY

    @property
    def is_data(self) -> bool:
        words = re.findall(r"[^\W\d_]+", self._bare_name)
        return not self.is_beauty and ("crypto" in self._bare_name or not _DATA.isdisjoint(words))

    def is_layer(self, layer: str) -> bool:
        wanted = layer.casefold()
        if self.layer:
            return wanted in (self.layer.casefold(), f"{self.part_name}.{self.layer}".casefold())
        return wanted in {self.part_name.casefold(), self._bare_name}

    def is_view(self, view: str) -> bool:
        return self.view.casefold() == view.casefold()

    @property
    def choice(self) -> Choice:
        red, green, blue = (self.components[component] for component in (0, 1, 2))
        return Choice(self.part, (red, green, blue), self.components.get(3), self.name, self.view)


def layers_and_views(parts: Sequence[PartNames]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The layers ('' for plain channels) and the views that hold red, green and blue, in the order of the file."""
    groups = [group for group in _groups(parts) if group.has_rgb]
    return _names(groups), tuple(dict.fromkeys(group.view for group in groups if group.view))


def choose(parts: Sequence[PartNames], layer: str | None, view: str | None, name: str) -> Choice:
    """Find the channels of a layer and a view. `name` names the file in errors.

    Channels are named `layer.view.R`, the layer, and for the default view the view, being optional; in a multi-part
    file the part may say the view, and its name the layer. Red, green, blue and alpha may be written R, r, red and so
    on. Without a layer it is the main one (see `_main`); without a view the first. Raises InputError, which lists the
    layers and views, where there is no such layer or several may be meant.
    """
    groups = [group for group in _groups(parts) if group.has_rgb]
    if not groups:
        raise InputError(_without_rgb(parts, name))
    layers, views = layers_and_views(parts)
    has = f"it has the layers {_list(layers)}" + (f" and the views {_list(views)}" if views else "")
    if view is not None:
        groups = _in_view(groups, view, views)
        if not groups:
            raise InputError(f"{name} has no view '{view}' with red, green and blue: {has}")
    if layer is not None:
        groups = [group for group in groups if group.is_layer(layer)]
        if not groups:
            raise InputError(f"{name} has no layer '{layer}' with red, green and blue: {has}")
    if view is None:
        # The default view comes first; a layer that is in none of the views but a later one is taken from there.
        groups = next(chosen for each in (*views, groups[0].view) if (chosen := _in_view(groups, each, views)))
    if layer is not None:
        if len(groups) > 1:
            names = _list(f"{group.part_name}.{group.layer}".rstrip(".") for group in groups)
            raise InputError(f"{name} has several layers '{layer}'; choose with --layer: {names}")
        return groups[0].choice
    if main := _main(groups):
        return main.choice
    raise InputError(f"{name} does not say which layer is the picture; choose with --layer: {_list(_names(groups))}")


def _main(groups: Sequence[_Group]) -> _Group | None:
    """Return the layer of one view that is relit where none was asked for; None where that is not plain.

    Plain channels win where they are the only ones; else the one layer, or part, that is called as renderers call
    the beauty. A single layer of another name is taken too, unless it is called as data is (normals, say).
    """
    plain = [group for group in groups if not group.layer]
    for pool in (plain, groups):
        if len(pool) == 1 and not pool[0].is_data:
            return pool[0]
        beauties = [group for group in pool if group.is_beauty]
        if len(beauties) == 1:
            return beauties[0]
        if beauties:
            return None
    return None


def _in_view(groups: Sequence[_Group], view: str, views: Sequence[str]) -> list[_Group]:
    """Return the groups of a view: its own, or those that name none where it is the default one and has none."""
    default = bool(views) and views[0].casefold() == view.casefold()
    return [group for group in groups if group.is_view(view) or (not group.view and default)]


def _without_rgb(parts: Sequence[PartNames], name: str) -> str:
    channels = [channel for part in parts for channel in part.channels]
    listed = _list(channels[:12]) if channels else "none"
    if any(channel.rpartition(".")[2] == "Y" for channel in channels):
        return f"{name} is a luminance image ({listed}): convert it to RGB first"
    return f"{name} has no red, green and blue channels, only {listed}: expected R, G, B or a layer of them"


def _names(groups: Sequence[_Group]) -> tuple[str, ...]:
    """What `--layer` calls each group, once for all views; with the part where two parts have a layer of that name."""
    parts = {(group.name, group.view): set[int]() for group in groups}
    for group in groups:
        parts[group.name, group.view].add(group.part)
    shared = {name for (name, _), numbers in parts.items() if len(numbers) > 1}
    return tuple(dict.fromkeys(f"{g.part_name}.{g.layer}".rstrip(".") if g.name in shared else g.name for g in groups))


def is_colour(channel: str) -> bool:
    """Tell whether a channel is red, green or blue by its name."""
    return _COMPONENTS.get(channel.rpartition(".")[2].casefold(), 3) < 3


def _list(names: Iterable[str]) -> str:
    """Names with commas; unprintable letters, as in damaged files, become ?."""
    readable = ("".join(letter if letter.isprintable() else "?" for letter in name) for name in names)
    return ", ".join(name or "(plain)" for name in readable)


def _groups(parts: Sequence[PartNames]) -> list[_Group]:
    groups: dict[tuple[int, str, str], _Group] = {}
    for number, part in enumerate(parts):
        for index, channel in enumerate(part.channels):
            *prefix, component = channel.split(".")
            if component.casefold() not in _COMPONENTS:
                continue
            if part.view or not part.views:
                view = part.view
            elif prefix and prefix[-1] in part.views:
                view = prefix.pop()
            else:
                view = "" if prefix else part.views[0]
            key = (number, ".".join(prefix), view)
            group = groups.setdefault(key, _Group(number, key[1], part.name, view, len(parts) == 1))
            # Where R and r are both there, the usual spelling wins.
            if _COMPONENTS[component.casefold()] not in group.components or component in "RGBA":
                group.components[_COMPONENTS[component.casefold()]] = index
    return list(groups.values())
