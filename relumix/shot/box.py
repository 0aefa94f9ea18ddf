"""Data windows and display windows: boxes of whole pixels, x to the right, y down, as in OpenEXR."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: its first column and row, and its size in pixels (0 or more). Origins may be negative."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 0 or self.height < 0:
            raise ValueError(f"a box of {self.width}x{self.height} pixels: expected a width and height of 0 or more")

    def __str__(self) -> str:
        return f"{self.width}x{self.height}{self.x:+d}{self.y:+d}"

    @property
    def right(self) -> int:
        """The column after the last."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The row after the last."""
        return self.y + self.height

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height

    @property
    def empty(self) -> bool:
        """Whether it has no pixels."""
        return self.width == 0 or self.height == 0

    def intersect(self, other: Box) -> Box:
        """The pixels that are in both; empty where they do not meet."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Box(x, y, max(right - x, 0), max(bottom - y, 0))

    def union(self, other: Box) -> Box:
        """The smallest box that holds both. An empty box adds nothing."""
        if self.empty or other.empty:
            return other if self.empty else self
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Box(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)

    def contains(self, other: Box) -> bool:
        """Whether every pixel of the other is in this one."""
        return other.empty or self.intersect(other) == other

    def slices_in(self, frame: Box) -> tuple[slice, slice]:
        """Where the pixels that both share lie in an array [h, w, ...] that holds the pixels of `frame`.

        `canvas[box.slices_in(canvas_box)] = pixels[canvas_box.slices_in(box)]` copies what overlaps and nothing else.
        """
        shared = self.intersect(frame)
        if shared.empty:
            return slice(0, 0), slice(0, 0)
        x, y = shared.x - frame.x, shared.y - frame.y
        return slice(y, y + shared.height), slice(x, x + shared.width)
