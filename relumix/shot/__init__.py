"""Plates on disk: which files make a shot, what is in them, and how a relit frame is written back."""

from relumix.shot.box import Box
from relumix.shot.picture import Level, Picture, nonfinite
from relumix.shot.plate import Plate
from relumix.shot.reference import read_mask, read_reference
from relumix.shot.sequence import OutputPattern, Sequence, parse_frames
from relumix.shot.writing import write

__all__ = [
    "Box",
    "Level",
    "OutputPattern",
    "Picture",
    "Plate",
    "Sequence",
    "nonfinite",
    "parse_frames",
    "read_mask",
    "read_reference",
    "write",
]
