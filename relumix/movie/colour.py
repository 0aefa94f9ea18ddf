"""What the colour tags of a movie mean: code points of ITU-T H.273, and the colour space of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from relumix.color.spaces import VIDEO_SPACE

UNSPECIFIED = 2
"""The code point of a tag that says nothing."""

TRANSFER_SRGB = 13
"""The code point of sRGB's transfer, for which MXF has no label."""

_PRIMARIES = {1: "BT.709", 4: "BT.470 M", 5: "BT.601 (625)", 6: "BT.601 (525)", 7: "SMPTE 240M", 9: "BT.2020",
              11: "P3 (DCI)", 12: "P3-D65"}  # fmt: skip
_TRANSFERS = {1: "BT.709", 4: "gamma 2.2", 5: "gamma 2.8", 6: "BT.601", 7: "SMPTE 240M", 8: "linear", 13: "sRGB",
              14: "BT.2020 (10 bit)", 15: "BT.2020 (12 bit)", 16: "PQ", 18: "HLG"}  # fmt: skip
_MATRICES = {0: "RGB", 1: "BT.709", 4: "FCC", 5: "BT.601", 6: "BT.601", 7: "SMPTE 240M", 9: "BT.2020"}

_SPACES = {
    (1, TRANSFER_SRGB): "sRGB - Display",
    (12, TRANSFER_SRGB): "Display P3 - Display",
    (9, 16): "Rec.2100-PQ - Display",
    (12, 16): "ST2084-P3-D65 - Display",
    (9, 18): "Rec.2100-HLG - Display",
    (1, 8): "Linear Rec.709 (sRGB)",
    (9, 8): "Linear Rec.2020",
}
"""Colour spaces by primaries and transfer."""

_VIDEO_TRANSFERS = (1, 6, 7)
_VIDEO_PRIMARIES = (1, 5, 6, 7)
_TRANSFER_DECIDES = {16: 9, 18: 9, 13: 1, 8: 1}
"""Primaries that a transfer has where nothing is said of them."""


@dataclass(frozen=True)
class Colour:
    """Tags of a movie, as code points of H.273; 2 says nothing.

    full_range  whether codes use the whole range of their bits; None where that is not said (then they do not, but in
                RGB).
    """

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    full_range: bool | None = None

    @classmethod
    def of_space(cls, name: str | None) -> Colour:
        """Return the tags that name a colour space; none where there are no such."""
        if name == VIDEO_SPACE:
            return cls(1, 1, 1, False)
        found = next((tags for tags, space in _SPACES.items() if space == name), None)
        return cls(*found, 9 if found[0] == 9 else 1, False) if found else cls()

    @property
    def space(self) -> str | None:
        """The OCIO name of the colour space that the tags name; None where they do not, or none has it."""
        primaries = self.primaries
        if primaries == UNSPECIFIED:
            primaries = _TRANSFER_DECIDES.get(self.transfer, 1)
        if self.transfer in _VIDEO_TRANSFERS and primaries in _VIDEO_PRIMARIES:
            return VIDEO_SPACE
        return _SPACES.get((primaries, self.transfer))

    def __str__(self) -> str:
        """The tags in words."""
        if {self.primaries, self.transfer, self.matrix} == {UNSPECIFIED}:
            return "not tagged"
        tags = (("primaries", self.primaries, _PRIMARIES), ("transfer", self.transfer, _TRANSFERS))
        said = [f"{what} {names.get(tag, tag)}" for what, tag, names in (*tags, ("matrix", self.matrix, _MATRICES))
                if tag != UNSPECIFIED]  # fmt: skip
        return ", ".join(said)
