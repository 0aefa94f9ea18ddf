"""Meshes as files, on their way to Mitsuba."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from relumix.dataset.light_stage.meshes import Float64, grid


def write_obj(path: Path, points: Float64) -> Path:
    """Write a grid of points as a smooth OBJ mesh; u goes along the columns, v along the rows, both from 0 to 1."""
    mesh = grid(points)
    with path.open("w") as file:
        np.savetxt(file, mesh.points, "v %.6f %.6f %.6f")
        np.savetxt(file, mesh.uv, "vt %.6f %.6f")
        np.savetxt(file, mesh.normals, "vn %.6f %.6f %.6f")
        np.savetxt(file, np.repeat(mesh.faces + 1, 3, axis=1), "f %d/%d/%d %d/%d/%d %d/%d/%d")
    return path
