"""Relight one frame of a shot; relumix relights the rest, in scene-linear light, at the plate's own resolution."""

__version__ = "0.1.0"
