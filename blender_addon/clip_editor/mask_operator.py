# SPDX-License-Identifier: GPL-3.0-or-later
"""The active subject's mattes as a Mask: a step at a time, with Esc to leave it."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
from bpy.props import FloatProperty
from bpy.types import Context, Event, Mask, MovieClip, Operator, SpaceClipEditor, Timer

from rotopoint.deliver.deliverable import TOLERANCES, Options

from .. import mask_splines, mattes, windows
from ..faults import TOLD, Refused, line
from ..matte_sequence import MatteSequence
from .context import ClipOperator, clip_in, no_clip, no_subject, subject_in


class ROTOPOINT_OT_mask_make(ClipOperator, Operator):
    """Make a Mask of the active subject's mattes: their outlines as splines to edit on, a layer a frame"""

    bl_idname = "rotopoint.mask_make"
    bl_label = "Mask from Mattes"
    # Not to be repeated with another tolerance from the side: that would make one more.
    bl_options = {"UNDO"}
    needs = (no_clip, no_subject)

    tolerance: FloatProperty(
        name="Tolerance",
        description="How far splines may be off the outline, in pixels of the clip; more gives fewer points",
        default=Options.tolerance,
        min=TOLERANCES[0],
        max=TOLERANCES[1],
        soft_max=10,
        subtype="PIXEL",
    )

    _work: Iterator[tuple[Mask, int]] | None = None
    _mask: Mask | None = None
    _timer: Timer | None = None

    def invoke(self, context: Context, _event: Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: Context) -> set[str]:
        # Without a window nothing would come to `modal`.
        if bpy.app.background or context.window is None:
            return super().execute(context)
        try:
            clip = clip_in(context)
            sequence = self._sequence(context, clip)
        except TOLD as error:
            self.report({"ERROR"}, line(error))
            return {"CANCELLED"}
        self._work = mask_splines.making(clip, sequence, self.tolerance)
        manager = context.window_manager
        manager.progress_begin(0, sequence.frame_count)
        self._timer = manager.event_timer_add(0.0, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        """A step at each turn. All else waits, so that nothing takes away what it works on."""
        if event.type == "ESC":
            self._leave(context)
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}
        try:
            step = next(self._work, None)
            if step is None:
                self._whole(context)
                return {"FINISHED"}
        except TOLD as error:
            self._leave(context)
            self.report({"ERROR"}, line(error))
            return {"CANCELLED"}
        self._mask, done = step
        context.window_manager.progress_update(done)
        return {"RUNNING_MODAL"}

    def cancel(self, context: Context) -> None:
        self._leave(context)

    def act(self, context: Context, clip: MovieClip) -> None:
        *_, (mask, _) = mask_splines.making(clip, self._sequence(context, clip), self.tolerance)
        self._show(context, mask)

    def _sequence(self, context: Context, clip: MovieClip) -> MatteSequence:
        subject = subject_in(context)
        for sequence in mattes.matte_sequences(clip):
            if sequence.subject_id == subject.uid:
                return sequence
        raise Refused(f"no mattes of {subject.name} in {mattes.folder_of(clip)}: track the clip first")

    def _whole(self, context: Context) -> None:
        self._leave(context)
        if self._mask is not None:
            self._show(context, self._mask)
        windows.redraw()

    def _leave(self, context: Context) -> None:
        if self._work is not None:
            self._work.close()
        self._work = None
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            context.window_manager.progress_end()
        self._timer = None

    def _show(self, context: Context, mask: Mask) -> None:
        space = context.space_data
        if isinstance(space, SpaceClipEditor):
            space.mask = mask
        points = sum(len(spline.points) for layer in mask.layers for spline in layer.splines)
        self.report({"INFO"}, f"Mask {mask.name}: {len(mask.layers)} frames, {points} points")


CLASSES = (ROTOPOINT_OT_mask_make,)
