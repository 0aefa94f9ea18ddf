"""The name of a sequence's files: which part of it is the frame number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from relumix.errors import InputError

_SIGNS = re.compile(r"#+|@+|%0*(\d*)d|\$F(\d*)")
# A minus is a sign only behind a dot or an underscore, as in the names of files.
_ONE = r"-?\d+(?:-{1,2}\d+(?:[xy:]\d+)?)?"
_SPAN = re.compile(rf"(?:^|(?<=[._])|(?<=[^\d._])(?!-)){_ONE}(?:,{_ONE})*$")
_WORD_WITH_NUMBER = re.compile(r"(?<=[^\W\d_])\d+")


@dataclass(frozen=True)
class Pattern:
    """A file name with a place for the frame number. Only a name is a pattern: the names of folders are taken as they
    are, whatever signs they have.

    folder  in which the files are.
    head    of their names, before the number.
    span    a range of frames before the signs, as in `plate.1001-1016#.exr`; '' without one.
    signs   that stand for the number: `####`, `@@@@`, `%04d`, `$F4`.
    tail    of their names, behind the number: `.exr`, or more, as in `plate_####_v002.exr`.
    """

    folder: Path
    head: str
    span: str
    signs: str
    tail: str

    @classmethod
    def of(cls, text: str | Path) -> Pattern | None:
        """Return the pattern that a path is, None where its name has no signs.

        Of several groups of signs the one for the most digits counts: `sh#1_plate.####.exr`. Raises InputError where
        two are for as many.
        """
        path = Path(text)
        found = sorted(_SIGNS.finditer(path.name), key=lambda match: _width(match.group()))
        if not found:
            return None
        signs = found[-1]
        if len(found) > 1 and _width(found[-2].group()) == _width(signs.group()):
            raise InputError(
                f"'{text}' has {found[-2].group()} and {signs.group()}, and one of them is the frame number: write its "
                "digits out, like plate.####.exr"
            )
        head, span = _without_span(path.name[: signs.start()])
        return cls(path.parent, head, span, signs.group(), path.name[signs.end() :])

    @property
    def width(self) -> int:
        """The least number of digits; 1 where the files say it."""
        return _width(self.signs)

    def path(self, frame: int, padding: int) -> Path:
        """Return the file of a frame; a lone # or @ takes `padding`."""
        width = padding if self.signs in ("#", "@") else self.width
        return self.folder / f"{self.head}{frame:0{width}d}{self.tail}"


def _width(signs: str) -> int:
    """How many digits signs stand for at least."""
    if signs[0] in "#@":
        return len(signs)
    return int("".join(filter(str.isdigit, signs)) or 1)


def _without_span(head: str) -> tuple[str, str]:
    """Split a range of frames off the end of a name."""
    match = _SPAN.search(head)
    if match is None:
        return head, ""
    # v2####, sh010####: a number that belongs to a word is no frame; 1001-1016 is, wherever it is.
    if match.group().isdigit() and _WORD_WITH_NUMBER.match(head, match.start()):
        return head, ""
    return head[: match.start()], match.group()
