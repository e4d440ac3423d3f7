# SPDX-License-Identifier: GPL-3.0-or-later
"""Short forms for building shader node trees, and the water that lies before all surfaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import bpy

Color = tuple[float, float, float]
Value = bpy.types.NodeSocket | float | Sequence[float]

WATER: Color = (0.075, 0.20, 0.215)
"""What far things fade into, linear RGB."""

HAZE_PER_UNIT = 0.04
"""Share of the light that the water swallows over one unit of distance."""


def add(
    tree: bpy.types.NodeTree, kind: str, inputs: Mapping[str | int, Value] | None = None, **settings: object
) -> bpy.types.Node:
    """A new node; `inputs` are set or, where they are sockets, linked."""
    node = tree.nodes.new(kind)
    for name, value in settings.items():
        setattr(node, name, value)
    for key, value in (inputs or {}).items():
        if isinstance(value, bpy.types.NodeSocket):
            tree.links.new(value, node.inputs[key])
        else:
            node.inputs[key].default_value = value
    return node


def math(tree: bpy.types.NodeTree, operation: str, a: Value, b: Value = 0.0) -> bpy.types.NodeSocket:
    return add(tree, "ShaderNodeMath", {0: a, 1: b}, operation=operation).outputs[0]


def mix(tree: bpy.types.NodeTree, factor: Value, a: Value, b: Value) -> bpy.types.NodeSocket:
    """Color `a` where factor is 0, `b` where it is 1."""
    colors = {
        key: (*value, 1.0) if isinstance(value, tuple) and len(value) == 3 else value
        for key, value in ((6, a), (7, b))
    }
    return add(tree, "ShaderNodeMix", {0: factor, **colors}, data_type="RGBA").outputs[2]


def ramp(tree: bpy.types.NodeTree, factor: Value, low: float, high: float) -> bpy.types.NodeSocket:
    """0 below `low`, 1 above `high`, smooth between; reversed where low > high."""
    inputs = {"Value": factor, "From Min": low, "From Max": high}
    return add(tree, "ShaderNodeMapRange", inputs, interpolation_type="SMOOTHSTEP").outputs[0]


def noise(tree: bpy.types.NodeTree, place: Value, scale: float, detail: float = 5.0) -> bpy.types.NodeSocket:
    """Fractal noise, around 0.5."""
    inputs = {"Vector": place, "Scale": scale, "Detail": detail, "Roughness": 0.6}
    return add(tree, "ShaderNodeTexNoise", inputs).outputs[0]


def attribute(tree: bpy.types.NodeTree, name: str) -> bpy.types.NodeSocket:
    """A vector that the mesh carries at each vertex, so that textures stick to it as it deforms."""
    return add(tree, "ShaderNodeAttribute", attribute_name=name).outputs["Vector"]


def split(tree: bpy.types.NodeTree, vector: bpy.types.NodeSocket) -> list[bpy.types.NodeSocket]:
    return list(add(tree, "ShaderNodeSeparateXYZ", {0: vector}).outputs)


def bump(tree: bpy.types.NodeTree, height: Value, strength: float, distance: float) -> bpy.types.NodeSocket:
    inputs = {"Height": height, "Strength": strength, "Distance": distance}
    return add(tree, "ShaderNodeBump", inputs).outputs[0]


def new_material(name: str) -> tuple[bpy.types.Material, bpy.types.NodeTree]:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.node_tree.nodes.clear()
    return material, material.node_tree


def finish(tree: bpy.types.NodeTree, **surface: Value) -> None:
    """End a material: a principled surface with the given inputs, seen through water."""
    inputs = {name.replace("_", " "): value for name, value in surface.items()}
    principled = add(tree, "ShaderNodeBsdfPrincipled", inputs)
    distance = add(tree, "ShaderNodeCameraData").outputs["View Distance"]
    clear = math(tree, "POWER", 1.0 - HAZE_PER_UNIT, distance)
    # Only what the camera sees is veiled: the water is no lamp for the surfaces around.
    seen = add(tree, "ShaderNodeLightPath").outputs["Is Camera Ray"]
    veil = math(tree, "MULTIPLY", math(tree, "SUBTRACT", 1.0, clear), seen)
    water = add(tree, "ShaderNodeEmission", {"Color": (*WATER, 1.0)})
    both = add(tree, "ShaderNodeMixShader", {0: veil, 1: principled.outputs[0], 2: water.outputs[0]})
    add(tree, "ShaderNodeOutputMaterial", {"Surface": both.outputs[0]})


def flat(name: str, level: float) -> bpy.types.Material:
    """A material that shows `level` in every channel, whatever the light."""
    material, tree = new_material(name)
    emission = add(tree, "ShaderNodeEmission", {"Color": (level, level, level, 1.0)})
    add(tree, "ShaderNodeOutputMaterial", {"Surface": emission.outputs[0]})
    return material
