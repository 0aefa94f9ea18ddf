from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relumix.dataset.carla.recording import DEFAULT_LIGHTS, Light, Recording, weather_of
from relumix.errors import InputError
from tests.dataset.carla import carla_host

ANGLES = st.floats(-180, 180, allow_subnormal=False)
LIGHTS = (Light("ClearNoon", "ClearNoon"), Light("ClearNight", "ClearNight"))


def recording(**kwargs):
    return Recording(**{"out": Path("out"), "map": "Town01", "scenes": 1, "frames": 4, "lights": LIGHTS, **kwargs})


def test_a_weather_is_named_alone_or_with_a_sun():
    assert Light.parse("ClearNoon") == Light("ClearNoon", "ClearNoon", None)
    assert Light.parse("WetSunset@12.5@-40") == Light("WetSunset@12.5@-40", "WetSunset", (12.5, -40.0))
    assert len({Light.parse(text) for text in DEFAULT_LIGHTS.split(",")}) == 10


@pytest.mark.parametrize(
    "text", ["", "@1@2", "ClearNoon@12", "ClearNoon@a@b", "ClearNoon@nan@1", "../up", "a@1@2@3", "a/b"]
)
def test_what_is_no_light_is_said(text):
    with pytest.raises(InputError) as caught:
        Light.parse(text)
    assert str(caught.value) == (
        f"'{text}' is no light: expected a weather, as ClearNoon or ClearNoon@ALTITUDE@AZIMUTH"
    )


@given(ANGLES, ANGLES)
def test_a_sun_moves_in_its_own_weather_alone(altitude, azimuth):
    weather = weather_of(carla_host, Light.parse(f"HardRainNoon@{altitude}@{azimuth}"))
    assert (weather.sun_altitude_angle, weather.sun_azimuth_angle) == (altitude, azimuth)
    assert (weather.cloudiness, weather.precipitation, weather.wetness) == (100.0, 100.0, 100.0)
    assert carla_host.WeatherParameters.HardRainNoon.sun_altitude_angle == 75.0


def test_an_unknown_weather_is_said():
    with pytest.raises(InputError) as caught:
        weather_of(carla_host, Light.parse("Foggy"))
    assert str(caught.value) == "unknown weather 'Foggy': expected one of ClearNight, ClearNoon, HardRainNoon"
    with pytest.raises(InputError, match="unknown weather 'wetness'"):
        weather_of(carla_host, Light.parse("wetness"))


def test_the_default_lights_are_there_in_the_real_package():
    carla = pytest.importorskip("carla", reason="CARLA's client is not installed: pip install carla")
    for text in DEFAULT_LIGHTS.split(","):
        light = Light.parse(text)
        preset, weather = getattr(carla.WeatherParameters, light.weather), weather_of(carla, light)
        assert weather.fog_distance == preset.fog_distance
        assert weather.cloudiness == preset.cloudiness
        expected = light.sun_deg or (preset.sun_altitude_angle, preset.sun_azimuth_angle)
        assert (weather.sun_altitude_angle, weather.sun_azimuth_angle) == pytest.approx(expected)
        assert (weather == preset) is (light.sun_deg is None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scenes": 0}, "scenes is 0: expected 1 or more"),
        ({"frames": 1}, "frames is 1: expected 2 or more"),
        ({"traffic": -1}, "traffic is -1: expected 0 or more"),
        ({"fps": 5.0}, "fps is 5.0: expected 10 or more"),
        ({"fps": float("nan")}, "fps is nan: expected 10 or more"),
        ({"fov_deg": 180.0}, "a field of view of 180 degrees: expected 1 to 170"),
        ({"lights": LIGHTS[:1]}, "lights ClearNoon: expected two or more, each once"),
        ({"lights": LIGHTS[:1] * 2}, "lights ClearNoon,ClearNoon: expected two or more, each once"),
    ],
)
def test_what_cannot_be_recorded_is_said(given, said):
    with pytest.raises(InputError) as caught:
        recording(**given)
    assert str(caught.value) == said
