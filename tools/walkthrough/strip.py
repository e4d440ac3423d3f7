# SPDX-License-Identifier: GPL-3.0-or-later
"""The matte on a strip of the sequencer."""

from __future__ import annotations

from tests.gui.windowed_blender import WindowedBlender
from tools.walkthrough.way import Keep, settle

SHOW = """
scene = bpy.context.scene
scene.sequence_editor_create()
if hasattr(bpy.context.workspace, "sequencer_scene"):
    bpy.context.workspace.sequencer_scene = scene
clip = bpy.data.movieclips[0]
strips = part("compat").top_strips(scene)
back = strips.new_effect("sky", "COLOR", 1, 1, length=clip.frame_duration)
back.color = (0.1, 0.35, 0.3)
strip = strips.new_movie("plate", bpy.path.relpath(bpy.path.abspath(clip.filepath)), 2, 1)
scene.sequence_editor.active_strip = strip
bpy.ops.rotopoint.matte_strip()
scene.frame_current = scene.frame_start + 11
editor = area()
editor.type = "SEQUENCE_EDITOR"
editor.spaces.active.view_type = "SEQUENCER_PREVIEW"
editor.spaces.active.show_region_ui = True
answer = None
"""


def show_strip(blender: WindowedBlender, keep: Keep) -> None:
    """Of the clip's active subject, over a plain color."""
    blender.ask(SHOW)
    settle(blender)
    blender.ask(
        "region('UI').active_panel_category = 'Rotopoint'\nwith clip_editor('WINDOW'):\n"
        "    bpy.ops.sequencer.view_all()\nanswer = None"
    )
    settle(blender, 3.0)
    keep("sequencer")
