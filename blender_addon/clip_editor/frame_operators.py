# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of the active subject: that it is absent there, that its mattes are approved; going to one."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from bpy.props import BoolProperty, EnumProperty, IntProperty
from bpy.types import Context, MovieClip, Operator, UILayout

from rotopoint.deliver.approved import approve
from rotopoint.shot.frames import ClipFrame, FrameRange

from .. import host, made_of, mattes, shots
from ..blend_paths import to_save
from ..faults import Refused
from ..guarded import DoubtfulOperator
from ..properties import ROTOPOINT_PG_subject
from .context import (
    ClipOperator,
    clip_in,
    frame_in,
    linked,
    locked,
    no_clip,
    no_subject,
    show_frame,
    shown_frame,
    subject_in,
)
from .keymap import RANGE_KEY, SAY_KEY
from .stepwise import StepwiseOperator

APPROVED_FOLDER = "approved"

WAIT_SECONDS = 0.004
"""That a step of approving waits for a copy, at most."""

MOST_WEAK = 4
"""Frames to check that a panel shows at once."""


def ranges(frames: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run without a gap, ascending."""
    for _, run in groupby(enumerate(sorted(set(frames))), lambda item: item[1] - item[0]):
        members = [frame for _, frame in run]
        yield members[0], members[-1]


def set_absent(clip: MovieClip, subject: ROTOPOINT_PG_subject, frames: Iterable[int], absent: bool) -> None:
    """Say that a subject is not there on clip frames, or that it is. Raises AbsenceConflict."""
    before = {frame for part in subject.absent for frame in range(part.first, part.last + 1)}
    after = list(ranges(before | set(frames) if absent else before - set(frames)))
    asked = shots.subject_of(subject, clip)
    replace(asked, absent=tuple(FrameRange(ClipFrame(a), ClipFrame(b)) for a, b in after))
    subject.absent.clear()
    for first, last in after:
        part = subject.absent.add()
        part.first, part.last = first, last


def approving(clip: MovieClip, subject: ROTOPOINT_PG_subject, frames: Sequence[int]) -> Iterator[int]:
    """Keep the mattes that lie in the clip's folder whatever is asked later. In steps, which tell how many
    are copied: that takes a thread of its own, and a step waits for it a little. They are kept when the
    iterator ends.

    Raises Refused where a frame has none, AbsenceConflict, OutputUnwritable, and what
    `mattes.matte_sequences` raises; then nothing changes.
    """
    asked = shots.subject_of(subject, clip)
    found = next((m for m in mattes.matte_sequences(clip) if m.subject_id == subject.uid), None)
    for frame in frames:
        if found is None or not found.first_frame <= frame <= found.last_frame:
            raise Refused(f"{subject.name} has no matte on frame {frame}: track it first")
    folder = found.first_file.parent / APPROVED_FOLDER
    copying = ThreadPoolExecutor(1, "approve")
    try:
        copies = [copying.submit(approve, found.file(frame), ClipFrame(frame), folder) for frame in frames]
        for done, copy in enumerate(copies):
            while not wait([copy], WAIT_SECONDS).done:
                yield done
            # What stands in the way of one is told before the others are waited for.
            copy.result()
    finally:
        copying.shutdown(wait=False, cancel_futures=True)
    approved = [copy.result() for copy in copies]
    other = tuple(a for a in asked.approved if a.frame not in {b.frame for b in approved})
    replace(asked, approved=(*other, *approved))
    release_frames(subject, [a.frame for a in approved])
    for one in approved:
        kept = subject.approved.add()
        kept.frame, kept.path, kept.sha256 = one.frame, to_save(Path(one.path)), one.sha256


def release_frames(subject: ROTOPOINT_PG_subject, frames: Iterable[int]) -> int:
    """Let tracking decide again on approved frames; how many they were."""
    released = set(frames)
    found = [n for n, kept in enumerate(subject.approved) if kept.frame in released]
    for index in reversed(found):
        subject.approved.remove(index)
    return len(found)


class _FramesOperator(ClipOperator):
    """Says something of the frames `first` to `last`, 0: the one on screen; or, `marked`, of those from where
    a range was begun to the one on screen, which ends the range where it went well."""

    needs = (no_clip, linked, no_subject, locked)

    marked: BoolProperty(
        name="Marked",
        description="From where a range was begun to the frame on screen",
        options={"SKIP_SAVE"},
    )

    def act(self, context: Context, clip: MovieClip) -> None:
        frames = self.frames(context, clip)
        self.say(context, clip, frames)
        self.end_range(clip)

    def end_range(self, clip: MovieClip) -> None:
        if self.marked:
            host.engine.state(clip.session_uid).range_start = None

    def say(self, context: Context, clip: MovieClip, frames: range) -> None:
        """Raises RotopointError; then nothing has changed."""
        raise NotImplementedError

    def frames(self, context: Context, clip: MovieClip) -> range:
        start = host.engine.state(clip.session_uid).range_start
        if self.marked and start is not None:
            first, last = sorted((frame_in(context, clip), frame_in(context, clip, start)))
            return range(first, last + 1)
        first = frame_in(context, clip, self.first)
        last = frame_in(context, clip, self.last) if self.last else first
        if last < first:
            raise Refused(f"the frames end at {last}, before they begin at {first}")
        return range(first, last + 1)


def _first() -> object:
    description = "First clip frame; 0: the one on screen"
    return IntProperty(name="First", description=description, min=0, options={"SKIP_SAVE"})


def _last() -> object:
    description = "Last clip frame; 0: the first one alone"
    return IntProperty(name="Last", description=description, min=0, options={"SKIP_SAVE"})


class ROTOPOINT_OT_absent_set(_FramesOperator, Operator):
    """Say that the active subject is not there on these frames: empty mattes, and nothing remembered"""

    bl_idname = "rotopoint.absent_set"
    bl_label = "Subject Absent"

    first: _first()
    last: _last()
    absent: BoolProperty(name="Absent", description="Off: it is there again", default=True)

    def say(self, context: Context, clip: MovieClip, frames: range) -> None:
        set_absent(clip, subject_in(context), frames, self.absent)


class ROTOPOINT_OT_approve(StepwiseOperator, DoubtfulOperator, _FramesOperator, Operator):
    """Keep the active subject's mattes of these frames as they are, whatever is asked later"""

    bl_idname = "rotopoint.approve"
    bl_label = "Approve Matte"
    confirm_text = "Approve Anyway"

    first: _first()
    last: _last()

    def doubt(self, context: Context) -> str | None:
        if (other := made_of.of_another(clip_in(context))) is None:
            return None
        return f"The mattes are of {other}, not of what is asked here: track again, or choose another folder"

    def begin(self, context: Context) -> tuple[Iterator[int], int]:
        clip = clip_in(context)
        frames = self.frames(context, clip)
        return self._steps_of(context, clip, frames), len(frames)

    def _steps_of(self, context: Context, clip: MovieClip, frames: range) -> Generator[int]:
        yield from approving(clip, subject_in(context), frames)
        self.end_range(clip)
        self.report({"INFO"}, f"Approved: {len(frames)} frames of {subject_in(context).name}")


class ROTOPOINT_OT_approval_clear(_FramesOperator, Operator):
    """Let tracking decide again on approved frames of the active subject"""

    bl_idname = "rotopoint.approval_clear"
    bl_label = "Clear Approval"

    first: _first()
    last: _last()

    def say(self, context: Context, clip: MovieClip, frames: range) -> None:
        if not release_frames(subject_in(context), frames):
            raise Refused(f"no frame of {frames[0]} to {frames[-1]} is approved")


class ROTOPOINT_OT_range_start(ClipOperator, Operator):
    """Begin a range of frames here, of which the next key or button says something; again: give it up"""

    bl_idname = "rotopoint.range_start"
    bl_label = "Begin Range"
    bl_options = {"REGISTER"}
    needs = (no_clip, no_subject)

    def act(self, context: Context, clip: MovieClip) -> None:
        state, here = host.engine.state(clip.session_uid), frame_in(context, clip)
        state.range_start = None if state.range_start == here else here


def draw_range(layout: UILayout, clip: MovieClip, frame: int) -> None:
    """A range that was begun, and which keys say what of it."""
    start = host.state_of(clip).range_start
    text = "Begin Range" if start is None else f"Range {min(start, frame)} to {max(start, frame)}"
    layout.operator("rotopoint.range_start", text=text, icon="ARROW_LEFTRIGHT", depress=start is not None)
    if start is not None:
        column = layout.column(align=True)
        column.scale_y = 0.8
        for line in (
            f"{SAY_KEY}: approved",
            f"Shift {SAY_KEY}: absent",
            f"With Alt: not so. {RANGE_KEY}: none",
        ):
            column.label(text=line)


class ROTOPOINT_OT_frame_show(ClipOperator, Operator):
    """Go to this frame of the clip"""

    bl_idname = "rotopoint.frame_show"
    bl_label = "Show Frame"
    bl_options = {"REGISTER"}

    frame: IntProperty(name="Frame", description="Clip frame", min=1, default=1)

    def act(self, context: Context, clip: MovieClip) -> None:
        show_frame(context, clip, frame_in(context, clip, self.frame))


def weak_frames(clip: MovieClip, subject: ROTOPOINT_PG_subject, most: int | None = MOST_WEAK) -> list[int]:
    """Clip frames of a subject that deserve a look, the `most` weakest or all, ascending.

    None where what is asked of the clip cannot be read.
    """
    standing = host.standing_of(clip)
    found = None if standing is None else standing.of(subject.uid)
    return [] if found is None else sorted(found.weak_frames(most))


class ROTOPOINT_OT_frame_jump(ClipOperator, Operator):
    """Go to the next or previous frame with prompts of the active subject, or one that tracking doubts"""

    bl_idname = "rotopoint.frame_jump"
    bl_label = "Jump to Frame"
    bl_options = {"REGISTER"}
    needs = (no_clip, no_subject)

    to: EnumProperty(
        name="To",
        items=(
            ("PROMPT", "Prompt", "A frame with prompts"),
            ("WEAK", "Weak Frame", "A frame that tracking doubts"),
        ),
    )
    backward: BoolProperty(name="Backward", description="To the one before", default=False)

    def act(self, context: Context, clip: MovieClip) -> None:
        subject, here = subject_in(context), shown_frame(context, clip)
        frames = subject.prompted_frames() if self.to == "PROMPT" else weak_frames(clip, subject, None)
        beyond = [frame for frame in frames if (frame < here if self.backward else frame > here)]
        if not beyond:
            what = "with prompts" if self.to == "PROMPT" else "that tracking doubts"
            where = "before" if self.backward else "after"
            raise Refused(f"{subject.name} has no frame {what} {where} frame {here}")
        frame = max(beyond) if self.backward else min(beyond)
        show_frame(context, clip, frame)


CLASSES = (
    ROTOPOINT_OT_frame_jump,
    ROTOPOINT_OT_range_start,
    ROTOPOINT_OT_absent_set,
    ROTOPOINT_OT_approve,
    ROTOPOINT_OT_approval_clear,
    ROTOPOINT_OT_frame_show,
)
