# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator acts on, and what may stand in its way."""

from __future__ import annotations

import bpy
from bpy.types import Context, MovieClip, SpaceClipEditor, SpaceSequenceEditor

from rotopoint.errors import FrameOutsideClip
from rotopoint.shot.frames import ClipFrame, FrameRange

from .. import host, shots, strip_on_screen
from ..faults import Refused
from ..guarded import GuardedOperator
from ..properties import ROTOPOINT_PG_subject


def clip_in(context: Context) -> MovieClip | None:
    """The Clip Editor's clip, in the Sequencer the active strip's; elsewhere, as in scripts, that of the
    scene."""
    space = context.space_data
    if isinstance(space, SpaceClipEditor):
        return space.clip
    if isinstance(space, SpaceSequenceEditor):
        return strip_on_screen.clip_in(context)
    return context.scene.active_clip


def subject_in(context: Context) -> ROTOPOINT_PG_subject | None:
    """The active subject of the clip."""
    clip = clip_in(context)
    return None if clip is None else shots.active_subject(clip)


def shown_frame(context: Context, clip: MovieClip) -> int:
    """The clip frame on screen, which may lie outside of the clip."""
    space = context.space_data
    # Without a window nothing moves the editor's frame along with the scene's.
    if isinstance(space, SpaceClipEditor) and not bpy.app.background:
        return shots.clip_frame(clip, space.clip_user.frame_current)
    if isinstance(space, SpaceSequenceEditor):
        return strip_on_screen.shown_frame(context)
    return shots.clip_frame(clip, context.scene.frame_current)


def frame_in(context: Context, clip: MovieClip, asked: int = 0) -> ClipFrame:
    """The clip frame that was asked for, 0 the one on screen. Raises FrameOutsideClip, Refused."""
    if not asked and isinstance(context.space_data, SpaceSequenceEditor):
        # A trimmed strip leaves its picture to others, whatever its clip has there.
        if (reason := strip_on_screen.off_screen(context)) is not None:
            raise Refused(reason)
    frame, count = asked or shown_frame(context, clip), shots.frame_count(clip)
    if not 1 <= frame <= count:
        raise FrameOutsideClip(frame, count)
    return ClipFrame(frame)


def show_frame(context: Context, clip: MovieClip, frame: int) -> None:
    """Go to a clip frame. Raises Refused where a strip does not show it."""
    if isinstance(context.space_data, SpaceSequenceEditor):
        strip_on_screen.show_frame(context, frame)
    else:
        context.scene.frame_current = shots.scene_frame(clip, frame)


def part_in(context: Context, clip: MovieClip) -> FrameRange | None:
    """What of the clip a strip shows, and is to be tracked; None where nothing is cut away. Raises Refused,
    RangeReversed."""
    if isinstance(context.space_data, SpaceSequenceEditor):
        return strip_on_screen.seen_part(context, clip)
    return None


def frames_in(context: Context, clip: MovieClip) -> FrameRange:
    """The clip frames that get mattes here. Raises as `part_in` does."""
    return part_in(context, clip) or shots.whole_range(clip)


def no_clip(context: Context) -> str | None:
    if clip_in(context):
        return None
    if isinstance(context.space_data, SpaceSequenceEditor):
        return "Choose a movie or image strip, and point at it first"
    return "Open a clip in the Clip Editor"


def nothing_to_point_at(context: Context) -> str | None:
    """In a preview pointing itself finds the strip and loads its clip."""
    if not isinstance(context.space_data, SpaceSequenceEditor):
        return no_clip(context)
    return None if strip_on_screen.has_strips(context) else "Add a movie or image strip to point at"


def linked(context: Context) -> str | None:
    clip = clip_in(context)
    if clip is None or clip.is_editable:
        return None
    return "The clip is linked from another .blend: make it local to change what is asked of it"


def no_subject(context: Context) -> str | None:
    return None if subject_in(context) else "Add a subject first"


def locked(context: Context) -> str | None:
    subject = subject_in(context)
    return "The active subject is locked" if subject is not None and subject.locked else None


def moved_display(context: Context) -> str | None:
    """Positions on screen are then not those in the picture."""
    space = context.space_data
    if not isinstance(space, SpaceClipEditor) or space.clip is None:
        return None
    if space.clip_user.use_render_undistorted:
        return "Switch off Render Undistorted: points would miss their place"
    if space.show_stable and space.clip.tracking.stabilization.use_2d_stabilization:
        return "Switch off Show Stable: points would miss their place"
    return None


def no_picture(context: Context) -> str | None:
    space = context.space_data
    if isinstance(space, SpaceSequenceEditor) and space.display_mode != "IMAGE":
        return "Switch the preview's display mode to Image: there is no picture to point at here"
    if not isinstance(space, SpaceClipEditor) or space.view == "CLIP":
        return None
    return "Switch the Clip Editor to its Clip view: there is no picture to point at here"


def tracking(context: Context) -> str | None:
    clip = clip_in(context)
    return "The clip is being tracked" if clip and host.state_of(clip).tracking else None


class ClipOperator(GuardedOperator):
    """An operator on the clip in context; `act` does the work."""

    needs = (no_clip,)

    def work(self, context: Context) -> None:
        self.act(context, clip_in(context))

    def act(self, context: Context, clip: MovieClip) -> None:
        """Raises RotopointError, which is reported."""
        raise NotImplementedError
