# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts mattes between a Movie Clip node and the scene's picture, and takes them out again.

For each subject an Image node reads the matte files and a Rotopoint group cuts the subject out of the
plate. Where cut-outs were delivered, another Image node reads them, and the group takes its color from
there. The cut-outs of several subjects are laid over each other by Alpha Over nodes. Where the clip led
to the scene's picture, the cut-outs take its place at the links that left it; what stood downstream stays
there. Where something else was the scene's picture, they are laid over it.

Nodes are known again by custom properties on them, so a second run finds its own and updates them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.types import MovieClip, Node, NodeSocket, NodeTree, Scene

from rotopoint.deliver.naming import is_matte_of

from .. import compat
from ..blend_paths import is_there, to_save
from ..matte_sequence import MatteSequence
from .graph import move_links, source
from .layers import insert, join_cut_out, last_of, leave, mend
from .node_group import ensure_node_group
from .nodes import (
    CUT_OUT,
    FIRST_FRAME,
    FOREGROUND,
    JOIN,
    MATTE,
    OVER,
    ROLE,
    SUBJECT,
    find,
    find_clip_node,
    new_clip_node,
    new_node,
    ours_in,
)


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


def wire(
    scene: Scene,
    clip: MovieClip,
    mattes: Iterable[MatteSequence],
    cut_outs: Iterable[MatteSequence] = (),
) -> Wiring:
    """Wire the mattes of `clip` into the compositor of `scene`, or update what an earlier call wired.

    `cut_outs` are delivered ones, premultiplied: the color of the subjects that have one comes from there.

    Subjects already wired and not named in `mattes` stay as they are, as do parameters and links that a
    person changed; links between subjects that were lost are made again. A second call with the same
    arguments changes nothing. Raises ValueError where `mattes` is empty and FileNotFoundError where a first
    file is missing, before anything is changed.
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
    clip_node = find_clip_node(tree, clip) or new_clip_node(tree, clip, output.node)
    mend(tree, clip)
    subjects = tuple(
        _ensure_subject(tree, clip_node, output, sequence, row) for row, sequence in enumerate(sequences)
    )
    wired = {nodes.subject_id: nodes for nodes in subjects}
    for sequence in cut_outs:
        if sequence.subject_id in wired:
            _ensure_foreground(tree, clip, wired[sequence.subject_id], sequence)
    result = last_of(tree, clip)
    assert result is not None
    return Wiring(tree, clip_node, subjects, result)


def unwire(scene: Scene, clip: MovieClip, subjects: Collection[str] | None = None) -> None:
    """Take out what `wire` put in for `clip` and link the clip again where its cut-outs were.

    `subjects` are the ids of those to take out, None: all. The Movie Clip node and the output node stay, also
    where `wire` made them. Matte images that nothing else uses are removed from the file; the matte files
    stay.
    """
    tree = compat.find_compositor_tree(scene)
    if tree is None:
        return
    wired = wired_subjects(scene, clip)
    leaving = set(wired if subjects is None else wired.keys() & set(subjects))
    ours = list(ours_in(tree, clip))
    if leaving != set(wired):
        mend(tree, clip)
        for subject in leaving:
            leave(tree, clip, subject)
        # What lays the cut-outs over something goes with the last of them.
        parts = (MATTE, FOREGROUND, CUT_OUT)
        ours = [n for n in ours_in(tree, clip) if n[ROLE] in parts and n[SUBJECT] in leaving]
    clip_node = find_clip_node(tree, clip)
    for node in ours:
        if node[ROLE] == OVER:
            background, _ = compat.alpha_over_inputs(node)
            move_links(tree, node.outputs["Image"], source(background))
        elif node[ROLE] in (CUT_OUT, JOIN) and clip_node is not None:
            for link in list(node.outputs["Image"].links):
                if link.to_node not in ours:
                    tree.links.new(clip_node.outputs["Image"], link.to_socket)
    readers = [node for node in ours if node[ROLE] in (MATTE, FOREGROUND)]
    images = {node.image for node in readers if node.image is not None}
    for node in ours:
        tree.nodes.remove(node)
    for image in images:
        if image.users == 0:
            bpy.data.images.remove(image)


def wired_subjects(scene: Scene, clip: MovieClip) -> dict[str, str]:
    """The ids of the subjects of `clip` that are wired, and the names that their nodes show."""
    tree = compat.find_compositor_tree(scene)
    nodes = () if tree is None else ours_in(tree, clip)
    return {node[SUBJECT]: node.label for node in nodes if node[ROLE] == CUT_OUT}


def out_of_date(scene: Scene, clip: MovieClip, subjects: Mapping[str, str]) -> str | None:
    """What has changed since `clip` was wired, as one line that says what to do; None where nothing has.

    `subjects` are the names that the clip's subjects have, by id. Cheap enough for a panel.
    """
    tree = compat.find_compositor_tree(scene)
    if tree is None:
        return None
    readers = [node for node in ours_in(tree, clip) if node[ROLE] in (MATTE, FOREGROUND)]
    for node in readers:
        if node[ROLE] == FOREGROUND:
            if node.image is None or not is_there(node.image.filepath):
                return f"The cut-outs of {node.label} are not where they were wired from: deliver, then wire"
            continue
        if node.image is None or not is_there(node.image.filepath):
            return f"The mattes of {node.label} are not where they were wired from: wire again"
        name = subjects.get(node[SUBJECT])
        if name is not None and not is_matte_of(bpy.path.basename(node.image.filepath), name):
            return f"{name} had another name when it was wired: track, then wire again"
    if any(n.frame_start != _node_start(clip, n.get(FIRST_FRAME, 1)) for n in readers):
        return "The clip has moved in time: wire it again"
    for subject, name in wired_subjects(scene, clip).items():
        if subject not in subjects:
            return f"{name} is wired and no longer a subject: wire again"
    layers = (node for node in ours_in(tree, clip) if node[ROLE] in (JOIN, OVER))
    if any(not socket.is_linked for node in layers for socket in compat.alpha_over_inputs(node)):
        return "Links of the clip's cut-outs were lost: wire again"
    return None


def _ensure_subject(
    tree: NodeTree, clip_node: Node, output: NodeSocket, sequence: MatteSequence, row: int
) -> SubjectNodes:
    clip = clip_node.clip
    matte = find(tree, clip, MATTE, sequence.subject_id)
    cut_out = find(tree, clip, CUT_OUT, sequence.subject_id)
    if matte is None:
        matte = new_node(tree, "CompositorNodeImage", MATTE, clip, sequence)
        matte.location = (clip_node.location.x, clip_node.location.y - 420.0 - 360.0 * row)
    _read_files(matte, clip, sequence)
    compat.set_non_color(matte.image)
    if cut_out is None:
        last = last_of(tree, clip)
        cut_out = new_node(tree, "CompositorNodeGroup", CUT_OUT, clip, sequence)
        cut_out.node_tree = ensure_node_group()
        cut_out.location = (clip_node.location.x + 320.0, clip_node.location.y - 300.0 * row)
        tree.links.new(matte.outputs["Image"], cut_out.inputs["Matte"])
        if last is None:
            insert(tree, clip_node, cut_out, output, sequence)
        else:
            join_cut_out(tree, last, cut_out, clip, sequence)
        tree.links.new(clip_node.outputs["Image"], cut_out.inputs["Image"])
    else:
        cut_out.node_tree = ensure_node_group()
        if not cut_out.inputs["Matte"].is_linked:
            tree.links.new(matte.outputs["Image"], cut_out.inputs["Matte"])
    for node in (matte, cut_out):
        if node.label != sequence.subject_name:
            node.label = sequence.subject_name
    return SubjectNodes(sequence.subject_id, matte, cut_out)


def _ensure_foreground(tree: NodeTree, clip: MovieClip, nodes: SubjectNodes, sequence: MatteSequence) -> None:
    """Let the group take a subject's color from its cut-outs; what a person has set stays on a second run."""
    reader = find(tree, clip, FOREGROUND, sequence.subject_id)
    is_new = reader is None
    if reader is None:
        reader = new_node(tree, "CompositorNodeImage", FOREGROUND, clip, sequence)
        reader.location = (nodes.matte.location.x, nodes.matte.location.y - 180.0)
        reader.hide = True
    _read_files(reader, clip, sequence)
    if reader.label != sequence.subject_name:
        reader.label = sequence.subject_name
    socket = nodes.cut_out.inputs["Cut-out"]
    if not socket.is_linked:
        tree.links.new(reader.outputs["Image"], socket)
        if is_new:
            nodes.cut_out.inputs["Despill"].default_value = 1.0


def _read_files(node: Node, clip: MovieClip, sequence: MatteSequence) -> None:
    """Let the Image node show each file where Blender shows the picture that it belongs to.

    Blender shows picture n of the clip's file (from 1) at the scene frame n + frame_start - 1 -
    frame_offset of the clip, and an Image node shows the file number scene frame - frame_start + 1 +
    frame_offset of the node. Both were measured by rendering.
    """
    image = node.image
    path = sequence.first_file.absolute()
    if image is None:
        image = bpy.data.images.load(str(path))
        image.filepath = to_save(path)
        image.source = "SEQUENCE"
    elif Path(bpy.path.abspath(image.filepath)).resolve() != path.resolve():
        image.filepath = to_save(path)
        image.reload()
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
