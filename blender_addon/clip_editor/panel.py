# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar tab Rotopoint in the Clip Editor."""

from __future__ import annotations

from bpy.types import Context, Panel, UILayout, UIList

from rotopoint.shot.names import name_fault

from .. import compositor, host
from ..lines import draw_fault, draw_finish, draw_last_word
from ..matte_properties import draw_overrides, draw_settings
from ..properties import MASK
from .combine_panel import ROTOPOINT_PT_combine, draw_outdated_masks
from .context import clip_in, shown_frame, subject_in
from .deliver import draw_deliver
from .frame_operators import draw_range, weak_frames
from .progress import draw_progress, draw_standing
from .scene_operators import draw_scene


class ROTOPOINT_UL_subjects(UIList):
    def draw_item(
        self,
        _context: Context,
        layout: UILayout,
        asked: object,
        subject: object,
        _icon: int,
        _active_data: object,
        _active_property: str,
    ) -> None:
        row = layout.row(align=True)
        color = row.row()
        color.ui_units_x = 1.2
        color.prop(subject, "color", text="")
        name = row.row()
        alike = (other.name.casefold() == subject.name.casefold() for other in asked.subjects)
        name.alert = name_fault(subject.name) is not None or sum(alike) > 1
        name.prop(subject, "name", text="", emboss=False)
        row.prop(subject, "visible", text="", icon="HIDE_OFF" if subject.visible else "HIDE_ON", emboss=False)
        row.prop(subject, "locked", text="", icon="LOCKED" if subject.locked else "UNLOCKED", emboss=False)


def _draw_prompts(layout: UILayout, context: Context) -> None:
    """What the active subject has on the frame on screen."""
    subject = subject_in(context)
    if subject is None:
        return
    frame = shown_frame(context, clip_in(context))
    prompted = subject.prompted_frames()
    row = layout.row(align=True)
    row.label(text=f"Frame {frame}: {prompted.count(frame)} of {len(prompted)} prompts")
    for backward, icon in ((True, "PREV_KEYFRAME"), (False, "NEXT_KEYFRAME")):
        jump = row.operator("rotopoint.frame_jump", text="", icon=icon)
        jump.to, jump.backward = "PROMPT", backward
    layout.prop(subject, "follow")
    absent = any(part.first <= frame <= part.last for part in subject.absent)
    approved = any(kept.frame == frame for kept in subject.approved)
    row = layout.row(align=True)
    said = row.operator("rotopoint.absent_set", text="Absent", depress=absent)
    said.absent, said.marked = not absent, True
    name = "rotopoint.approval_clear" if approved else "rotopoint.approve"
    row.operator(name, text="Approved", depress=approved).marked = True
    draw_range(layout, clip_in(context), frame)
    for index, mask in enumerate(subject.masks):
        if mask.frame == frame:
            row = layout.row(align=True)
            row.prop(mask, "path", text="Mask")
            row.operator_context = "EXEC_DEFAULT"
            remove = row.operator("rotopoint.prompt_remove", text="", icon="X")
            remove.kind, remove.index = MASK, index


class _ClipPanel(Panel):
    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_category = "Rotopoint"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return clip_in(context) is not None


class ROTOPOINT_PT_subjects(_ClipPanel):
    bl_label = "Subjects"

    def draw(self, context: Context) -> None:
        layout = self.layout
        asked = clip_in(context).rotopoint
        row = layout.row()
        row.template_list("ROTOPOINT_UL_subjects", "", asked, "subjects", asked, "active_index", rows=3)
        column = row.column(align=True)
        column.operator("rotopoint.subject_add", text="", icon="ADD")
        column.operator("rotopoint.subject_remove", text="", icon="REMOVE")
        column.separator()
        column.operator("rotopoint.subject_duplicate", text="", icon="DUPLICATE")
        if len(asked.subjects) > 1:
            column.separator()
            for up, icon in ((True, "TRIA_UP"), (False, "TRIA_DOWN")):
                column.operator("rotopoint.subject_move", text="", icon=icon).up = up
        row = layout.row()
        row.scale_y = 1.4
        row.operator("rotopoint.point", icon="RESTRICT_SELECT_OFF")
        column = layout.column(align=True)
        row = column.row(align=True)
        row.operator("rotopoint.point_add", text="Positive", icon="ADD").positive = True
        row.operator("rotopoint.point_add", text="Negative", icon="REMOVE").positive = False
        row = column.row(align=True)
        row.operator("rotopoint.box_add", text="Box", icon="SELECT_SET")
        row.operator("rotopoint.paint", icon="BRUSH_DATA")
        row = column.row(align=True)
        row.operator("rotopoint.mask_add", text="Mask File", icon="IMAGE_ALPHA")
        row.menu("ROTOPOINT_MT_masks", text="Drawn Mask", icon="MOD_MASK")
        row = column.row(align=True)
        row.operator("rotopoint.prompt_move", text="Move", icon="EMPTY_ARROWS")
        row.operator("rotopoint.prompt_remove", text="Remove", icon="X")
        layout.operator_menu_enum("rotopoint.prompts_clear", "scope", text="Clear Prompts")
        _draw_prompts(layout, context)


class ROTOPOINT_PT_track(_ClipPanel):
    bl_label = "Track"

    def draw(self, context: Context) -> None:
        layout = self.layout
        clip = clip_in(context)
        asked = clip.rotopoint
        draw_progress(layout, clip)
        draw_last_word(layout, context, clip)
        draw_standing(layout, clip)
        subject = subject_in(context)
        doubtful = [] if subject is None else weak_frames(clip, subject)
        if doubtful:
            row = layout.row(align=True)
            row.label(text="Check")
            for frame in doubtful:
                row.operator("rotopoint.frame_show", text=str(frame)).frame = frame
        layout.use_property_split = True
        layout.use_property_decorate = False
        heading = layout.column(heading="Range")
        heading.prop(asked, "use_range", text="")
        limits = layout.column(align=True)
        limits.active = asked.use_range
        limits.prop(asked, "range_first")
        limits.prop(asked, "range_last")
        layout.prop(asked, "checkpoint")


class ROTOPOINT_PT_mattes(_ClipPanel):
    bl_label = "Mattes"

    def draw(self, context: Context) -> None:
        layout = self.layout
        clip = clip_in(context)
        asked = clip.rotopoint
        names = {subject.uid: subject.name for subject in asked.subjects}
        for reason in (compositor.out_of_date(context.scene, clip, names), host.mattes_outdated(clip)):
            draw_fault(layout, context, reason)
        draw_outdated_masks(layout, context)
        row = layout.row(align=True)
        row.operator("rotopoint.wire", icon="NODE_COMPOSITING")
        row.operator("rotopoint.unwire", text="", icon="UNLINKED")
        if names.keys() & compositor.wired_subjects(context.scene, clip).keys():
            draw_scene(layout, context, clip)
        draw_deliver(layout, context, clip)
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(asked, "folder", placeholder="//rotopoint/")
        layout.prop(asked, "format")
        row = layout.row(heading="First Number")
        row.prop(asked, "use_first_number", text="")
        number = row.row()
        number.active = asked.use_first_number
        number.prop(asked, "first_number", text="")


class ROTOPOINT_PT_matte_settings(_ClipPanel):
    """Of the active subject."""

    bl_label = "Settings"
    bl_parent_id = "ROTOPOINT_PT_mattes"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return subject_in(context) is not None

    def draw(self, context: Context) -> None:
        layout = self.layout
        subject = subject_in(context)
        layout.use_property_split = True
        layout.use_property_decorate = False
        clip = clip_in(context)
        frame = shown_frame(context, clip)
        draw_finish(layout, context, clip, subject.uid, frame)
        draw_settings(layout, subject.matte)
        layout.operator_menu_enum("rotopoint.override_add", "setting", text=f"Otherwise on Frame {frame}")
        draw_overrides(layout, subject.overrides, frame)


class ROTOPOINT_PT_advanced(_ClipPanel):
    bl_label = "Advanced"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        layout = self.layout
        asked = clip_in(context).rotopoint
        row = layout.row(align=True)
        row.operator("rotopoint.shot_save")
        row.operator("rotopoint.shot_load")
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(asked, "input_transform")
        layout.prop(asked, "policy")
        if host.engine.device:
            layout.label(text=f"The engine computes on {host.engine.device}")


CLASSES = (
    ROTOPOINT_UL_subjects,
    ROTOPOINT_PT_subjects,
    ROTOPOINT_PT_track,
    ROTOPOINT_PT_mattes,
    ROTOPOINT_PT_matte_settings,
    ROTOPOINT_PT_combine,
    ROTOPOINT_PT_advanced,
)
