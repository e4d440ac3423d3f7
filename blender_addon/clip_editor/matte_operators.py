# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the active subject's mattes that are otherwise on some frames."""

from __future__ import annotations

from dataclasses import replace

from bpy.props import EnumProperty, IntProperty
from bpy.types import Context, MovieClip, Operator

from rotopoint.shot import MatteOverride
from rotopoint.shot.frames import FrameRange
from rotopoint.shot.matte_settings import MATTE_SETTINGS

from .. import host, shots
from ..faults import Refused
from ..matte_properties import fill_override
from .context import ClipOperator, frame_in, linked, locked, no_clip, no_subject, subject_in

SETTINGS = [(name, described.label, described.help) for name, described in MATTE_SETTINGS.items()]


class ROTOPOINT_OT_override_add(ClipOperator, Operator):
    """Let a setting of the active subject's mattes be another on some frames; it begins as it is elsewhere"""

    bl_idname = "rotopoint.override_add"
    bl_label = "Set Otherwise Here"
    needs = (no_clip, linked, no_subject, locked)

    setting: EnumProperty(name="Setting", items=SETTINGS)
    first: IntProperty(
        name="First", description="First clip frame; 0: the one on screen", min=0, options={"SKIP_SAVE"}
    )
    last: IntProperty(
        name="Last", description="Last clip frame; 0: the first one alone", min=0, options={"SKIP_SAVE"}
    )

    def act(self, context: Context, clip: MovieClip) -> None:
        subject = subject_in(context)
        first = frame_in(context, clip, self.first)
        frames = FrameRange(first, frame_in(context, clip, self.last or first))
        asked = shots.subject_of(subject, clip)
        override = MatteOverride(frames, self.setting, getattr(asked.matte, self.setting))
        # Refused where it is said twice, before anything changes.
        replace(asked, overrides=(*asked.overrides, override))
        fill_override(subject.overrides.add(), override)


class ROTOPOINT_OT_override_remove(ClipOperator, Operator):
    """Let a setting be on these frames as it is on the others"""

    bl_idname = "rotopoint.override_remove"
    bl_label = "Set as Elsewhere"
    needs = (no_clip, linked, no_subject, locked)

    index: IntProperty(name="Index", min=0)

    def act(self, context: Context, clip: MovieClip) -> None:
        subject = subject_in(context)
        if self.index >= len(subject.overrides):
            raise Refused(
                f"{subject.name} has {len(subject.overrides)} settings that are otherwise somewhere"
            )
        subject.overrides.remove(self.index)
        host.show_settings()


CLASSES = (ROTOPOINT_OT_override_add, ROTOPOINT_OT_override_remove)
