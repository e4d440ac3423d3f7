# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fish swims past: a rising bed with rocks and weed, and the driftwood before it."""

from __future__ import annotations

from random import Random

import bpy
import numpy as np
from mathutils import Vector, noise

from demo_scene import shading as sh
from demo_scene.meshes import Part, join, shape_key

SEED = 11


def ground_height(x: float, y: float) -> float:
    """Flat before the fish, then a slope that fills the picture's upper part."""
    slope = -1.25 + 0.52 * max(0.0, y - 0.8) ** 1.25
    return slope + 0.34 * noise.fractal(Vector((0.55 * x, 0.55 * y, 3.0)), 0.9, 2.1, 5)


def ground(width: float = 18.0, near: float = -3.0, far: float = 7.5, step: float = 0.06) -> bpy.types.Object:
    xs, ys = np.arange(-width / 2, width / 2, step), np.arange(near, far, step)
    points = np.array([[(x, y, ground_height(x, y)) for x in xs] for y in ys])
    mesh = join("Bed", [Part.grid(points, points[..., :2])], [_stone("Bed gravel", 2.0, 0.35)])
    return bpy.data.objects.new("Bed", mesh.data)


def rocks(count: int = 420) -> bpy.types.Object:
    """Boulders and stones of a few forms, strewn over the bed.

    All are one mesh: Cycles is slow where instances overlap.
    """
    random = Random(SEED)
    stones = [_stone(f"Stone {n}", 1.3, moss) for n, moss in enumerate((0.25, 0.5, 0.75))]
    forms = [_rock_mesh(n, stones[n % len(stones)]) for n in range(7)]
    placed = []
    for _ in range(count):
        x, y = random.uniform(-7, 7), random.uniform(0.9, 6.8)
        size = 0.05 + 0.55 * random.random() ** 4 + 0.04 * y
        rock = bpy.data.objects.new("Rocks", random.choice(forms).copy())
        rock.location = (x, y, ground_height(x, y) + 0.2 * size)
        rock.rotation_euler = [random.uniform(0, 6.28) for _ in range(3)]
        rock.scale = [size * random.uniform(0.75, 1.3) for _ in range(3)]
        placed.append(rock)
    for rock in placed:
        bpy.context.collection.objects.link(rock)
    with bpy.context.temp_override(active_object=placed[0], selected_editable_objects=placed):
        bpy.ops.object.join()
    return placed[0]


def _rock_mesh(number: int, material: bpy.types.Material) -> bpy.types.Mesh:
    """A ball with faces broken off and a rough surface."""
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=5)
    source = bpy.context.object
    data = source.data
    bpy.data.objects.remove(source)
    random = Random(SEED + number)
    cuts = [
        (Vector([random.gauss(0, 1) for _ in range(3)]).normalized(), random.uniform(0.6, 0.9))
        for _ in range(11)
    ]
    away = Vector((17.0 * number, 0, 0))
    for vertex in data.vertices:
        place = vertex.co.copy()
        for normal, limit in cuts:
            place -= 0.92 * max(0.0, place.dot(normal) - limit) * normal
        rough = 0.13 * noise.fractal(1.6 * vertex.co + away, 1.0, 2.0, 3)
        vertex.co = place * (1 + rough + 0.025 * noise.fractal(9 * vertex.co + away, 0.8, 2.0, 3))
    data.name = f"Rock {number}"
    data.materials.append(material)
    data.shade_smooth()
    return data


def weed(count: int = 34) -> list[bpy.types.Object]:
    """Tufts of narrow leaves that sway (shape keys Sway A and Sway B)."""
    random = Random(SEED + 1)
    tufts = []
    for n in range(3):
        mesh = join(f"Weed {n}", [_leaf(random) for _ in range(26)], [_leaf_surface(n)])
        tufts.append(mesh)
    placed = []
    for n in range(count):
        x, y = random.uniform(-7, 7), random.uniform(1.3, 6.0)
        plant = bpy.data.objects.new(f"Weed {n}", tufts[n % 3].data)
        plant.location = (x, y, ground_height(x, y) - 0.05)
        plant.rotation_euler = (0, 0, random.uniform(0, 6.28))
        plant.scale = [random.uniform(0.5, 1.15)] * 3
        placed.append(plant)
    for n, mesh in enumerate(tufts):
        u, v = mesh.uv.T
        for name, quarter in (("Sway A", 0.0), ("Sway B", np.pi / 2)):
            aside = 0.14 * v**1.6 * np.sin(3.0 * v + 9 * mesh.points[:, 0] + quarter)
            shape_key(placed[n], name, mesh.points + np.stack([aside, 0.5 * aside, 0 * v], -1))
    return placed


def _leaf(random: Random, rows: int = 14) -> Part:
    v = np.linspace(0, 1, rows)
    turn, lean, tall = random.uniform(0, 6.28), random.uniform(0.05, 0.45), random.uniform(0.5, 1.25)
    root = np.array([random.gauss(0, 0.1), random.gauss(0, 0.1), 0])
    middle = root + np.stack([np.cos(turn) * lean * v**2, np.sin(turn) * lean * v**2, tall * v], -1)
    across = 0.034 * np.array([-np.sin(turn), np.cos(turn), 0.0])
    width = (np.minimum(1, 0.4 + 2 * v) * (1 - v**3))[:, None, None]
    points = middle[:, None] + width * np.array([-1, 0, 1])[None, :, None] * across
    uv = np.stack(np.broadcast_arrays(np.array([0, 0.5, 1]), v[:, None]), -1)
    return Part.grid(points, uv)


def driftwood(foot: Vector, top: Vector) -> bpy.types.Object:
    """A gnarled trunk that stands from `foot` to `top`, with a broken side branch."""
    parts = [
        _limb(foot, top, 0.14, 0.12, 90),
        _limb(foot.lerp(top, 0.60), foot.lerp(top, 0.80) + Vector((0.30, -0.05, 0)), 0.04, 0.02, 24),
    ]
    return bpy.data.objects.new("Driftwood", join("Driftwood", parts, [_bark()]).data)


def _limb(start: Vector, end: Vector, thick: float, thin: float, rings: int, around: int = 48) -> Part:
    """A round limb with ridges along it, knots and a winding axis; `uv` is (0..1 around, length)."""
    length = (end - start).length
    rows, uv = [], []
    for r in range(rings):
        t = r / (rings - 1)
        axis = start.lerp(end, t)
        axis += Vector((0.09 * np.sin(4.1 * t + 1), 0.05 * np.sin(5.3 * t), 0)) * min(1.0, 4 * t)
        for c in range(around):
            angle = 2 * np.pi * c / around
            out = Vector((np.cos(angle), np.sin(angle), 0))
            ridge = 0.13 * noise.fractal(
                Vector((2.4 * out.x, 2.4 * out.y, 1.1 * length * t + start.x)), 0.8, 2.1, 5
            )
            knot = 0.22 * noise.noise(Vector((out.x, out.y, 2.3 * length * t)))
            rows.append(axis + out * (thick + (thin - thick) * t) * (1 + ridge + knot))
            uv.append((c / around, length * t))
    shape = (rings, around)
    return Part.grid(np.array(rows).reshape(*shape, 3), np.array(uv).reshape(*shape, 2), wrap=True)


def _stone(name: str, scale: float, moss: float) -> bpy.types.Material:
    """Gray stone in several tones; `moss` is the share of olive growth on what faces up."""
    material, tree = sh.new_material(name)
    geometry = sh.add(tree, "ShaderNodeNewGeometry")
    place = geometry.outputs["Position"]
    coarse, fine = sh.noise(tree, place, scale, 2.0), sh.noise(tree, place, 11 * scale, 4.0)
    color = sh.mix(tree, sh.ramp(tree, coarse, 0.35, 0.65), (0.085, 0.082, 0.08), (0.30, 0.275, 0.235))
    color = sh.mix(
        tree, sh.math(tree, "MULTIPLY", sh.ramp(tree, fine, 0.62, 0.34), 0.75), color, (0.05, 0.05, 0.05)
    )
    up = sh.split(tree, geometry.outputs["Normal"])[2]
    patch = sh.math(tree, "ADD", fine, sh.math(tree, "MULTIPLY", sh.math(tree, "SUBTRACT", coarse, 0.5), 1.4))
    grown = sh.math(
        tree,
        "MULTIPLY",
        sh.ramp(tree, up, 0.0, 0.7),
        sh.ramp(tree, patch, 0.75 - 0.4 * moss, 0.45 - 0.4 * moss),
    )
    color = sh.mix(tree, sh.math(tree, "MULTIPLY", grown, 0.85), color, (0.075, 0.105, 0.025))
    sh.finish(tree, Base_Color=color, Roughness=0.85, Normal=sh.bump(tree, fine, 0.9, 0.04))
    return material


def _leaf_surface(number: int) -> bpy.types.Material:
    material, tree = sh.new_material(f"Weed {number}")
    u, v, _ = sh.split(tree, sh.attribute(tree, "shape"))
    tones = ((0.05, 0.13, 0.025), (0.085, 0.12, 0.02), (0.03, 0.10, 0.045))
    color = sh.mix(tree, sh.ramp(tree, v, 0.0, 1.0), (0.018, 0.035, 0.012), tones[number])
    vein = sh.ramp(tree, sh.math(tree, "ABSOLUTE", sh.math(tree, "SUBTRACT", u, 0.5)), 0.12, 0.0)
    color = sh.mix(tree, sh.math(tree, "MULTIPLY", vein, 0.4), color, (0.16, 0.20, 0.07))
    sh.finish(tree, Base_Color=color, Roughness=0.5)
    return material


def _bark() -> bpy.types.Material:
    """Dark wet wood with long furrows."""
    material, tree = sh.new_material("Bark")
    place = sh.attribute(tree, "rest")
    stretched = sh.add(tree, "ShaderNodeMapping", {"Vector": place, "Scale": (1.0, 1.0, 0.16)}).outputs[0]
    furrow, fleck = sh.noise(tree, stretched, 34.0, 4.0), sh.noise(tree, place, 60.0, 2.0)
    color = sh.mix(tree, sh.ramp(tree, furrow, 0.36, 0.64), (0.018, 0.013, 0.010), (0.20, 0.15, 0.105))
    color = sh.mix(tree, sh.ramp(tree, fleck, 0.55, 0.75), color, (0.10, 0.105, 0.055))
    relief = sh.math(tree, "ADD", furrow, sh.math(tree, "MULTIPLY", fleck, 0.25))
    sh.finish(tree, Base_Color=color, Roughness=0.7, Normal=sh.bump(tree, relief, 1.0, 0.06))
    return material
