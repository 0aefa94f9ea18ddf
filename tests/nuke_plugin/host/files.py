# ruff: noqa: N802  the names are Nuke's
"""Read and Write."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import pictures
from .expressions import At, evaluated, text_of
from .kinds import layers_named
from .knobs import ChannelMask_Knob, Enumeration_Knob, File_Knob, Knob, PyScript_Knob, PythonKnob, String_Knob
from .node import Node
from .number_knobs import Boolean_Knob, Double_Knob, Int_Knob
from .pictures import FrameRange, Picture

RENDER_CALLBACKS = ("beforeRender", "beforeFrameRender", "afterFrameRender", "afterRender", "renderProgress")
_OUTSIDE = ["hold", "loop", "bounce", "black"]
_COMPRESSION = {
    "none": "none",
    "Zip (1 scanline)": "zips",
    "Zip (16 scanlines)": "zip",
    "PIZ Wavelet (32 scanlines)": "piz",
    "RLE": "rle",
    "B44": "b44",
    "B44A": "b44a",
    "DWAA": "dwaa",
    "DWAB": "dwab",
}
_TO_ACESCG = np.array([[1.451, -0.237, -0.215], [-0.077, 1.176, -0.1], [0.008, -0.006, 0.998]], np.float32)


def at_frame(pattern: str, frame: int, view: str) -> str:
    """The file of a frame: `#`, `%04d`, `%v` and `%V`."""
    named = pattern.replace("%V", view).replace("%v", view[:1])
    named = re.sub(r"#+", lambda m: f"{frame:0{len(m[0])}d}", named)
    return re.sub(r"%(0?\d*)d", lambda m: f"{frame:{m[1] or 'd'}}" if m[1] else str(frame), named)


class _OfFiles(Node):
    """What Read and Write share: a file, and how its colours are meant."""

    def _file_knobs(self) -> list[Knob]:
        knobs: list[Knob] = [File_Knob("file"), File_Knob("proxy"), String_Knob("file_type")]
        knobs += [Boolean_Knob("raw"), Boolean_Knob("premultiplied")]
        knobs.append(Enumeration_Knob("colorspace", None, ["default", "linear", "sRGB", "ACES - ACES2065-1"]))
        return [*knobs, Int_Knob("first"), Int_Knob("last")]

    def _pattern(self, at: At) -> str:
        return self._session.callbacks.filtered(text_of(str(self["file"]._state), at), self)

    def _converted(self, picture: Picture, at: At, reading: bool) -> Picture:
        """With OCIO the files of this host are ACES2065-1 and it works in ACEScg: what is not raw changes."""
        if self["raw"]._number(at) or self._session.root["colorManagement"].value() == "Nuke":
            return picture
        matrix = _TO_ACESCG if reading else np.linalg.inv(_TO_ACESCG)
        names = [n for n in ("rgba.red", "rgba.green", "rgba.blue") if n in picture.channels]
        if len(names) < 3:
            return picture
        rgb = np.stack([picture.channels[n] for n in names], axis=-1) @ matrix.T.astype(np.float32)
        return picture.with_channels({**picture.channels, **{n: rgb[..., i] for i, n in enumerate(names)}})


class Read(_OfFiles):
    """Looks at a file once: what is there afterwards, or no longer, is seen after `reload` or another `file` alone."""

    _class = "Read"
    _inputs_least, _inputs_most = 0, 0

    def _own_knobs(self) -> list[Knob]:
        choices = [("before", _OUTSIDE), ("after", _OUTSIDE), ("frame_mode", ["expression", "start at", "offset"])]
        choices += [("on_error", ["error", "black", "checkerboard", "nearest frame"])]
        choices += [("localizationPolicy", ["on", "fromAutoLocalizePath", "onDemand", "off"])]
        enums: list[Knob] = [Enumeration_Knob(name, None, values) for name, values in choices]
        numbers: list[Knob] = [Int_Knob("origfirst"), Int_Knob("origlast"), Int_Knob("version")]
        switches: list[Knob] = [Boolean_Knob("origset"), Boolean_Knob("auto_alpha"), Boolean_Knob("noprefix")]
        rest: list[Knob] = [String_Knob("frame"), String_Knob("format")]
        # The button of a Read is no script in Nuke, but it is pressed the same way.
        reload = PyScript_Knob("reload")
        reload._state = reload._default = "nuke.thisNode()._reload()"
        self._seen: dict[str, Picture | str] = {}
        return [*self._file_knobs(), *enums, *numbers, *switches, *rest, reload]

    def _reload(self) -> None:
        self._seen.clear()
        version = self["version"]
        version._state = (version._state[0] + 1,)

    def firstFrame(self) -> int:
        return int(self["first"].value())

    def lastFrame(self) -> int:
        return int(self["last"].value())

    def frameRange(self) -> FrameRange:
        return FrameRange(self.firstFrame(), self.lastFrame(), 1)

    def _mapped(self, at: At) -> int:
        """The frame of the file at a frame of the script. RuntimeError for `black`, which is not needed here."""
        first, last = (int(self[name]._number(at)) for name in ("first", "last"))
        asked = str(self["frame"].value())
        # A half frame is cut, unless an expression says otherwise.
        frame = math.floor(evaluated(asked, at) if asked and self["frame_mode"].value() == "expression" else at.frame)
        side = "before" if frame < first else "after" if frame > last else None
        if side is None or first > last:
            return frame
        mode = self[side].value()
        if mode == "loop":
            return first + (frame - first) % (last - first + 1)
        return first if side == "before" else last

    def _is_black(self, at: At) -> bool:
        first, last = (int(self[name]._number(at)) for name in ("first", "last"))
        return (at.frame < first and self["before"].value() == "black") or (
            at.frame > last and self["after"].value() == "black"
        )

    def _picture(self, at: At) -> Picture:
        pattern = self._pattern(at)
        if not pattern:
            raise RuntimeError(f"{self.fullName()}: no file name")
        found = self._look(at_frame(pattern, self._mapped(at), at.view), at)
        if isinstance(found, str) and self["on_error"].value() == "nearest frame":
            found = self._nearest(pattern, at) or found
        if isinstance(found, str):
            if self["on_error"].value() == "error":
                raise RuntimeError(f"{self.fullName()}: {found}")
            size = self._session.root_format()
            return pictures.flat(size) if self["on_error"].value() == "black" else pictures.checkered(size)
        picture = self._converted(found, at, reading=True)
        if self._is_black(at):
            picture = picture.with_channels({n: np.zeros_like(v) for n, v in picture.channels.items()})
        return picture.halved() if self._session.root["proxy"].value() else picture

    def _look(self, path: str, at: At) -> Picture | str:
        key = f"{path} {at.view}"
        if key not in self._seen:
            try:
                self._seen[key] = found = pictures.read(Path(path), at.view)
                self._session.layers.update(name.partition(".")[0] for name in found.channels)
            except RuntimeError as error:
                self._seen[key] = str(error)
        return self._seen[key]

    def _nearest(self, pattern: str, at: At) -> Picture | None:
        first, last = self.firstFrame(), self.lastFrame()
        by_distance = sorted(range(first, last + 1), key=lambda frame: abs(frame - self._mapped(at)))
        looks = (self._look(at_frame(pattern, frame, at.view), at) for frame in by_distance)
        return next((found for found in looks if isinstance(found, Picture)), None)

    def _effects(self, at: At) -> tuple[Any, ...]:
        # Not what is in the file: a file that is overwritten leaves the hash as it was.
        named = at_frame(self._pattern(at), self._mapped(at), at.view)
        return (*super()._effects(at), named, self._is_black(at))

    def _holds(self) -> list[Path]:
        """The files that this Read has open."""
        return [Path(key.rpartition(" ")[0]) for key, seen in self._seen.items() if isinstance(seen, Picture)]


class Write(_OfFiles):
    """Renders EXR. Its knobs for that are there once its file_type is exr, which a file that ends so makes it."""

    _class = "Write"

    def _own_knobs(self) -> list[Knob]:
        switches = ("use_limit", "create_directories", "reading", "checkHashOnRead", "read_all_lines")
        knobs: list[Knob] = [*self._file_knobs(), *(Boolean_Knob(name) for name in switches)]
        knobs += [ChannelMask_Knob("channels", None, "rgb"), String_Knob("views"), Double_Knob("render_order")]
        knobs[-2]._state = knobs[-2]._default = " ".join(self._session.views())
        knobs += [PythonKnob(name) for name in RENDER_CALLBACKS]
        return [*knobs, PyScript_Knob("Render")]

    def _exr_knobs(self) -> list[Knob]:
        enums: list[Knob] = [
            Enumeration_Knob("datatype", None, ["16 bit half", "32 bit float"]),
            Enumeration_Knob("compression", None, list(_COMPRESSION)),
            Enumeration_Knob("interleave", None, ["channels, layers and views", "channels and layers", "channels"]),
            Enumeration_Knob("metadata", None, ["default metadata", "no metadata", "all metadata"]),
        ]
        enums[1]._state = enums[1]._default = "Zip (1 scanline)"
        return [*enums, Boolean_Knob("autocrop"), Boolean_Knob("standard_layer_name_format")]

    def _changed(self, knob: Knob) -> None:
        if knob._name == "file" and str(knob._state).lower().endswith(".exr"):
            self["file_type"]._state = "exr"
        if self["file_type"]._state == "exr" and "datatype" not in self._knobs:
            for new in self._exr_knobs():
                self._put(new)
            self._session.apply_defaults(self, "exr")

    def _frames(self, asked: list[int]) -> list[int]:
        limit = range(int(self["first"].value()), int(self["last"].value()) + 1)
        return [f for f in asked if f in limit] if self["use_limit"].value() else asked

    def _render(self, frames: list[int], views: list[str]) -> Iterator[int]:
        """Write the files of each frame, and yield it. Raises RuntimeError as Nuke does."""
        if self["file_type"]._state != "exr":
            raise RuntimeError(f"{self.fullName()}: {self['file'].value() or 'no file name'}: unknown file type")
        wanted = [view for view in str(self["views"].value()).split() if view in views]
        self._calls("beforeRender")
        for frame in self._frames(frames):
            self._calls("beforeFrameRender")
            for view in wanted:
                self._render_one(At(self, frame, view), len(wanted))
            self._calls("afterFrameRender")
            yield frame
        self._calls("afterRender")

    def _calls(self, name: str) -> None:
        """Run the text that a knob has for it; an error in it fails the render."""
        if code := str(self[name].value()):
            with self._session.called_for(self):
                exec(compile(code, name, "exec"), {"nuke": self._session.module})

    def _render_one(self, at: At, views: int) -> None:
        pattern = self._pattern(at)
        if "\\" in str(self["file"]._state):
            raise RuntimeError(f"{self.fullName()}: {self['file']._state}: a backslash is no separator here")
        path = Path(at_frame(pattern, int(at.frame), at.view))
        if views > 1 and not re.search("%[vV]", pattern):
            raise RuntimeError(f"{self.fullName()}: {pattern}: this host writes a file a view, and it names none")
        if not path.parent.is_dir():
            if not self["create_directories"].value():
                raise RuntimeError(f"{self.fullName()}: {path}: No such file or directory")
            path.parent.mkdir(parents=True)
        picture = self._converted(self._input_picture(0, at), at, reading=False)
        names = [n for n in layers_named(str(self["channels"].value()), picture) if n in picture.channels]
        if not names:
            raise RuntimeError(f"{self.fullName()}: no channels to write, of {self['channels'].value()}")
        kind = {"16 bit half": "half", "32 bit float": "float"}[str(self["datatype"].value())]
        metadata = {} if self["metadata"].value() == "no metadata" else {"nuke/input/note": "of the plate"}
        pictures.write(path, picture, names, kind, _COMPRESSION[str(self["compression"].value())], metadata)
