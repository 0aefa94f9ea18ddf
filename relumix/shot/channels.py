"""Which channels of a file are the picture: layers, views, parts and the spellings of red, green, blue and alpha."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from relumix.errors import InputError

_COMPONENTS = {"r": 0, "red": 0, "g": 1, "green": 1, "b": 2, "blue": 2, "a": 3, "alpha": 3}


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
    """The channels that are relit: which part they are in, their indices there, and that of their alpha or None."""

    part: int
    rgb: tuple[int, ...]
    alpha: int | None


@dataclass
class _Group:
    """The channels of one part that share a layer and a view."""

    part: int
    layer: str
    part_name: str
    view: str
    default_view: bool
    components: dict[int, int] = field(default_factory=dict)

    @property
    def has_rgb(self) -> bool:
        return all(component in self.components for component in (0, 1, 2))

    def is_layer(self, layer: str) -> bool:
        wanted = layer.casefold()
        if self.layer:
            return self.layer.casefold() == wanted
        name = self.part_name.casefold()
        return name in {wanted, f"{wanted}.{self.view.casefold()}", f"{wanted}_{self.view.casefold()}"}

    def is_view(self, view: str) -> bool:
        return self.view.casefold() == view.casefold()


def layers_and_views(parts: Sequence[PartNames]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The layers ('' for plain channels) and the views that hold red, green and blue, in the order of the file."""
    groups = [group for group in _groups(parts) if group.has_rgb]
    layers = dict.fromkeys(group.layer or (group.part_name if len(parts) > 1 else "") for group in groups)
    return tuple(layers), tuple(dict.fromkeys(group.view for group in groups if group.view))


def choose(parts: Sequence[PartNames], layer: str | None, view: str | None, name: str) -> Choice:
    """Find the channels of a layer and a view. `name` names the file in errors.

    Channels are named `layer.view.R`, the layer, and for the default view the view, being optional; in a multi-part
    file the part may say the view, and its name the layer. Red, green, blue and alpha may be written R, r, red and so
    on. Without a layer the plain R, G, B is taken or, where there is none, the only layer that has them; without a
    view the first. Raises InputError, which lists the layers and views.
    """
    groups = [group for group in _groups(parts) if group.has_rgb]
    if not groups:
        channels = [channel for part in parts for channel in part.channels]
        listed = _list(channels[:12]) if channels else "none"
        if any(channel.rpartition(".")[2] == "Y" for channel in channels):
            raise InputError(f"{name} is a luminance image ({listed}): convert it to RGB first")
        raise InputError(
            f"{name} has no red, green and blue channels, only {listed}: expected R, G, B or a layer of them"
        )
    layers, views = layers_and_views(parts)
    has = f"it has the layers {_list(layers)}" + (f" and the views {_list(views)}" if views else "")
    if view is not None:
        in_view = [group for group in groups if group.is_view(view)]
        # A layer that names no view belongs to the default one.
        in_view += [group for group in groups if not group.view and views and views[0].casefold() == view.casefold()]
        if not in_view:
            raise InputError(f"{name} has no view '{view}' with red, green and blue: {has}")
        groups = in_view
    if layer is not None:
        groups = [group for group in groups if group.is_layer(layer)]
        if not groups:
            raise InputError(f"{name} has no layer '{layer}' with red, green and blue: {has}")
    elif plain := [group for group in groups if not group.layer]:
        groups = plain
    elif len({group.layer for group in groups}) > 1:
        raise InputError(f"{name} has no plain R, G, B; choose with --layer: {has}")
    group = next((group for group in groups if group.default_view), groups[0])
    red, green, blue = (group.components[component] for component in (0, 1, 2))
    return Choice(group.part, (red, green, blue), group.components.get(3))


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
            default = not view or not part.views or view == part.views[0]
            key = (number, ".".join(prefix), view)
            group = groups.setdefault(key, _Group(number, key[1], part.name, view, default))
            # Where R and r are both there, the usual spelling wins.
            if _COMPONENTS[component.casefold()] not in group.components or component in "RGBA":
                group.components[_COMPONENTS[component.casefold()]] = index
    return list(groups.values())
