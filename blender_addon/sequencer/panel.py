# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar tab Rotopoint in the Sequencer: that of the Clip Editor, for the active strip."""

from __future__ import annotations

from bpy.types import Context, MovieClip, Panel, UILayout

from .. import host
from ..clip_editor.context import subject_in
from ..clip_editor.next_step import POINT, Step, draw_step, next_step
from ..clip_editor.panel import ROTOPOINT_PT_subjects
from ..clip_editor.progress import draw_progress
from ..faults import TOLD
from ..lines import draw_fault, draw_last_word
from ..strip_on_screen import clip_in, has_strips, seen_part, strip_in
from ..strip_source import find_clip
from .matte_strip import find_matte, has_matte, out_of_date
from .operators import not_followed

TRACK = Step("Track the subjects over the strip", "rotopoint.track", "Track", "ARROW_LEFTRIGHT")
MATTE = Step("Cut the strip out by the matte", "rotopoint.matte_strip", "Matte Strip", "IMAGE_ALPHA")


def strip_step(context: Context) -> Step | None:
    """What comes next for the active strip, from the first click to its matte; None where it has that."""
    if strip_in(context) is None:
        return POINT if has_strips(context) else None
    if not_followed(context) is not None:
        return None
    clip = clip_in(context)
    if clip is None:
        return POINT
    if (step := next_step(context)) is not None:
        return step
    if has_matte(strip_in(context)) or host.state_of(clip).tracking:
        return None
    return MATTE if _is_tracked(context, clip) else TRACK


def _is_tracked(context: Context, clip: MovieClip) -> bool:
    """Whether the active subject has all mattes that the strip needs."""
    standing, subject = host.standing_of(clip), subject_in(context)
    found = None if standing is None or subject is None else standing.of(subject.uid)
    try:
        part = seen_part(context, clip)
    except TOLD:
        return False
    return found is not None and not found.due[part.first - 1 : part.last].any()


class _SequencerPanel(Panel):
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Rotopoint"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return clip_in(context) is not None


class ROTOPOINT_PT_strip_next_step(_SequencerPanel):
    bl_label = "Next Step"
    bl_options = {"HIDE_HEADER"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return strip_step(context) is not None

    def draw(self, context: Context) -> None:
        step = strip_step(context)
        if step is not None:
            draw_step(self.layout, context, step)


class ROTOPOINT_PT_strip_subjects(_SequencerPanel):
    bl_label = "Subjects"

    def draw(self, context: Context) -> None:
        ROTOPOINT_PT_subjects.draw(self, context)


class ROTOPOINT_PT_strip_track(_SequencerPanel):
    bl_label = "Track"

    def draw(self, context: Context) -> None:
        draw_progress(self.layout, clip_in(context))


class ROTOPOINT_PT_strip(_SequencerPanel):
    bl_label = "Rotoscope"

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
    """Its name, and the last word on its work."""
    layout.label(text=clip.name, icon="SEQUENCE")
    if not host.state_of(clip).tracking:
        draw_fault(layout, context, host.mattes_outdated(clip))
    draw_last_word(layout, context, clip)


CLASSES = (
    ROTOPOINT_PT_strip_next_step,
    ROTOPOINT_PT_strip_subjects,
    ROTOPOINT_PT_strip_track,
    ROTOPOINT_PT_strip,
)
