# SPDX-License-Identifier: GPL-3.0-or-later
"""The menu Rotopoint in the Clip Editor's header."""

from __future__ import annotations

import bpy
from bpy.types import Context, Menu


class ROTOPOINT_MT_clip(Menu):
    bl_label = "Rotopoint"

    def draw(self, _context: Context) -> None:
        layout = self.layout
        # A menu runs an operator's invoke, so those of the mouse wait for a click.
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("rotopoint.subject_add")
        layout.operator("rotopoint.subject_rename")
        layout.operator("rotopoint.subject_duplicate")
        for up, way in ((True, "Up"), (False, "Down")):
            layout.operator("rotopoint.subject_move", text=f"Move Subject {way}").up = up
        layout.operator("rotopoint.subject_remove")
        layout.separator()
        layout.operator("rotopoint.point")
        layout.operator("rotopoint.point_add", text="Add Positive Point").positive = True
        layout.operator("rotopoint.point_add", text="Add Negative Point").positive = False
        layout.operator("rotopoint.box_add")
        layout.operator("rotopoint.mask_add")
        layout.operator("rotopoint.paint")
        layout.menu("ROTOPOINT_MT_masks", icon="MOD_MASK")
        layout.operator("rotopoint.prompt_move")
        layout.operator("rotopoint.prompt_remove")
        layout.operator_menu_enum("rotopoint.prompts_clear", "scope")
        layout.separator()
        layout.operator("rotopoint.range_start")
        for absent, text in ((True, "Subject Absent"), (False, "Subject Present")):
            said = layout.operator("rotopoint.absent_set", text=text)
            said.absent, said.marked = absent, True
        layout.operator("rotopoint.approve").marked = True
        layout.operator("rotopoint.approval_clear").marked = True
        layout.separator()
        for to, name in (("PROMPT", "Prompt"), ("WEAK", "Weak Frame")):
            for backward, which in ((True, "Previous"), (False, "Next")):
                jump = layout.operator("rotopoint.frame_jump", text=f"{which} {name}")
                jump.to, jump.backward = to, backward
        layout.separator()
        layout.operator("rotopoint.preview")
        layout.operator("rotopoint.track").direction = "both"
        for backward, way in ((False, "Forward"), (True, "Backward")):
            for single, how in ((False, ""), (True, "One Frame ")):
                track = layout.operator("rotopoint.track_from_here", text=f"Track {how}{way}")
                track.backward, track.single = backward, single
        layout.operator("rotopoint.cancel")
        layout.separator()
        layout.operator("rotopoint.mattes_show")
        layout.operator("rotopoint.view_next")
        layout.operator("rotopoint.split")
        layout.separator()
        layout.operator("rotopoint.wire")
        layout.operator("rotopoint.unwire")
        layout.operator("rotopoint.mask_make")
        layout.operator("rotopoint.scene_match")
        layout.operator("rotopoint.view_standard")
        layout.operator("rotopoint.deliver", text="Deliver...")
        layout.operator("rotopoint.deliver_cancel")
        layout.separator()
        layout.operator("rotopoint.shot_save")
        layout.operator("rotopoint.shot_load")


def _draw(self: Menu, _context: Context) -> None:
    self.layout.menu(ROTOPOINT_MT_clip.__name__)


CLASSES = (ROTOPOINT_MT_clip,)


def register() -> None:
    bpy.types.CLIP_MT_tracking_editor_menus.append(_draw)


def unregister() -> None:
    bpy.types.CLIP_MT_tracking_editor_menus.remove(_draw)
