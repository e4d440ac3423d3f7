# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene from a seed: a subject on its way, others like and unlike it, something in front, a camera."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sin
from random import Random

import bpy
from mathutils import Vector

from training.rendered.things import MAKERS, Thing


@dataclass(frozen=True)
class Stage:
    """What was built; the subject's objects are those whose coverage is the truth."""

    scene: bpy.types.Scene
    subject: Thing


def build(seed: int, frames: int) -> Stage:
    """Replace all that Blender holds by a scene of `frames` frames."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    chance, scene = Random(seed), bpy.context.scene
    scene.frame_start, scene.frame_end = 1, frames
    light(chance, scene)
    bpy.ops.mesh.primitive_plane_add(size=40)
    bpy.context.object.data.materials.append(material(chance))
    for _ in range(chance.randint(2, 6)):
        _obstacle(chance, (chance.uniform(-4, 4), chance.uniform(1.5, 5), 0))

    maker, look = chance.choice(MAKERS), [material(chance) for _ in range(3)]
    subject = maker(chance, look, frames)
    across = chance.choice((-1, 1)) * chance.uniform(0.3, 1.6)
    middle = Vector((chance.uniform(-0.4, 0.4), chance.uniform(-0.4, 0.4), 0))
    _send(chance, subject[0], middle, Vector((across, chance.uniform(-0.5, 0.5), 0)), frames)
    for number in range(chance.randint(0, 3)):
        twin = number == 0 and chance.random() < 0.5
        other = (maker if twin else chance.choice(MAKERS))(
            chance, look if twin else [material(chance) for _ in range(3)], frames
        )
        place = Vector((chance.uniform(-1.5, 1.5), chance.uniform(-1, 1.5), 0))
        way = Vector((chance.uniform(-1.5, 1.5), chance.uniform(-0.3, 0.3), 0))
        _send(chance, other[0], place, way, frames)
    if chance.random() < 0.5:
        occluder = _obstacle(chance, (0, -1.2, 0))
        _send(chance, occluder, Vector((0, -1.2, 0)), Vector((-2.5 * across, 0, 0)), frames)
    _camera(chance, scene, middle, frames)
    return Stage(scene, subject)


def show_coverage(stage: Stage) -> None:
    """Give the subject a white glow and all else a black one, so that a render is its coverage."""
    white, black = _glow(1.0), _glow(0.0)
    members = {object_.name for object_ in stage.subject}
    for object_ in stage.scene.objects:
        if object_.type == "MESH":
            object_.data = object_.data.copy()
            object_.data.materials.clear()
            object_.data.materials.append(white if object_.name in members else black)
    stage.scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0


def _send(chance: Random, thing: bpy.types.Object, middle: Vector, way: Vector, frames: int) -> None:
    """Move a thing along `way`, through `middle` halfway, facing where it goes."""
    bend, turns = chance.uniform(-0.3, 0.3), chance.uniform(0.5, 1.5)
    thing.rotation_euler.z = way.xy.angle_signed(Vector((1, 0))) if way.length > 0 else 0
    for frame in range(0, frames + 2):
        part = (frame - 1) / max(frames - 1, 1) - 0.5
        thing.location = middle + part * way + Vector((0, bend * sin(2 * pi * turns * part), 0))
        thing.keyframe_insert("location", frame=frame)


def _camera(chance: Random, scene: bpy.types.Scene, target: Vector, frames: int) -> None:
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.data.lens = chance.uniform(28, 60)
    start = Vector((chance.uniform(-1, 1), -chance.uniform(2.6, 4.2), chance.uniform(0.4, 1.6)))
    drift = Vector((chance.uniform(-0.8, 0.8), chance.uniform(-0.4, 0.4), chance.uniform(-0.2, 0.2)))
    for frame in range(0, frames + 2):
        part = (frame - 1) / max(frames - 1, 1)
        shake = Vector((0.01 * sin(1.1 * frame), 0, 0.01 * sin(1.7 * frame)))
        camera.location = start + part * drift + shake
        aim = target + Vector((0, 0, 0.4)) - camera.location
        camera.rotation_euler = aim.to_track_quat("-Z", "Y").to_euler()
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_euler", frame=frame)


def light(chance: Random, scene: bpy.types.Scene) -> None:
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle = chance.uniform(1.5, 5), chance.uniform(0.01, 0.3)
    sun.rotation_euler = (chance.uniform(-1, 1), chance.uniform(-1, 1), 0)
    scene.collection.objects.link(sun)
    scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    sky = scene.world.node_tree.nodes["Background"].inputs
    sky["Color"].default_value = (*_color(chance, 0.3), 1)
    sky["Strength"].default_value = chance.uniform(0.4, 1.2)


def _obstacle(chance: Random, place: tuple[float, float, float]) -> bpy.types.Object:
    """A post or a boulder."""
    if chance.random() < 0.5:
        bpy.ops.mesh.primitive_cylinder_add(radius=chance.uniform(0.06, 0.25), depth=3, location=place)
    else:
        bpy.ops.mesh.primitive_ico_sphere_add(radius=chance.uniform(0.2, 0.6), location=place)
    made = bpy.context.object
    made.data.materials.append(material(chance))
    return made


def material(chance: Random) -> bpy.types.Material:
    """Two colors mixed by noise, waves or checks."""
    material = bpy.data.materials.new("Surface")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    kind = chance.choice(("ShaderNodeTexNoise", "ShaderNodeTexWave", "ShaderNodeTexChecker"))
    pattern, ramp = nodes.new(kind), nodes.new("ShaderNodeValToRGB")
    coordinates = nodes.new("ShaderNodeTexCoord")
    links.new(coordinates.outputs["Object"], pattern.inputs["Vector"])
    pattern.inputs["Scale"].default_value = chance.uniform(1, 12)
    for element in ramp.color_ramp.elements:
        element.color = (*_color(chance, 0.8), 1)
    links.new(pattern.outputs[1 if kind == "ShaderNodeTexChecker" else 0], ramp.inputs["Fac"])
    surface = nodes["Principled BSDF"]
    links.new(ramp.outputs["Color"], surface.inputs["Base Color"])
    surface.inputs["Roughness"].default_value = chance.uniform(0.3, 1)
    return material


def _glow(strength: float) -> bpy.types.Material:
    material = bpy.data.materials.new("Glow")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    emission = nodes.new("ShaderNodeEmission")
    emission.inputs["Strength"].default_value = strength
    links.new(emission.outputs[0], nodes["Material Output"].inputs["Surface"])
    return material


def _color(chance: Random, saturation: float) -> tuple[float, float, float]:
    gray = chance.uniform(0.03, 0.8)
    red, green, blue = (gray + saturation * (chance.random() - 0.5) * gray for _ in range(3))
    return red, green, blue
