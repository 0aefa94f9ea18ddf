"""Blender's notation for scenes: things, what they are made of, and lamps. Metres, z up, angles in degrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import cos, pi, radians, sin
from pathlib import Path

import bpy  # first: it brings the others

# isort: split
import bmesh
from mathutils import Vector

Triple = Sequence[float]
Shape = Callable[[bmesh.types.BMesh], object]
ORIGIN = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Light:
    """One light of a shot: lamps that are on in it alone, and what the sky gives."""

    sky: bpy.types.World
    lamps: list[bpy.types.Object] = field(default_factory=list)


@dataclass(frozen=True)
class Shot:
    """A scene as it is built.

    move     takes how much of the shot is over, 0..1, and puts camera and things where they are then.
    samples  a pixel, at most; more for lamps in rooms than for a sky.
    """

    plate: Light
    relit: Light
    move: Callable[[float], None]
    samples: int = 32


def empty(size: tuple[int, int], threads: int) -> bpy.types.Scene:
    """Begin a scene without anything in it, to be rendered by Cycles on the CPU, its noise taken out."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    render, cycles = scene.render, scene.cycles
    render.engine, render.use_persistent_data = "CYCLES", True
    render.resolution_x, render.resolution_y = size
    render.threads_mode, render.threads = "FIXED", threads
    image = render.image_settings
    image.file_format, image.color_mode, image.color_depth, image.exr_codec = "OPEN_EXR", "RGB", "16", "ZIP"
    cycles.device = "CPU"
    cycles.use_adaptive_sampling, cycles.adaptive_threshold = True, 0.01
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 4, 2, 3
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 8
    return scene


def camera(lens_mm: float) -> bpy.types.Object:
    """The scene's camera, with a sensor of 36 mm."""
    seen = _placed("camera", bpy.data.cameras.new("camera"), ORIGIN)
    seen.data.lens, seen.data.clip_start = lens_mm, 0.05
    bpy.context.scene.camera = seen
    return seen


def aim(thing: bpy.types.Object, place: Triple, target: Triple) -> None:
    """Put a camera or lamp somewhere, looking at a target, upright."""
    thing.location = place
    thing.rotation_euler = (Vector(target) - Vector(place)).to_track_quat("-Z", "Y").to_euler()


def render(scene: bpy.types.Scene, shot: Shot, light: Light, share: float, seed: int, path: Path) -> None:
    """Write how a shot looks under a light when a share of it is over."""
    shot.move(share)
    scene.world, scene.cycles.seed = light.sky, seed
    for one in (shot.plate, shot.relit):
        for lamp in one.lamps:
            lamp.hide_render = one is not light
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


# Lamps.


def sky(color: Triple, strength: float, ground: Triple | None = None) -> bpy.types.World:
    """Light from everywhere; with `ground`, that colour from below and something between at the horizon."""
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    tree = world.node_tree
    background = tree.nodes["Background"]
    background.inputs["Strength"].default_value = strength
    background.inputs["Color"].default_value = (*color, 1)
    if ground is not None:
        where, ramp = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeValToRGB")
        parts, up = tree.nodes.new("ShaderNodeSeparateXYZ"), tree.nodes.new("ShaderNodeMapRange")
        up.inputs["From Min"].default_value = -1
        tree.links.new(where.outputs["Generated"], parts.inputs[0])
        tree.links.new(parts.outputs["Z"], up.inputs[0])
        tree.links.new(up.outputs[0], ramp.inputs[0])
        tree.links.new(ramp.outputs[0], background.inputs["Color"])
        first, last = ramp.color_ramp.elements
        first.position, first.color, last.position, last.color = 0.42, (*ground, 1), 0.7, (*color, 1)
    return world


def sun(azimuth: float, elevation: float, strength: float, color: Triple, size: float = 0.6) -> bpy.types.Object:
    """A sun that stands at an azimuth (0 behind a camera that looks along y, 90 to its right), `size` degrees wide."""
    lamp = _lamp("SUN", strength, color)
    lamp.data.angle = radians(size)
    around, up = radians(azimuth), radians(elevation)
    aim(lamp, (sin(around) * cos(up), -cos(around) * cos(up), sin(up)), ORIGIN)
    return lamp


def softbox(place: Triple, target: Triple, size: tuple[float, float], watts: float, color: Triple) -> bpy.types.Object:
    """A rectangle that shines towards a target."""
    lamp = _lamp("AREA", watts, color)
    lamp.data.shape, (lamp.data.size, lamp.data.size_y) = "RECTANGLE", size
    aim(lamp, place, target)
    return lamp


def bulb(place: Triple, radius: float, watts: float, color: Triple) -> bpy.types.Object:
    """A sphere that shines."""
    lamp = _lamp("POINT", watts, color)
    lamp.data.shadow_soft_size, lamp.location = radius, place
    return lamp


def _lamp(kind: str, energy: float, color: Triple) -> bpy.types.Object:
    data = bpy.data.lights.new(kind, kind)
    data.energy, data.color = energy, color
    return _placed(kind, data, ORIGIN)


# What things are made of.


def plain(color: Triple, rough: float = 0.6, metal: float = 0.0, coat: float = 0.0) -> bpy.types.Material:
    """One colour."""
    made = bpy.data.materials.new("plain")
    made.use_nodes = True
    inputs = made.node_tree.nodes["Principled BSDF"].inputs
    inputs["Base Color"].default_value = (*color, 1)
    inputs["Roughness"].default_value, inputs["Metallic"].default_value = rough, metal
    inputs["Coat Weight"].default_value, inputs["Coat Roughness"].default_value = coat, 0.05
    return made


def leafy(color: Triple) -> bpy.types.Material:
    """A leaf: light comes through."""
    made = plain(color, 0.5)
    tree = made.node_tree
    through, mixed = tree.nodes.new("ShaderNodeBsdfTranslucent"), tree.nodes.new("ShaderNodeMixShader")
    through.inputs[0].default_value = (*color, 1)
    tree.links.new(tree.nodes["Principled BSDF"].outputs[0], mixed.inputs[1])
    tree.links.new(through.outputs[0], mixed.inputs[2])
    tree.links.new(mixed.outputs[0], tree.nodes["Material Output"].inputs[0])
    return made


def glowing(color: Triple, strength: float) -> bpy.types.Material:
    """What shines by itself."""
    made = plain(color)
    inputs = made.node_tree.nodes["Principled BSDF"].inputs
    inputs["Emission Color"].default_value, inputs["Emission Strength"].default_value = (*color, 1), strength
    return made


def brick(stone: Triple, other: Triple, mortar: Triple, scale: float, rough: float = 0.8) -> bpy.types.Material:
    """Courses of bricks, `scale` of them a metre, in a thing's own x and y."""
    node, made = _textured("ShaderNodeTexBrick", scale, rough)
    for name, color in (("Color1", stone), ("Color2", other), ("Mortar", mortar)):
        node.inputs[name].default_value = (*color, 1)
    node.inputs["Mortar Size"].default_value = 0.025
    return made


def checker(color: Triple, other: Triple, scale: float, rough: float = 0.5, coat: float = 0.0) -> bpy.types.Material:
    """Squares of two colours."""
    node, made = _textured("ShaderNodeTexChecker", scale, rough, bump=0)
    node.inputs["Color1"].default_value, node.inputs["Color2"].default_value = (*color, 1), (*other, 1)
    made.node_tree.nodes["Principled BSDF"].inputs["Coat Weight"].default_value = coat
    return made


def mottled(dark: Triple, bright: Triple, scale: float, rough: float = 0.7, bump: float = 0.3) -> bpy.types.Material:
    """Two colours by a noise, `scale` spots a metre."""
    return _ramped("ShaderNodeTexNoise", dark, bright, scale, rough, bump, {"Detail": 6.0})


def grained(dark: Triple, bright: Triple, scale: float, rough: float = 0.45) -> bpy.types.Material:
    """Wood."""
    how = {"Distortion": 6.0, "Detail": 3.0, "Detail Scale": 1.5}
    return _ramped("ShaderNodeTexWave", dark, bright, scale, rough, 0.05, how)


def cells(dark: Triple, bright: Triple, scale: float, rough: float = 0.6) -> bpy.types.Material:
    """Cells like cobbles or a painting's patches."""
    return _ramped("ShaderNodeTexVoronoi", dark, bright, scale, rough, 0.4, {})


def _ramped(
    kind: str, dark: Triple, bright: Triple, scale: float, rough: float, bump: float, how: dict[str, float]
) -> bpy.types.Material:
    node, made = _textured(kind, scale, rough, bump)
    tree = made.node_tree
    for name, value in how.items():
        node.inputs[name].default_value = value
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    first, last = ramp.color_ramp.elements
    first.position, first.color, last.position, last.color = 0.3, (*dark, 1), 0.7, (*bright, 1)
    tree.links.new(_value(node), ramp.inputs[0])
    tree.links.new(ramp.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return made


def _textured(
    kind: str, scale: float, rough: float, bump: float = 0.3
) -> tuple[bpy.types.ShaderNode, bpy.types.Material]:
    """A material whose colour and bumps are a texture's, in the thing's own metres."""
    made = plain((0.5, 0.5, 0.5), rough)
    tree = made.node_tree
    node, where = tree.nodes.new(kind), tree.nodes.new("ShaderNodeTexCoord")
    node.inputs["Scale"].default_value = scale
    tree.links.new(where.outputs["Object"], node.inputs["Vector"])
    shader = tree.nodes["Principled BSDF"]
    tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    if bump:
        raised = tree.nodes.new("ShaderNodeBump")
        raised.inputs["Strength"].default_value, raised.inputs["Distance"].default_value = bump, 0.02
        tree.links.new(_value(node), raised.inputs["Height"])
        tree.links.new(raised.outputs[0], shader.inputs["Normal"])
    return node, made


def _value(texture: bpy.types.ShaderNode) -> bpy.types.NodeSocket:
    """What a texture gives that is no colour."""
    return texture.outputs.get("Fac") or texture.outputs["Distance"]


# Things.


def box(
    made: bpy.types.Material, size: Triple, place: Triple, turn: float = 0, bevel: float = 0.01
) -> bpy.types.Object:
    """A box around a place, turned about z, its edges rounded."""

    def shape(mesh: bmesh.types.BMesh) -> None:
        bmesh.ops.create_cube(mesh, size=1)
        bmesh.ops.scale(mesh, vec=size, verts=mesh.verts)

    thing = _mesh("box", shape, made, place, smooth=False)
    thing.rotation_euler.z = radians(turn)
    if bevel:
        rounded = thing.modifiers.new("bevel", "BEVEL")
        rounded.width, rounded.segments = bevel, 2
    return thing


def panel(
    made: bpy.types.Material, size: tuple[float, float], place: Triple, turn: Triple = ORIGIN
) -> bpy.types.Object:
    """A rectangle around a place, in x and y before it is turned about x, y and z."""

    def shape(mesh: bmesh.types.BMesh) -> None:
        bmesh.ops.create_grid(mesh, x_segments=1, y_segments=1, size=0.5)
        bmesh.ops.scale(mesh, vec=(*size, 1), verts=mesh.verts)

    thing = _mesh("panel", shape, made, place, smooth=False)
    thing.rotation_euler = [radians(angle) for angle in turn]
    return thing


def ball(made: bpy.types.Material, radius: float, place: Triple, squeeze: Triple = (1, 1, 1)) -> bpy.types.Object:
    """A sphere, or an ellipsoid."""

    def shape(mesh: bmesh.types.BMesh) -> None:
        bmesh.ops.create_uvsphere(mesh, u_segments=40, v_segments=24, radius=radius)

    thing = _mesh("ball", shape, made, place)
    thing.scale = squeeze
    return thing


def capsule(made: bpy.types.Material, radius: float, start: Triple, end: Triple) -> bpy.types.Object:
    """A rod with round ends, from `start` to `end`."""
    length = (Vector(end) - Vector(start)).length

    def shape(mesh: bmesh.types.BMesh) -> None:
        bmesh.ops.create_uvsphere(mesh, u_segments=24, v_segments=16, radius=radius)
        for vertex in mesh.verts:
            vertex.co.z += length if vertex.co.z > 0 else 0

    thing = _mesh("capsule", shape, made, start)
    thing.rotation_euler = (Vector(end) - Vector(start)).to_track_quat("Z", "Y").to_euler()
    return thing


def cone(made: bpy.types.Material, base: float, top: float, height: float, place: Triple) -> bpy.types.Object:
    """A cylinder or cone that stands on a place."""

    def shape(mesh: bmesh.types.BMesh) -> None:
        bmesh.ops.create_cone(mesh, cap_ends=True, segments=40, radius1=base, radius2=top, depth=height)
        bmesh.ops.translate(mesh, vec=(0, 0, height / 2), verts=mesh.verts)

    thing = _mesh("cone", shape, made, place)
    for face in thing.data.polygons:
        face.use_smooth = len(face.vertices) == 4
    return thing


def ring(made: bpy.types.Material, radius: float, thick: float, place: Triple) -> bpy.types.Object:
    """A torus."""
    around, across = 64, 24

    def shape(mesh: bmesh.types.BMesh) -> None:
        rows = []
        for i in range(around):
            a = 2 * pi * i / around
            angles = [2 * pi * j / across for j in range(across)]
            points = [
                ((radius + thick * cos(b)) * cos(a), (radius + thick * cos(b)) * sin(a), thick * sin(b)) for b in angles
            ]
            rows.append([mesh.verts.new(point) for point in points])
        for row, following in zip(rows, rows[1:] + rows[:1], strict=True):
            for j in range(across):
                mesh.faces.new((row[j], following[j], following[(j + 1) % across], row[(j + 1) % across]))

    return _mesh("ring", shape, made, place)


def monkey(made: bpy.types.Material, scale: float, place: Triple) -> bpy.types.Object:
    """Blender's head, Suzanne, which looks along -y."""
    thing = _mesh("monkey", bmesh.ops.create_monkey, made, place)
    thing.scale = (scale,) * 3
    thing.modifiers.new("smooth", "SUBSURF").render_levels = 2
    return thing


def sheet(
    made: bpy.types.Material,
    height: Callable[[float, float], float],
    size: tuple[float, float],
    place: Triple,
    turn: Triple = ORIGIN,
) -> bpy.types.Object:
    """A surface above a rectangle: a curtain, or uneven ground."""

    def shape(mesh: bmesh.types.BMesh) -> None:
        bmesh.ops.create_grid(mesh, x_segments=96, y_segments=96, size=0.5)
        for vertex in mesh.verts:
            x, y = vertex.co.x * size[0], vertex.co.y * size[1]
            vertex.co = (x, y, height(x, y))

    thing = _mesh("sheet", shape, made, place)
    thing.rotation_euler = [radians(angle) for angle in turn]
    return thing


def leaves(
    made: bpy.types.Material, quads: Sequence[tuple[Triple, Triple, Triple]], place: Triple = ORIGIN
) -> bpy.types.Object:
    """Leaves as one thing: each at a point, with the way it goes and the way it is wide."""

    def shape(mesh: bmesh.types.BMesh) -> None:
        for point, along, across in quads:
            p, a, b = Vector(point), Vector(along), Vector(across)
            corners = (p, p + a / 2 + b / 2, p + a, p + a / 2 - b / 2)
            mesh.faces.new([mesh.verts.new(corner) for corner in corners])

    return _mesh("leaves", shape, made, place, smooth=False)


def hang(things: Sequence[bpy.types.Object], on: bpy.types.Object) -> None:
    """Let things go with another one."""
    bpy.context.view_layer.update()
    for thing in things:
        thing.parent = on
        thing.matrix_parent_inverse = on.matrix_world.inverted()


def pivot(place: Triple) -> bpy.types.Object:
    """A place to hang things on."""
    return _placed("pivot", None, place)


def _mesh(name: str, shape: Shape, made: bpy.types.Material, place: Triple, *, smooth: bool = True) -> bpy.types.Object:
    mesh = bmesh.new()
    shape(mesh)
    data = bpy.data.meshes.new(name)
    mesh.normal_update()
    mesh.to_mesh(data)
    mesh.free()
    data.polygons.foreach_set("use_smooth", [smooth] * len(data.polygons))
    data.materials.append(made)
    return _placed(name, data, place)


def _placed(name: str, data: bpy.types.ID | None, place: Triple) -> bpy.types.Object:
    thing = bpy.data.objects.new(name, data)
    thing.location = place
    bpy.context.scene.collection.objects.link(thing)
    return thing
