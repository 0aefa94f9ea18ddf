"""The tasks of the page's worker processes that look at a frame's geometry: what lamps fall on, and where it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from relumix.reference.lights.geometry import Sources, geometry_of
from relumix.reference.lights.lighting import Geometry
from relumix.reference.maker import PlateFrame
from relumix.shot.sequence import Sequence as Shot
from relumix.web.tasks import SHOWN_PX, Encoded, Source, as_jpeg, plate_of, sized
from relumix_server.worker_tasks import Task, TaskResult

_ROLES = {"position": "position", "normals": "normal", "depth": "depth", "albedo": "albedo"}


@dataclass(frozen=True)
class Shape:
    """Where the geometry of a frame comes from.

    files    pairs of the option of `relumix reference lights` that names a file, and the file; none: the plate's own.
    fov_deg  angle across the frame; None: as its header says.
    """

    source: Source
    frame: int
    files: tuple[tuple[str, Path], ...] = ()
    fov_deg: float | None = None


@dataclass(frozen=True, kw_only=True)
class Placed(TaskResult):
    """A place of a picture in the space of its geometry, in the units of that.

    point, normal  of the surface there, [3]; None where nothing is.
    camera         [12], rows of a matrix [3, 4] that makes (across * depth, down * depth, depth) of (x, y, z, 1):
                   across and down in shares of the picture's width, from its upper left corner.
    depth          median of what is seen, along the axis.
    """

    point: list[float] | None
    normal: list[float] | None
    camera: list[float]
    depth: float


@dataclass(frozen=True)
class Place(Task[Placed]):
    """Say where a place of the picture is. at: across and down, in shares of the picture's width; None: nowhere."""

    shape: Shape
    at: tuple[float, float] | None
    result_type: ClassVar[type[Placed]] = Placed

    def run(self) -> Placed:
        """Look. Raises FrameError where there is no geometry, and InputError."""
        geometry, to_shares = _geometry(self.shape)
        camera = to_shares @ geometry.camera.matrix
        depth = float(np.median(geometry.camera.depth(geometry.position)[geometry.known]))
        row, column = _pixel(self.at, to_shares) if self.at else (-1, -1)
        height, width = geometry.known.shape
        seen = 0 <= row < height and 0 <= column < width and bool(geometry.known[row, column])
        point, normal = (
            ([*map(float, each[row, column])] for each in (geometry.position, geometry.normal))
            if seen
            else (None, None)
        )
        return Placed(point=point, normal=normal, camera=[*map(float, camera.ravel())], depth=depth)


@dataclass(frozen=True)
class ShowShape(Task[Encoded]):
    """Make a picture of a frame's shape: grey as it faces the camera, tinted by which way; black where nothing is."""

    shape: Shape
    long_edge: int
    result_type: ClassVar[type[Encoded]] = Encoded

    def run(self) -> Encoded:
        """Make it. Raises FrameError where there is no geometry, and InputError."""
        geometry, _ = _geometry(self.shape)
        # The camera's axes, so that a colour means the same in any scene: red to the right, green up, blue towards it.
        rows = geometry.camera.matrix[:, :3] / np.linalg.norm(geometry.camera.matrix[2, :3])
        ahead = rows[2]
        right = rows[0] - ahead * (rows[0] @ ahead)
        down = rows[1] - ahead * (rows[1] @ ahead)
        axes = np.stack([right / np.linalg.norm(right), -down / np.linalg.norm(down), -ahead], -1)
        shown = np.where(geometry.known[..., None], 0.5 + 0.5 * geometry.normal @ axes.astype(np.float32), 0)
        return Encoded(
            jpeg=as_jpeg((sized(shown.astype(np.float32), self.long_edge) * 255).clip(0, 255).astype(np.uint8))
        )


@lru_cache(maxsize=4)
def _geometry(shape: Shape) -> tuple[Geometry, NDArray[np.float64]]:
    """Return a frame's geometry in its own units, and the matrix [3, 3] from its pixels to shares of the picture."""
    plate = plate_of(shape.source)
    frame = PlateFrame.of(plate.read(shape.frame), SHOWN_PX // 2)
    files = {_ROLES[name]: Shot.find(path) for name, path in shape.files}
    geometry, _ = geometry_of(frame, plate.layout.names, plate.choice.view, Sources(files, fov_deg=shape.fov_deg), 1.0)
    whole, canvas = frame.picture.display_window, frame.canvas
    across, down = canvas.window.width / canvas.width, canvas.window.height / canvas.height
    wide = whole.width, whole.width * frame.picture.pixel_aspect
    start = (canvas.window.x - whole.x + across / 2) / wide[0], (canvas.window.y - whole.y + down / 2) / wide[1]
    return geometry, np.array([[across / wide[0], 0, start[0]], [0, down / wide[1], start[1]], [0, 0, 1]])


def _pixel(at: tuple[float, float], to_shares: NDArray[np.float64]) -> tuple[int, int]:
    """Return row and column of a place that is named in shares."""
    column, row, _ = np.linalg.solve(to_shares, np.array([*at, 1.0]))
    return round(row), round(column)
