"""The engine without weights: correspondence carries the reference's light, a model fills what it misses."""

from relumix.engines.flow.engine import FlowEngine

__all__ = ["FlowEngine"]
