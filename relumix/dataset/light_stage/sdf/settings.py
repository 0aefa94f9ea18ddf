"""What a stage of signed-distance scenes is rendered with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from relumix.dataset.light_stage.sdf.draw import GENERATOR


@dataclass(frozen=True)
class SdfSettings:
    """What decides the scenes besides their seed. `size` is (width, height) in pixels, `samples` a pixel.

    device: where to render, "auto", "cpu" or "cuda"; it is not part of what a stage is made with.
    """

    size: tuple[int, int] = (256, 160)
    frames: int = 8
    lights: int = 6
    samples: int = 4
    generator: int = GENERATOR
    device: str = "auto"

    def as_json(self) -> dict[str, Any]:
        """Return what the manifest keeps."""
        kept = {name: value for name, value in asdict(self).items() if name != "device"}
        return {"renderer": "sdf"} | kept | {"size": list(self.size)}
