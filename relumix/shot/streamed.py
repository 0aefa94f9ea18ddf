"""A frame of a movie as an OpenEXR file, to be sent to a server, which opens no movies."""

from __future__ import annotations

import tempfile
from pathlib import Path

from relumix.errors import FrameError, InputError
from relumix.shot.movie_frames import SPACE_ATTRIBUTE
from relumix.shot.plate import Plate
from relumix.shot.sequence import Sequence
from relumix.shot.writing import write


def as_exr(path: Path, frame: int) -> bytes:
    """Return a frame of a movie as an OpenEXR file of its codes, in float, which says their colour space.

    A server reads it into the very pixels that the frame itself is read into here. Raises FrameError where it cannot be
    decoded.
    """
    try:
        plate = Plate(Sequence.of({frame: path})).as_stored()
    except InputError as error:
        raise FrameError(frame, f"frame {frame}: {error}") from error
    picture = plate.read(frame)
    space = plate.spec.get_string_attribute(SPACE_ATTRIBUTE)
    with tempfile.TemporaryDirectory(prefix="relumix-") as folder:
        file = Path(folder) / "frame.exr"
        write(file, picture, [picture.rgb], attributes={SPACE_ATTRIBUTE: space})
        return file.read_bytes()
