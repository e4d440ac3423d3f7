# SPDX-License-Identifier: GPL-3.0-or-later
"""What the active subject's mattes are combined with, in the sidebar."""

from __future__ import annotations

from bpy.types import Context, Panel, UILayout

from .. import mask_watch
from .context import clip_in, subject_in


def draw_outdated_masks(layout: UILayout, context: Context) -> None:
    """Those of the active subject whose files are not what is in Blender by now."""
    subject = subject_in(context)
    for index, mask in enumerate(() if subject is None else subject.combine.drawn):
        if mask_watch.is_outdated(mask):
            row = layout.row()
            row.alert = True
            row.label(text=f"{mask.mask.name} was edited", icon="ERROR")
            row.operator("rotopoint.drawn_mask_render", text="Draw Again").again = index


class ROTOPOINT_PT_combine(Panel):
    """Of the active subject."""

    bl_label = "Combine"
    bl_parent_id = "ROTOPOINT_PT_mattes"
    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_category = "Rotopoint"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return subject_in(context) is not None

    def draw(self, context: Context) -> None:
        layout = self.layout
        asked = subject_in(context).combine
        names = {subject.uid: subject.name for subject in clip_in(context).rotopoint.subjects}
        for index, other in enumerate(asked.others):
            if other.uid in names:
                row = layout.row(align=True)
                row.prop(other, "how", text="")
                row.label(text=names[other.uid])
                row.operator("rotopoint.other_remove", text="", icon="X").index = index
        layout.operator_menu_enum("rotopoint.other_add", "other", text="Add or Subtract Subject")
        for index, mask in enumerate(asked.drawn):
            column = layout.column(align=True)
            row = column.row(align=True)
            row.prop(mask, "kind", text="")
            row.prop(mask, "path", text="")
            row.operator("rotopoint.drawn_mask_remove", text="", icon="X").index = index
            row = column.row(align=True)
            row.prop(mask, "use_range", text="Range", toggle=True)
            limits = row.row(align=True)
            limits.active = mask.use_range
            limits.prop(mask, "first")
            limits.prop(mask, "last")
        row = layout.row(align=True)
        row.operator("rotopoint.drawn_mask_add", text="Garbage", icon="ADD").kind = "garbage"
        row.operator("rotopoint.drawn_mask_add", text="Hold-In", icon="ADD").kind = "hold_in"
        layout.operator("rotopoint.drawn_mask_render", icon="MOD_MASK")
