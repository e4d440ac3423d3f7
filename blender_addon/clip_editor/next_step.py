# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do first, for who opens the tab for the first time: one line, and the button that does it."""

from __future__ import annotations

from dataclasses import dataclass

from bpy.types import Context, Panel, UILayout

from .. import host
from ..faults import Refused
from ..lines import draw_text
from ..mattes import folder_of
from ..preferences import preferences
from .context import clip_in, subject_in


@dataclass(frozen=True)
class Step:
    """`operator` does what `text` says, from a button that says `label`."""

    text: str
    operator: str
    label: str
    icon: str


CLIP = Step("Open a video, or the pictures of a sequence", "clip.open", "Open Clip", "FILE_FOLDER")
ENGINE = Step("", "rotopoint.preferences_show", "Open Preferences", "PREFERENCES")
POINT = Step(
    "Press Point, then click in the picture on what shall be cut out",
    "rotopoint.point",
    "Point",
    "RESTRICT_SELECT_OFF",
)
SAVE = Step("Save the .blend: the mattes go beside it", "wm.save_mainfile", "Save", "FILE_TICK")
TRACK = Step("Track it through the clip", "rotopoint.track", "Track", "ARROW_LEFTRIGHT")


def next_step(context: Context) -> Step | None:
    """What has to be done before the clip can be tracked; None where nothing stands before that."""
    clip = clip_in(context)
    if clip is None:
        return CLIP
    try:
        preferences(context).command()
    except Refused as error:
        return Step(error.reason[:1].upper() + error.reason[1:], ENGINE.operator, ENGINE.label, ENGINE.icon)
    subject = subject_in(context)
    # Pointing adds the first subject itself.
    if not clip.rotopoint.subjects or (subject is not None and not subject.prompted_frames()):
        return POINT
    try:
        folder_of(clip)
    except Refused:
        return SAVE
    return None


def clip_step(context: Context) -> Step | None:
    """What comes next in the Clip Editor, until something is tracked; None from then on."""
    if (step := next_step(context)) is not None:
        return step
    clip = clip_in(context)
    standing = host.standing_of(clip)
    begun = standing is None or standing.tracked > 0 or standing.due == 0 or host.state_of(clip).tracking
    return None if begun else TRACK


def draw_step(layout: UILayout, context: Context, step: Step) -> None:
    draw_text(layout, context, step.text)
    # As a click does it, and not at once: files are chosen, subjects pointed at.
    layout.operator_context = "INVOKE_DEFAULT"
    layout.operator(step.operator, text=step.label, icon=step.icon)


class ROTOPOINT_PT_next_step(Panel):
    bl_label = "Next Step"
    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_category = "Rotopoint"
    bl_options = {"HIDE_HEADER"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return clip_step(context) is not None

    def draw(self, context: Context) -> None:
        step = clip_step(context)
        if step is not None:
            draw_step(self.layout, context, step)


CLASSES = (ROTOPOINT_PT_next_step,)
