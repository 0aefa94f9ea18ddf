"""The learned engine: a small network, trained here, that ships with the package."""

from relumix.engines.lite.engine import LiteEngine

__all__ = ["LiteEngine"]
