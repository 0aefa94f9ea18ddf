"""The shots: what is where, how it moves, and its two lights. None is a scene of another stage or of an example."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, radians, sin
from random import Random

import blender as b
import bpy

WARM, COOL = (1.0, 0.72, 0.42), (0.6, 0.78, 1.0)
SKY, EARTH = (0.45, 0.62, 0.95), (0.22, 0.19, 0.16)
SKIN = ((0.30, 0.14, 0.08), (0.62, 0.40, 0.28))


def head() -> b.Shot:
    """A head that turns before a curtain; a hard key, and one from the other side with a rim."""
    skin, cloth = b.mottled(*SKIN, 9, 0.45, 0.15), b.mottled((0.05, 0.09, 0.16), (0.09, 0.15, 0.25), 30, 0.9)
    neck = b.pivot((0, 0, 1.2))
    face = b.monkey(skin, 0.55, (0, -0.05, 1.62))
    throat = b.capsule(skin, 0.2, (0, 0.08, 0.9), (0, 0.05, 1.5))
    cap = b.ring(b.checker((0.55, 0.1, 0.06), (0.6, 0.5, 0.3), 14, 0.7), 0.42, 0.1, (0, 0.05, 1.93))
    cap.rotation_euler.x = radians(-12)
    b.hang([face, throat, cap], neck)
    b.ball(cloth, 0.75, (0, 0.15, 0.55), (1.15, 0.6, 0.75))
    folds = b.mottled((0.25, 0.2, 0.16), (0.42, 0.36, 0.3), 20, 0.9)
    b.sheet(folds, lambda x, _: 0.09 * sin(9 * x) + 0.05 * sin(23 * x + 1), (7, 4), (0, 1.6, 1.5), (90, 0, 0))
    seen = b.camera(50)
    b.aim(seen, (0.1, -3.6, 1.65), (0, 0, 1.45))
    key = b.softbox((-2.2, -2.2, 2.9), (0, 0, 1.5), (0.25, 0.25), 330, (1, 0.93, 0.84))
    other = b.softbox((2.4, -1.5, 2.1), (0, 0, 1.5), (0.2, 0.2), 260, WARM)
    rim = b.softbox((-1.6, 1.2, 2.4), (0, 0, 1.5), (0.5, 0.8), 90, COOL)

    def move(share: float) -> None:
        neck.rotation_euler.z = radians(-38 + 80 * share)

    plate = b.Light(b.sky((0.8, 0.85, 1), 0.10), [key])
    return b.Shot(plate, b.Light(b.sky((0.5, 0.6, 1), 0.06), [other, rim]), move, samples=48)


def walker() -> b.Shot:
    """A figure that walks along a wall in the sun, its shadow beside it; and with the sun low on the other side."""
    wall = b.brick((0.42, 0.19, 0.12), (0.30, 0.13, 0.09), (0.45, 0.42, 0.38), 2.2)
    b.panel(wall, (14, 5), (0, 1.0, 2.5), (90, 0, 0))
    b.panel(b.brick((0.33, 0.32, 0.3), (0.26, 0.25, 0.24), (0.14, 0.14, 0.13), 1), (14, 10), (0, -4, 0))
    b.panel(b.cells((0.1, 0.2, 0.35), (0.75, 0.6, 0.25), 5), (1.0, 1.4), (-2.0, 0.98, 1.6), (90, 0, 0))
    b.box(b.grained((0.16, 0.08, 0.04), (0.34, 0.19, 0.1), 3), (0.9, 0.08, 2.1), (1.9, 0.96, 1.05))
    b.cone(b.plain((0.08, 0.16, 0.1), 0.4), 0.26, 0.3, 0.8, (-3.0, 0.6, 0))
    figure, limbs = _walker()
    seen = b.camera(34)
    b.aim(seen, (0.2, -6.2, 1.6), (0, 1, 1.25))

    def move(share: float) -> None:
        figure.location.x = -1.3 + 1.8 * share
        for limb, phase in limbs:
            limb.rotation_euler.x = radians(34) * sin(2 * pi * 1.2 * share + phase)

    plate = b.Light(b.sky(SKY, 0.22, EARTH), [b.sun(-40, 27, 3.6, (1, 0.93, 0.82))])
    return b.Shot(plate, b.Light(b.sky((0.5, 0.5, 0.8), 0.16, EARTH), [b.sun(52, 19, 3.4, WARM)]), move)


def _walker() -> tuple[bpy.types.Object, list[tuple[bpy.types.Object, float]]]:
    """A figure of capsules that looks along x, and its limbs with the phase in which each swings."""
    skin, coat, trousers = (
        b.plain((0.5, 0.31, 0.22)),
        b.checker((0.5, 0.42, 0.1), (0.28, 0.1, 0.1), 9),
        b.plain((0.07, 0.09, 0.15)),
    )
    figure = b.pivot((0, 0, 0))
    parts = [b.capsule(coat, 0.2, (0, 0, 1.02), (0, 0, 1.34)), b.ball(skin, 0.13, (0, 0, 1.72), (1, 0.9, 1.15))]
    parts.append(b.ball(b.plain((0.06, 0.04, 0.03)), 0.135, (0, 0.03, 1.77), (1, 1, 1)))
    limbs = []
    for side, phase in ((-0.12, 0.0), (0.12, pi)):
        hip, shoulder = b.pivot((side, 0, 0.95)), b.pivot((2.1 * side, 0, 1.42))
        shoe = b.capsule(b.plain((0.03, 0.03, 0.03), 0.3), 0.07, (side, 0.02, 0.08), (side, -0.16, 0.08))
        b.hang([b.capsule(trousers, 0.1, (side, 0, 0.12), (side, 0, 0.95)), shoe], hip)
        b.hang([b.capsule(coat, 0.065, (2.1 * side, -0.02, 0.86), (2.1 * side, 0, 1.42))], shoulder)
        limbs += [(hip, phase), (shoulder, phase + pi)]
    b.hang([*parts, *(limb for limb, _ in limbs)], figure)
    figure.rotation_euler.z = radians(90)
    return figure, limbs


def street() -> b.Shot:
    """A drive along a street in the sun; and overcast."""
    random = Random(3)
    b.panel(b.mottled((0.05, 0.05, 0.055), (0.11, 0.11, 0.11), 12, 0.7, 0.2), (7, 80), (0, 30, 0))
    b.panel(b.mottled((0.2, 0.18, 0.15), (0.3, 0.28, 0.24), 3), (120, 120), (0, 40, -0.02))
    for y in range(0, 60, 3):
        b.panel(b.plain((0.7, 0.7, 0.66)), (0.14, 1.4), (0, y, 0.005))
    for side in (-1, 1):
        pavement = b.brick((0.4, 0.39, 0.36), (0.32, 0.31, 0.3), (0.18, 0.18, 0.17), 1.2)
        b.box(pavement, (2.6, 80, 0.3), (side * 4.8, 30, 0.0), bevel=0.03)
        y = -4.0 + random.random() * 2
        while y < 52:
            y += _house(random, side, y)
        for place in range(3, 50, 9):
            _lantern(side, place + 2.0 * side)
        for place in (6.5, 13, 24, 31):
            _car(random, side * 2.5, place + 2.2 * side)
    seen = b.camera(26)

    def move(share: float) -> None:
        y = 5.5 * share
        b.aim(seen, (-0.8, y, 1.55), (-0.3 + 0.5 * share, y + 10, 1.75))

    plate = b.Light(b.sky(SKY, 0.45, EARTH), [b.sun(-58, 40, 4.2, (1, 0.92, 0.8))])
    return b.Shot(plate, b.Light(b.sky((0.86, 0.92, 1), 0.95, EARTH)), move)


def _house(random: Random, side: int, y: float) -> float:
    """A house at a side of the street, from y on; returns how long it is."""
    length, height, inset = random.uniform(5, 9), random.uniform(5, 11), random.uniform(0, 1.2)
    tone = random.uniform(0.25, 0.6)
    shade = [
        tone * tint for tint in random.choice([(1, 0.55, 0.4), (1, 0.88, 0.7), (0.85, 0.88, 0.9), (0.7, 0.8, 0.65)])
    ]
    dark = [0.6 * value for value in shade]
    wall = b.brick(shade, dark, (0.5, 0.48, 0.45), 1.8) if random.random() < 0.5 else b.mottled(dark, shade, 4, 0.9)
    edge, middle = 6.1 + inset, y + length / 2 - 0.1
    b.panel(wall, (length - 0.2, height), (side * edge, middle, height / 2), (90, 0, 90))
    b.panel(wall, (6, height), (side * (edge + 3), middle - length / 2 + 0.1, height / 2), (90, 0, 0))
    b.panel(wall, (6, length - 0.2), (side * (edge + 3), middle, height))
    glass, frame = b.plain((0.03, 0.04, 0.05), 0.08), b.plain((0.6, 0.58, 0.55))
    for floor in range(int(height // 2.7)):
        for i in range(int(length // 1.9)):
            place = (side * edge, y + 1.1 + 1.9 * i, 1.6 + 2.7 * floor)
            b.box(frame, (0.12, 1.2, 1.7), place)
            b.box(glass, (0.16, 1.04, 1.52), place, bevel=0)
            b.box(frame, (0.4, 1.3, 0.08), (place[0], place[1], place[2] - 0.88))
    return length


def _lantern(side: int, y: float) -> None:
    iron, x = b.plain((0.05, 0.06, 0.05), 0.4), side * 3.75
    b.cone(iron, 0.055, 0.04, 4.2, (x, y, 0.1))
    b.capsule(iron, 0.03, (x, y, 4.3), (x - side * 0.9, y, 4.45))
    b.ball(b.plain((0.7, 0.7, 0.65), 0.2), 0.16, (x - side * 0.9, y, 4.35), (1, 1, 0.6))


def _car(random: Random, x: float, y: float) -> None:
    paint = [random.uniform(0.04, 0.6) for _ in range(3)]
    body, glass, tyre = b.plain(paint, 0.3, 0.0, 1.0), b.plain((0.03, 0.035, 0.04), 0.05), b.plain((0.02, 0.02, 0.02))
    b.box(body, (1.75, 4.1, 0.62), (x, y, 0.62), bevel=0.16)
    b.box(glass, (1.5, 2.1, 0.55), (x, y - 0.1, 1.12), bevel=0.2)
    b.box(body, (1.35, 1.6, 0.1), (x, y - 0.1, 1.43), bevel=0.05)
    for wheel in ((dx, dy) for dx in (-0.8, 0.8) for dy in (-1.3, 1.3)):
        b.ring(tyre, 0.22, 0.1, (x + wheel[0], y + wheel[1], 0.32)).rotation_euler.y = radians(90)


def room() -> b.Shot:
    """A pan through a room with the sun in its window; and by lamplight in the evening."""
    _walls()
    fabric, wood = (
        b.mottled((0.10, 0.2, 0.19), (0.16, 0.3, 0.28), 40, 0.95),
        b.grained((0.2, 0.1, 0.05), (0.42, 0.25, 0.13), 4),
    )
    for size, place in (
        ((2.0, 0.8, 0.4), (-0.6, 1.7, 0.3)),
        ((2.0, 0.25, 0.55), (-0.6, 2.15, 0.6)),
        ((0.22, 0.85, 0.3), (-1.6, 1.7, 0.6)),
        ((0.22, 0.85, 0.3), (0.4, 1.7, 0.6)),
    ):
        b.box(fabric, size, place, bevel=0.08)
    b.box(b.checker((0.6, 0.2, 0.12), (0.7, 0.6, 0.45), 12), (0.5, 0.16, 0.45), (-1.2, 1.85, 0.72), 12, 0.07)
    b.box(wood, (1.1, 0.6, 0.05), (-0.4, 0.7, 0.45), 8)
    for x, y in ((-0.85, 0.42), (0.12, 0.55), (-0.9, 0.88), (0.06, 1.02)):
        b.cone(wood, 0.03, 0.03, 0.44, (x, y, 0))
    b.ball(b.plain((0.75, 0.72, 0.65), 0.15, 0, 1), 0.13, (-0.6, 0.7, 0.6), (1, 1, 0.95))
    b.cone(b.plain((0.7, 0.3, 0.1), 0.4), 0.05, 0.06, 0.13, (-0.2, 0.62, 0.475))
    _shelf(wood)
    b.panel(b.cells((0.6, 0.25, 0.12), (0.1, 0.2, 0.3), 3), (1.1, 0.75), (-0.5, 2.47, 1.75), (90, 0, 0))
    b.cone(b.plain((0.1, 0.09, 0.08), 0.3), 0.02, 0.02, 1.45, (0.95, 1.9, 0))
    b.cone(b.plain((0.1, 0.09, 0.08), 0.3), 0.15, 0.15, 0.03, (0.95, 1.9, 0))
    shade = b.cone(b.leafy((0.75, 0.62, 0.45)), 0.24, 0.15, 0.28, (0.95, 1.9, 1.4))
    shade.visible_shadow = False  # light that has to find its way out of it by chance is noise for hours
    seen = b.camera(24)

    def move(share: float) -> None:
        yaw = radians(-24 + 38 * share)
        b.aim(seen, (0.1, -1.9, 1.4), (0.1 + 5 * sin(yaw), -1.9 + 5 * cos(yaw), 1.05))

    window = b.softbox((-2.75, 0.6, 1.5), (0, 0.6, 1.3), (1.5, 1.4), 60, COOL)
    dusk = b.softbox((-2.75, 0.6, 1.5), (0, 0.6, 1.3), (1.5, 1.4), 9, (0.35, 0.5, 1))
    plate = b.Light(b.sky(SKY, 0.8), [b.sun(-60, 21, 9, (1, 0.9, 0.75)), window])
    lamps = [dusk, b.bulb((0.95, 1.9, 1.5), 0.06, 75, WARM), b.bulb((1.9, -1.2, 1.9), 0.12, 30, WARM)]
    return b.Shot(plate, b.Light(b.sky((0.08, 0.12, 0.3), 0.5), lamps), move, samples=48)


def _walls() -> None:
    """A room from -2.5 to 2.5, 2.6 high, with a window at the left."""
    paper, plaster = b.checker((0.52, 0.5, 0.42), (0.56, 0.54, 0.46), 5, 0.9), b.plain((0.7, 0.69, 0.66), 0.9)
    floor = b.grained((0.24, 0.13, 0.07), (0.38, 0.23, 0.13), 2.5, 0.35)
    b.panel(floor, (5, 5), (0, 0, 0))
    b.panel(b.cells((0.35, 0.06, 0.06), (0.5, 0.4, 0.25), 4, 0.95), (2.2, 1.6), (-0.4, 0.6, 0.01))
    b.panel(plaster, (5, 5), (0, 0, 2.6))
    for place, turn in (((0, 2.5, 1.3), 0), ((0, -2.5, 1.3), 0), ((2.5, 0, 1.3), 90)):
        b.panel(paper, (5, 2.6), place, (90, 0, turn))
    for size, place in (
        ((0.2, 2.3, 2.6), (-2.6, -1.35, 1.3)),
        ((0.2, 1.2, 2.6), (-2.6, 1.9, 1.3)),
        ((0.2, 1.5, 0.8), (-2.6, 0.55, 0.4)),
        ((0.2, 1.5, 0.4), (-2.6, 0.55, 2.4)),
    ):
        b.box(plaster, size, place, bevel=0)
    frame = b.plain((0.75, 0.73, 0.7), 0.4)
    for y in (-0.2, 0.3, 0.8, 1.3):
        b.box(frame, (0.07, 0.05, 1.4), (-2.55, y, 1.5))
    for z in (0.82, 1.5, 2.18):
        b.box(frame, (0.07, 1.5, 0.05), (-2.55, 0.55, z))


def _shelf(wood: bpy.types.Material) -> None:
    """A shelf with books at the back wall."""
    random = Random(11)
    for z in (0.1, 0.6, 1.1, 1.6):
        b.box(wood, (1.05, 0.3, 0.04), (1.85, 2.32, z))
    for x in (1.33, 2.37):
        b.box(wood, (0.04, 0.3, 1.9), (x, 2.32, 0.95))
    for z in (0.12, 0.62, 1.12):
        x = 1.4
        while x < 2.25:
            thick, tall = random.uniform(0.03, 0.07), random.uniform(0.26, 0.4)
            b.box(
                b.plain([random.uniform(0.03, 0.55) for _ in range(3)]),
                (thick, 0.2, tall),
                (x, 2.3, z + tall / 2),
                bevel=0.004,
            )
            x += thick + (0.2 if random.random() < 0.12 else 0.004)


def thin() -> b.Shot:
    """Past posts, rails and leaves with a branch near by, overcast; and with a low sun behind."""
    random = Random(5)
    grass = b.mottled((0.06, 0.1, 0.02), (0.2, 0.2, 0.07), 5, 0.95)
    b.sheet(
        grass, lambda x, y: 0.12 * sin(0.7 * x + 1) * sin(0.5 * y) + 0.03 * sin(5 * x) * sin(4 * y), (26, 26), (0, 9, 0)
    )
    b.panel(b.mottled((0.3, 0.28, 0.26), (0.46, 0.43, 0.38), 2), (40, 3), (0, 12, 1.5), (90, 0, 0))
    oak, iron = b.grained((0.18, 0.12, 0.08), (0.36, 0.27, 0.18), 6), b.plain((0.06, 0.07, 0.08), 0.35)
    for x in range(-6, 7):
        b.box(oak, (0.09, 0.09, 1.3), (x * 0.9, 3, 0.6))
        b.cone(iron, 0.02, 0.02, 2.6, (x * 1.3 + 0.4, 6, 0))
    for z in (0.55, 1.05):
        b.box(oak, (12, 0.03, 0.1), (0, 2.94, z))
    for z in (1.5, 2.0, 2.5):
        b.capsule(iron, 0.012, (-9, 6, z), (9, 6, z))
    bark, green = b.mottled((0.1, 0.07, 0.05), (0.25, 0.19, 0.14), 14), b.leafy((0.16, 0.3, 0.05))
    for x, y in ((-2.1, 4.6), (1.9, 4.2), (4.4, 7.5)):
        b.cone(bark, 0.11, 0.06, 2.3, (x, y, 0))
        b.leaves(green, [_leaf(random, (x, y, 2.5), 0.9, 0.2) for _ in range(260)])
    b.capsule(bark, 0.02, (-0.95, -1.5, 2.3), (0.25, -1.4, 1.45))
    near = [(-0.95 + 1.2 * s, -1.5 + 0.1 * s, 2.3 - 0.85 * s) for s in (random.random() for _ in range(34))]
    b.leaves(b.leafy((0.22, 0.3, 0.06)), [_leaf(random, place, 0.06, 0.17) for place in near])
    b.cone(b.plain((0.35, 0.08, 0.05), 0.5), 0.045, 0.045, 2.2, (1.3, -0.2, 0))
    seen = b.camera(32)

    def move(share: float) -> None:
        x = -0.55 + 1.1 * share
        b.aim(seen, (x, -3.4, 1.45), (0.3 * x, 5, 1.25))

    plate = b.Light(b.sky((0.86, 0.92, 1), 0.95, EARTH))
    return b.Shot(plate, b.Light(b.sky(SKY, 0.3, EARTH), [b.sun(148, 24, 5, WARM)]), move)


def _leaf(random: Random, middle: b.Triple, spread: float, long: float) -> tuple[b.Triple, b.Triple, b.Triple]:
    point = [value + random.gauss(0, 0.45) * spread for value in middle]
    around, down = random.uniform(0, 2 * pi), random.uniform(-0.9, 0.3)
    along = (long * cos(around), long * sin(around), long * down)
    return point, along, (-0.6 * long * sin(around), 0.6 * long * cos(around), random.uniform(-0.3, 0.3) * long)


def gloss() -> b.Shot:
    """Glossy things on a turntable under a softbox above; and between two strips, warm and blue."""
    table = b.pivot((0, 0, 0))
    things = [
        b.cone(b.checker((0.36, 0.34, 0.32), (0.2, 0.19, 0.18), 4, 0.25), 1.25, 1.25, 0.08, (0, 0, 0)),
        b.ball(b.plain((0.95, 0.75, 0.4), 0.12, 1), 0.33, (-0.55, -0.35, 0.41)),
        b.ring(b.plain((0.55, 0.03, 0.04), 0.35, 0, 1), 0.3, 0.12, (0.55, -0.42, 0.2)),
        b.box(
            b.checker((0.08, 0.2, 0.42), (0.75, 0.72, 0.65), 8, 0.3, 1), (0.5, 0.5, 0.62), (0.42, 0.45, 0.39), 25, 0.05
        ),
        b.monkey(b.plain((0.1, 0.32, 0.2), 0.3, 0, 1), 0.36, (-0.4, 0.5, 0.42)),
        b.cone(b.plain((0.75, 0.76, 0.78), 0.2, 1), 0.13, 0.09, 0.85, (0.02, 0.05, 0.08)),
        b.ball(b.plain((0.85, 0.85, 0.82), 0.1, 0, 1), 0.13, (0.0, -0.8, 0.21)),
    ]
    b.hang(things, table)
    b.panel(b.grained((0.1, 0.08, 0.07), (0.2, 0.16, 0.14), 2), (9, 9), (0, 1, -0.01))
    b.panel(b.mottled((0.16, 0.17, 0.2), (0.24, 0.25, 0.28), 3), (12, 5), (0, 3.2, 2.5), (90, 0, 0))
    seen = b.camera(52)
    b.aim(seen, (0.3, -4.3, 2.0), (0, 0, 0.33))

    def move(share: float) -> None:
        table.rotation_euler.z = radians(8 + 58 * share)

    above = b.softbox((-0.4, -0.3, 3.2), (0, 0, 0), (1.8, 1.2), 120, (1, 0.97, 0.93))
    left = b.softbox((-2.7, -0.8, 1.2), (0, 0, 0.4), (0.3, 2.2), 120, WARM)
    right = b.softbox((2.6, 0.9, 1.6), (0, 0, 0.4), (0.3, 2.0), 110, (0.35, 0.5, 1))
    plate = b.Light(b.sky((0.8, 0.9, 1), 0.08), [above])
    return b.Shot(plate, b.Light(b.sky((0.8, 0.85, 1), 0.05), [left, right]), move, samples=48)


SCENES: dict[str, Callable[[], b.Shot]] = {scene.__name__: scene for scene in (head, walker, street, room, thin, gloss)}
