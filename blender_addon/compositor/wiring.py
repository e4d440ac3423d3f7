# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts mattes between a Movie Clip node and the scene's picture, and takes them out again.

For each subject an Image node reads the matte files and a Rotopoint group cuts the subject out of the
plate. The cut-outs of several subjects are laid over each other by Alpha Over nodes. Where the clip led
to the scene's picture, the cut-outs take its place at the links that left it; what stood downstream stays
there. Where something else was the scene's picture, they are laid over it.

Nodes are known again by custom properties on them, so a second run finds its own and updates them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.types import MovieClip, Node, NodeLink, NodeSocket, NodeTree, Scene

from .. import compat
from ..matte_sequence import MatteSequence
from .node_group import ensure_node_group

ROLE = "rotopoint_role"
CLIP = "rotopoint_clip"
SUBJECT = "rotopoint_subject"
FIRST_FRAME = "rotopoint_first_frame"

MATTE = "matte"
CUT_OUT = "cut-out"
JOIN = "join"
OVER = "over"


@dataclass(frozen=True)
class SubjectNodes:
    """`matte` reads the files; `cut_out` is the Rotopoint group with the subject's parameters."""

    subject_id: str
    matte: Node
    cut_out: Node


@dataclass(frozen=True)
class Wiring:
    """What `wire` made or found. It holds Blender's own nodes: use it at once and keep it no longer.

    `result` is the socket that carries all cut-outs of the clip, premultiplied.
    """

    tree: NodeTree
    clip_node: Node
    subjects: tuple[SubjectNodes, ...]
    result: NodeSocket


def wire(scene: Scene, clip: MovieClip, mattes: Iterable[MatteSequence]) -> Wiring:
    """Wire the mattes of `clip` into the compositor of `scene`, or update what an earlier call wired.

    Subjects already wired and not named in `mattes` stay as they are, as do parameters and links that a
    person changed. A second call with the same arguments changes nothing. Raises ValueError where
    `mattes` is empty and FileNotFoundError where a first file is missing, before anything is changed.
    """
    sequences = tuple(mattes)
    if not sequences:
        raise ValueError("no mattes to wire")
    for sequence in sequences:
        if not sequence.first_file.is_file():
            raise FileNotFoundError(sequence.first_file)
    if not scene.render.use_compositing:
        scene.render.use_compositing = True
    tree = compat.ensure_compositor_tree(scene)
    output = compat.ensure_output(tree)
    clip_node = _find_clip_node(tree, clip) or _new_clip_node(tree, clip, output.node)
    subjects = tuple(
        _ensure_subject(tree, clip_node, output, sequence, row) for row, sequence in enumerate(sequences)
    )
    result = _last(tree, clip)
    assert result is not None
    return Wiring(tree, clip_node, subjects, result)


def unwire(scene: Scene, clip: MovieClip) -> None:
    """Take out all that `wire` put in for `clip` and link the clip again where its cut-outs were.

    The Movie Clip node and the output node stay, also where `wire` made them. Matte images that nothing
    else uses are removed from the file; the matte files stay.
    """
    tree = compat.find_compositor_tree(scene)
    if tree is None:
        return
    ours = list(_ours(tree, clip))
    clip_node = _find_clip_node(tree, clip)
    for node in ours:
        if node[ROLE] == OVER:
            background, _ = compat.alpha_over_inputs(node)
            _move_links(tree, node.outputs["Image"], _source(background))
        elif node[ROLE] in (CUT_OUT, JOIN) and clip_node is not None:
            for link in list(node.outputs["Image"].links):
                if link.to_node not in ours:
                    tree.links.new(clip_node.outputs["Image"], link.to_socket)
    images = {node.image for node in ours if node[ROLE] == MATTE and node.image is not None}
    for node in ours:
        tree.nodes.remove(node)
    for image in images:
        if image.users == 0:
            bpy.data.images.remove(image)


def is_outdated(scene: Scene, clip: MovieClip) -> bool:
    """Whether the clip has moved in time since it was wired, so that its mattes come too early or late."""
    tree = compat.find_compositor_tree(scene)
    if tree is None:
        return False
    readers = (node for node in _ours(tree, clip) if node[ROLE] == MATTE)
    return any(n.frame_start != _node_start(clip, n.get(FIRST_FRAME, 1)) for n in readers)


def _ensure_subject(
    tree: NodeTree, clip_node: Node, output: NodeSocket, sequence: MatteSequence, row: int
) -> SubjectNodes:
    clip = clip_node.clip
    matte = _find(tree, clip, MATTE, sequence.subject_id)
    cut_out = _find(tree, clip, CUT_OUT, sequence.subject_id)
    if matte is None:
        matte = _new(tree, "CompositorNodeImage", MATTE, clip, sequence)
        matte.location = (clip_node.location.x, clip_node.location.y - 420.0 - 360.0 * row)
    _read_files(matte, clip, sequence)
    if cut_out is None:
        last = _last(tree, clip)
        cut_out = _new(tree, "CompositorNodeGroup", CUT_OUT, clip, sequence)
        cut_out.node_tree = ensure_node_group()
        cut_out.location = (clip_node.location.x + 320.0, clip_node.location.y - 300.0 * row)
        tree.links.new(matte.outputs["Image"], cut_out.inputs["Matte"])
        if last is None:
            _insert(tree, clip_node, cut_out, output, sequence)
        else:
            _join(tree, last, cut_out, clip, sequence)
        tree.links.new(clip_node.outputs["Image"], cut_out.inputs["Image"])
    else:
        cut_out.node_tree = ensure_node_group()
        if not cut_out.inputs["Matte"].is_linked:
            tree.links.new(matte.outputs["Image"], cut_out.inputs["Matte"])
    for node in (matte, cut_out):
        if node.label != sequence.subject_name:
            node.label = sequence.subject_name
    return SubjectNodes(sequence.subject_id, matte, cut_out)


def _read_files(node: Node, clip: MovieClip, sequence: MatteSequence) -> None:
    """Let the Image node show each matte where Blender shows the picture that it belongs to.

    Blender shows picture n of the clip's file (from 1) at the scene frame n + frame_start - 1 -
    frame_offset of the clip, and an Image node shows the file number scene frame - frame_start + 1 +
    frame_offset of the node. Both were measured by rendering.
    """
    image = node.image
    path = sequence.first_file.absolute()
    if image is None:
        image = bpy.data.images.load(str(path))
        image.source = "SEQUENCE"
    elif Path(bpy.path.abspath(image.filepath)).resolve() != path.resolve():
        image.filepath = str(path)
        image.reload()
    compat.set_non_color(image)
    wanted = {
        "image": image,
        "frame_start": _node_start(clip, sequence.first_frame),
        "frame_offset": sequence.first_number - 1,
        # Past its duration the node holds the last file. One more, which does not exist, is transparent.
        "frame_duration": sequence.frame_count + 1,
        "use_cyclic": False,
        "use_auto_refresh": True,
    }
    for name, value in wanted.items():
        if getattr(node, name) != value:
            setattr(node, name, value)
    node[FIRST_FRAME] = sequence.first_frame


def _node_start(clip: MovieClip, first_frame: int) -> int:
    return first_frame + clip.frame_start - 1 - clip.frame_offset


def _insert(
    tree: NodeTree, clip_node: Node, cut_out: Node, output: NodeSocket, sequence: MatteSequence
) -> None:
    """Put the first cut-out in place of the clip, or over the picture that the scene had without it."""
    shown = _shown(tree)
    links = [link for link in clip_node.outputs["Image"].links if link.to_node in shown]
    for link in links:
        tree.links.new(cut_out.outputs["Image"], link.to_socket)
    if links:
        return
    picture = _source(output)
    if picture is None:
        tree.links.new(cut_out.outputs["Image"], output)
        return
    over = _new(tree, "CompositorNodeAlphaOver", OVER, clip_node.clip, sequence)
    over.location = (output.node.location.x - 200.0, output.node.location.y)
    background, foreground = compat.alpha_over_inputs(over)
    tree.links.new(picture, background)
    tree.links.new(cut_out.outputs["Image"], foreground)
    tree.links.new(over.outputs["Image"], output)


def _join(tree: NodeTree, last: NodeSocket, cut_out: Node, clip: MovieClip, sequence: MatteSequence) -> None:
    """Lay one more cut-out over those before it, and let the sum go where they went."""
    join = _new(tree, "CompositorNodeAlphaOver", JOIN, clip, sequence)
    join.location = (cut_out.location.x + 260.0, cut_out.location.y)
    _move_links(tree, last, join.outputs["Image"])
    background, foreground = compat.alpha_over_inputs(join)
    tree.links.new(last, background)
    tree.links.new(cut_out.outputs["Image"], foreground)


def _last(tree: NodeTree, clip: MovieClip) -> NodeSocket | None:
    """The socket that carries all cut-outs of the clip: of the join or cut-out farthest downstream."""
    nodes = [node for node in _ours(tree, clip) if node[ROLE] in (CUT_OUT, JOIN)]
    used = set().union(*(_upstream(tree, node) for node in nodes))
    ends = [node for node in nodes if node not in used]
    shown = _shown(tree)
    ends.sort(key=lambda node: node not in shown)
    return ends[0].outputs["Image"] if ends else None


def _find_clip_node(tree: NodeTree, clip: MovieClip) -> Node | None:
    """The Movie Clip node of `clip`; of several, one that leads to the scene's picture."""
    nodes = [n for n in tree.nodes if n.bl_idname == "CompositorNodeMovieClip" and n.clip == clip]
    shown = _shown(tree)
    nodes.sort(key=lambda node: node not in shown)
    return nodes[0] if nodes else None


def _new_clip_node(tree: NodeTree, clip: MovieClip, output: Node) -> Node:
    node = tree.nodes.new("CompositorNodeMovieClip")
    node.clip = clip
    node.location = (output.location.x - 1000.0, output.location.y)
    return node


def _new(tree: NodeTree, kind: str, role: str, clip: MovieClip, sequence: MatteSequence) -> Node:
    node = tree.nodes.new(kind)
    node.name = f"Rotopoint {role} {sequence.subject_name}"
    node[ROLE] = role
    # A pointer to the clip, not its name: it outlives renaming, saving and appending.
    node[CLIP] = clip
    node[SUBJECT] = sequence.subject_id
    return node


def _ours(tree: NodeTree, clip: MovieClip) -> Iterator[Node]:
    return (node for node in tree.nodes if ROLE in node and node.get(CLIP) == clip)


def _find(tree: NodeTree, clip: MovieClip, role: str, subject_id: str) -> Node | None:
    ours = _ours(tree, clip)
    return next((node for node in ours if (node[ROLE], node[SUBJECT]) == (role, subject_id)), None)


def _upstream(tree: NodeTree, node: Node) -> set[Node]:
    """All nodes whose results reach `node`, and `node` itself where a loop leads back to it."""
    feeding: dict[Node, list[Node]] = {}
    for link in tree.links:
        feeding.setdefault(link.to_node, []).append(link.from_node)
    found: set[Node] = set()
    waiting = [node]
    while waiting:
        for source in feeding.get(waiting.pop(), ()):
            if source not in found:
                found.add(source)
                waiting.append(source)
    return found


def _shown(tree: NodeTree) -> set[Node]:
    """The nodes that lead to the scene's picture, and the one that takes it."""
    output = compat.find_output(tree)
    return set() if output is None else _upstream(tree, output.node) | {output.node}


def _source(socket: NodeSocket) -> NodeSocket | None:
    links: list[NodeLink] = list(socket.links)
    return links[0].from_socket if links else None


def _move_links(tree: NodeTree, source: NodeSocket, target: NodeSocket | None) -> None:
    """Let `target` feed all that `source` fed; None unlinks it."""
    for link in list(source.links):
        socket = link.to_socket
        if target is None:
            tree.links.remove(link)
        else:
            tree.links.new(target, socket)
