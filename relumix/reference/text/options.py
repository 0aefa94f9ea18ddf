"""What an artist asks an image model for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from relumix.errors import InputError

MOST_CANDIDATES = 16
Precision = Literal["auto", "fp32", "fp16", "bf16"]


@dataclass(frozen=True)
class TextOptions:
    """What is asked of an image model. None leaves it to the pipeline, whose authors chose it.

    prompt, negative_prompt  what the picture is to be, and what not.
    strength        0..1: how far an image-to-image pipeline may go from the plate.
    steps           of the sampler.
    guidance        how closely the prompt is followed.
    image_guidance  how closely the plate is, by pipelines that have it.
    size            the edge in pixels of a square with as many pixels as the model's picture.
    seed, count     of the first candidate; how many there are, each of the next seed.
    """

    prompt: str
    negative_prompt: str | None = None
    strength: float | None = None
    steps: int | None = None
    guidance: float | None = None
    image_guidance: float | None = None
    size: int | None = None
    seed: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        """Raise InputError for values out of range."""
        if not self.prompt.strip():
            raise InputError(
                "the prompt is empty: expected what the light is to be, like 'low evening sun from the left'"
            )
        for name in ("prompt", "negative_prompt"):
            if any("\ud800" <= letter <= "\udfff" for letter in getattr(self, name) or ""):
                raise InputError(f"the {name.replace('_', ' ')} holds bytes that are no text: expected UTF-8")
        if self.strength is not None and not 0 < self.strength <= 1:
            raise InputError(f"strength is {self.strength}: expected more than 0 (the plate) and at most 1")
        if not 1 <= self.count <= MOST_CANDIDATES:
            raise InputError(f"{self.count} candidates: expected 1 to {MOST_CANDIDATES}")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"seed is {self.seed}: expected 0 to {2**63 - 1}")
        if self.steps is not None and not 1 <= self.steps <= 1000:
            raise InputError(f"{self.steps} steps: expected 1 to 1000")
        if self.size is not None and not 64 <= self.size <= 4096:
            raise InputError(f"size is {self.size}: expected 64 to 4096 pixels")
        for name in ("guidance", "image_guidance"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 100:
                raise InputError(f"{name.replace('_', ' ')} is {value}: expected 0 to 100")

    @property
    def seeds(self) -> range:
        """The seed of each candidate."""
        return range(self.seed, self.seed + self.count)
