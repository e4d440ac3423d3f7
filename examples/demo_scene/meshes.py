# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes from grids of points, with what textures need stored at each vertex."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np


@dataclass(frozen=True)
class Part:
    """A piece of a mesh: points (n, 3), their surface coordinates (n, 2), faces and a material index."""

    points: np.ndarray
    uv: np.ndarray
    faces: list[tuple[int, ...]]
    material: int

    @classmethod
    def grid(
        cls,
        points: np.ndarray,
        uv: np.ndarray,
        material: int = 0,
        wrap: bool = False,
        more_faces: Sequence[tuple[int, ...]] = (),
    ) -> Part:
        """Quads over points (rows, columns, 3) and uv (rows, columns, 2); `wrap` closes each row."""
        rows, columns = points.shape[:2]
        faces = [
            (r * columns + c, r * columns + d, (r + 1) * columns + d, (r + 1) * columns + c)
            for r in range(rows - 1)
            for c, d in ((c, (c + 1) % columns) for c in range(columns if wrap else columns - 1))
        ]
        return cls(points.reshape(-1, 3), uv.reshape(-1, 2), [*faces, *more_faces], material)


@dataclass(frozen=True)
class Joined:
    """A mesh with the arrays that it was made from; `materials` is an index for each vertex."""

    data: bpy.types.Mesh
    points: np.ndarray
    uv: np.ndarray
    materials: np.ndarray


def join(name: str, parts: Sequence[Part], materials: Sequence[bpy.types.Material]) -> Joined:
    """One smooth-shaded mesh; its attributes `rest` and `shape` are undeformed position and (u, v, 0)."""
    points = np.concatenate([p.points for p in parts])
    uv = np.concatenate([p.uv for p in parts])
    starts = np.cumsum([0, *(len(p.points) for p in parts)])
    faces = [
        tuple(int(start) + n for n in face)
        for start, part in zip(starts, parts, strict=False)
        for face in part.faces
    ]
    data = bpy.data.meshes.new(name)
    data.from_pydata(points.tolist(), [], faces)
    for material in materials:
        data.materials.append(material)
    slots = np.concatenate([np.full(len(p.faces), p.material) for p in parts])
    data.polygons.foreach_set("material_index", slots.astype(np.int32))
    data.shade_smooth()
    for attribute, values in (("rest", points), ("shape", np.c_[uv, 0 * uv[:, 0]])):
        layer = data.attributes.new(attribute, "FLOAT_VECTOR", "POINT")
        layer.data.foreach_set("vector", values.astype(np.float32).ravel())
    data.update()
    of_vertex = np.concatenate([np.full(len(p.points), p.material) for p in parts])
    return Joined(data, points, uv, of_vertex)


def shape_key(owner: bpy.types.Object, name: str, points: np.ndarray) -> None:
    """Add a shape in which the vertices lie at points (n, 3); its value may go from -1 to 1."""
    if owner.data.shape_keys is None:
        owner.shape_key_add(name="Basis")
    key = owner.shape_key_add(name=name, from_mix=False)
    key.slider_min, key.slider_max = -1.0, 1.0
    key.data.foreach_set("co", points.astype(np.float32).ravel())
