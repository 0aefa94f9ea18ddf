"""A plugin's request, checked: every field of an `open` comes through here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from relumix.bridge.frame_file import OUTPUTS
from relumix.errors import InputError
from relumix.settings import Settings

PURPOSES = ("relight", "render", "farm", "clear")
MOST_FRAMES = 100_000
MOST_REFERENCES = 64
MOST_CUTS = 1000

_FARTHEST_FRAME = 10_000_000
_INSTANCE = re.compile(r"[0-9a-f]{1,64}")
_PATTERN = re.compile(r"#+|%0?(\d*)d")


@dataclass(frozen=True)
class Servers:
    """Servers that relight, HOST:PORT with commas between, and how to reach them; empty text: none."""

    addresses: str
    token_file: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""


@dataclass(frozen=True)
class Request:
    """What a plugin asks for.

    purpose           relight: every frame from first to last; render: one frame if it was made; farm: one frame, made
                      if need be; clear: forget what the instance made.
    instance          the effect that asks.
    first, last       the frames to relight.
    frame             the one to render.
    references        frames with a relit version, ascending.
    model             file or folder of the engine's weights on this machine, None for its own.
    reference_file    file of the references or pattern of several; None: they are a clip of the host's.
    cuts              where a new scene begins, as in relumix.Settings.
    coding            OCIO name of the clips' colour space, None for scene-linear; reference_coding: of the file, None
                      where its type says it.
    output            what is wanted of a frame: one of OUTPUTS.
    servers           None: this machine, or what the bridge was started with.
    """

    purpose: str
    instance: str
    first: int
    last: int
    frame: int
    references: tuple[int, ...]
    reference_file: str | None
    engine: str
    model: str | None
    work_size: int
    cuts: str
    coding: str | None
    reference_coding: str | None
    output: str
    servers: Servers | None

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Request:
        """Read the fields of an `open`. Raises InputError."""
        purpose = _one_of(fields, "purpose", PURPOSES)
        first, last = _whole(fields, "first", 0), _whole(fields, "last", 0)
        if purpose != "clear" and not 0 <= last - first < MOST_FRAMES:
            raise InputError(f"frames are {first} to {last}: expected 1 to {MOST_FRAMES} of them")
        request = cls(
            purpose=purpose,
            instance=_instance(fields),
            first=first,
            last=last,
            frame=_whole(fields, "frame", first),
            references=_references(fields, first),
            reference_file=fields.get("reference_file"),
            engine=fields.get("engine", "flow"),
            model=fields.get("model") or None,
            work_size=_whole(fields, "work_size", 768),
            cuts=_cuts(fields),
            coding=fields.get("coding") or None,
            reference_coding=fields.get("reference_coding") or None,
            output=_one_of(fields, "output", OUTPUTS, OUTPUTS[0]),
            servers=_servers(fields),
        )
        request.settings()
        return request

    @property
    def shot(self) -> range:
        """Frames of Source from the first reference or frame to the last, without gaps: gain travels over all."""
        return range(min(self.first, *self.references), max(self.last, *self.references) + 1)

    @property
    def wanted(self) -> range:
        """The frames to deliver."""
        return range(self.first, self.last + 1)

    def settings(self) -> Settings:
        """Return the engine's settings; a scene without a reference stays the plate. Raises InputError."""
        return Settings(engine=self.engine, model=self.model, work_size=self.work_size, cuts=self.cuts, unlit="plate")

    def reference_path(self, frame: int) -> Path:
        """Return the file of a reference. Raises InputError."""
        text = self.reference_file or ""
        name = _PATTERN.sub(lambda found: _padded(frame, found), Path(text).name)
        if len(self.references) > 1 and name == Path(text).name:
            raise InputError(
                f"{text} is one file, but there are {len(self.references)} reference frames: name a pattern such as "
                "relit.####.exr"
            )
        path = Path(text).with_name(name)
        if not path.is_file():
            raise InputError(f"the reference file for frame {frame} is not there: {path}")
        return path


def _padded(frame: int, found: re.Match[str]) -> str:
    width = len(found[0]) if found[0].startswith("#") else int(found[1] or 0)
    if width > 16:
        raise InputError(f"the pattern {found[0][:40]} has {width} digits: expected at most 16")
    return f"-{-frame:0{width}d}" if frame < 0 else f"{frame:0{width}d}"


def _one_of(fields: Mapping[str, str], name: str, known: tuple[str, ...], default: str = "") -> str:
    value = fields.get(name, default)
    if value not in known:
        raise InputError(f"{name} is {value[:80]!r}: expected one of {', '.join(known)}")
    return value


def _whole(fields: Mapping[str, str], name: str, default: int) -> int:
    text = fields.get(name, str(default))
    if not re.fullmatch(r"-?[0-9]{1,8}", text) or abs(int(text)) > _FARTHEST_FRAME:
        raise InputError(
            f"{name} is {text[:40]!r}: expected a whole number from -{_FARTHEST_FRAME} to {_FARTHEST_FRAME}"
        )
    return int(text)


def _instance(fields: Mapping[str, str]) -> str:
    value = fields.get("instance", "")
    if not _INSTANCE.fullmatch(value):
        raise InputError(f"instance is {value[:80]!r}: expected 1 to 64 hexadecimal digits")
    return value


def _references(fields: Mapping[str, str], first: int) -> tuple[int, ...]:
    texts = fields.get("references", "").split() or [str(first)]
    if len(texts) > MOST_REFERENCES:
        raise InputError(f"there are {len(texts)} reference frames: expected at most {MOST_REFERENCES}")
    frames = sorted({_whole({"references": text}, "references", 0) for text in texts})
    if max(abs(frame - first) for frame in frames) > MOST_FRAMES:
        raise InputError(
            f"reference frames {frames[0]} to {frames[-1]} are too far from the shot, which begins at {first}"
        )
    return tuple(frames)


def _cuts(fields: Mapping[str, str]) -> str:
    """Return what Settings.cuts may be. A range of frames, which it may hold too, is none of cuts."""
    words = fields.get("cuts", "").replace(",", " ").split()
    if words in ([], ["auto"], ["none"]):
        return "".join(words) or "auto"
    if len(words) > MOST_CUTS:
        raise InputError(f"there are {len(words)} cuts: expected at most {MOST_CUTS}")
    for word in words:
        if not re.fullmatch(r"-?[0-9]{1,8}", word):
            raise InputError(
                f"cuts has {word[:40]!r}: expected auto, none, or first frames of scenes such as 1008, 1040"
            )
    return ",".join(words)


def _servers(fields: Mapping[str, str]) -> Servers | None:
    server = fields.get("server", "")
    names = ("token_file", "tls_ca", "tls_cert", "tls_key")
    return Servers(server, *(fields.get(name, "") for name in names)) if server else None
