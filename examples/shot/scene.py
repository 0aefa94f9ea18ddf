"""The example shot as a Mitsuba scene: a still life in the corner of a room, where a ball rolls and a brass knot turns.

z is up, one unit is a decimetre. LIGHTS share everything else: `overcast` is a grey day through a large window behind
the camera's left shoulder; `sunset` is a low warm sun from the right, through a small window with glazing bars, in a
room that the blue sky fills a little.
"""

from __future__ import annotations

import math
from pathlib import Path

import mitsuba as mi
import numpy as np
import textures
from meshes import write_obj
from nodes import (
    Node,
    at,
    box,
    bumped,
    cylinder,
    flat,
    look_at,
    matt,
    metal,
    move,
    plastic,
    rectangle,
    rgb,
    scale,
    turn,
)

from relumix.dataset.light_stage.meshes import Float64, cloth, lathe, torus_knot
from relumix.dataset.light_stage.textures import gingham, planks, plaster, relief

BALL_RADIUS = 0.75
BALL_FROM, BALL_TO = np.array([-2.2, -1.95]), np.array([0.5, -2.35])
KNOT_PLACE, KNOT_TURN_DEG = (2.55, 1.55, 1.75), 75.0
ORBIT_DEG, DOLLY = (-10.0, 8.0), (15.6, 14.4)
LOOK_AT = np.array([0.25, 0.6, 1.6])

VASE = [
    *[(0.02, 0.0), (0.72, 0.0), (0.78, 0.1), (1.25, 1.3), (1.18, 2.0), (0.5, 3.0), (0.46, 3.4), (0.74, 3.75)],
    *[(0.66, 3.75), (0.38, 3.4), (0.42, 3.0), (0.3, 2.6)],
]
PEAR = [(0.02, 0.05), (0.3, 0.0), (0.68, 0.45), (0.66, 0.85), (0.36, 1.3), (0.28, 1.62), (0.03, 1.7)]
BOWL = [(0.02, 0.0), (0.5, 0.0), (0.55, 0.12), (1.15, 0.75), (1.2, 0.8), (1.12, 0.8), (0.5, 0.2), (0.02, 0.16)]
BRASS, COPPER = (0.86, 0.62, 0.27), (0.93, 0.54, 0.36)


class Scene:
    """The still life, loaded once. Meshes pass through `folder` on their way to Mitsuba."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._still = {name: mi.load_dict(shape) for name, shape in (self._room() | self._objects()).items()}
        self._brass = mi.load_dict(metal(BRASS, 0.16))
        self._gores = mi.load_dict(plastic(textures.gores(5), 0.22))
        self._knot = self._mesh("knot", torus_knot(2, 3, 0.17))

    def at(self, share: float, light: str, size: tuple[int, int], depth: int) -> mi.Scene:
        """The scene at a share 0..1 of the shot, under one of LIGHTS, seen by a camera of size (width, height)."""
        return mi.load_dict(
            {
                "type": "scene",
                "integrator": {"type": "path", "max_depth": depth, "rr_depth": depth},
                "sensor": _camera(share, size),
                "ball": {"type": "sphere"} | at(_rolled(share), self._gores),
                "knot": self._knot | at(_turned(share), self._brass),
                **self._still,
                **LIGHTS[light](),
            }
        )

    def _room(self) -> dict[str, Node]:
        """The wall behind, the wall on the left, the table, a floor that only reflections see, and the window wall."""
        wall, side = plaster(11, (0.50, 0.47, 0.42)), plaster(13, (0.30, 0.37, 0.35))
        wall = bumped(plastic(wall, 0.5, gloss=0.3), relief(12, 90), 0.02)
        side = bumped(plastic(side, 0.5, gloss=0.3), relief(14, 90), 0.05)
        wood = bumped(plastic(planks(21), 0.20), planks(21)[..., :1], 0.25)
        floor = plastic(plaster(15, (0.2, 0.15, 0.11)), 0.4)
        shapes = {
            "back_wall": rectangle(move(1, 5.2, 5) @ turn("x", 90) @ scale(11, 8, 1), wall),
            "left_wall": rectangle(move(-6.4, -2, 5) @ turn("y", 90) @ turn("z", 90) @ scale(9, 8, 1), side),
            "table": rectangle(move(0.5, 0.6, 0) @ scale(7.5, 4.6, 1), wood),
            "floor": rectangle(move(0, 0, -7) @ scale(30, 30, 1), floor),
        }
        return shapes | _window()

    def _objects(self) -> dict[str, Node]:
        """All that stands on the table and hangs on the wall, and keeps still."""
        vase = self._mesh("vase", lathe(VASE))
        bowl = self._mesh("bowl", lathe(BOWL, smoothing=8))
        pear = self._mesh("pear", lathe(PEAR))
        napkin = self._mesh("cloth", cloth(4.6, 3.0, seed=8))
        cotton = bumped(matt(gingham(33)), gingham(33)[..., 1:2], 0.02)
        skin, stalk = plastic(textures.rind(31), 0.18), plastic(flat(0.07, 0.035, 0.015), 0.4)
        block = move(1.85, -1.65, 0.55) @ turn("z", 28) @ scale(0.55)
        poster = move(0.6, 5.13, 4.5) @ turn("x", 90) @ scale(1.5, 1.9, 1)
        in_bowl = move(0.6, 0.35, 0.32) @ turn("z", 75) @ turn("x", 38) @ scale(0.85)
        shapes = {
            "vase": vase | at(move(-1.75, 1.9, 0), plastic(textures.glaze(30), 0.07)),
            "cloth": napkin | at(move(-3.6, -0.2, 0.0) @ turn("z", 24), cotton),
            "bowl": bowl | at(move(0.75, 0.35, 0), metal(COPPER, 0.10)),
            "pear": pear | at(move(3.45, -0.9, 0) @ turn("z", 200), skin),
            "pear_lying": pear | at(move(4.5, -0.1, 0.64) @ turn("z", 160) @ turn("y", 84), skin),
            "pear_in_bowl": pear | at(in_bowl, skin),
            "stalk": cylinder((3.45, -0.9, 1.62), (3.57, -0.95, 2.0), 0.04, stalk),
            "block": {"type": "cube"} | at(block, plastic(textures.checks(40), 0.3)),
            "poster": rectangle(poster, matt(textures.poster(50))),
        }
        return shapes | _books() | _frame()

    def _mesh(self, name: str, points: Float64) -> Node:
        return {"type": "obj", "filename": str(write_obj(self._folder / f"{name}.obj", points))}


def _books() -> dict[str, Node]:
    """Two books under the knot."""
    x, y, _ = KNOT_PLACE
    red, green = textures.book(60, (0.26, 0.045, 0.03)), textures.book(61, (0.03, 0.11, 0.085))
    pages = matt(np.repeat(plaster(62, (0.6, 0.54, 0.42), (128, 128))[:, :1], 128, axis=1))
    return {
        "book": box((x, y, 0.22), (1.45, 1.05, 0.22), 8, plastic(red, 0.3)),
        "book_pages": box((x, y, 0.22), (1.41, 1.09, 0.17), 8, pages),
        "book_upper": box((x, y, 0.61), (1.2, 0.9, 0.17), -9, plastic(green, 0.3)),
        "book_upper_pages": box((x, y, 0.61), (1.16, 0.94, 0.13), -9, pages),
    }


def _frame() -> dict[str, Node]:
    """The four bars of the poster's frame."""
    black = plastic(flat(0.025, 0.025, 0.025), 0.15)
    x, z, wide, high = 0.6, 4.5, 1.5, 1.9
    bars = {"left": (x - wide, z, 0.09, high), "right": (x + wide, z, 0.09, high)}
    bars |= {"top": (x, z + high, wide + 0.09, 0.09), "bottom": (x, z - high, wide + 0.09, 0.09)}
    return {f"frame_{side}": box((bx, 5.12, bz), (w, 0.12, h), 0, black) for side, (bx, bz, w, h) in bars.items()}


def _window() -> dict[str, Node]:
    """The wall on the right, out of the picture, with the opening through which the sun comes in, and its bars."""
    paint = matt(flat(0.55, 0.55, 0.55))
    near, far, sill, top = -7.6, 0.5, 1.2, 9.0
    walls = {
        "near": (-14, near, -7, 14),
        "far": (far, 5.2, -7, 14),
        "below": (near, far, -7, sill),
        "above": (near, far, top, 14),
    }
    walls |= {f"bar_{i}": (y - 0.12, y + 0.12, sill, top) for i, y in enumerate((-4.9, -2.2))}
    walls |= {f"rail_{i}": (near, far, z - 0.12, z + 0.12) for i, z in enumerate((3.8, 6.4))}
    return {
        f"window_{name}": box((9.2, (y0 + y1) / 2, (z0 + z1) / 2), (0.15, (y1 - y0) / 2, (z1 - z0) / 2), 0, paint)
        for name, (y0, y1, z0, z1) in walls.items()
    }


def _overcast() -> dict[str, Node]:
    """A large window behind the camera's left shoulder, and the grey that it leaves in the room."""
    window = look_at((-7.5, -10, 9.5), (0, 0.5, 1)) @ scale(5, 4, 1)
    light = {"type": "area", "radiance": rgb(18.5, 19.6, 20.8), "sampling_weight": 2.0}
    return {
        "window_light": {"type": "rectangle", "to_world": window, "emitter": light},
        "room": {"type": "constant", "radiance": rgb(1.15, 1.2, 1.3)},
    }


def _sunset() -> dict[str, Node]:
    """The sun, and the blue of the sky.

    The sun is 32 directions spread over a disc 2 degrees wide: its shadows get their soft edge, while no path can meet
    it by chance and leave a firefly.
    """
    count, radius = 32, math.radians(1.0)
    towards, aside, up = np.array([-1.0, 0.58, -0.44]), np.array([0.58, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    strength = np.array([23.0, 12.4, 5.2]) / count
    nodes = {}
    for i in range(count):
        distance, angle = radius * math.sqrt((i + 0.5) / count), i * math.pi * (3 - math.sqrt(5))
        ray = towards + distance * (math.cos(angle) * aside + math.sin(angle) * up)
        sun = {"type": "directional", "direction": list(ray), "irradiance": rgb(*strength)}
        nodes[f"sun_{i}"] = sun | {"sampling_weight": 1 / count}
    return nodes | {"sky": {"type": "constant", "radiance": rgb(0.19, 0.30, 0.53), "sampling_weight": 1.0}}


def _camera(share: float, size: tuple[int, int]) -> Node:
    """A quiet dolly: an orbit around the table that also comes nearer."""
    azimuth = math.radians(ORBIT_DEG[0] + share * (ORBIT_DEG[1] - ORBIT_DEG[0]))
    distance = DOLLY[0] + share * (DOLLY[1] - DOLLY[0])
    height = 0.34 - 0.03 * share
    eye = LOOK_AT + distance * np.array([math.sin(azimuth), -math.cos(azimuth), height])
    return {
        "type": "thinlens",
        "to_world": look_at(eye, LOOK_AT),
        "fov": 38,
        "aperture_radius": 0.05,
        "focus_distance": float(np.linalg.norm(eye - LOOK_AT)),
        "film": {
            "type": "hdrfilm",
            "width": size[0],
            "height": size[1],
            "pixel_format": "rgb",
            "component_format": "float32",
            "rfilter": {"type": "box"},
        },
    }


def _rolled(share: float) -> mi.ScalarTransform4f:
    """The ball rolls without slipping: it turns by its way over its radius."""
    whole = BALL_TO - BALL_FROM
    length = float(np.linalg.norm(whole))
    axis = [-whole[1] / length, whole[0] / length, 0]
    rolling = mi.ScalarTransform4f().rotate(axis, math.degrees(share * length / BALL_RADIUS))
    place = move(*(BALL_FROM + share * whole), BALL_RADIUS)
    return place @ rolling @ turn("x", 55) @ turn("z", 40) @ scale(BALL_RADIUS)


def _turned(share: float) -> mi.ScalarTransform4f:
    return move(*KNOT_PLACE) @ turn("z", share * KNOT_TURN_DEG) @ turn("x", 78) @ scale(0.92)


LIGHTS = {"overcast": _overcast, "sunset": _sunset}
