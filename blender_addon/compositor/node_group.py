# SPDX-License-Identifier: GPL-3.0-or-later
"""The node group Rotopoint: a plate and its matte in, the cut-out and the shaped matte out. One asset."""

from __future__ import annotations

import bpy
from bpy.types import NodeSocket, NodeTree

from .. import compat

NAME = "Rotopoint"
VERSION = 2
"""Raise it when `_build` changes: groups of an older version are rebuilt in place."""

VERSION_KEY = "rotopoint_version"

DESCRIPTION = "Cuts a subject out of a plate by its matte, with its own color at soft edges"

COVERED = 1e-4
"""Alpha from which on a cut-out's color means something."""


def ensure_node_group() -> NodeTree:
    """The file's Rotopoint group, built where it is missing.

    Inputs: Image; Matte, linear coverage 0..1; Expand, whole pixels (rounded) by which the matte grows,
    or shrinks where negative; Feather, pixels that the soft edge reaches to either side; Invert, 0..1,
    which mixes in 1 - matte after the two; Cut-out, the subject's own color as delivered, premultiplied;
    Despill, 0..1, how much that color takes the plate's place where the cut-out has any. Outputs: Image, the
    color times the matte in all four channels, so premultiplied; Matte, as shaped. With Expand, Feather and
    Invert at 0 the matte passes through unchanged, and with Despill at 0 the plate's color does.

    A group of an older version is rebuilt inside; its sockets stay, so links to it and parameters set on
    its nodes stay too. One that an older Blender made is left as it is: Blender converts its nodes so that
    the picture stays.
    """
    tree = next((t for t in bpy.data.node_groups if VERSION_KEY in t and t.library is None), None)
    if tree is None:
        return new_node_group()
    if tree[VERSION_KEY] < VERSION:
        tree.nodes.clear()
        _fill(tree)
    return tree


def new_node_group() -> NodeTree:
    """One more such group, whatever the file has."""
    tree = bpy.data.node_groups.new(NAME, "CompositorNodeTree")
    _fill(tree)
    return tree


def _fill(tree: NodeTree) -> None:
    _declare(tree)
    _build(tree)
    tree[VERSION_KEY] = VERSION
    tree.color_tag = "MATTE"
    tree.asset_mark()
    tree.asset_data.description = DESCRIPTION


def _declare(tree: NodeTree) -> None:
    """Make the group's sockets, or keep those that are there."""
    _socket(tree, "Image", "INPUT", "NodeSocketColor", "The plate")
    _socket(tree, "Matte", "INPUT", "NodeSocketFloat", "Coverage from 0 to 1, Non-Color", (1.0, 0.0, 1.0))
    _socket(
        tree,
        "Expand",
        "INPUT",
        "NodeSocketFloat",
        "Whole pixels by which the matte grows, or shrinks where negative",
        (0.0, -100.0, 100.0),
    )
    _socket(
        tree,
        "Feather",
        "INPUT",
        "NodeSocketFloat",
        "Pixels that the soft edge reaches to either side",
        (0.0, 0.0, float(compat.LARGEST_FEATHER)),
    )
    invert = _socket(tree, "Invert", "INPUT", "NodeSocketFloat", "1 turns the matte around", (0.0, 0.0, 1.0))
    invert.subtype = "FACTOR"
    cut_out = _socket(tree, "Cut-out", "INPUT", "NodeSocketColor", "The subject's own color, premultiplied")
    cut_out.default_value = (0.0, 0.0, 0.0, 0.0)
    despill = _socket(
        tree,
        "Despill",
        "INPUT",
        "NodeSocketFloat",
        "1 takes the color from the cut-out, which is free of the old background",
        (0.0, 0.0, 1.0),
    )
    despill.subtype = "FACTOR"
    _socket(tree, "Image", "OUTPUT", "NodeSocketColor", "The plate times the matte, premultiplied")
    _socket(tree, "Matte", "OUTPUT", "NodeSocketFloat", "The matte after Expand, Feather and Invert")


def _socket(
    tree: NodeTree,
    name: str,
    in_out: str,
    kind: str,
    description: str,
    limits: tuple[float, float, float] | None = None,
) -> bpy.types.NodeTreeInterfaceSocket:
    """`limits` are default, smallest and largest value."""
    for item in tree.interface.items_tree:
        if item.item_type == "SOCKET" and (item.name, item.in_out) == (name, in_out):
            return item
    socket = tree.interface.new_socket(name, description=description, in_out=in_out, socket_type=kind)
    if limits is not None:
        socket.default_value, socket.min_value, socket.max_value = limits
    return socket


def _build(tree: NodeTree) -> None:
    given = tree.nodes.new("NodeGroupInput")
    result = tree.nodes.new("NodeGroupOutput")
    size = compat.add_math(tree, "ROUND", given.outputs["Expand"])
    expanded = compat.add_dilate_erode(tree, given.outputs["Matte"], size)
    feathered = compat.add_gaussian_blur(tree, expanded, given.outputs["Feather"])
    matte = _add_inversion(tree, feathered, given.outputs["Invert"])
    cut_out = compat.new_apply_mask(tree)
    tree.links.new(_add_despill(tree, given), cut_out.inputs["Image"])
    tree.links.new(matte, cut_out.inputs["Alpha"])
    tree.links.new(cut_out.outputs["Image"], result.inputs["Image"])
    tree.links.new(matte, result.inputs["Matte"])
    for column, node in enumerate(tree.nodes):
        node.location = (180.0 * column, 0.0)
    result.location = (180.0 * len(tree.nodes), 0.0)


def _add_despill(tree: NodeTree, given: bpy.types.Node) -> NodeSocket:
    """The plate's color, or as far as Despill says the cut-out's where it has any; alpha is the plate's."""
    straight = compat.new_to_straight(tree)
    tree.links.new(given.outputs["Cut-out"], straight.inputs["Image"])
    own = compat.new_replace_alpha(tree)
    tree.links.new(straight.outputs["Image"], own.inputs["Image"])
    tree.links.new(_add_alpha(tree, given.outputs["Image"]), own.inputs["Alpha"])
    covered = compat.add_math(tree, "GREATER_THAN", _add_alpha(tree, given.outputs["Cut-out"]), COVERED)
    factor = compat.add_math(tree, "MULTIPLY", covered, given.outputs["Despill"])
    return compat.add_color_mix(tree, factor, given.outputs["Image"], own.outputs["Image"])


def _add_alpha(tree: NodeTree, image: NodeSocket) -> NodeSocket:
    parts = tree.nodes.new("CompositorNodeSeparateColor")
    tree.links.new(image, parts.inputs["Image"])
    return parts.outputs["Alpha"]


def _add_inversion(tree: NodeTree, matte: NodeSocket, factor: NodeSocket) -> NodeSocket:
    """matte + factor * (1 - 2 * matte): the matte itself at 0, exactly, and 1 - matte at 1."""
    difference = compat.add_math(tree, "MULTIPLY_ADD", matte, -2.0, 1.0)
    return compat.add_math(tree, "MULTIPLY_ADD", difference, factor, matte)
