# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking the engine: track, cancel, preview. In the background each waits for the answer."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy.types import Context, Event, MovieClip, Operator, OperatorProperties

from rotopoint.shot.frames import ClipFrame, FrameRange

from .. import host, made_of, mattes, shots
from ..clip_state import ClipState
from ..faults import TOLD, Refused
from ..guarded import DoubtfulOperator, GuardedOperator
from ..preferences import ROTOPOINT_preferences
from ..properties import DIRECTIONS
from .context import (
    ClipOperator,
    clip_in,
    frame_in,
    frames_in,
    linked,
    no_clip,
    no_subject,
    part_in,
    show_frame,
    subject_in,
    tracking,
)

AS_SET = "as_set"

RANGE = ("direction", "use_range", "range_first", "range_last")
"""Properties of a clip that tracking a part of it sets."""


def nothing_tracked(_context: Context) -> str | None:
    return None if host.engine.tracked() else "Nothing is being tracked"


def not_tracking(context: Context) -> str | None:
    clip = clip_in(context)
    return None if clip and host.state_of(clip).tracking else "Nothing is being tracked"


def _require_success(state: ClipState) -> None:
    if state.failed:
        raise Refused(state.message)


class _Tracking(DoubtfulOperator, ClipOperator):
    """Writes mattes into the clip's folder, where another's may lie."""

    needs = (no_clip, no_subject, tracking)
    confirm_text = "Replace"
    wait: BoolProperty(name="Wait", description="Return when all is tracked", options={"SKIP_SAVE", "HIDDEN"})

    def doubt(self, context: Context) -> str | None:
        clip = clip_in(context)
        if (other := made_of.of_another(clip)) is None:
            return None
        folder = mattes.folder_of(clip)
        return f"{folder} has other mattes, of {other}: choose another folder, or replace them"

    def finish(self, clip: MovieClip, folder: Path) -> None:
        """Raises Refused where tracking fails that was waited for."""
        if self.wait or bpy.app.background:
            _require_success(host.wait(clip))
            self.report({"INFO"}, f"Mattes in {folder}")


class ROTOPOINT_OT_track(_Tracking, Operator):
    """Track all subjects of the clip and write their mattes; what was tracked before is not tracked again"""

    bl_idname = "rotopoint.track"
    bl_label = "Track"

    direction: EnumProperty(
        name="Direction",
        description="Part of the range that is tracked; it becomes the clip's setting",
        items=((AS_SET, "As Set", "As the clip's settings say"), *DIRECTIONS),
        options={"SKIP_SAVE"},
    )
    first: IntProperty(name="First", description="First clip frame; 0: as set", min=0, options={"SKIP_SAVE"})
    last: IntProperty(name="Last", description="Last clip frame; 0: as set", min=0, options={"SKIP_SAVE"})

    def act(self, context: Context, clip: MovieClip) -> None:
        before = {name: getattr(clip.rotopoint, name) for name in RANGE}
        self._set(context, clip)
        try:
            folder = host.ask_track(clip, part_in(context, clip))
        except TOLD:
            # What was refused is nobody's setting.
            for name, value in before.items():
                if getattr(clip.rotopoint, name) != value:
                    setattr(clip.rotopoint, name, value)
            raise
        self.finish(clip, folder)

    def _set(self, context: Context, clip: MovieClip) -> None:
        asked = clip.rotopoint
        changes = self.direction not in (AS_SET, asked.direction) or bool(self.first or self.last)
        if not changes:
            return
        if (reason := linked(context)) is not None:
            raise Refused(reason)
        if self.direction != AS_SET:
            asked.direction = self.direction
        if self.first or self.last:
            whole = shots.frame_count(clip)
            asked.range_first = self.first or (asked.range_first if asked.use_range else 1)
            asked.range_last = self.last or (asked.range_last if asked.use_range else whole)
            asked.use_range = True


class ROTOPOINT_OT_track_from_here(_Tracking, Operator):
    """Track all subjects from the frame on screen on and write their mattes, to the end of the clip or of its
    range; what was tracked before is not tracked again"""

    bl_idname = "rotopoint.track_from_here"
    bl_label = "Track From Here"

    backward: BoolProperty(name="Backward", description="To the beginning", options={"SKIP_SAVE"})
    single: BoolProperty(
        name="One Frame", description="To the next frame alone, and go there", options={"SKIP_SAVE"}
    )

    @classmethod
    def description(cls, _context: Context, properties: OperatorProperties) -> str:
        way = "backward" if properties.backward else "forward"
        if properties.single:
            return f"Track all subjects one frame {way} and go there"
        end = "beginning" if properties.backward else "end"
        return f"Track all subjects {way} from this frame to the {end} of the clip, or of its range"

    def act(self, context: Context, clip: MovieClip) -> None:
        here = frame_in(context, clip)
        part = part_from(here, frames_in(context, clip), backward=self.backward, single=self.single)
        folder = host.ask_track(clip, part)
        if self.single:
            show_frame(context, clip, part.first if self.backward else part.last)
        self.finish(clip, folder)


def part_from(here: ClipFrame, whole: FrameRange, *, backward: bool, single: bool) -> FrameRange:
    """The frames from one to an end of a range, or to its neighbor alone. Raises Refused if there is none."""
    if here not in whole:
        raise Refused(f"frame {here} lies outside of the range {whole.first} to {whole.last}")
    if single and here == (whole.first if backward else whole.last):
        raise Refused(f"the range {'begins' if backward else 'ends'} at frame {here}")
    if backward:
        return FrameRange(ClipFrame(here - 1) if single else whole.first, here)
    return FrameRange(here, ClipFrame(here + 1) if single else whole.last)


class ROTOPOINT_OT_cancel(ClipOperator, Operator):
    """Stop tracking the clip; finished frames are kept"""

    bl_idname = "rotopoint.cancel"
    bl_label = "Cancel Tracking"
    bl_options = {"REGISTER"}
    needs = (nothing_tracked,)

    clip: StringProperty(
        name="Clip", description="Name of the clip; empty: the one on screen", options={"SKIP_SAVE"}
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        # Escape also ends playback, and is nobody's where the clip on screen is not tracked.
        playing = context.screen is not None and context.screen.is_animation_playing
        if event.type == "ESC" and (playing or not_tracking(context) is not None):
            return {"PASS_THROUGH"}
        return self.execute(context)

    def act(self, context: Context, clip: MovieClip | None) -> None:
        clip = bpy.data.movieclips.get(self.clip) if self.clip else clip
        if clip is None or not host.state_of(clip).tracking:
            raise Refused("this clip is not being tracked")
        host.engine.cancel(clip.session_uid)


class ROTOPOINT_OT_preview(ClipOperator, Operator):
    """Show the mask that the active subject's prompts give on this frame"""

    bl_idname = "rotopoint.preview"
    bl_label = "Preview Mask"
    bl_options = {"REGISTER"}
    needs = (no_clip, no_subject)

    frame: IntProperty(
        name="Frame", description="Clip frame; 0: the one on screen", min=0, options={"SKIP_SAVE"}
    )

    def act(self, context: Context, clip: MovieClip) -> None:
        host.ask_preview(clip, subject_in(context).uid, frame_in(context, clip, self.frame))
        if bpy.app.background:
            _require_success(host.wait(clip))


class ROTOPOINT_OT_preferences_show(GuardedOperator, Operator):
    """Show where the engine is set"""

    bl_idname = "rotopoint.preferences_show"
    bl_label = "Open Preferences"
    bl_options = {"REGISTER"}

    def work(self, _context: Context) -> None:
        bpy.ops.preferences.addon_show(module=ROTOPOINT_preferences.bl_idname)


CLASSES = (
    ROTOPOINT_OT_track,
    ROTOPOINT_OT_track_from_here,
    ROTOPOINT_OT_cancel,
    ROTOPOINT_OT_preview,
    ROTOPOINT_OT_preferences_show,
)
