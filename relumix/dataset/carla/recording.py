"""What a CARLA Relight recording is asked to hold: maps, scenes, and the lights they are seen under."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relumix.errors import InputError

DEFAULT_LIGHTS = (
    "ClearNoon,ClearNoon@40@120,ClearNoon@12@40,ClearNoon@12@220,ClearSunset,ClearNight,"
    "CloudyNoon,CloudySunset,WetSunset,HardRainNoon"
)

_SLOWEST_FPS = 10.0
"""Below it, CARLA's physics cannot keep up: its ten substeps of 0.01 s must cover a frame."""


@dataclass(frozen=True)
class Light:
    """A weather that CARLA has a name for, its sun moved where that is asked for.

    name      of the folder, and as it is asked for: `ClearNoon`, or `ClearNoon@12@40` for a sun 12 degrees high at 40.
    sun_deg   altitude above the horizon and azimuth, or None for the weather's own.
    """

    name: str
    weather: str
    sun_deg: tuple[float, float] | None = None

    @classmethod
    def parse(cls, text: str) -> Light:
        """Raises InputError."""
        weather, *sun = text.split("@")
        try:
            angles = [float(angle) for angle in sun]
        except ValueError:
            angles = [math.nan]
        if len(angles) not in (0, 2) or not all(map(math.isfinite, angles)) or not weather.isidentifier():
            raise InputError(f"'{text}' is no light: expected a weather, as ClearNoon or ClearNoon@ALTITUDE@AZIMUTH")
        return cls(text, weather, (angles[0], angles[1]) if angles else None)


@dataclass(frozen=True)
class Recording:
    """What to record: out/map/scene_0000/light/00000.png and on.

    frames   of each scene, under each light; fps of them are a second of the drive.
    fov_deg  horizontal field of view of the camera.
    traffic  vehicles around the camera's own, where the map has places for so many.
    seed     of the drives; scene n of a seed is driven the same way however many scenes are asked for.
    """

    out: Path
    map: str
    scenes: int
    frames: int
    lights: tuple[Light, ...]
    size_px: tuple[int, int] = (512, 512)
    fov_deg: float = 90.0
    fps: float = 15.0
    traffic: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises InputError for what cannot be recorded."""
        for name, least in (("scenes", 1), ("frames", 2), ("traffic", 0), ("fps", _SLOWEST_FPS)):
            if not getattr(self, name) >= least:
                raise InputError(f"{name} is {getattr(self, name)}: expected {least:g} or more")
        if not 1 <= self.fov_deg <= 170:
            raise InputError(f"a field of view of {self.fov_deg:g} degrees: expected 1 to 170")
        names = [light.name for light in self.lights]
        if len(names) < 2 or len(set(names)) < len(names):
            raise InputError(f"lights {','.join(names)}: expected two or more, each once")

    def route_settings(self) -> dict[str, Any]:
        """Return what all lights of a scene have to share."""
        names = ("map", "frames", "fov_deg", "fps", "traffic", "seed")
        return {**{name: getattr(self, name) for name in names}, "size_px": list(self.size_px)}


def weather_of(carla: Any, light: Light) -> Any:
    """Return a light's weather; raises InputError where CARLA has none of its name."""
    kind = carla.WeatherParameters
    if not isinstance(preset := getattr(kind, light.weather, None), kind):
        names = [name for name in dir(kind) if isinstance(getattr(kind, name), kind)]
        raise InputError(f"unknown weather '{light.weather}': expected one of {', '.join(names)}")
    # A preset is one object for all: its sun must not move.
    values = {name: getattr(preset, name) for name in dir(preset)}
    weather = kind(**{name: value for name, value in values.items() if isinstance(value, float)})
    if light.sun_deg:
        weather.sun_altitude_angle, weather.sun_azimuth_angle = light.sun_deg
    return weather
