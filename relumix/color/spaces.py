"""Colour spaces by name, from the configuration in $OCIO or, without one, the ACES one built into OpenColorIO."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from relumix.color import cineon
from relumix.errors import InputError
from relumix.types import Float32

DEFAULT_INTEGER_SPACE = "sRGB"

VIDEO_SPACE = "Rec.1886 Rec.709 - Display"
"""What a movie without a word about it is taken for: video of Rec.709, seen as Rec.1886 shows it."""

_BUILT_IN = "ocio://studio-config-latest"
"""The ACES configuration for studios, which also names the curves of cameras. OpenImageIO's own, the one for computer
graphics, is a part of it, and loads three times as fast.
"""


_DISPLAY = " - Display"
_CINEON_LINEAR = "Linear Rec.709 (sRGB)"


@dataclass(frozen=True)
class WorkingSpace:
    """The colour space of files, and the scene-linear space to work in; None where unknown.

    source, linear  names in the OCIO configuration. Where they are equal, values are left untouched.
    config          the configuration's name; "" for that in $OCIO or, without one, the built-in one.
    """

    source: str | None
    linear: str | None
    config: str = ""

    @property
    def converts(self) -> bool:
        """Whether reading changes values."""
        return self.source != self.linear

    def to_linear(self, rgb: NDArray[np.float32], alpha: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Decode premultiplied [h, w, 3] float32 into the linear space; alpha [h, w] float32 is divided out meanwhile.

        Raises InputError where the configuration has no way from one to the other.
        """
        if self.source is None or self.linear is None or not self.converts:
            return rgb
        if self.source == cineon.NAME:
            return _through(cineon.decode, rgb, alpha)
        return self._converted(rgb, alpha, self.source, self.linear)

    def to_coded(self, rgb: NDArray[np.float32], alpha: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Code linear values in the files' space: the inverse of `to_linear`, with the same arguments and errors."""
        if self.source is None or self.linear is None or not self.converts:
            return rgb
        if self.source == cineon.NAME:
            return _through(cineon.encode, rgb, alpha)
        return self._converted(rgb, alpha, self.linear, self.source)

    def _converted(
        self, rgb: NDArray[np.float32], alpha: NDArray[np.float32] | None, start: str, end: str
    ) -> NDArray[np.float32]:
        channels = (rgb,) if alpha is None else (rgb, alpha[..., None])
        image = oiio.ImageBuf(np.concatenate(channels, axis=-1, dtype=np.float32))
        if alpha is not None:
            image.specmod().alpha_channel = 3
        done = oiio.ImageBufAlgo.colorconvert(image, start, end, colorconfig=self.config)
        if done.has_error:
            reason = " ".join(done.geterror().split())
            raise InputError(f"colour space '{start}' cannot be made '{end}': {reason}")
        return np.ascontiguousarray(np.asarray(done.get_pixels("float"))[..., :3])

    @cached_property
    def chromaticities(self) -> tuple[float, ...] | None:
        """The primaries and white of the linear space: x and y of red, green, blue and white; None if not known."""
        return _chromaticities(_config(self.config), self.linear) if self.linear else None

    @cached_property
    def interop_id(self) -> str:
        """The linear space's name at the Color Interop Forum; '' if it has none."""
        return _config(self.config).get_color_interop_id(self.linear) or "" if self.linear else ""


def working_space(colorspace: str | None, config_name: str = "") -> WorkingSpace:
    """The space to work in for files of a colour space.

    None means scene-linear with primaries that nobody named: nothing is touched. A linear space is worked in as it is.
    Any other is decoded to the linear space that has its primaries, where the configuration tells what they are, and
    otherwise to the configuration's scene_linear role (so ACEScct becomes ACEScg). Raises InputError for an unknown
    name, or one for data.

    The name of a display that $OCIO lacks and the built-in configuration has is that one's, since movies name those by
    their tags; Cineon is known without either.
    """
    if colorspace is None:
        return WorkingSpace(None, None)
    config = _config(config_name)
    if not _knows(config, colorspace):
        if colorspace.casefold() == cineon.NAME.casefold():
            return WorkingSpace(cineon.NAME, _find(_config(_BUILT_IN), _CINEON_LINEAR), _BUILT_IN)
        if (colorspace.endswith(_DISPLAY) or not os.environ.get("OCIO")) and _knows(_config(_BUILT_IN), colorspace):
            config, config_name = _config(_BUILT_IN), _BUILT_IN
    source = _find(config, colorspace)
    if config.isColorSpaceLinear(source):
        return WorkingSpace(source, source, config_name)
    primaries = _chromaticities(config, source)
    linear = _linear_with(config, primaries) if primaries else None
    return WorkingSpace(source, linear or _find(config, "scene_linear"), config_name)


def reference_space(colorspace: str | None, whole_numbers: bool, plate: WorkingSpace) -> WorkingSpace:
    """Return the conversion of a reference's values to the plate's working space.

    Without a name, files of whole numbers are sRGB, or as the plate where that is video as Rec.1886 shows it: stills of
    a clip have its codes. The others are in the space of the plate's own files. Where the plate's primaries are not
    known, the reference's are taken to be the same: only its curve is undone.
    """
    if colorspace is None and (not whole_numbers or plate.source == VIDEO_SPACE):
        return plate
    own = _srgb(plate) if colorspace is None else working_space(colorspace)
    return WorkingSpace(own.source, plate.linear or own.linear, own.config)


def _srgb(plate: WorkingSpace) -> WorkingSpace:
    """Return the space of files of whole numbers. Where nobody named a colour, what $OCIO lacks is no fault."""
    try:
        return working_space(DEFAULT_INTEGER_SPACE)
    except InputError as error:
        if plate.linear is not None:
            raise InputError(f"{error}; say with --reference-colorspace what colour references are") from None
        return working_space(DEFAULT_INTEGER_SPACE, _BUILT_IN)


def _config(name: str = "") -> oiio.ColorConfig:
    """Return the configuration of a name, as in WorkingSpace. Raises InputError where it cannot be read."""
    config = oiio.ColorConfig(name) if name else oiio.ColorConfig()
    if error := config.geterror():
        raise InputError(f"the configuration in $OCIO cannot be read: {error}")
    return config


def _knows(config: oiio.ColorConfig, name: str) -> bool:
    return bool(config.getColorSpaceIndex(config.resolve(name)) >= 0)


def _through(
    curve: Callable[[Float32], Float32], rgb: NDArray[np.float32], alpha: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Return colour through a curve, alpha [h, w] divided out meanwhile."""
    if alpha is None:
        return curve(rgb)
    covered = np.where(alpha == 0, np.float32(1), alpha)[..., None]
    return np.asarray(curve(rgb / covered) * covered, np.float32)


def primaries_name(chromaticities: Sequence[float]) -> str | None:
    """The linear space of the configuration that has these primaries and white (as in WorkingSpace), or None."""
    return _linear_with(oiio.ColorConfig(), chromaticities)


def named_spaces(word: str | None = None) -> dict[str, list[str]]:
    """Return the colour spaces for light, each with its other names, roles included.

    word  a part of the names of those that are wanted; None: all.

    Raises InputError, which lists those like it, where none has it.
    """
    config = _config("" if os.environ.get("OCIO") else _BUILT_IN)
    roles: dict[str, list[str]] = {}
    for role in map(str, config.getRoles()):
        roles.setdefault(str(config.getColorSpaceNameByRole(role)), []).append(role)
    found = {
        str(name): [*map(str, config.getAliases(name)), *roles.get(str(name), [])]
        for name in config.getColorSpaceNames()
        if not config.isData(name)
    }
    if word is None:
        return found
    wanted = word.casefold()
    chosen = {
        name: others for name, others in found.items() if any(wanted in each.casefold() for each in (name, *others))
    }
    if not chosen:
        raise InputError(f"no colour space has '{word}' in its name: {_near(config, word)}")
    return chosen


def _find(config: oiio.ColorConfig, name: str) -> str:
    """The full name of a colour space, by name, alias or role. Raises InputError, which lists those like it."""
    found: str = config.resolve(name)
    if config.getColorSpaceIndex(found) < 0:
        raise InputError(f"unknown colour space '{name}': {_near(config, name)}")
    if config.isData(found):
        raise InputError(f"colour space '{name}' is for data, not for light: name the one that the files are in")
    return found


def _near(config: oiio.ColorConfig, name: str) -> str:
    names = [*config.getColorSpaceNames(), *config.getRoles()]
    known = {alias.casefold(): each for each in names for alias in (each, *config.getAliases(each))}
    close = difflib.get_close_matches(name.casefold(), known, n=6, cutoff=0.5)
    inside = [alias for alias in known if name and name.casefold() in alias]
    near = list(dict.fromkeys(known[alias] for alias in (*close, *inside)))[:6]
    return f"did you mean {', '.join(near)}?" if near else f"expected one of {', '.join(names)}"


def _linear_with(config: oiio.ColorConfig, chromaticities: Sequence[float]) -> str | None:
    for name in config.getColorSpaceNames():
        known = _chromaticities(config, name) if config.isColorSpaceLinear(name) else None
        if known and np.allclose(known, chromaticities, atol=1e-4):
            return str(name)
    return None


def _chromaticities(config: oiio.ColorConfig, name: str) -> tuple[float, ...] | None:
    values = config.get_chromaticities(name)
    return tuple(values) if values else None
