# SPDX-License-Identifier: GPL-3.0-or-later
"""A Viewer on the cut-out, so that the Compositing workspace shows it at once."""

from __future__ import annotations

import bpy

from .. import compat
from .graph import source
from .nodes import CLIP, ROLE, SUBJECT, VIEWER
from .wiring import Wiring


def view(wiring: Wiring) -> None:
    """Let a Viewer show all cut-outs of a clip behind the nodes; one that a person has linked stays."""
    tree = wiring.tree
    viewers = [node for node in tree.nodes if node.bl_idname == "CompositorNodeViewer"]
    ours = next((node for node in viewers if node.get(ROLE) == VIEWER), None)
    if ours is None and any(node.inputs["Image"].is_linked for node in viewers):
        return
    viewer = ours or next(iter(viewers), None)
    if viewer is None:
        viewer = tree.nodes.new("CompositorNodeViewer")
        viewer.name = "Rotopoint viewer"
        viewer[ROLE], viewer[CLIP], viewer[SUBJECT] = VIEWER, wiring.clip_node.clip, ""
        output = compat.ensure_output(tree).node
        viewer.location = (output.location.x, output.location.y + 160.0)
    if source(viewer.inputs["Image"]) != wiring.result:
        tree.links.new(wiring.result, viewer.inputs["Image"])
    # Of several viewers the active one is shown.
    tree.nodes.active = viewer
    _show_behind_nodes()


def _show_behind_nodes() -> None:
    """In all compositor editors, of all workspaces."""
    for screen in bpy.data.screens:
        for area in screen.areas:
            for space in area.spaces:
                if space.type == "NODE_EDITOR" and space.tree_type == "CompositorNodeTree":
                    space.show_backdrop = True
