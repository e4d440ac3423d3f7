# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar tab Rotopoint in the Sequencer."""

from __future__ import annotations

from bpy.types import Context, MovieClip, Panel, UILayout

from .. import host
from ..lines import draw_fault, draw_last_word
from ..strip_on_screen import strip_in
from ..strip_source import find_clip
from .matte_strip import find_matte, out_of_date
from .operators import not_followed


class ROTOPOINT_PT_strip(Panel):
    bl_label = "Rotoscope"
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Rotopoint"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return strip_in(context) is not None

    def draw(self, context: Context) -> None:
        layout = self.layout
        reason = not_followed(context)
        clip = find_clip(strip_in(context)) if reason is None else None
        if reason is None:
            asked = () if clip is None else clip.rotopoint.subjects
            reason = out_of_date(strip_in(context), {subject.uid: subject.name for subject in asked})
        draw_fault(layout, context, reason)
        layout.operator("rotopoint.rotoscope_strip", icon="TRACKER")
        if clip is not None:
            _draw_clip(layout, context, clip)
        matte = find_matte(strip_in(context))
        row = layout.row(align=True)
        row.operator("rotopoint.matte_strip", icon="IMAGE_ALPHA")
        row.operator("rotopoint.matte_strip_remove", text="", icon="X")
        if matte is not None:
            layout.label(text=matte.name, icon="CHECKMARK")


def _draw_clip(layout: UILayout, context: Context, clip: MovieClip) -> None:
    """Its subjects, the active one for the next matte, and the last word on its work."""
    asked, state = clip.rotopoint, host.state_of(clip)
    layout.label(text=clip.name, icon="SEQUENCE")
    layout.template_list("ROTOPOINT_UL_subjects", "strip", asked, "subjects", asked, "active_index", rows=2)
    if state.tracking:
        layout.progress(factor=state.progress, text=f"{state.done} of {state.total}")
    else:
        draw_fault(layout, context, host.mattes_outdated(clip))
    draw_last_word(layout, context, clip)


CLASSES = (ROTOPOINT_PT_strip,)
