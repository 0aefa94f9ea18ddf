"""Scenes without a renderer: shapes, materials and ways follow from the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relumix.dataset.light_stage.layout import (
    FASTEST_CAMERA,
    HOUSES,
    LONGEST_DRIVE,
    Layout,
    _drive,
    _houses,
    _View,
    layout,
)
from relumix.dataset.light_stage.meshes import box, grid, move, superellipsoid, turn
from relumix.dataset.light_stage.props import GENERATOR, KINDS, PROPS
from relumix.dataset.light_stage.surfaces import Photos

PHOTOS = Photos(None)


def of(seed: int, frames: int = 4) -> Layout:
    return layout(seed, 0, frames, 6, PHOTOS)


@pytest.mark.parametrize("name", sorted(PROPS))
def test_shapes_are_sound(name: str):
    for seed in range(4):
        mesh = PROPS[name](np.random.default_rng(seed))
        assert np.isfinite(mesh.points).all() and np.isfinite(mesh.normals).all()
        assert mesh.faces.max() < len(mesh.points) == len(mesh.normals) == len(mesh.uv)
        assert 0.5 < np.ptp(mesh.points, axis=0).max() < 6


def test_faces_and_normals_look_outward():
    for mesh in (box(1, 2, 3), grid(superellipsoid(1, 1)).moved(turn("x", 70)), grid(superellipsoid(0.3, 0.8))):
        assert (np.einsum("ij,ij->i", mesh.points, mesh.normals) > -1e-6).all()
        a, b, c = (mesh.points[mesh.faces[:, k]] for k in range(3))
        assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), a + b + c) > -1e-6).all()


def test_a_turned_mesh_keeps_its_normals_on_its_surface():
    turned = box(1, 1, 1).moved(move(1, 2, 3) @ turn("z", 90))
    straight = box(1, 1, 1)
    np.testing.assert_allclose(turned.normals[:, 1], straight.normals[:, 0], atol=1e-6)
    np.testing.assert_allclose(turned.points.mean(axis=0), (1, 2, 3), atol=1e-6)


def test_a_seed_is_a_scene():
    one, same, other = of(3), of(3), of(4)
    np.testing.assert_array_equal(one.camera.eyes, same.camera.eyes)
    for a, b in zip(one.things, same.things, strict=True):
        np.testing.assert_array_equal(a.mesh.points, b.mesh.points)
        np.testing.assert_array_equal(a.surface.albedo, b.surface.albedo)
    assert not np.array_equal(one.camera.eyes, other.camera.eyes)


@settings(max_examples=5)
@given(seed=st.integers(1, 10**6), frames=st.integers(1, 16))
def test_scenes_are_sound(seed: int, frames: int):
    plan = of(seed, frames)
    assert 0 < plan.backdrops < len(plan.things) <= 20
    assert [light.kind for light in plan.lights[:4]] == ["dome", "sun", "sun", "spot"]
    assert plan.camera.eyes.shape == plan.camera.targets.shape == (frames, 3)
    assert (plan.camera.eyes[:, 2] > 0).all()
    if plan.camera.kind == "static":
        assert np.ptp(plan.camera.eyes, axis=0).max() == 0
    if plan.camera.kind in ("orbit", "dolly") and frames > 1:
        steps = np.linalg.norm(np.diff(plan.camera.eyes, axis=0), axis=1)
        width = 2 * 9 * np.tan(np.radians(31))
        assert steps.max() <= 2 * FASTEST_CAMERA * width
    for thing in plan.things:
        assert thing.surface.albedo.min() >= 0 and thing.surface.albedo.max() <= 0.9
        if thing.places is not None:
            assert thing.places.shape == (frames, 4, 4)
            np.testing.assert_allclose(np.linalg.det(thing.places[:, :3, :3]), 1, rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_drive_goes_straight_down_its_street(seed: int):
    random = np.random.default_rng(seed)
    view = _View(random.uniform(4, 9), 1.5, random.uniform(32, 62), 8)
    camera, houses = _drive(random, view), _houses(random, view, PHOTOS)
    way = np.diff(camera.eyes, axis=0)
    assert np.allclose(way, way[0]) and way[0, 1] > 0 and not way[:, [0, 2]].any()
    assert 0 < way.sum(axis=0)[1] <= LONGEST_DRIVE * view.distance
    assert HOUSES[0] <= len(houses) <= HOUSES[1]
    sides = [np.sign(house.mesh.points[:, 0]) for house in houses]
    assert all((side == side[0]).all() for side in sides) and len({side[0] for side in sides}) == 2
    assert min(np.abs(house.mesh.points[:, 0]).min() for house in houses) > np.abs(camera.eyes[:, 0]).max()


def test_a_new_prop_leaves_the_scenes_of_old_seeds_as_they_were(monkeypatch: pytest.MonkeyPatch):
    before = [of(seed) for seed in range(3)]
    monkeypatch.setitem(PROPS, "anvil", PROPS["box"])
    monkeypatch.setitem(KINDS, GENERATOR + 1, (*KINDS[GENERATOR], "anvil"))
    for seed, scene in enumerate(before):
        again = of(seed)
        assert len(again.things) == len(scene.things)
        for one, other in zip(scene.things, again.things, strict=True):
            np.testing.assert_array_equal(one.mesh.points, other.mesh.points)
    joined = [layout(seed, 0, 4, 6, PHOTOS, GENERATOR + 1) for seed in range(3)]
    assert any(
        len(one.things) != len(other.things) or one.things[-1].mesh.points.shape != other.things[-1].mesh.points.shape
        for one, other in zip(before, joined, strict=True)
    )


def test_the_props_of_a_version_stay_its_props():
    assert KINDS[1] == (
        "blob", "box", "cloth", "crates", "fence", "figure", "furniture", "grass", "knot", "leaves", "panel", "rods",
        "rounded", "turned",
    )  # fmt: skip
    assert set(KINDS[GENERATOR]) == set(PROPS)
