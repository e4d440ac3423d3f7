# SPDX-License-Identifier: GPL-3.0-or-later
"""A Mask that was drawn in Blender's Mask editor as the active subject's mask on one frame."""

from __future__ import annotations

import tempfile
from pathlib import Path

import bpy
from bpy.props import IntProperty, StringProperty
from bpy.types import Context, Mask, Menu, MovieClip, Operator, SpaceClipEditor

from .. import prompt_files, shots
from ..faults import Refused
from ..mask_frames import write_mask_frames
from . import prompts
from .context import frame_in, linked, locked, no_clip, no_subject, subject_in
from .painting import HALF
from .pointing import PromptOperator


def _no_masks(_context: Context) -> str | None:
    return None if len(bpy.data.masks) else "Draw a Mask first, in the Clip Editor's Mask mode"


class ROTOPOINT_OT_mask_draw(PromptOperator, Operator):
    """Let a Mask of Blender be the active subject's mask on this frame, as it is drawn there at the clip's
    size. It takes the place of the frame's points and box, and of Blender's render result; do it again once
    the Mask has changed"""

    bl_idname = "rotopoint.mask_draw"
    bl_label = "Mask as Prompt"
    needs = (no_clip, linked, no_subject, locked, _no_masks)

    mask: StringProperty(
        name="Mask", description="Its name; empty: the Clip Editor's, or the file's only one"
    )
    frame: IntProperty(
        name="Frame",
        description="Clip frame, 1 the first of the file; 0: the one on screen",
        min=0,
        options={"SKIP_SAVE"},
    )

    def act(self, context: Context, clip: MovieClip) -> None:
        mask, frame = self._chosen(context), frame_in(context, clip, self.frame)
        prompts.require_not_approved(subject_in(context), frame)
        with tempfile.TemporaryDirectory(prefix="rotopoint-") as folder:
            at = {int(frame): shots.scene_frame(clip, frame)}
            list(write_mask_frames(mask, shots.size_of(clip), at, Path(folder) / "mask"))
            (file,) = Path(folder).iterdir()
            if not (prompt_files.read(file) >= HALF).any():
                raise Refused(f"nothing of {mask.name} is over the picture on frame {frame}")
            path = prompt_files.keep(clip, file.read_bytes(), file.suffix)
        prompts.set_mask(clip, subject_in(context), frame, path)

    def _chosen(self, context: Context) -> Mask:
        if self.mask:
            if (found := bpy.data.masks.get(self.mask)) is None:
                raise Refused(f"there is no Mask {self.mask}")
            return found
        space = context.space_data
        shown = space.mask if isinstance(space, SpaceClipEditor) else None
        if shown is None and len(bpy.data.masks) > 1:
            raise Refused("there are several Masks: name one")
        return shown or bpy.data.masks[0]


class ROTOPOINT_MT_masks(Menu):
    """The file's Masks, one of which becomes the mask on this frame."""

    bl_label = "Mask as Prompt"

    def draw(self, _context: Context) -> None:
        layout = self.layout
        if not len(bpy.data.masks):
            layout.label(text="Draw a Mask first, in the Clip Editor's Mask mode")
        for mask in bpy.data.masks:
            layout.operator("rotopoint.mask_draw", text=mask.name, icon="MOD_MASK").mask = mask.name


CLASSES = (ROTOPOINT_OT_mask_draw, ROTOPOINT_MT_masks)
