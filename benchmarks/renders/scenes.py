# SPDX-License-Identifier: GPL-3.0-or-later
"""A hairy ball that flies and turns before a patterned wall, blurred by motion and by the lens."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sin, tau
from random import Random

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from numpy.typing import NDArray

from benchmarks.renders.clips import CLIPS, RenderedClip
from training.rendered import stage

Color = tuple[float, float, float]

RADIUS = 0.4
"""Of the ball in units of the scene."""

BLUR = 0.25
"""Units of the scene that motion and lens may carry a hair."""

POINTS = 6
"""Of a hair, from its root to its tip."""

TILT = Vector((0.3, 0.2, 0))
"""Of the axis that the subject turns about, so that hairs sweep in all directions."""


@dataclass(frozen=True)
class Coat:
    """Hairs of a unit ball: how many, their length, how far they hang and curl, their radius at the root, and
    the two colors, scene linear, that they are mottled with."""

    hairs: int
    length: float
    hang: float
    curl: float
    radius: float
    colors: tuple[Color, Color]


COATS = {
    "woolly": Coat(6000, 0.6, 0.1, 0.10, 0.010, ((0.75, 0.66, 0.50), (0.35, 0.24, 0.14))),
    "streaking": Coat(2000, 0.9, 0.5, 0.02, 0.016, ((0.60, 0.16, 0.03), (0.20, 0.03, 0.01))),
    "shaggy": Coat(3500, 0.8, 0.4, 0.06, 0.012, ((0.12, 0.07, 0.03), (0.45, 0.30, 0.12))),
    "spiky": Coat(900, 0.8, 0.0, 0.0, 0.030, ((0.10, 0.22, 0.55), (0.55, 0.60, 0.65))),
}
assert COATS.keys() == {clip.name for clip in CLIPS}


@dataclass(frozen=True)
class Stage:
    """What was built; `subject` is its body and its fur, whose coverage is the alpha and which are `reach`
    units large from their middle with all that blurs them."""

    scene: bpy.types.Scene
    subject: tuple[bpy.types.Object, bpy.types.Object]
    reach: float


def build(clip: RenderedClip) -> Stage:
    """Replace all that Blender holds by the scene of a clip."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    chance, scene = Random(clip.seed), bpy.context.scene
    scene.frame_start, scene.frame_end = 1, clip.frames
    stage.light(chance, scene)
    bpy.ops.mesh.primitive_plane_add(size=60, location=(0, 5, 0), rotation=(pi / 2, 0, 0))
    bpy.context.object.data.materials.append(stage.material(chance))
    for _ in range(6):
        place = (chance.uniform(-4, 4), chance.uniform(2.5, 4.5), chance.uniform(-2, 2))
        bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=3, radius=chance.uniform(0.3, 0.9), location=place)
        bpy.context.object.data.materials.append(stage.material(chance))

    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=4, radius=RADIUS)
    body = bpy.context.object
    body.data.materials.append(stage.material(chance))
    fur = _fur(COATS[clip.name], clip.seed)
    fur.data.materials.append(_mottled(chance, COATS[clip.name].colors))
    fur.parent, fur.scale = body, (RADIUS, RADIUS, RADIUS)
    scene.collection.objects.link(fur)
    _fly(body, clip)
    _camera(scene, clip)
    reach = RADIUS * (1.1 + COATS[clip.name].length + COATS[clip.name].curl) + BLUR
    return Stage(scene, (body, fur), reach)


def frame_subject(built: Stage) -> None:
    """Render only the part of the picture around the subject, nothing elsewhere; for the current frame."""
    scene, (body, _) = built.scene, built.subject
    middle = body.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world.translation
    low, high = (
        world_to_camera_view(scene, scene.camera, middle + side * Vector((built.reach, 0, built.reach)))
        for side in (-1, 1)
    )
    render = scene.render
    render.use_border, render.use_crop_to_border = True, False
    render.border_min_x, render.border_max_x = max(0.0, low.x), min(1.0, high.x)
    render.border_min_y, render.border_max_y = max(0.0, low.y), min(1.0, high.y)


def _mottled(chance: Random, colors: tuple[Color, Color]) -> bpy.types.Material:
    material = stage.material(chance)
    ramp = next(node for node in material.node_tree.nodes if node.type == "VALTORGB")
    for element, color in zip(ramp.color_ramp.elements, colors, strict=True):
        element.color = (*color, 1)
    return material


def _fur(coat: Coat, seed: int) -> bpy.types.Object:
    """Hairs that stand on a unit ball, thinner toward their tips."""
    lines = _hairs(coat, np.random.default_rng(seed))
    curves = bpy.data.hair_curves.new("Fur")
    curves.add_curves([POINTS] * coat.hairs)
    curves.attributes["position"].data.foreach_set("vector", lines.astype(np.float32).ravel())
    radii = np.broadcast_to(np.linspace(coat.radius, 0.15 * coat.radius, POINTS), (coat.hairs, POINTS))
    radius = curves.attributes.new("radius", "FLOAT", "POINT")
    radius.data.foreach_set("value", radii.astype(np.float32).ravel())
    return bpy.data.objects.new("Fur", curves)


def _hairs(coat: Coat, random: np.random.Generator) -> NDArray[np.float64]:
    """The points (hairs, POINTS, 3) of each hair, whose root is on the unit ball."""
    roots = random.normal(size=(coat.hairs, 3))
    roots /= np.linalg.norm(roots, axis=1, keepdims=True)
    part = np.linspace(0, 1, POINTS)[None, :, None]
    length = coat.length * random.uniform(0.5, 1, (coat.hairs, 1, 1))
    lines = roots[:, None] * (0.97 + part * length)
    lines = lines - np.array([0, 0, coat.hang]) * part**2 * length
    twist = random.uniform(0, tau, (coat.hairs, 1, 3)) + part * random.uniform(2, 9, (coat.hairs, 1, 3))
    return np.asarray(lines + coat.curl * part * np.sin(twist))


def _fly(body: bpy.types.Object, clip: RenderedClip) -> None:
    """Across the picture and a little up and down, toward the camera or away from it, turning."""
    # One frame more at either end, for the motion blur of the first and last.
    for frame in range(0, clip.frames + 2):
        part = (frame - 1) / (clip.frames - 1) - 0.5
        body.location = Vector((clip.across * part, clip.near + clip.toward * part, 0.25 * sin(tau * part)))
        body.rotation_euler = (TILT.x * frame * clip.turn, TILT.y * frame, clip.turn * frame)
        body.keyframe_insert("location", frame=frame)
        body.keyframe_insert("rotation_euler", frame=frame)


def _camera(scene: bpy.types.Scene, clip: RenderedClip) -> None:
    """Held by hand, with the focus on the plane that the subject's middle would fly in."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera, camera.data.lens = camera, 50
    camera.rotation_euler = (pi / 2, 0, 0)
    camera.data.dof.use_dof, camera.data.dof.aperture_fstop = True, clip.stop
    camera.data.dof.focus_distance = 5.0
    for frame in range(0, clip.frames + 2):
        camera.location = (0.02 * frame + 0.01 * sin(1.1 * frame), -5, 0.01 * sin(1.7 * frame))
        camera.keyframe_insert("location", frame=frame)
