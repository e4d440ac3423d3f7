# SPDX-License-Identifier: GPL-3.0-or-later
"""Our nodes in a compositor tree, known again by custom properties on them."""

from __future__ import annotations

from collections.abc import Iterator

from bpy.types import MovieClip, Node, NodeTree

from ..matte_sequence import MatteSequence
from .graph import shown

ROLE = "rotopoint_role"
CLIP = "rotopoint_clip"
SUBJECT = "rotopoint_subject"
FIRST_FRAME = "rotopoint_first_frame"
PICTURE = "rotopoint_picture"
"""On a node that lays the cut-outs over another picture: the name of the node that the picture comes from."""

MATTE = "matte"
CUT_OUT = "cut-out"
FOREGROUND = "foreground"
VIEWER = "viewer"
JOIN = "join"
OVER = "over"


def find_clip_node(tree: NodeTree, clip: MovieClip) -> Node | None:
    """The Movie Clip node of `clip`; of several, one that leads to the scene's picture."""
    nodes = [n for n in tree.nodes if n.bl_idname == "CompositorNodeMovieClip" and n.clip == clip]
    visible = shown(tree)
    nodes.sort(key=lambda node: node not in visible)
    return nodes[0] if nodes else None


def new_clip_node(tree: NodeTree, clip: MovieClip, output: Node) -> Node:
    node = tree.nodes.new("CompositorNodeMovieClip")
    node.clip = clip
    node.location = (output.location.x - 1000.0, output.location.y)
    return node


def new_node(tree: NodeTree, kind: str, role: str, clip: MovieClip, sequence: MatteSequence) -> Node:
    node = tree.nodes.new(kind)
    node.name = f"Rotopoint {role} {sequence.subject_name}"
    node[ROLE] = role
    # A pointer to the clip, not its name: it outlives renaming, saving and appending.
    node[CLIP] = clip
    node[SUBJECT] = sequence.subject_id
    return node


def ours_in(tree: NodeTree, clip: MovieClip) -> Iterator[Node]:
    return (node for node in tree.nodes if ROLE in node and node.get(CLIP) == clip)


def find(tree: NodeTree, clip: MovieClip, role: str, subject_id: str) -> Node | None:
    ours = ours_in(tree, clip)
    return next((node for node in ours if (node[ROLE], node[SUBJECT]) == (role, subject_id)), None)
