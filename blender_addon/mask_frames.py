# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender Mask as images, one a frame, as Blender itself draws it: splines, feather, layers, animation.

Its splines cannot be asked for between their keys but by going to the frame, and no function draws them; the
compositor's Mask node does both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import bpy
from bpy.types import Mask, Scene

from rotopoint.whole_files import write_whole

from . import compat
from .faults import Refused


def write_mask_frames(
    mask: Mask, size: tuple[int, int], scene_frames: dict[int, int], file: Path
) -> Iterator[int]:
    """Draw a mask at the size (width, height) of its clip, a frame at each step of the iterator, which gives
    its number: half-float EXR of linear coverage, `file` with the number behind its name.

    `scene_frames` has the scene frame of each number. What Blender shows as its render result is then the
    mask. Files that are there are replaced, each as a whole. Raises Refused, OutputUnwritable, OSError.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    for number, scene_frame in scene_frames.items():
        # From 5.0 Blender takes braces in the path that it renders to for variables, and people name folders.
        with tempfile.TemporaryDirectory(prefix="rotopoint-") as drawn:
            _draw(mask, size, scene_frame, Path(drawn))
            path = next(Path(drawn).iterdir(), None)
            if path is None:
                raise Refused(f"Blender has drawn nothing of {mask.name} on frame {scene_frame}")
            write_whole(file.with_name(f"{file.name}.{number:04d}.exr"), path.read_bytes())
        yield number


def _draw(mask: Mask, size: tuple[int, int], scene_frame: int, folder: Path) -> None:
    # A scene that lasts from one step to the next might be undone or saved in between.
    scene = _scene_of(mask, size)
    tree = compat.find_compositor_tree(scene)
    try:
        # A single picture would be that of the frame on screen, whatever the frame of this scene.
        scene.frame_start = scene.frame_end = scene_frame
        if scene.frame_start != scene_frame:
            raise Refused(f"Blender renders no scene frame {scene_frame}: let the clip start later")
        scene.render.filepath = str(folder / "frame_")
        bpy.ops.render.render(animation=True, scene=scene.name)
    finally:
        bpy.data.scenes.remove(scene)
        if tree in bpy.data.node_groups.values():
            bpy.data.node_groups.remove(tree)


def _scene_of(mask: Mask, size: tuple[int, int]) -> Scene:
    """A scene whose picture is the mask alone."""
    scene = bpy.data.scenes.new("Rotopoint Mask")
    render = scene.render
    # Nothing 3D is rendered.
    render.engine = "BLENDER_WORKBENCH"
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.use_sequencer, render.use_compositing = False, True
    render.use_border = False
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_mode, render.image_settings.color_depth = "RGB", "16"
    render.image_settings.exr_codec = "ZIP"
    tree = compat.ensure_compositor_tree(scene)
    node = tree.nodes.new("CompositorNodeMask")
    node.mask = mask
    tree.links.new(node.outputs[0], compat.ensure_output(tree))
    return scene
