# SPDX-License-Identifier: GPL-3.0-or-later
"""The subject: a goldfish one unit long from nose to tail root, that bends as it swims."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np

from demo_scene import shading as sh
from demo_scene.meshes import Part, join, shape_key

NOSE, TAIL_ROOT = 0.5, -0.40
STATIONS = np.array([0, 0.02, 0.06, 0.14, 0.26, 0.4, 0.55, 0.7, 0.84, 0.94, 1.0])
HALF_HEIGHTS = np.array([0.012, 0.045, 0.075, 0.118, 0.163, 0.185, 0.172, 0.133, 0.088, 0.066, 0.062])
HALF_WIDTHS = np.array([0.010, 0.035, 0.060, 0.088, 0.108, 0.112, 0.100, 0.074, 0.042, 0.022, 0.006])
BODY, FIN, PAIRED_FIN, EYE = range(4)

Shape = Callable[[np.ndarray], np.ndarray]


def height(x: np.ndarray) -> np.ndarray:
    return np.interp((NOSE - x) / (NOSE - TAIL_ROOT), STATIONS, HALF_HEIGHTS)


def _body(rings: int = 44, around: int = 28) -> Part:
    """Ellipses along x; `uv` is (0 nose to 1 tail root, -1 belly to 1 back)."""
    s = np.linspace(0, 1, rings) ** 1.25
    angle = np.linspace(0, 2 * np.pi, around, endpoint=False)
    h = np.interp(s, STATIONS, HALF_HEIGHTS)[:, None]
    w = np.interp(s, STATIONS, HALF_WIDTHS)[:, None]
    x = np.broadcast_to(NOSE - s[:, None] * (NOSE - TAIL_ROOT), (rings, around))
    points = np.stack([x, w * np.sin(angle), h * np.cos(angle)], -1)
    uv = np.stack(np.broadcast_arrays(s[:, None], np.cos(angle)), -1)
    ends = [tuple(range(around)), tuple((rings - 1) * around + n for n in reversed(range(around)))]
    return Part.grid(points, uv, BODY, wrap=True, more_faces=ends)


def _fan(
    base: tuple[tuple[float, ...], tuple[float, ...]],
    rays: tuple[tuple[float, ...], tuple[float, ...]],
    length: Shape,
    across: int = 21,
    out: int = 9,
    slot: int = FIN,
) -> Part:
    """A fin: from a base line, rays that turn from the first direction to the second.

    `uv` is (0..1 along the base, 0..1 from base to rim).
    """
    p, q = np.linspace(0, 1, across)[:, None, None], np.linspace(0, 1, out)[None, :, None]
    (base0, base1), (ray0, ray1) = np.array(base), np.array(rays)
    direction = (1 - p) * ray0 + p * ray1
    direction = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    points = (1 - p) * base0 + p * base1 + q * length(p) * direction
    uv = np.concatenate(np.broadcast_arrays(p, q), -1)
    return Part.grid(points, uv, slot)


def _fins() -> list[Part]:
    dorsal = _fan(
        ((0.17, 0, 0.15), (-0.25, 0, 0.085)),
        ((-0.55, 0, 1), (-1, 0, 0.55)),
        lambda p: 0.20 * (1 - 0.62 * p) * np.minimum(1, 0.25 + 5 * p),
    )
    tail = _fan(
        ((-0.36, 0, 0.058), (-0.36, 0, -0.058)),
        ((-0.75, 0, 0.85), (-0.75, 0, -0.85)),
        lambda p: 0.20 + 0.26 * np.abs(2 * p - 1) ** 1.6 - 0.08 * np.abs(2 * p - 1) ** 12,
        across=31,
    )
    anal = _fan(
        ((-0.16, 0, -0.105), (-0.28, 0, -0.072)), ((-0.6, 0, -1), (-1, 0, -0.5)), lambda p: 0.15 - 0.07 * p
    )
    sides = []
    for side in (-1, 1):
        sides.append(
            _fan(
                ((0.22, side * 0.095, -0.05), (0.19, side * 0.095, -0.10)),
                ((-0.9, side * 0.75, 0.05), (-0.55, side * 0.45, -0.9)),
                lambda p: 0.19 - 0.06 * p,
                slot=PAIRED_FIN,
            )
        )
        sides.append(
            _fan(
                ((0.06, side * 0.05, -0.165), (0.0, side * 0.04, -0.16)),
                ((-0.45, side * 0.45, -1), (-1, side * 0.3, -0.5)),
                lambda p: 0.16 - 0.07 * p,
                slot=PAIRED_FIN,
            )
        )
    return [dorsal, tail, anal, *sides]


def _eye(side: int) -> Part:
    """A flattened ball; `uv` is (0 at the pupil's center to 1, 0)."""
    polar = np.linspace(0.02, np.pi / 2, 9)[:, None]
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    out = np.broadcast_to(side * (0.064 + 0.02 * np.cos(polar)), (9, 20))
    points = np.stack(
        [0.392 + 0.034 * np.sin(polar) * np.cos(angle), out, 0.030 + 0.034 * np.sin(polar) * np.sin(angle)],
        -1,
    )
    uv = np.stack(np.broadcast_arrays(polar / (np.pi / 2), 0 * angle), -1)
    return Part.grid(points, uv, EYE, wrap=True)


def build() -> bpy.types.Object:
    """The fish at the origin, nose toward +x, with its shape keys.

    Wave A and Wave B make a wave that travels to the tail when they follow cosine and sine of one
    phase; Turn bends the whole body; Flap raises the paired fins.
    """
    fins = _fin_skin()
    parts = [_body(), *_fins(), _eye(-1), _eye(1)]
    mesh = join("Fish", parts, [_skin(), fins, fins, _eye_surface()])
    fish = bpy.data.objects.new("Fish", mesh.data)
    fish.modifiers.new("Smooth", "SUBSURF").render_levels = 1
    x, y, _ = mesh.points.T
    p, q = mesh.uv.T
    is_fin = np.isin(mesh.materials, (FIN, PAIRED_FIN))
    swing = 0.012 + 0.16 * np.clip((0.32 - x) / 0.9, 0, 1) ** 1.7
    ripple = np.where(is_fin, 0.016 * q**2, 0)
    for name, quarter in (("Wave A", 0.0), ("Wave B", np.pi / 2)):
        aside = swing * np.sin(6.2 * x + quarter) + ripple * np.sin(14 * p + quarter)
        shape_key(fish, name, mesh.points + np.stack([0 * x, aside, 0 * x], -1))
    shape_key(fish, "Turn", mesh.points + np.stack([0 * x, x**2, 0 * x], -1))
    paired = np.where(mesh.materials == PAIRED_FIN, q, 0)
    raised = np.stack([0 * x, np.sign(y) * 0.05 * paired, 0.08 * paired], -1)
    shape_key(fish, "Flap", mesh.points + raised)
    return fish


def _skin() -> bpy.types.Material:
    """Orange with a dark back, a pale belly, mottling and rows of scales behind the gill cover."""
    material, tree = sh.new_material("Fish skin")
    rest, uv = sh.attribute(tree, "rest"), sh.attribute(tree, "shape")
    x, _, z = sh.split(tree, rest)
    along, up, _ = sh.split(tree, uv)
    blotch = sh.noise(tree, rest, 7.0)
    level = sh.math(tree, "ADD", up, sh.math(tree, "MULTIPLY", sh.math(tree, "SUBTRACT", blotch, 0.5), 0.9))
    color = sh.mix(tree, sh.ramp(tree, level, -0.95, -0.3), (0.88, 0.52, 0.20), (0.86, 0.235, 0.018))
    color = sh.mix(tree, sh.ramp(tree, level, 0.25, 1.0), color, (0.42, 0.055, 0.008))
    spots = sh.ramp(tree, sh.noise(tree, rest, 17.0, 3.0), 0.58, 0.66)
    color = sh.mix(tree, sh.math(tree, "MULTIPLY", spots, 0.55), color, (0.30, 0.05, 0.012))

    side = sh.add(tree, "ShaderNodeCombineXYZ", {0: x, 1: z}).outputs[0]
    turn = {"Vector": side, "Rotation": (0, 0, 0.79), "Scale": (1, 0.9, 1)}
    place = sh.add(tree, "ShaderNodeMapping", turn).outputs[0]
    inputs = {"Vector": place, "Scale": 44.0, "Randomness": 0.2}
    cell = sh.add(tree, "ShaderNodeTexVoronoi", inputs, voronoi_dimensions="2D").outputs["Distance"]
    scaled = sh.ramp(tree, sh.math(tree, "ADD", along, sh.math(tree, "MULTIPLY", up, 0.02)), 0.25, 0.31)
    edge = sh.math(tree, "MULTIPLY", sh.ramp(tree, cell, 0.32, 0.62), scaled)
    color = sh.mix(tree, sh.math(tree, "MULTIPLY", edge, 0.6), color, (0.33, 0.05, 0.01))

    gill = sh.math(tree, "ABSOLUTE", sh.math(tree, "SUBTRACT", along, _gill_line(tree, up)))
    color = sh.mix(
        tree, sh.math(tree, "MULTIPLY", sh.ramp(tree, gill, 0.018, 0.002), 0.7), color, (0.2, 0.03, 0.01)
    )
    relief = sh.math(tree, "SUBTRACT", sh.math(tree, "MULTIPLY", edge, -0.6), sh.ramp(tree, gill, 0.03, 0.0))
    sh.finish(
        tree,
        Base_Color=color,
        Roughness=0.38,
        Coat_Weight=0.35,
        Coat_Roughness=0.2,
        Normal=sh.bump(tree, relief, 0.55, 0.012),
    )
    return material


def _gill_line(tree: bpy.types.NodeTree, up: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """Where along the body the gill cover ends: an arc that bulges toward the tail."""
    return sh.math(tree, "SUBTRACT", 0.255, sh.math(tree, "MULTIPLY", sh.math(tree, "POWER", up, 2.0), 0.09))


def _fin_skin() -> bpy.types.Material:
    material, tree = sh.new_material("Fish fins")
    p, q, _ = sh.split(tree, sh.attribute(tree, "shape"))
    rays = sh.ramp(tree, sh.math(tree, "SINE", sh.math(tree, "MULTIPLY", p, 150.0)), -0.2, 0.9)
    color = sh.mix(tree, sh.ramp(tree, q, 0.1, 1.0), (0.80, 0.19, 0.015), (0.90, 0.46, 0.13))
    color = sh.mix(tree, sh.math(tree, "MULTIPLY", rays, 0.6), color, (0.42, 0.07, 0.012))
    sh.finish(tree, Base_Color=color, Roughness=0.45, Normal=sh.bump(tree, rays, 0.5, 0.006))
    return material


def _eye_surface() -> bpy.types.Material:
    material, tree = sh.new_material("Fish eye")
    out = sh.split(tree, sh.attribute(tree, "shape"))[0]
    color = sh.mix(tree, sh.ramp(tree, out, 0.50, 0.56), (0.004, 0.004, 0.005), (0.75, 0.45, 0.10))
    color = sh.mix(tree, sh.ramp(tree, out, 0.80, 0.95), color, (0.10, 0.03, 0.01))
    sh.finish(tree, Base_Color=color, Roughness=0.08, Coat_Weight=1.0)
    return material
