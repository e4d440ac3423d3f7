# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut-outs in a row: Alpha Over nodes lay each over those before it, and all over the scene's picture."""

from __future__ import annotations

from bpy.types import MovieClip, Node, NodeSocket, NodeTree

from .. import compat
from ..matte_sequence import MatteSequence
from .graph import move_links, shown, source, upstream
from .nodes import CUT_OUT, JOIN, OVER, PICTURE, ROLE, SUBJECT, find, new_node, ours_in


def insert(
    tree: NodeTree, clip_node: Node, cut_out: Node, output: NodeSocket, sequence: MatteSequence
) -> None:
    """Put the first cut-out in place of the clip, or over the picture that the scene had without it."""
    visible = shown(tree)
    links = [link for link in clip_node.outputs["Image"].links if link.to_node in visible]
    for link in links:
        tree.links.new(cut_out.outputs["Image"], link.to_socket)
    if links:
        return
    picture = source(output)
    if picture is None:
        tree.links.new(cut_out.outputs["Image"], output)
        return
    over = new_node(tree, "CompositorNodeAlphaOver", OVER, clip_node.clip, sequence)
    over.location = (output.node.location.x - 200.0, output.node.location.y)
    over[PICTURE] = picture.node.name
    background, foreground = compat.alpha_over_inputs(over)
    tree.links.new(picture, background)
    tree.links.new(cut_out.outputs["Image"], foreground)
    tree.links.new(over.outputs["Image"], output)


def join_cut_out(
    tree: NodeTree, last: NodeSocket, cut_out: Node, clip: MovieClip, sequence: MatteSequence
) -> None:
    """Lay one more cut-out over those before it, and let the sum go where they went."""
    join = new_node(tree, "CompositorNodeAlphaOver", JOIN, clip, sequence)
    join.location = (cut_out.location.x + 260.0, cut_out.location.y)
    move_links(tree, last, join.outputs["Image"])
    background, foreground = compat.alpha_over_inputs(join)
    tree.links.new(last, background)
    tree.links.new(cut_out.outputs["Image"], foreground)


def joins(tree: NodeTree, clip: MovieClip) -> list[Node]:
    """In the order in which they were made: each lays its subject over what those before it carry."""
    return [node for node in ours_in(tree, clip) if node[ROLE] == JOIN]


def mend(tree: NodeTree, clip: MovieClip) -> None:
    """Link again what our Alpha Over nodes have lost: 4.5 drops all links into those of 5.0 and later."""
    row = joins(tree, clip)
    joined = {join[SUBJECT] for join in row}
    cut_outs = (node for node in ours_in(tree, clip) if node[ROLE] == CUT_OUT)
    last = next((node for node in cut_outs if node[SUBJECT] not in joined), None)
    for join in row:
        background, foreground = compat.alpha_over_inputs(join)
        _link_again(tree, last, background)
        _link_again(tree, find(tree, clip, CUT_OUT, join[SUBJECT]), foreground)
        last = join
    for over in [node for node in ours_in(tree, clip) if node[ROLE] == OVER]:
        background, foreground = compat.alpha_over_inputs(over)
        _link_again(tree, tree.nodes.get(over.get(PICTURE, "")), background)
        _link_again(tree, last, foreground)


def _link_again(tree: NodeTree, node: Node | None, socket: NodeSocket) -> None:
    """Feed an input that has lost its link from the picture of `node`, unless a loop would come of it."""
    if node is None or socket.is_linked or socket.node in upstream(tree, node):
        return
    picture = next((output for output in node.outputs if output.type == "RGBA"), None)
    if picture is not None:
        tree.links.new(picture, socket)


def leave(tree: NodeTree, clip: MovieClip, subject_id: str) -> None:
    """Close the row of cut-outs over the place of one of several subjects."""
    cut_out = find(tree, clip, CUT_OUT, subject_id)
    for join in joins(tree, clip):
        background, foreground = map(source, compat.alpha_over_inputs(join))
        if cut_out.outputs["Image"] in (background, foreground):
            rest = foreground if cut_out.outputs["Image"] == background else background
            move_links(tree, join.outputs["Image"], rest)
            tree.nodes.remove(join)


def last_of(tree: NodeTree, clip: MovieClip) -> NodeSocket | None:
    """The socket that carries all cut-outs of the clip: of the join or cut-out farthest downstream."""
    nodes = [node for node in ours_in(tree, clip) if node[ROLE] in (CUT_OUT, JOIN)]
    used = set().union(*(upstream(tree, node) for node in nodes))
    ends = [node for node in nodes if node not in used]
    visible = shown(tree)
    ends.sort(key=lambda node: node not in visible)
    return ends[0].outputs["Image"] if ends else None
