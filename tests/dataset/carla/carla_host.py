"""A CARLA server and its client package in one, as far as the recorder uses them; strict where CARLA is.

What it shows is a picture that a test can check: every vehicle is a dot whose place follows from its pose relative to
the camera, on a ground whose level follows from the weather. Time passes, and actors come and go, by ticks alone.
`test_carla_host.py` checks every name and argument here against the real package.
"""

from __future__ import annotations

import enum
import fnmatch
import math
import random
from types import SimpleNamespace

import numpy as np


class Location:
    def __init__(self, x=0.0, y=0.0, z=0.0):
        self.x, self.y, self.z = float(x), float(y), float(z)

    def distance(self, location):
        return math.dist((self.x, self.y, self.z), (location.x, location.y, location.z))


class Rotation:
    def __init__(self, pitch=0.0, yaw=0.0, roll=0.0):
        self.pitch, self.yaw, self.roll = float(pitch), float(yaw), float(roll)


class Transform:
    def __init__(self, location=None, rotation=None):
        self.location, self.rotation = location or Location(), rotation or Rotation()


class WeatherParameters:
    # The real one takes any attribute, and is silent about misspelt ones.
    __slots__ = ("cloudiness", "precipitation", "sun_altitude_angle", "sun_azimuth_angle", "wetness")

    def __init__(
        self, *, cloudiness=0.0, precipitation=0.0, sun_azimuth_angle=0.0, sun_altitude_angle=0.0, wetness=0.0
    ):
        self.cloudiness, self.precipitation, self.wetness = cloudiness, precipitation, wetness
        self.sun_azimuth_angle, self.sun_altitude_angle = sun_azimuth_angle, sun_altitude_angle


WeatherParameters.ClearNoon = WeatherParameters(cloudiness=5.0, sun_altitude_angle=75.0)
WeatherParameters.ClearNight = WeatherParameters(cloudiness=5.0, sun_altitude_angle=-90.0)
WeatherParameters.HardRainNoon = WeatherParameters(
    cloudiness=100.0, precipitation=100.0, sun_altitude_angle=75.0, wetness=100.0
)


class TrafficLightState(enum.IntEnum):
    Red = 0
    Yellow = 1
    Green = 2


class VehicleLightState(enum.IntFlag):
    NONE = 0
    Position = 1
    LowBeam = 2


class WorldSettings:
    __slots__ = ("fixed_delta_seconds", "no_rendering_mode", "synchronous_mode")

    def __init__(self, synchronous_mode=False, no_rendering_mode=False, fixed_delta_seconds=0.0):
        self.synchronous_mode, self.no_rendering_mode = synchronous_mode, no_rendering_mode
        self.fixed_delta_seconds = fixed_delta_seconds


def _copy(of):
    return type(of)(**{name: getattr(of, name) for name in of.__slots__})


class ActorAttribute:
    def __init__(self, value, recommended_values=()):
        self._value, self.recommended_values = value, list(recommended_values)

    def as_int(self):
        return int(self._value)


class ActorBlueprint:
    def __init__(self, name, **attributes):
        self.id, self._attributes = name, attributes

    def has_attribute(self, name, /):
        return name in self._attributes

    def get_attribute(self, name, /):
        return self._attributes[name]

    def set_attribute(self, name, value, /):
        if name not in self._attributes:
            raise IndexError(f"attribute '{name}' not found")
        if not isinstance(value, str):
            raise TypeError("Python argument types did not match C++ signature")
        self._attributes[name]._value = value


class BlueprintLibrary(list):
    def filter(self, wildcard_pattern):
        return BlueprintLibrary(each for each in self if fnmatch.fnmatch(each.id, wildcard_pattern))

    def find(self, name, /):
        for each in self:
            if each.id == name:
                return each
        raise IndexError(f"blueprint '{name}' not found")


class Actor:
    def __init__(self, world, number, blueprint, transform, parent=None):
        self.id, self.type_id, self.parent = number, blueprint.id, parent
        self._world, self._pose, self._shown = world, transform, None

    def get_transform(self):
        self._must_live()
        return self._shown or Transform()  # Nothing is known of it before the first tick.

    def set_transform(self, transform):
        self._must_live()
        self._pose = transform

    def _must_live(self):
        if self.id not in self._world._actors:
            raise RuntimeError(f"trying to operate on a destroyed actor; actor {self.id}")


class BoundingBox:
    def __init__(self, location, extent):
        self.location, self.extent = location, extent


class Vehicle(Actor):
    def __init__(self, world, number, blueprint, transform, parent=None):
        super().__init__(world, number, blueprint, transform, parent)
        self.bounding_box = BoundingBox(Location(0, 0, 0.75), Location(2.4, 1.0, 0.7))
        self._physics, self._manager, self._beams = True, None, VehicleLightState.NONE

    def set_simulate_physics(self, enabled=True):
        self._must_live()
        self._physics = enabled

    def set_autopilot(self, enabled=True, tm_port=8000):
        self._must_live()
        self._manager = self._world._server.managers[tm_port] if enabled else None

    def set_light_state(self, light_state):
        if not isinstance(light_state, VehicleLightState):
            raise TypeError("Python argument types did not match C++ signature")
        self._must_live()
        self._beams = light_state

    def _drive(self, seconds):
        """Physics: what is in the air falls, what nobody drives slides. Autopilot: forward, at a drawn speed."""
        if not self._physics:
            return
        place = self._pose.location
        place.z = max(0.0, place.z - seconds)
        if self._manager is None:
            place.x += (self.id + self._world._frame) * 0.37 % 3
            return
        if not self._manager._synchronous:
            raise AssertionError("the traffic manager runs on its own while the world waits for ticks")
        speed = self._manager._random.uniform(5, 10)
        if self.id in self._manager._reckless or self._world._signals[0].state != TrafficLightState.Red:
            place.x += speed * seconds


class TrafficLight(Actor):
    def __init__(self, world, number, name):
        super().__init__(world, number, ActorBlueprint("traffic.traffic_light"), Transform())
        self._name, self.state, self._frozen = name, TrafficLightState.Red, False

    def get_opendrive_id(self):
        return self._name

    def set_state(self, state):
        if not self._frozen:
            raise AssertionError("a traffic light that is not frozen goes on by itself")
        self.state = TrafficLightState(state)


class Image:
    def __init__(self, frame, pixels):
        self.frame, (self.height, self.width) = frame, pixels.shape[:2]
        alpha = np.full((*pixels.shape[:2], 1), 255, np.uint8)
        self.raw_data = np.concatenate([pixels, alpha], -1).tobytes()


class Sensor(Actor):
    def __init__(self, world, number, blueprint, transform, parent=None):
        super().__init__(world, number, blueprint, transform, parent)
        self._attributes = {name: float(each._value) for name, each in blueprint._attributes.items()}
        self._callback, self._exposure = None, None

    def listen(self, callback):
        self._callback = callback

    def stop(self):
        if self._callback is None:
            raise AssertionError("stopped without listening")
        self._callback = None

    def _shoot(self):
        """B: the weather; G: a dot for each vehicle ahead, by its place; R: signals and beams."""
        world = self._world
        sun = world._weather.sun_altitude_angle + world._weather.sun_azimuth_angle / 10 - world._weather.cloudiness / 4
        level = 100 + sun + 40 * self.parent._pose.location.z
        # Exposure follows the light slowly: a picture that is taken too soon shows it.
        self._exposure = level if self._exposure is None else self._exposure + (level - self._exposure) * 0.3
        width, height = int(self._attributes["image_size_x"]), int(self._attributes["image_size_y"])
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[..., 0] = np.clip(round(self._exposure), 0, 255)
        ego = self.parent._pose.location
        for actor in world._actors.values():
            if isinstance(actor, Vehicle) and actor is not self.parent:
                x, y = actor._pose.location.x - ego.x, actor._pose.location.y - ego.y
                pixels[round(y) % height, round(x) % width, 1] = 255
        pixels[..., 2] = 10 * sum(int(each.state) for each in world._signals) + int(self.parent._beams)
        self._callback(Image(world._frame, pixels))


class TrafficManager:
    def __init__(self, port):
        self._port, self._synchronous, self._random, self._reckless = port, False, None, set()

    def get_port(self):
        return self._port

    def set_synchronous_mode(self, mode_switch):
        self._synchronous = mode_switch

    def set_random_device_seed(self, value):
        self._random = random.Random(value)

    def ignore_lights_percentage(self, actor, perc):
        actor._must_live()
        self._reckless.add(actor.id)


class Map:
    def get_spawn_points(self):
        return [Transform(Location(12 * (n % 4), 5 * (n // 4), 0.5)) for n in range(12)]


class ActorList(list):
    def filter(self, wildcard_pattern):
        return ActorList(each for each in self if fnmatch.fnmatch(each.type_id, wildcard_pattern))


class World:
    def __init__(self, server, name):
        self._server, self._name, self._frame, self._actors = server, name, 100, {}
        self._settings, self._weather = WorldSettings(), WeatherParameters(sun_altitude_angle=33.0)
        self._signals = [TrafficLight(self, n, f"signal{n}") for n in (1, 2)]
        self._actors.update({each.id: each for each in self._signals})
        self._numbers, self._seen = iter(range(10, 10_000)), ActorList()

    def get_settings(self):
        return _copy(self._settings)

    def apply_settings(self, settings, seconds=0.0):
        self._server._called()
        self._settings = _copy(settings)

    def get_weather(self):
        return _copy(self._weather)

    def set_weather(self, weather, /):
        self._server._called()
        self._weather = _copy(weather)

    def get_map(self):
        return Map()

    def get_blueprint_library(self):
        self._server.library.reverse()  # No order is promised.
        return self._server.library

    def get_actors(self):
        return self._seen

    def freeze_all_traffic_lights(self, frozen):
        self._server._called()
        for each in self._signals:
            each._frozen = frozen

    def spawn_actor(self, blueprint, transform, attach_to=None):
        actor = self.try_spawn_actor(blueprint, transform, attach_to)
        if actor is None:
            raise RuntimeError("Spawn failed because of collision at spawn position")
        return actor

    def try_spawn_actor(self, blueprint, transform, attach_to=None):
        self._server._called()
        place = transform.location
        vehicles = [each for each in self._actors.values() if isinstance(each, Vehicle)]
        if attach_to is None and any(each._pose.location.distance(place) < 3 for each in vehicles):
            return None
        kind = Sensor if blueprint.id.startswith("sensor.") else Vehicle
        copy = Transform(Location(place.x, place.y, place.z), transform.rotation)
        actor = kind(self, next(self._numbers), blueprint, copy, attach_to)
        self._actors[actor.id] = actor
        return actor

    def tick(self, seconds=0.0):
        self._server._called()
        if not self._settings.synchronous_mode:
            raise AssertionError("ticked a world that runs on its own")
        self._frame += 1
        for actor in list(self._actors.values()):
            if isinstance(actor, Vehicle):
                actor._drive(self._settings.fixed_delta_seconds)
            place = actor._pose.location
            actor._shown = Transform(Location(place.x, place.y, place.z), actor._pose.rotation)
        for number, signal in enumerate(self._signals):
            if not signal._frozen:
                signal.state = TrafficLightState((self._frame // (5 + number)) % 3)
        for actor in list(self._actors.values()):
            if isinstance(actor, Sensor) and actor._callback and not self._settings.no_rendering_mode:
                actor._shoot()
        self._seen = ActorList(self._actors.values())
        return self._frame


class DestroyActor:
    def __init__(self, actor, /):
        self._number = actor


command = SimpleNamespace(DestroyActor=DestroyActor)


class Server:
    """What a test holds: `package` is to be put where `import carla` finds it.

    calls_left  how many more calls it answers before it is gone; None: any number.
    """

    def __init__(self, port=2000):
        self.port, self.calls_left, self.loads = port, None, []
        self.managers = {}
        self.library = BlueprintLibrary(
            [
                ActorBlueprint("vehicle.b.car", number_of_wheels=ActorAttribute(4)),
                ActorBlueprint(
                    "vehicle.a.car",
                    number_of_wheels=ActorAttribute(4),
                    color=ActorAttribute("0,0,0", ["255,0,0", "0,0,255"]),
                ),
                ActorBlueprint("vehicle.c.bike", number_of_wheels=ActorAttribute(2)),
                ActorBlueprint(
                    "sensor.camera.rgb",
                    **{
                        name: ActorAttribute("0")
                        for name in ("image_size_x", "image_size_y", "fov", "motion_blur_intensity")
                    },
                ),
            ]
        )
        self.world = World(self, "Town10HD_Opt")
        self.world._settings.no_rendering_mode = True
        self.package = SimpleNamespace(
            Client=type("Client", (Client,), {"_server": self}),
            **{
                kind.__name__: kind
                for kind in (Location, Rotation, Transform, WeatherParameters, TrafficLightState, VehicleLightState)
            },
            command=command,
        )

    def _called(self):
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left < 0:
                raise RuntimeError("time-out of 5000ms while waiting for the simulator")


class Client:
    def __init__(self, host="127.0.0.1", port=2000):
        self._address, self._seconds = (host, port), 5.0

    def set_timeout(self, seconds):
        self._seconds = float(seconds)

    def get_available_maps(self):
        self._answered()
        return ["/Game/Carla/Maps/Town10HD", "/Game/Carla/Maps/Town01_Opt"]

    def get_world(self):
        self._answered()
        return self._server.world

    def load_world(self, map_name, reset_settings=True):
        self._answered()
        self._server.loads.append(map_name)
        self._server.world = World(self._server, map_name)
        return self._server.world

    def get_trafficmanager(self, port=8000):
        self._answered()
        return self._server.managers.setdefault(port, TrafficManager(port))

    def apply_batch_sync(self, commands, do_tick=False):
        self._answered()
        for each in commands:
            if getattr(self._server.world._actors[each._number], "_callback", None):
                raise AssertionError("a sensor that still listens was destroyed")
            del self._server.world._actors[each._number]
        if do_tick:
            self._server.world.tick()
        return []

    def _answered(self):
        self._server._called()
        if self._address != ("127.0.0.1", self._server.port):
            host, port = self._address
            raise RuntimeError(
                f"time-out of {1000 * self._seconds:.0f}ms while waiting for the simulator, "
                f"make sure the simulator is ready and connected to {host}:{port}"
            )
