# SPDX-License-Identifier: GPL-3.0-or-later
"""The active subject's mattes as a Mask: a step at a time, with Esc to leave it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

from bpy.props import FloatProperty
from bpy.types import Context, Event, Mask, MovieClip, Operator, SpaceClipEditor

from rotopoint.deliver.deliverable import TOLERANCES, Options

from .. import mask_splines, mattes
from ..faults import Refused
from ..matte_sequence import MatteSequence
from .context import ClipOperator, clip_in, no_clip, no_subject, subject_in
from .stepwise import StepwiseOperator


class ROTOPOINT_OT_mask_make(StepwiseOperator, ClipOperator, Operator):
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

    def ask(self, context: Context, _event: Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def begin(self, context: Context) -> tuple[Iterator[int], int]:
        clip = clip_in(context)
        sequence = self._sequence(context, clip)
        return self._steps_of(context, clip, sequence), sequence.frame_count

    def _steps_of(self, context: Context, clip: MovieClip, sequence: MatteSequence) -> Generator[int]:
        with closing(mask_splines.making(clip, sequence, self.tolerance)) as steps:
            for step in steps:
                mask, done = step
                yield done
        self._show(context, mask)

    def _sequence(self, context: Context, clip: MovieClip) -> MatteSequence:
        subject = subject_in(context)
        for sequence in mattes.matte_sequences(clip):
            if sequence.subject_id == subject.uid:
                return sequence
        raise Refused(f"no mattes of {subject.name} in {mattes.folder_of(clip)}: track the clip first")

    def _show(self, context: Context, mask: Mask) -> None:
        space = context.space_data
        if isinstance(space, SpaceClipEditor):
            space.mask = mask
        points = sum(len(spline.points) for layer in mask.layers for spline in layer.splines)
        self.report({"INFO"}, f"Mask {mask.name}: {len(mask.layers)} frames, {points} points")


CLASSES = (ROTOPOINT_OT_mask_make,)
