# SPDX-License-Identifier: GPL-3.0-or-later
"""Things of simple solids that move by themselves: walkers, vehicles, soft blobs."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sin
from random import Random

import bpy
from mathutils import Vector

Thing = list[bpy.types.Object]
"""A thing's objects; the first is the parent of the others and stands on the ground at its origin."""

Maker = Callable[[Random, list[bpy.types.Material], int], Thing]


def walker(chance: Random, materials: list[bpy.types.Material], frames: int) -> Thing:
    """A body with a head on two or four legs that swing; one unit high or less."""
    legs = chance.choice((2, 4))
    height, length = chance.uniform(0.35, 0.55), chance.uniform(0.15, 0.3) * legs / 2
    root = _empty()
    body = _ball(root, (0, 0, height + 0.15), (length, chance.uniform(0.1, 0.16), 0.17), materials[0])
    head = _ball(root, (length, 0, height + chance.uniform(0.25, 0.4)), (0.12, 0.1, 0.12), materials[1])
    parts = [root, body, head]
    pace = chance.uniform(10, 20)
    for number in range(legs):
        along = 0.0 if legs == 2 else (length * 0.7 if number < 2 else -length * 0.7)
        side = 0.08 if number % 2 else -0.08
        hip = _empty(root, (along, side, height + 0.1))
        leg = _tube(hip, (0, 0, -(height + 0.1) / 2), (0.05, height + 0.1), materials[number % 2])
        phase = pi * (number % 2) + 0.5 * pi * (number // 2)
        for frame in range(1, frames + 1):
            hip.rotation_euler.y = 0.6 * sin(2 * pi * frame / pace + phase)
            hip.keyframe_insert("rotation_euler", frame=frame)
        parts += [hip, leg]
    return parts


def vehicle(chance: Random, materials: list[bpy.types.Material], frames: int) -> Thing:
    """A hull with a cabin on four wheels."""
    length, width = chance.uniform(0.4, 0.6), chance.uniform(0.2, 0.28)
    root = _empty()
    parts = [
        root,
        _box(root, (0, 0, 0.22), (length, width, 0.12), materials[0]),
        _box(root, (-0.1 * length, 0, 0.4), (0.55 * length, 0.9 * width, 0.09), materials[1]),
    ]
    for along in (-0.65 * length, 0.65 * length):
        for side in (-width, width):
            wheel = _tube(root, (along, side, 0.12), (0.12, 0.08), materials[2])
            wheel.rotation_euler.x = pi / 2
            parts.append(wheel)
    return parts


def blob(chance: Random, materials: list[bpy.types.Material], frames: int) -> Thing:
    """A lump whose bulges come and go."""
    root = _empty()
    lump = _ball(root, (0, 0, 0.4), (0.35, 0.35, 0.35), materials[0])
    bulge = lump.modifiers.new("Bulge", "DISPLACE")
    bulge.texture = bpy.data.textures.new("Bulge", "CLOUDS")
    bulge.texture.noise_scale = chance.uniform(0.2, 0.5)
    bulge.texture_coords, bulge.texture_coords_object = "OBJECT", _empty(root)
    pace = chance.uniform(12, 30)
    for frame in range(1, frames + 1):
        bulge.strength = 0.5 + 0.25 * sin(2 * pi * frame / pace)
        bulge.keyframe_insert("strength", frame=frame)
        root.scale.z = 1 + 0.15 * sin(2 * pi * frame / pace)
        root.keyframe_insert("scale", frame=frame)
    return [root, lump]


MAKERS: tuple[Maker, ...] = (walker, vehicle, blob)


def _empty(parent: bpy.types.Object | None = None, place: tuple[float, ...] = (0, 0, 0)) -> bpy.types.Object:
    return _linked(bpy.data.objects.new("Joint", None), parent, place)


def _linked(
    made: bpy.types.Object, parent: bpy.types.Object | None, place: tuple[float, ...]
) -> bpy.types.Object:
    bpy.context.scene.collection.objects.link(made)
    made.parent, made.location = parent, Vector(place)
    return made


def _solid(
    parent: bpy.types.Object,
    place: tuple[float, ...],
    scale: tuple[float, ...],
    material: bpy.types.Material,
) -> bpy.types.Object:
    """The object that an operator just made, put in its place."""
    made = bpy.context.object
    made.parent, made.location, made.scale = parent, Vector(place), Vector(scale)
    made.data.materials.append(material)
    return made


def _ball(
    parent: bpy.types.Object,
    place: tuple[float, ...],
    scale: tuple[float, ...],
    material: bpy.types.Material,
) -> bpy.types.Object:
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=4)
    bpy.ops.object.shade_smooth()
    return _solid(parent, place, scale, material)


def _box(
    parent: bpy.types.Object,
    place: tuple[float, ...],
    scale: tuple[float, ...],
    material: bpy.types.Material,
) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add()
    made = _solid(parent, place, scale, material)
    made.modifiers.new("Edges", "BEVEL").width = 0.1
    return made


def _tube(
    parent: bpy.types.Object,
    place: tuple[float, ...],
    size: tuple[float, float],
    material: bpy.types.Material,
) -> bpy.types.Object:
    """`size` is radius and length."""
    bpy.ops.mesh.primitive_cylinder_add(radius=1, depth=1)
    bpy.ops.object.shade_smooth()
    return _solid(parent, place, (size[0], size[0], size[1]), material)
