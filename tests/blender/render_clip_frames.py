# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders every frame of clips through a Movie Clip node: run inside bpy by test_frame_map.py.

Arguments: an output folder, then clips. For each clip it writes NAME/0001.png and so on, and
clips.json with what Blender says of each: frame_count, size [width, height], frame_rate.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import bpy


def compositor_with(scene: bpy.types.Scene, clip: bpy.types.MovieClip) -> None:
    """The clip's picture, straight to the output."""
    if bpy.app.version >= (5, 0, 0):
        tree = bpy.data.node_groups.new("clip", "CompositorNodeTree")
        scene.compositing_node_group = tree
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        output = tree.nodes.new("NodeGroupOutput")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        output = tree.nodes.new("CompositorNodeComposite")
    node = tree.nodes.new("CompositorNodeMovieClip")
    node.clip = clip
    tree.links.new(node.outputs["Image"], output.inputs["Image"])


def render(path: Path, folder: Path) -> dict[str, Any]:
    """Render all frames of one clip and return what Blender says of it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    clip = bpy.data.movieclips.load(str(path))
    compositor_with(scene, clip)
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.look = "None"
    scene.render.use_compositing = True
    scene.render.use_sequencer = False
    scene.render.resolution_x, scene.render.resolution_y = clip.size
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    scene.render.image_settings.compression = 0
    scene.render.filepath = f"{folder}{os.sep}####"
    scene.frame_start, scene.frame_end = 1, clip.frame_duration
    bpy.ops.render.render(animation=True)
    return {"frame_count": clip.frame_duration, "size": list(clip.size), "frame_rate": clip.fps}


def main() -> None:
    output, *clips = map(Path, sys.argv[1:])
    said = {clip.name: render(clip, output / clip.name) for clip in clips}
    (output / "clips.json").write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
