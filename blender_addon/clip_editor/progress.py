# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking as Blender's own tracker has it: four arrows, and how far it is in the status bar."""

from __future__ import annotations

import bpy
from bpy.types import Context, Menu, MovieClip, UILayout

from .. import host

ARROWS = (
    ("TRACKING_BACKWARDS", True, False),
    ("TRACKING_BACKWARDS_SINGLE", True, True),
    ("TRACKING_FORWARDS_SINGLE", False, True),
    ("TRACKING_FORWARDS", False, False),
)
"""Icon, backward, one frame alone: in the order of Blender's tracker."""

BAR_UNITS = 9.0
"""Width of a bar in the status bar, in units of the interface."""


def draw_track_buttons(layout: UILayout) -> None:
    """All of the clip, and from the frame on screen."""
    row = layout.row(align=True)
    row.operator("rotopoint.track", text="Track", icon="ARROW_LEFTRIGHT").direction = "both"
    for icon, backward, single in ARROWS:
        arrow = row.operator("rotopoint.track_from_here", text="", icon=icon)
        arrow.backward, arrow.single = backward, single


def draw_progress(layout: UILayout, clip: MovieClip) -> None:
    """How far tracking is, and what stops it; while nothing tracks the clip, what begins it."""
    state = host.state_of(clip)
    if state.tracking:
        row = layout.row(align=True)
        row.progress(factor=state.progress, text=f"{state.done} of {state.total}")
        row.operator("rotopoint.cancel", text="", icon="X")
    else:
        draw_track_buttons(layout)
        layout.operator("rotopoint.preview", icon="HIDE_OFF")


def draw_standing(layout: UILayout, clip: MovieClip) -> None:
    """What is left to track, as long as nothing tracks it: also where no engine runs."""
    standing = None if host.state_of(clip).tracking else host.standing_of(clip)
    if standing is None or not any(subject.prompted.any() for subject in standing.subjects):
        return
    if not standing.due:
        layout.label(text="All frames are tracked", icon="CHECKMARK")
    elif standing.tracked:
        layout.label(text=f"{standing.due} frames left to track", icon="TIME")


def _draw_in_status_bar(self: Menu, _context: Context) -> None:
    for key in host.engine.tracked():
        clip, state = host.clip_of(key), host.engine.state(key)
        if clip is None:
            continue
        row = self.layout.row(align=True)
        bar = row.row()
        bar.ui_units_x = BAR_UNITS
        bar.progress(factor=state.progress, text=f"{clip.name}: {state.done} of {state.total}")
        row.operator("rotopoint.cancel", text="", icon="X").clip = clip.name
        row.label(text=str(state.pace))


def register() -> None:
    bpy.types.STATUSBAR_HT_header.append(_draw_in_status_bar)


def unregister() -> None:
    bpy.types.STATUSBAR_HT_header.remove(_draw_in_status_bar)
