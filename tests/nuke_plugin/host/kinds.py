"""The classes of nodes that a comp with a relit shot needs, apart from those that read and write files."""

from __future__ import annotations

from typing import Any

import numpy as np

from .expressions import At
from .knobs import Channel_Knob, ChannelMask_Knob, Knob, OneView_Knob
from .node import Node
from .number_knobs import AColor_Knob, Boolean_Knob, Double_Knob, Int_Knob
from .pictures import Picture, checkered

_RGB = ("rgba.red", "rgba.green", "rgba.blue")


def valued(knob: Any, *values: float) -> Any:
    """A knob of numbers with its default."""
    knob._state = knob._default = tuple(float(v) for v in values)
    return knob


class Dot(Node):
    _class = "Dot"
    _inputs_least = 0


class NoOp(Node):
    _class = "NoOp"


class Output(Node):
    _class = "Output"


class Viewer(Node):
    _class = "Viewer"
    _inputs_least, _inputs_most = 0, 10


class StickyNote(Node):
    _class = "StickyNote"
    _inputs_least, _inputs_most = 0, 0


class BackdropNode(StickyNote):
    _class = "BackdropNode"


class Input(Node):
    """Where the picture of its group's wire of that number comes in; nothing where that wire ends in the air."""

    _class = "Input"
    _inputs_least, _inputs_most = 0, 0

    def _own_knobs(self) -> list[Knob]:
        return [Int_Knob("number")]

    def _wired(self) -> Node | None:
        group = self.parent()
        return group.input(list(group._input_nodes()).index(self))

    def _picture(self, at: At) -> Picture:
        node = self._wired()
        if node is None:
            return self._session.nothing()
        return node._looked_at(At(node, at.frame, at.view))

    def _effects(self, at: At) -> tuple[Any, ...]:
        node = self._wired()
        return ("Input", node._effects(At(node, at.frame, at.view)) if node else None)


class Constant(Node):
    _class = "Constant"
    _inputs_least, _inputs_most = 0, 1

    def _own_knobs(self) -> list[Knob]:
        return [AColor_Knob("color"), Int_Knob("first"), Int_Knob("last"), Channel_Knob("channels", None, "rgb")]

    def _picture(self, at: At) -> Picture:
        size = self._session.root_format()
        color = [float(v) for v in self["color"]._values(at, -1)]
        flat = np.ones((size.height(), size.width()), np.float32)
        return Picture({n: flat * v for n, v in zip((*_RGB, "rgba.alpha"), color, strict=True)}, 0, 0, size)


class Grade(Node):
    """pixel * multiply * white + add, of the layers that `channels` names; a mask mixes where it is given."""

    _class = "Grade"
    _inputs_least, _inputs_most = 1, 2

    def _own_knobs(self) -> list[Knob]:
        ones: list[Knob] = [valued(AColor_Knob(name), 1, 1, 1, 1) for name in ("white", "multiply", "gamma")]
        zeros: list[Knob] = [AColor_Knob(name) for name in ("blackpoint", "black", "add")]
        switches: list[Knob] = [Boolean_Knob("black_clamp", None, True), Boolean_Knob("white_clamp")]
        return [*ones, *zeros, *switches, ChannelMask_Knob("channels", None, "rgb"), valued(Double_Knob("mix"), 1)]

    def _picture(self, at: At) -> Picture:
        source = self._input_picture(0, at)
        changed = dict(source.channels)
        factor = np.multiply(self["white"]._values(at, -1), self["multiply"]._values(at, -1)).astype(np.float32)
        offset = np.asarray(self["add"]._values(at, -1), np.float32)
        for number, name in enumerate(_RGB):
            if name in changed:
                graded = changed[name] * factor[number] + offset[number]
                if self["black_clamp"]._number(at):
                    graded = np.where(graded < 0, np.float32(0), graded)
                mix = np.float32(self["mix"]._number(at))
                changed[name] = graded if mix == 1 else changed[name] + (graded - changed[name]) * mix
        return source.with_channels(changed)


class Multiply(Node):
    _class = "Multiply"
    _inputs_least, _inputs_most = 1, 2

    def _own_knobs(self) -> list[Knob]:
        return [ChannelMask_Knob("channels", None, "rgba"), valued(AColor_Knob("value"), 1, 1, 1, 1)]

    def _picture(self, at: At) -> Picture:
        source = self._input_picture(0, at)
        named = layers_named(str(self["channels"].value()), source)
        factors = dict(zip((*_RGB, "rgba.alpha"), self["value"]._values(at, -1), strict=True))
        changed = {
            n: source.channels[n] * np.float32(factors[n]) for n in factors if n in named and n in source.channels
        }
        return source.with_channels({**source.channels, **changed})


class Switch(Node):
    _class = "Switch"
    _inputs_least, _inputs_most = 1, 100

    def _own_knobs(self) -> list[Knob]:
        return [Double_Knob("which")]

    def _chosen(self, at: At) -> int:
        return min(max(int(self["which"]._number(at)), 0), max(self.inputs() - 1, 0))

    def _picture(self, at: At) -> Picture:
        return self._input_picture(self._chosen(at), at)

    def _effects(self, at: At) -> tuple[Any, ...]:
        node = self.input(self._chosen(at))
        return ("Switch", node._effects(At(node, at.frame, at.view)) if node else None)


class Dissolve(Node):
    _class = "Dissolve"
    _inputs_least, _inputs_most = 2, 3

    def _own_knobs(self) -> list[Knob]:
        return [Double_Knob("which"), ChannelMask_Knob("channels", None, "all")]

    def _picture(self, at: At) -> Picture:
        share = np.float32(min(max(self["which"]._number(at), 0), 1))
        one, other = (self._input_picture(number, at) for number in (0, 1))
        if share in (0, 1):
            return other if share else one
        mixed = {n: v + (one.fitted(other, n) - v) * share for n, v in one.channels.items()}
        return one.with_channels(mixed)


class OneView(Node):
    """One view of its input, whichever is looked at. As a Dot it has no hash of its own, which is the worst case."""

    _class = "OneView"

    def _own_knobs(self) -> list[Knob]:
        return [OneView_Knob("view", None, self._session.views())]

    def _in_view(self, at: At) -> At:
        return At(self, at.frame, str(self["view"].value()))

    def _picture(self, at: At) -> Picture:
        return self._input_picture(0, self._in_view(at))

    def _effects(self, at: At) -> tuple[Any, ...]:
        return super()._effects(self._in_view(at))

    def opHashes(self) -> list[int]:  # noqa: N802  the name is Nuke's
        return []


class FrameHold(Node):
    """One frame of its input, whichever is looked at. As a Dot it has no hash of its own."""

    _class = "FrameHold"

    def _own_knobs(self) -> list[Knob]:
        return [Int_Knob("first_frame"), Int_Knob("increment")]

    def _held(self, at: At) -> At:
        return At(self, self["first_frame"]._number(at), at.view)

    def _picture(self, at: At) -> Picture:
        return self._input_picture(0, self._held(at))

    def _effects(self, at: At) -> tuple[Any, ...]:
        return super()._effects(self._held(at))

    def opHashes(self) -> list[int]:  # noqa: N802  the name is Nuke's
        return []


class CheckerBoard2(Node):
    _class = "CheckerBoard2"
    _inputs_least, _inputs_most = 0, 1

    def _picture(self, at: At) -> Picture:
        return checkered(self._session.root_format())


class Invert(Node):
    _class = "Invert"
    _inputs_least, _inputs_most = 1, 2

    def _own_knobs(self) -> list[Knob]:
        return [ChannelMask_Knob("channels", None, "rgba"), Boolean_Knob("clamp")]

    def _picture(self, at: At) -> Picture:
        source = self._input_picture(0, at)
        named = layers_named(str(self["channels"].value()), source)
        turned = {n: 1 - values for n, values in source.channels.items() if n in named}
        return source.with_channels({**source.channels, **turned})


class JoinViews(Node):
    """An input a view, in the order of the script's views."""

    _class = "JoinViews"
    _inputs_least, _inputs_most = 1, 100

    def _of_view(self, at: At) -> int:
        return self._session.views().index(at.view)

    def _picture(self, at: At) -> Picture:
        return self._input_picture(self._of_view(at), at)

    def _effects(self, at: At) -> tuple[Any, ...]:
        node = self.input(self._of_view(at))
        return ("JoinViews", node._effects(At(node, at.frame, at.view)) if node else None)


class Copy(Node):
    """Channels of its first input (A) into its second (B): from0 goes to to0, and so on."""

    _class = "Copy"
    _inputs_least, _inputs_most = 2, 3

    def _own_knobs(self) -> list[Knob]:
        pairs = [(f"from{n}", f"to{n}") for n in range(8)]
        knobs: list[Knob] = [Channel_Knob(name, None, "none") for pair in pairs for name in pair]
        for knob, value in zip(knobs, ("rgba.alpha", "rgba.alpha"), strict=False):
            knob._state = knob._default = value
        return [*knobs, Channel_Knob("channels", None, "none"), Boolean_Knob("bbox")]

    def _picture(self, at: At) -> Picture:
        # In a script input 0 of a Copy is B, the picture, and input 1 is A, that which gives.
        picture, giver = (self._input_picture(number, at) for number in (0, 1))
        changed = dict(picture.channels)
        for number in range(8):
            taken, to = (str(self[f"{way}{number}"].value()) for way in ("from", "to"))
            if "none" not in (taken, to):
                if to.partition(".")[0] not in self._session.layers:
                    raise RuntimeError(f"{self.fullName()}: no layer {to.partition('.')[0]} in this script")
                changed[to] = picture.fitted(giver, taken)
        return picture.with_channels(changed)


def layers_named(text: str, picture: Picture) -> list[str]:
    """The channels of a picture that `rgb`, `rgba`, `all`, a layer, channels or several of them stand for."""
    names = list(picture.channels)
    if text == "all":
        return names
    known = {"rgb": list(_RGB), "rgba": [*_RGB, "rgba.alpha"], "alpha": ["rgba.alpha"], "none": []}
    chosen: list[str] = []
    for word in text.split():
        chosen += known.get(word) or [n for n in names if n == word or n.startswith(f"{word}.")]
    return chosen


SIMPLE: dict[str, type[Node]] = {
    kind._class: kind
    for kind in (
        *(
            Dot,
            NoOp,
            Output,
            Viewer,
            StickyNote,
            BackdropNode,
            Input,
            Constant,
            Grade,
            Multiply,
            Switch,
            Dissolve,
            OneView,
            FrameHold,
            CheckerBoard2,
            Invert,
            JoinViews,
            Copy,
        ),
    )
}
