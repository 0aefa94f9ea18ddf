import json
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from relumix.dataset.carla.clips import CarlaRelight
from relumix.dataset.carla.record import record
from relumix.dataset.carla.recording import Light, Recording
from relumix.errors import InputError
from tests.dataset.carla.carla_host import Sensor, Server

FRAMES, SIZE_PX = 6, (64, 48)
NAMES = ("ClearNoon", "ClearNoon@10@40", "ClearNight", "HardRainNoon")


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setitem(sys.modules, "carla", server.package)
    yield server
    # However a recording ended: nothing of it is left on a server that still answers.
    if server.calls_left is None:
        world = server.world
        assert [each.type_id for each in world._actors.values()] == ["traffic.traffic_light"] * 2
        assert not world._settings.synchronous_mode
        assert world._settings.fixed_delta_seconds == 0
        assert world._settings.no_rendering_mode
        assert not any(each._synchronous for each in server.managers.values())
        assert not any(each._frozen for each in world._signals)
        assert world._weather.sun_altitude_angle == 33.0


@pytest.fixture
def recording(tmp_path):
    return Recording(
        out=tmp_path / "out",
        map="Town10HD",
        scenes=2,
        frames=FRAMES,
        lights=tuple(map(Light.parse, NAMES)),
        size_px=SIZE_PX,
        traffic=5,
        seed=7,
    )


def scene(recording, number=0):
    return recording.out / "Town10HD" / f"scene_{number:04d}"


def frames(folder):
    """[T, h, w, 3] uint8, channels B, G, R: see carla_host.Sensor."""
    paths = sorted(folder.iterdir())
    assert [path.name for path in paths] == [f"{number:05d}.png" for number in range(len(paths))]
    return np.stack([cv2.imread(str(path)) for path in paths])


def everything(out):
    return {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_every_light_shows_the_same_drive(server, recording):
    assert record(recording) == 8
    levels = {}
    for number in range(2):
        shots = {name: frames(scene(recording, number) / name) for name in NAMES}
        first = shots["ClearNoon"]
        assert first.shape == (FRAMES, 48, 64, 3)
        assert all((frame[..., 1] > 0).any() for frame in first)
        for name, shot in shots.items():
            np.testing.assert_array_equal(shot[..., 1], first[..., 1], err_msg=f"{name}: the vehicles")
            np.testing.assert_array_equal(shot[..., 2] // 10, first[..., 2] // 10, err_msg=f"{name}: the signals")
            # One level from the first frame to the last: the exposure had settled.
            assert len(np.unique(shot[..., 0])) == 1
            assert np.all(shot[..., 2] % 10 == (3 if name == "ClearNight" else 0)), "beams are for the dark"
            levels[name] = int(shot[0, 0, 0, 0])
        assert len(np.unique(first[:, 0, 0, 2])) > 1, "signals change"
        assert np.any(first[0] != first[-1]), "vehicles move"
    assert levels == {"ClearNoon": 174, "ClearNoon@10@40": 113, "ClearNight": 9, "HardRainNoon": 150}
    assert np.any(frames(scene(recording, 0) / "ClearNoon") != frames(scene(recording, 1) / "ClearNoon"))


def test_pictures_show_the_route_that_is_written_down(server, recording):
    record(recording)
    route = json.loads((scene(recording) / "route.json").read_text())
    for moment, picture in zip(route["moments"], frames(scene(recording) / "ClearNight"), strict=True):
        (ego, *others) = [np.array(pose[:2]) for pose in moment["poses"]]
        expected = {(round(y) % 48, round(x) % 64) for x, y in (other - ego for other in others)}
        assert set(zip(*map(list, np.nonzero(picture[..., 1])), strict=True)) == expected
        states = {"Red": 0, "Yellow": 1, "Green": 2}
        assert picture[0, 0, 2] // 10 == sum(states[state] for state in moment["signals"].values())
    steps = np.diff([moment["poses"][0][0] for moment in route["moments"]])
    assert np.all(steps > 0.3), "the camera does not wait at red"


def test_what_is_recorded_is_read_as_carla_relight(server, recording):
    record(recording)
    data = CarlaRelight(recording.out, split="train", held_out=0, frames=4, size_px=SIZE_PX)
    assert (len(data), data.skipped) == (2, [])
    pair = data.draw(0)
    np.testing.assert_array_equal(pair.source[:, 1], pair.target[:, 1])
    assert np.any(pair.source[:, 2] != pair.target[:, 2])


def test_a_drive_follows_from_its_seed(server, recording, tmp_path):
    record(recording)
    record(replace(recording, out=tmp_path / "again"))
    assert everything(tmp_path / "again") == everything(recording.out)
    record(replace(recording, out=tmp_path / "other", seed=8))
    assert np.any(
        frames(tmp_path / "other" / "Town10HD" / "scene_0000" / "ClearNoon") != frames(scene(recording) / "ClearNoon")
    )


@pytest.mark.parametrize("calls", [3, 30, 100, 250, 400])
def test_a_recording_that_broke_off_goes_on_as_if_it_had_not(server, recording, tmp_path, calls):
    record(replace(recording, out=tmp_path / "whole"))
    server.calls_left = calls
    with pytest.raises(InputError, match=r"CARLA (server answers )?at 127\.0\.0\.1:2000.*time-out of 5000ms"):
        record(recording)
    for folder in (path for path in recording.out.glob("*/*/*") if path.is_dir()):
        assert len(frames(folder)) == FRAMES
    server.calls_left = None
    server.world = Server().world
    server.world._server = server
    record(recording)
    assert everything(recording.out) == everything(tmp_path / "whole")


def test_lights_and_scenes_can_be_added(server, recording):
    few = replace(recording, scenes=1, lights=recording.lights[:2])
    assert record(few) == 2
    before = everything(recording.out)
    assert record(recording) == 6
    assert before.items() <= everything(recording.out).items()
    shots = [frames(scene(recording) / name)[..., 1] for name in NAMES]
    np.testing.assert_array_equal(shots[0], shots[3])
    server.loads.clear()
    assert record(recording) == 0
    assert server.loads == []


def test_frames_are_counted(server, recording):
    counted = []
    record(replace(recording, scenes=1), on_frame=lambda *count: counted.append(count))
    assert counted == [(done, 24) for done in range(25)]
    counted.clear()
    record(recording, on_frame=lambda *count: counted.append(count))
    assert counted[0] == (24, 48)
    assert counted[-1] == (48, 48)


def test_an_interrupted_recording_leaves_the_server_as_it_was(server, recording):
    def interrupt(done, total):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(recording, on_frame=interrupt)
    assert sorted(path.name for path in scene(recording).iterdir()) == ["ClearNoon", "route.json"]


def test_other_settings_are_refused(server, recording):
    record(recording)
    with pytest.raises(InputError, match=r"scene_0000 was recorded with fps 15\.0, not 30\.0: record with the same"):
        record(replace(recording, fps=30.0))
    (scene(recording) / "ClearNight" / "00003.png").unlink()
    with pytest.raises(InputError) as caught:
        record(recording)
    assert str(caught.value) == (
        f"{scene(recording) / 'ClearNight'} holds 5 frames, expected 6; delete it to record it again"
    )
    (scene(recording) / "route.json").unlink()
    with pytest.raises(
        InputError, match=r"route\.json cannot be read \(.*No such file.*; delete .* to drive it again$"
    ):
        record(recording)


def test_a_map_that_is_not_there_is_said(server, recording):
    with pytest.raises(InputError) as caught:
        record(replace(recording, map="Town99"))
    assert str(caught.value) == ("CARLA at 127.0.0.1:2000 has no map Town99: expected one of Town01_Opt, Town10HD")


def test_a_server_that_does_not_answer_is_said(server, recording):
    with pytest.raises(InputError) as caught:
        record(recording, port=2001)
    assert str(caught.value) == (
        "no CARLA server answers at 127.0.0.1:2001 (time-out of 5000ms while waiting for the simulator, make sure the "
        "simulator is ready and connected to 127.0.0.1:2001); start one, or give --host and --port"
    )
    assert not recording.out.exists()


def test_a_missing_package_is_said(recording, monkeypatch):
    monkeypatch.setitem(sys.modules, "carla", None)
    with pytest.raises(
        InputError, match=r"^recording needs the package carla, of the server's version \(.*\): pip inst"
    ):
        record(recording)


def test_a_map_without_places_is_said(server, recording, monkeypatch):
    monkeypatch.setattr("tests.dataset.carla.carla_host.Map.get_spawn_points", lambda self: [])
    with pytest.raises(InputError, match="the map Town10HD has no place for a vehicle: choose another --map"):
        record(recording)


def test_a_camera_that_sends_nothing_is_said(server, recording, monkeypatch):
    monkeypatch.setattr("relumix.dataset.carla.stage._PICTURE_SECONDS", 0.01)
    monkeypatch.setattr("tests.dataset.carla.carla_host.Sensor._shoot", lambda self: None)
    with pytest.raises(InputError, match=r"CARLA's camera sent no picture of tick \d+: restart the server"):
        record(recording)


def test_pictures_of_earlier_ticks_are_passed_over(server, recording, monkeypatch):
    shoot, late = Sensor._shoot, []

    def twice(self):
        callback, images = self._callback, []
        self._callback = images.append
        shoot(self)
        self._callback = callback
        for image in (*late[-1:], *images):
            callback(image)
        late.extend(images)

    record(replace(recording, scenes=1))
    monkeypatch.setattr(Sensor, "_shoot", twice)
    again = replace(recording, scenes=1, out=recording.out.with_name("again"))
    record(again)
    assert everything(again.out) == everything(recording.out)


def test_a_folder_that_cannot_be_written_to_is_said(server, recording):
    recording.out.mkdir()
    (recording.out / "Town10HD").write_text("a file")
    with pytest.raises(InputError, match=r"Town10HD/scene_0000/route\.json cannot be written"):
        record(recording)


def test_the_route_tells_what_was_driven(server, recording):
    record(recording)
    route = json.loads((scene(recording) / "route.json").read_text())
    assert route["settings"] == {
        "map": "Town10HD",
        "frames": 6,
        "fov_deg": 90.0,
        "fps": 15.0,
        "traffic": 5,
        "seed": 7,
        "size_px": [64, 48],
    }
    assert len(route["vehicles"]) == 6
    assert {each["blueprint"] for each in route["vehicles"]} <= {"vehicle.a.car", "vehicle.b.car"}
    assert len(route["moments"]) == 6
    # The camera: as high as the roof, before the nose.
    assert route["camera"] == pytest.approx([2.5, 0, 1.45, 0, 0, 0])
