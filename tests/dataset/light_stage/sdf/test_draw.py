"""Scenes are functions of their seeds, and what one draws does not shift another."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

from relumix.dataset.light_stage.sdf import props
from relumix.dataset.light_stage.sdf.draw import draw
from relumix.dataset.light_stage.sdf.renderer import Renderer, as_numpy
from relumix.dataset.light_stage.sdf.scene import FIRST_THING, Scene
from relumix.dataset.light_stage.sdf.table import MATERIAL_ROW, ROW, tables
from relumix.dataset.light_stage.sdf.textures import bank
from relumix.errors import InputError


def digest(scene: Scene) -> str:
    """Of all that the kernel is told, to a thousandth."""
    made = tables([(scene, frame) for frame in range(scene.frames)])
    rounded = [np.round(made.rows, 3), np.round(made.materials, 3), np.round(made.lamps, 3), np.round(made.places, 3)]
    return hashlib.sha256(b"".join((a + 0.0).astype(np.float32).tobytes() for a in rounded)).hexdigest()[:12]


def test_the_first_generator_draws_what_it_always_drew():
    drawn = [digest(draw(seed, 3, 6, generator=1)) for seed in (1, 2, 3, 900001)]
    assert drawn == [
        "b5f9084d6f60",
        "39c9fc85c7de",
        "4821305034ef",
        "016ffcb446a1",
    ]


@pytest.mark.parametrize("seed", range(40, 60))
def test_any_seed_is_a_scene_the_kernel_can_render(seed):
    scene = draw(seed, 4)
    made = tables([(scene, 0), (scene, 3)])
    assert made.rows.shape == (2, ROW)
    assert made.materials.shape == (2, FIRST_THING + len(scene.things), MATERIAL_ROW)
    assert all(np.isfinite(a).all() for a in (made.rows, made.places, made.materials, made.lamps))
    assert np.all(scene.camera.eyes[:, 2] > 0)


def test_more_lights_or_frames_leave_the_rest_as_it_was():
    for seed in (7, 8, 9):
        few, many = draw(seed, 4, 4), draw(seed, 4, 7)
        assert [lamp.row() for lamp in few.lamps] == [lamp.row() for lamp in many.lamps[:3]]
        short, long = draw(seed, 5), draw(seed, 9)
        assert [thing.material for thing in short.things] == [thing.material for thing in long.things]
        assert [repr(thing.parts) for thing in short.things] == [repr(thing.parts) for thing in long.things]
        for one, two in zip(short.things, long.things, strict=True):
            np.testing.assert_allclose(one.places[[0, -1]], two.places[[0, -1]], atol=1e-9)


def test_a_new_kind_of_thing_leaves_old_generators_alone(monkeypatch):
    before = [digest(draw(seed, 2, generator=1)) for seed in (11, 12, 13)]
    monkeypatch.setitem(props.SHAPES, "another", props.SHAPES["ball"])
    monkeypatch.setitem(props.KINDS, 2, (*props.KINDS[1], "another"))
    assert [digest(draw(seed, 2, generator=1)) for seed in (11, 12, 13)] == before
    assert [digest(draw(seed, 2, generator=2)) for seed in (11, 12, 13)] != before


def test_an_unknown_generator_is_refused():
    with pytest.raises(InputError, match="got generator 99, expected one of 1"):
        draw(1, 2, generator=99)


def shadowed(renderer: Renderer, scene: Scene) -> float:
    """The share of the picture that the caster's shadow takes the first sun from, in the middle of three frames."""
    without = dataclasses.replace(scene, things=scene.things[1:], caster=None)
    shares = []
    for frame in (0, scene.frames // 2, scene.frames - 1):
        with_it, none = (renderer.render(tables([(one, frame)])) for one in (scene, without))
        seen, open_light = (as_numpy(frames.seen).reshape(scene.lights, -1)[1] for frames in (with_it, none))
        shares.append(np.mean((open_light - seen > 0.5) & (as_numpy(with_it.owner) != FIRST_THING)))
    return float(np.median(shares))


def test_a_caster_moves_and_its_shadow_is_seen(types):
    renderer = Renderer(types, bank(), (32, 20))
    scene = draw(15, 8)
    assert scene.caster == FIRST_THING
    assert scene.things[0].moves
    assert shadowed(renderer, scene) > 0.01


@pytest.mark.slow
def test_a_moving_shadow_is_seen_in_two_scenes_of_five(types):
    renderer = Renderer(types, bank(), (48, 30))
    scenes = [draw(seed, 8) for seed in range(1, 151)]
    seen = sum(shadowed(renderer, scene) > 0.01 for scene in scenes if scene.caster is not None)
    assert seen >= 0.4 * len(scenes)
