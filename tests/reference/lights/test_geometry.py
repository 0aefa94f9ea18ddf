"""Geometry from files: by a plate's own channels, by maps beside it, in any space and size."""

import math
import struct

import numpy as np
import pytest

from relumix.errors import FrameError, InputError
from relumix.reference.lights import lens, normals
from relumix.reference.lights.albedo import BRIGHTEST, estimated
from relumix.reference.lights.geometry import Sources, geometry_of
from relumix.reference.maker import PlateFrame
from relumix.shot.exr_header import Attribute
from relumix.shot.plate import Plate
from relumix.shot.sequence import Sequence
from tests.reference.lights.stages import FOV_DEG, ball_on_floor
from tests.shot import files

SEEN = ball_on_floor()
SIZE = SEEN.what.shape
PICTURE = np.random.default_rng(0).uniform(0.1, 1, (*SIZE, 3)).astype(np.float32)


def turn(seed=1):
    found = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return found * np.sign(np.linalg.det(found))


def channels(**maps):
    """Channels by name of maps by layer."""
    out = {}
    for layer, values in maps.items():
        if values.ndim == 2:
            out[layer] = values.astype(np.float32)
            continue
        for i, component in enumerate("XYZ"):
            out[f"{layer}.{component}"] = np.ascontiguousarray(values[..., i], np.float32)
    return out


def plate(path, attributes=None, **maps):
    rgb = {name: np.ascontiguousarray(PICTURE[..., i]) for i, name in enumerate("RGB")}
    files.by_hand(path, {**rgb, **channels(**maps)}, attributes=attributes)
    return Plate(Sequence.find(path))


NO_FILES = Sources()
UPRIGHT = np.eye(3)


def geometry(opened, sources=NO_FILES, work_size=2048, unit=1.0):
    frame = PlateFrame.of(opened.read(opened.frames[0]), work_size)
    return geometry_of(frame, opened.layout.names, opened.choice.view, sources, unit)


def same(found, expected=SEEN.geometry, rotation=UPRIGHT):
    np.testing.assert_allclose(found.position @ rotation, expected.position, rtol=1e-3, atol=2e-3)
    assert np.median((found.normal @ rotation * expected.normal).sum(-1)) > 0.999
    depth = expected.camera.depth(expected.position)
    np.testing.assert_allclose(found.camera.depth(found.position), depth, rtol=2e-2)


def test_positions_and_normals_of_the_world(tmp_path):
    turned = turn()
    opened = plate(tmp_path / "a.1.exr", P=SEEN.geometry.position @ turned.T, N=SEEN.geometry.normal @ turned.T)
    found, told = geometry(opened)
    same(found, rotation=turned)
    assert told == [
        "no albedo was given: it is estimated from the plate, which still has its own light and shade in it"
    ]


def test_normals_of_the_camera_are_turned_to_positions_of_the_world(tmp_path):
    turned = turn()
    opened = plate(tmp_path / "a.1.exr", P=SEEN.geometry.position @ turned.T, N=SEEN.geometry.normal)
    found, told = geometry(opened)
    same(found, rotation=turned)
    assert "normals were turned into the space of the positions" in told


def test_without_normals_they_are_those_of_the_positions(tmp_path):
    found, _ = geometry(plate(tmp_path / "a.1.exr", P=SEEN.geometry.position))
    same(found)


def test_depth_of_another_shape_covers_the_plate(tmp_path):
    """Its pixels are as wide and as high as that makes them."""
    depth = SEEN.geometry.camera.depth(SEEN.geometry.position)
    files.plain(tmp_path / "z.exr", np.repeat(depth, 2, axis=0)[..., None].astype(np.float32), "Z")
    opened = plate(tmp_path / "a.1.exr")
    found, _ = geometry(opened, Sources({"depth": Sequence.find(tmp_path / "z.exr")}, fov_deg=FOV_DEG))
    np.testing.assert_allclose(found.position, SEEN.geometry.position, rtol=5e-3, atol=2e-2)


@pytest.mark.parametrize("kind", ["axis", "distance"])
def test_depth_and_a_field_of_view(tmp_path, kind):
    depth = SEEN.geometry.camera.depth(SEEN.geometry.position) if kind == "axis" else SEEN.distance
    opened = plate(tmp_path / "a.1.exr", Z=depth)
    found, _ = geometry(opened, Sources(depth_is=kind, fov_deg=FOV_DEG))
    same(found)


def test_the_field_of_view_is_read_of_the_header(tmp_path):
    depth = SEEN.geometry.camera.depth(SEEN.geometry.position)
    found, _ = geometry(plate(tmp_path / "a.1.exr", {"cameraFov": ("float", struct.pack("<f", FOV_DEG))}, Z=depth))
    same(found)


def test_maps_beside_the_plate_may_have_another_size(tmp_path):
    opened = plate(tmp_path / "a.1.exr")
    large = ball_on_floor(SIZE[1] * 3, SIZE[0] * 3)
    files.by_hand(tmp_path / "p.exr", channels(P=large.geometry.position, N=large.geometry.normal))
    shot = Sequence.find(tmp_path / "p.exr")
    found, _ = geometry(opened, Sources({"position": shot, "normal": shot}))
    same(found)


def test_units(tmp_path):
    found, _ = geometry(plate(tmp_path / "a.1.exr", P=SEEN.geometry.position * 100), unit=0.01)
    same(found)


def test_what_is_far_away_is_sky(tmp_path):
    depth = SEEN.geometry.camera.depth(SEEN.geometry.position)
    depth[:10] = 1e10
    depth[10:12] = np.inf
    found, _ = geometry(plate(tmp_path / "a.1.exr", Z=depth), Sources(fov_deg=FOV_DEG))
    assert not found.known[:12].any()
    assert found.known[12:].all()


def test_albedo_is_averaged(tmp_path):
    albedo = np.zeros((*SIZE, 3), np.float32)
    albedo[:, ::2] = [1, 0.5, 2]
    opened = plate(tmp_path / "a.1.exr", P=SEEN.geometry.position)
    files.plain(tmp_path / "albedo.exr", albedo, "RGB")
    found, told = geometry(opened, Sources({"albedo": Sequence.find(tmp_path / "albedo.exr")}), work_size=64)
    assert not told
    assert found.albedo.shape == (36, 64, 3)
    np.testing.assert_allclose(found.albedo[..., :2].mean((0, 1)), [0.5, 0.25], atol=0.02)
    assert found.albedo.max() <= 1


def test_errors(tmp_path):
    none = plate(tmp_path / "a.1.exr")
    with pytest.raises(FrameError) as caught:
        geometry(none)
    assert str(caught.value) == (
        f"frame 1: {tmp_path / 'a.1.exr'} has no geometry: no channels are called as positions (P) or depth (Z) are; "
        "give --position, --depth with --fov, or --estimate with the folder of a depth model"
    )
    with pytest.raises(FrameError, match=r"is depth, and no header says what the lens saw: give --fov"):
        geometry(plate(tmp_path / "b.1.exr", Z=np.ones(SIZE)))
    random = np.random.default_rng(0).normal(size=(*SIZE, 3))
    with pytest.raises(
        FrameError, match=r"do not fit its positions: \d+ degrees off in the median; expected both of one"
    ):
        geometry(plate(tmp_path / "c.1.exr", P=SEEN.geometry.position, N=random))
    shot = Sequence.find(tmp_path / "a.1.exr")
    assert Sources({"depth": shot}).path("depth", 5) == tmp_path / "a.1.exr"
    for frame in (1, 2):
        files.plain(tmp_path / f"z.{frame}.exr", np.ones((4, 4, 1), np.float32), "Z")
    with pytest.raises(InputError, match=r"z.#.exr lacks frame 5: it has 1 to 2$"):
        Sources({"depth": Sequence.find(tmp_path / "z.#.exr")}).path("depth", 5)


def test_lens():
    number = lambda value: Attribute("float", struct.pack("<f", value))  # noqa: E731
    assert lens.fov_deg({}) is None
    assert lens.fov_deg({"cameraFov": number(54.5)}) == 54.5
    length = {"nominalFocalLength": number(50), "sensorOverallDimensions": Attribute("v2f", struct.pack("<2f", 36, 24))}
    assert lens.fov_deg(length) == pytest.approx(math.degrees(2 * math.atan(18 / 50)))
    assert lens.fov_deg({"cameraFov": number(math.nan)}) is None
    assert lens.fov_deg({"cameraFov": Attribute("float", b"")}) is None


def test_normals_of_a_ball():
    found, sure = normals.of_positions(SEEN.geometry.position, SEEN.geometry.known, SEEN.geometry.camera)
    inside = sure & (SEEN.what == "ball")
    assert np.median((found * SEEN.geometry.normal).sum(-1)[inside]) > 0.98
    flat = sure & (SEEN.what == "wall")
    np.testing.assert_allclose(found[flat], SEEN.geometry.normal[flat], atol=0.01)


def test_estimated_albedo_is_the_plates_colour_without_some_of_its_shade(tmp_path):
    opened = plate(tmp_path / "a.1.exr")
    proxy = PlateFrame.of(opened.read(1), 96).proxy
    found = estimated(proxy)
    assert 0 <= found.min() <= found.max() <= BRIGHTEST
    unclipped = found.max(-1) < BRIGHTEST
    ratio = found[unclipped] / proxy.rgb[unclipped]
    np.testing.assert_allclose(ratio[:, 0], ratio[:, 1], rtol=1e-4)
