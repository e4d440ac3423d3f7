# SPDX-License-Identifier: GPL-3.0-or-later
"""What the active subject's mattes are combined with: other subjects, and masks that a person has drawn."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty
from bpy.types import Context, Event, Mask, MovieClip, Operator, SpaceClipEditor

from rotopoint.errors import CombinationCycle
from rotopoint.shot.names import file_name

from .. import blend_paths, host, mask_watch, mattes, shots, windows
from ..combine_properties import HOW, KINDS
from ..faults import TOLD, Refused, line
from ..mask_frames import write_mask_frames
from .context import (
    ClipOperator,
    clip_in,
    linked,
    locked,
    no_clip,
    no_subject,
    shown_frame,
    subject_in,
)

STEP_SECONDS = 0.01


@lru_cache(maxsize=8)
def _items(subjects: tuple[tuple[str, str], ...]) -> list[tuple[str, str, str]]:
    """Blender does not keep the texts of items that a function gives, so somebody has to."""
    return [(uid, name, f"Combine with the matte of {name}") for uid, name in subjects]


def _others(_operator: Operator, context: Context) -> list[tuple[str, str, str]]:
    clip, active = clip_in(context), subject_in(context)
    if clip is None or active is None:
        return []
    return _items(tuple((s.uid, s.name) for s in clip.rotopoint.subjects if s.uid != active.uid))


class ROTOPOINT_OT_other_add(ClipOperator, Operator):
    """Add another subject's matte to the active one's, or take it away, once both are finished"""

    bl_idname = "rotopoint.other_add"
    bl_label = "Add or Subtract Subject"
    needs = (no_clip, linked, no_subject, locked)

    other: EnumProperty(name="Subject", items=_others)
    how: EnumProperty(name="How", items=HOW, options={"SKIP_SAVE"})

    def act(self, context: Context, clip: MovieClip) -> None:
        subject = subject_in(context)
        if any(part.uid == self.other for part in subject.combine.others):
            raise Refused(f"{subject.name} is combined with that subject already: choose there how")
        known = {s.uid: s for s in clip.rotopoint.subjects}
        if not self.other:
            raise Refused("There is no other subject: add one first")
        _refuse_cycle(known, subject.uid, self.other)
        part = subject.combine.others.add()
        part.uid, part.how = self.other, self.how


def _refuse_cycle(known: dict, uid: str, other: str) -> None:
    """Raises CombinationCycle where the other subject's matte needs that of the first."""
    needed = [other]
    for id in needed:
        needed += [
            part.uid for part in known[id].combine.others if part.uid in known and part.uid not in needed
        ]
    if uid in needed:
        raise CombinationCycle((known[uid].name, known[other].name, known[uid].name))


class ROTOPOINT_OT_other_remove(ClipOperator, Operator):
    """Combine the active subject's mattes no longer with this one's"""

    bl_idname = "rotopoint.other_remove"
    bl_label = "Do Not Combine"
    needs = (no_clip, linked, no_subject, locked)

    index: IntProperty(name="Index", min=0)

    def act(self, context: Context, _clip: MovieClip) -> None:
        _remove(subject_in(context).combine.others, self.index)


class ROTOPOINT_OT_drawn_mask_add(ClipOperator, Operator):
    """Take away from the active subject's mattes, or add to them, what is white in an image or a sequence"""

    bl_idname = "rotopoint.drawn_mask_add"
    bl_label = "Add Drawn Mask"
    needs = (no_clip, linked, no_subject, locked)

    kind: EnumProperty(name="Kind", items=KINDS)
    filepath: StringProperty(
        name="File", description="Image, or folder with one a frame", options={"SKIP_SAVE"}
    )

    def act(self, context: Context, _clip: MovieClip) -> None:
        part = subject_in(context).combine.drawn.add()
        part.kind, part.path = self.kind, self.filepath


class ROTOPOINT_OT_drawn_mask_remove(ClipOperator, Operator):
    """Let this mask have no say in the active subject's mattes; its files stay"""

    bl_idname = "rotopoint.drawn_mask_remove"
    bl_label = "Remove Drawn Mask"
    needs = (no_clip, linked, no_subject, locked)

    index: IntProperty(name="Index", min=0)

    def act(self, context: Context, _clip: MovieClip) -> None:
        _remove(subject_in(context).combine.drawn, self.index)


def _remove(parts: object, index: int) -> None:
    """Raises Refused."""
    if index >= len(parts):
        raise Refused(f"There are {len(parts)} of them")
    parts.remove(index)
    host.show_settings()


def _mask_in(context: Context) -> Mask | None:
    space = context.space_data
    return space.mask if isinstance(space, SpaceClipEditor) else None


def _no_mask(context: Context) -> str | None:
    subject = subject_in(context)
    if _mask_in(context) is not None or (subject and any(part.mask for part in subject.combine.drawn)):
        return None
    return "Choose a Mask in the Clip Editor's Mask mode first"


class ROTOPOINT_OT_drawn_mask_render(ClipOperator, Operator):
    """Draw the Clip Editor's Mask on each frame into files and take it as garbage or hold-in mask. It takes
    the place of Blender's render result. Esc stops it"""

    bl_idname = "rotopoint.drawn_mask_render"
    bl_label = "Use Blender Mask"
    needs = (no_clip, linked, no_subject, locked, _no_mask)

    kind: EnumProperty(name="Kind", items=KINDS)
    again: IntProperty(
        name="Again",
        description="Which of the masks it is combined with is drawn anew; -1: the editor's joins them",
        default=-1,
        min=-1,
        options={"SKIP_SAVE", "HIDDEN"},
    )

    def invoke(self, context: Context, _event: Event) -> set[str]:
        if self.again >= 0:
            return self.execute(context)
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: Context) -> set[str]:
        try:
            self._begin(context)
            if not bpy.app.background:
                manager = context.window_manager
                self._timer = manager.event_timer_add(STEP_SECONDS, window=context.window)
                manager.progress_begin(0, self._count)
                manager.modal_handler_add(self)
                return {"RUNNING_MODAL"}
            for _ in self._frames:
                pass
            self._take()
        except TOLD as error:
            self.report({"ERROR"}, line(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def modal(self, context: Context, event: Event) -> set[str]:
        if event.type == "ESC":
            return self._end(context, {"CANCELLED"})
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}
        try:
            if next(self._frames, None) is not None:
                self._done += 1
                context.window_manager.progress_update(self._done)
                if self._done == 1:
                    # That of the frame on screen.
                    self._show()
                return {"RUNNING_MODAL"}
            self._take()
        except TOLD as error:
            self.report({"ERROR"}, line(error))
            return self._end(context, {"CANCELLED"})
        windows.redraw()
        return self._end(context, {"FINISHED"})

    def _begin(self, context: Context) -> None:
        """Raises Refused."""
        clip, subject = clip_in(context), subject_in(context)
        if self.again >= len(subject.combine.drawn):
            raise Refused(f"There are {len(subject.combine.drawn)} of them")
        part = subject.combine.drawn[self.again] if self.again >= 0 else None
        mask = _mask_in(context) if part is None else part.mask
        if mask is None:
            raise Refused("This mask is not drawn of a Mask of this file")
        if part is not None:
            self.kind = part.kind
        settings = shots.shot_of(clip).settings
        count = shots.frame_count(clip)
        self._first, last = (
            (1, count) if settings.range is None else (settings.range.first, settings.range.last)
        )
        self._count = last - self._first + 1
        name = file_name(mask.name, "mask")
        # Of other frames it is another sequence: a folder's first file is for its first frame.
        self._folder = mattes.folder_of(clip) / "masks" / f"{name} {self._first}-{last}"
        self._clip, self._uid, self._last = clip.name, subject.uid, last
        self._mask, self._done = mask.name, 0
        self._frame, self._digest = context.scene.frame_current, mask_watch.digest_of(mask)
        here = shown_frame(context, clip)
        numbers = sorted(range(self._first, last + 1), key=lambda n: n != here)
        at = {n: shots.scene_frame(clip, n) for n in numbers}
        self._frames: Iterator[int] = write_mask_frames(mask, shots.size_of(clip), at, self._folder / name)

    def _take(self) -> None:
        """Raises Refused where the subject is gone."""
        clip = bpy.data.movieclips.get(self._clip)
        subjects = () if clip is None else clip.rotopoint.subjects
        subject = next((s for s in subjects if s.uid == self._uid), None)
        mask = bpy.data.masks.get(self._mask)
        if subject is None or mask is None:
            raise Refused("The subject that the mask was drawn for is gone, or the mask itself")
        path, drawn = blend_paths.to_save(self._folder), subject.combine.drawn
        there = (part for part in drawn if part.path == path and part.kind == self.kind)
        part = drawn[self.again] if 0 <= self.again < len(drawn) else next(there, None) or drawn.add()
        part.kind, part.path = self.kind, path
        part.use_range, part.first, part.last = True, self._first, self._last
        mask_watch.note_drawn(part, mask, self._frame, self._digest)
        self._show()

    def _show(self) -> None:
        """Mattes that were made with what the files held before are asked for anew."""
        clip = bpy.data.movieclips.get(self._clip)
        if clip is not None:
            host.state_of(clip).finished.ask_again()
        host.show_settings()

    def _end(self, context: Context, result: set[str]) -> set[str]:
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()
        return result


CLASSES = (
    ROTOPOINT_OT_other_add,
    ROTOPOINT_OT_other_remove,
    ROTOPOINT_OT_drawn_mask_add,
    ROTOPOINT_OT_drawn_mask_remove,
    ROTOPOINT_OT_drawn_mask_render,
)
