import sys

import pytest

from relumix.cli.main import main
from tests.dataset.carla.carla_host import Server

COMMAND = ["dataset", "record-carla", "--map", "Town10HD", "--scenes", "1", "--frames", "2", "--size", "32x24"]
LIGHTS = ["--lights", "ClearNoon, ClearNoon@10@40,ClearNight"]


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setitem(sys.modules, "carla", server.package)
    return server


def test_a_recording_says_what_it_wrote(server, tmp_path, capsys):
    command = [*COMMAND, "--out", str(tmp_path), "--traffic", "2", "--traffic-port", "8005"]
    assert main([*command, "--lights", "ClearNoon,ClearNight"]) == 0
    assert capsys.readouterr().out == f"recorded 2 lights of 1 scene\nwrote {tmp_path}/Town10HD\n"
    assert main([*command, *LIGHTS]) == 0
    assert capsys.readouterr().out == f"recorded 1 light of 1 scene; 2 were there\nwrote {tmp_path}/Town10HD\n"
    assert sorted(path.name for path in (tmp_path / "Town10HD" / "scene_0000").iterdir()) == [
        "ClearNight",
        "ClearNoon",
        "ClearNoon@10@40",
        "route.json",
    ]
    assert list(server.managers) == [8005]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (
            ["--lights", "A,B"],
            "unknown weather 'A': expected one of ClearNight, ClearNoon, HardRainNoon",
        ),
        (["--lights", "ClearNoon"], "lights ClearNoon: expected two or more, each once"),
        ([*LIGHTS, "--port", "99999"], "port '99999' is no port: expected 1 to 65535"),
        ([*LIGHTS, "--size", "0x0"], "got --size 0x0, expected WIDTHxHEIGHT in pixels, such as 256x160"),
        ([*LIGHTS, "--fov", "0"], "a field of view of 0 degrees: expected 1 to 170"),
        (
            [*LIGHTS, "--host", "nowhere"],
            "no CARLA server answers at nowhere:2000 (time-out of 5000ms while waiting for the simulator, make sure "
            "the simulator is ready and connected to nowhere:2000); start one, or give --host and --port",
        ),
    ],
)
def test_what_is_wrong_is_one_line(server, tmp_path, capsys, extra, said):
    assert main([*COMMAND, "--out", str(tmp_path / "out"), *extra]) == 2
    assert capsys.readouterr().err == f"relumix: {said}\n"
    assert not (tmp_path / "out").exists()


def test_the_real_package_without_a_server_is_one_line(tmp_path, capsys):
    pytest.importorskip("carla", reason="CARLA's client is not installed: pip install carla")
    assert main([*COMMAND, "--out", str(tmp_path / "out"), "--port", "1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("relumix: no CARLA server answers at 127.0.0.1:1 (time-out of 5000ms")
    assert said.count("\n") == 1
