# SPDX-License-Identifier: GPL-3.0-or-later
"""The scene put together: who moves how, light, camera, and the materials that show coverage alone."""

from __future__ import annotations

from math import atan2, cos, hypot, pi, sin

import bpy
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from demo_scene import bed, fish
from demo_scene import shading as sh

FRAMES = 48
RATE = 24
OCCLUDED_AT = 27
"""The frame in which the driftwood stands before the fish's middle."""

TAIL_BEAT = 15.0
"""Frames that one beat of the tail takes."""


def camera_place(frame: float) -> Vector:
    """A travelling camera, held by hand."""
    t = (frame - 1) / (FRAMES - 1)
    shake = Vector((0, 0.01 * sin(0.31 * frame), 0.014 * sin(0.43 * frame + 1)))
    return Vector((-1.45 + 2.9 * t, -4.3 + 0.25 * t, 0.42 + 0.1 * t)) + shake


def fish_place(frame: float) -> Vector:
    """A winding path from the left of the picture to its right."""
    t = (frame - 1) / (FRAMES - 1)
    x = camera_place(frame).x - 0.62 + 1.24 * t
    return Vector((x, 0.42 * sin(2 * pi * (0.85 * t + 0.62)), 0.06 + 0.12 * sin(2 * pi * (0.8 * t + 0.1))))


def _heading(frame: float) -> tuple[float, float]:
    """Yaw and climb of the path, in radians."""
    step = fish_place(frame + 0.5) - fish_place(frame - 0.5)
    return atan2(step.y, step.x), atan2(step.z, hypot(step.x, step.y))


def _key_values(owner: bpy.types.Key, frame: int, values: dict[str, float]) -> None:
    for name, value in values.items():
        owner.key_blocks[name].value = value
        owner.key_blocks[name].keyframe_insert("value", frame=frame)


def _animate(swimmer: bpy.types.Object, camera: bpy.types.Object, tufts: list[bpy.types.Key]) -> None:
    # One frame more at either end, for the motion blur of the first and last.
    for frame in range(0, FRAMES + 2):
        yaw, climb = _heading(frame)
        turning = _heading(frame + 1)[0] - _heading(frame - 1)[0]
        swimmer.location = fish_place(frame)
        swimmer.rotation_euler = (-1.6 * turning, -0.7 * climb, yaw)
        phase = 2 * pi * frame / TAIL_BEAT
        _key_values(
            swimmer.data.shape_keys,
            frame,
            {"Wave A": cos(phase), "Wave B": sin(phase), "Turn": 5 * turning, "Flap": sin(0.37 * frame)},
        )
        camera.location = camera_place(frame)
        camera.rotation_euler = (
            pi / 2 - 0.095 + 0.004 * sin(0.37 * frame),
            0.004 * sin(0.23 * frame),
            0.006 * sin(0.29 * frame),
        )
        for thing in (swimmer, camera):
            thing.keyframe_insert("location", frame=frame)
            thing.keyframe_insert("rotation_euler", frame=frame)
        for n, keys in enumerate(tufts):
            sway = 2 * pi * frame / 62 + n
            _key_values(keys, frame, {"Sway A": cos(sway), "Sway B": sin(sway)})


def _light(scene: bpy.types.Scene) -> None:
    world = bpy.data.worlds.new("Water")
    world.use_nodes = True
    background = next(n for n in world.node_tree.nodes if n.type == "BACKGROUND")
    background.inputs["Color"].default_value = (*sh.WATER, 1.0)
    background.inputs["Strength"].default_value = 1.6
    scene.world = world
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle, sun.data.color = 5.5, 0.12, (1.0, 0.95, 0.84)
    sun.rotation_euler = (0.62, 0.35, 0.0)
    scene.collection.objects.link(sun)


def build() -> bpy.types.Scene:
    """An empty file becomes the scene, animated from frame 1 to FRAMES."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    swimmer = fish.build()
    plants = bed.weed()
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.lens = 58
    sight = camera_place(OCCLUDED_AT).lerp(fish_place(OCCLUDED_AT), 0.38)
    wood = bed.driftwood(sight + Vector((-0.09, 0, -0.9)), sight + Vector((0.07, 0, 0.9)))
    for thing in (swimmer, bed.ground(), *plants, wood, camera):
        scene.collection.objects.link(thing)
    bed.rocks()
    scene.camera = camera
    tufts = list(dict.fromkeys(p.data.shape_keys for p in plants))
    _animate(swimmer, camera, tufts)
    _light(scene)
    scene.frame_start, scene.frame_end, scene.render.fps = 1, FRAMES, RATE
    return scene


def frame_subject(scene: bpy.types.Scene, margin: float = 0.04) -> None:
    """Render only the part of the picture around the fish, black elsewhere; for the current frame."""
    swimmer = scene.objects["Fish"].evaluated_get(bpy.context.evaluated_depsgraph_get())
    seen = [
        world_to_camera_view(scene, scene.camera, swimmer.matrix_world @ vertex.co)
        for vertex in swimmer.data.vertices
    ]
    render = scene.render
    render.use_border, render.use_crop_to_border = True, False
    render.border_min_x = max(0.0, min(p.x for p in seen) - margin)
    render.border_max_x = min(1.0, max(p.x for p in seen) + margin)
    render.border_min_y = max(0.0, min(p.y for p in seen) - margin)
    render.border_max_y = min(1.0, max(p.y for p in seen) + margin)


def show_coverage(scene: bpy.types.Scene) -> None:
    """Make the fish white and all else black, without light: a render then shows its coverage."""
    white, black = sh.flat("Subject", 1.0), sh.flat("Other", 0.0)
    for thing in scene.objects:
        for slot in thing.material_slots:
            slot.material = white if thing.name == "Fish" else black
    scene.world = None
