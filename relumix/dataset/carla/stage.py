"""A CARLA map that is driven through once, and shown again under other lights.

Routes are driven by CARLA's traffic manager with physics, and shown without: every vehicle is put where it was, frame
by frame (Dosovitskiy et al. 2017, CARLA).
"""

from __future__ import annotations

import math
import queue
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relumix.dataset.carla.recording import Recording
from relumix.dataset.carla.route import Moment, Pose, Route, Vehicle
from relumix.errors import InputError

_RUN_IN_SECONDS = 3.0
"""Driven before the first frame, so that traffic flows."""

_SETTLE_SECONDS = 3.0
"""Shown before the first frame of a light: the camera's exposure follows the light slowly, and roads get wet."""

_PICTURE_SECONDS = 60.0


class Stage:
    """A loaded map that waits for each tick."""

    def __init__(self, carla: Any, client: Any, world: Any, recording: Recording) -> None:
        self._carla, self._client, self._world, self.recording = carla, client, world, recording
        self._library = world.get_blueprint_library()
        lights = world.get_actors().filter("traffic.traffic_light*")
        self._signals = {light.get_opendrive_id(): light for light in lights}

    def drive(self, seed: str, traffic_port: int) -> Route:
        """Drive a route, a function of map, seed and settings, and write it down."""
        rng = random.Random(seed)
        manager = self._client.get_trafficmanager(traffic_port)
        vehicles = self._cast(rng)
        with self._on_map() as actors:
            try:
                manager.set_synchronous_mode(True)
                manager.set_random_device_seed(rng.randrange(2**31))
                placed = [vehicle for vehicle in vehicles if self._try_place(vehicle, actors)]
                if not placed:
                    raise InputError(f"the map {self.recording.map} has no place for a vehicle: choose another --map")
                for actor in actors:
                    actor.set_autopilot(True, manager.get_port())
                # Nobody wants to watch it wait; the others obey.
                manager.ignore_lights_percentage(actors[0], 100.0)
                for _ in range(self._ticks(_RUN_IN_SECONDS)):
                    self._world.tick()
                moments = tuple(self._moment(actors) for _ in range(self.recording.frames))
                return Route(_in_front_of(actors[0]), tuple(placed), moments)
            finally:
                manager.set_synchronous_mode(False)

    @contextmanager
    def actors(self, route: Route) -> Iterator[tuple[list[Any], Camera]]:
        """Put a route's vehicles on the map, without physics, and a camera on the first; remove them at the end."""
        with self._on_map() as actors:
            for vehicle in route.vehicles:
                actor = self._world.spawn_actor(self._blueprint(vehicle), self._transform(vehicle.spawn))
                actors.append(actor)
                actor.set_simulate_physics(False)
            vehicles = list(actors)
            place = self._transform(route.camera)
            sensor = self._world.spawn_actor(self._camera_blueprint(), place, attach_to=vehicles[0])
            actors.append(sensor)
            camera = Camera(sensor)
            try:
                yield vehicles, camera
            finally:
                sensor.stop()

    def shown(self, route: Route, vehicles: list[Any], camera: Camera, weather: Any) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames of a route under a weather, each [h, w, 3] uint8, sRGB, channels B, G, R."""
        self._world.set_weather(weather)
        beams = self._carla.VehicleLightState
        dark = weather.sun_altitude_angle < 0
        for vehicle in vehicles:
            vehicle.set_light_state(beams(beams.Position | beams.LowBeam) if dark else beams.NONE)
        self._world.freeze_all_traffic_lights(True)
        self._put(route.moments[0], vehicles)
        for _ in range(self._ticks(_SETTLE_SECONDS)):
            camera.picture(self._world.tick())
        for moment in route.moments:
            self._put(moment, vehicles)
            yield camera.picture(self._world.tick())

    def _cast(self, rng: random.Random) -> list[Vehicle]:
        """Draw vehicles and their places: the camera's own, then the traffic, nearest first."""
        cars = sorted(self._library.filter("vehicle.*"), key=lambda blueprint: str(blueprint.id))
        cars = [car for car in cars if car.get_attribute("number_of_wheels").as_int() == 4]
        points = list(self._world.get_map().get_spawn_points())
        start = rng.choice(points).location if points else None
        points.sort(key=lambda point: float(point.location.distance(start)))
        vehicles = []
        for point in points[: 1 + self.recording.traffic]:
            car = rng.choice(cars)
            colors = list(car.get_attribute("color").recommended_values) if car.has_attribute("color") else []
            vehicles.append(Vehicle(car.id, rng.choice(colors) if colors else None, _pose(point)))
        return vehicles

    def _try_place(self, vehicle: Vehicle, actors: list[Any]) -> bool:
        actor = self._world.try_spawn_actor(self._blueprint(vehicle), self._transform(vehicle.spawn))
        if actor is not None:
            actors.append(actor)
        return actor is not None

    def _moment(self, actors: list[Any]) -> Moment:
        self._world.tick()
        signals = {name: light.state.name for name, light in self._signals.items()}
        return Moment(tuple(_pose(actor.get_transform()) for actor in actors), signals)

    def _put(self, moment: Moment, vehicles: list[Any]) -> None:
        for vehicle, pose in zip(vehicles, moment.poses, strict=True):
            vehicle.set_transform(self._transform(pose))
        for name, state in moment.signals.items():
            self._signals[name].set_state(getattr(self._carla.TrafficLightState, state))

    def _blueprint(self, vehicle: Vehicle) -> Any:
        blueprint = self._library.find(vehicle.blueprint)
        if vehicle.color is not None:
            blueprint.set_attribute("color", vehicle.color)
        return blueprint

    def _camera_blueprint(self) -> Any:
        blueprint = self._library.find("sensor.camera.rgb")
        width, height = self.recording.size_px
        # Vehicles that are put in place have no speed for the renderer to blur by.
        attributes = {"image_size_x": width, "image_size_y": height, "fov": self.recording.fov_deg}
        for name, value in {**attributes, "motion_blur_intensity": 0.0}.items():
            blueprint.set_attribute(name, str(value))
        return blueprint

    def _transform(self, pose: Pose) -> Any:
        x, y, z, pitch, yaw, roll = pose
        return self._carla.Transform(
            self._carla.Location(x=x, y=y, z=z), self._carla.Rotation(pitch=pitch, yaw=yaw, roll=roll)
        )

    def _ticks(self, seconds: float) -> int:
        return math.ceil(seconds * self.recording.fps)

    @contextmanager
    def _on_map(self) -> Iterator[list[Any]]:
        """Yield a list; the actors that are in it at the end are removed."""
        actors: list[Any] = []
        try:
            yield actors
        finally:
            remove = self._carla.command.DestroyActor
            # With a tick, so that their places are free for those who come next.
            self._client.apply_batch_sync([remove(actor.id) for actor in reversed(actors)], True)


class Camera:
    """A sensor's pictures, by the tick they show."""

    def __init__(self, sensor: Any) -> None:
        self._images: queue.SimpleQueue[Any] = queue.SimpleQueue()
        sensor.listen(self._images.put)

    def picture(self, tick: int) -> NDArray[np.uint8]:
        """Return [h, w, 3] uint8, channels B, G, R. Raises InputError where it does not come."""
        try:
            while (image := self._images.get(timeout=_PICTURE_SECONDS)).frame != tick:
                continue
        except queue.Empty:
            raise InputError(f"CARLA's camera sent no picture of tick {tick}: restart the server") from None
        return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)[..., :3]


def _in_front_of(vehicle: Any) -> Pose:
    """Return a camera's pose relative to a vehicle: as high as its roof, just before its nose, which it never sees."""
    box = vehicle.bounding_box
    return Pose(box.location.x + box.extent.x + 0.1, 0.0, box.location.z + box.extent.z, 0.0, 0.0, 0.0)


def _pose(transform: Any) -> Pose:
    place, turn = transform.location, transform.rotation
    return Pose(place.x, place.y, place.z, turn.pitch, turn.yaw, turn.roll)
