# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts of the active subject: add, move, remove, clear. Each works by mouse, and by its properties."""

from __future__ import annotations

from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty
from bpy.types import Context, Event, MovieClip, Operator

from ..canvas import Canvas
from ..faults import Refused
from ..properties import BOX, MASK, POINT
from . import overlay, prompts
from .context import clip_in, frame_in, linked, locked, no_clip, no_subject, shown_frame, subject_in
from .pointing import PointingOperator, PromptOperator, distance, position, reach

CURRENT = "Clip frame, 1 the first of the file; 0: the one on screen"


KINDS = (
    (POINT, "Point", "A point"),
    (BOX, "Box", "A box"),
    (MASK, "Mask", "A mask file"),
)


def _coordinate(name: str) -> object:
    return FloatProperty(name=name, description="0..1 over the picture, y up", precision=4)


def within_picture(x: float, y: float, *, is_box: bool) -> tuple[float, float]:
    """Where a drag ends: of a box, beyond the picture's edge means the edge; a point stays where it is."""
    return (min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)) if is_box else (x, y)


def find_grasped(
    context: Context, canvas: Canvas, event: Event
) -> tuple[prompts.Grasped, float, float] | None:
    """The active subject's prompt under the mouse, and where it is."""
    frame = shown_frame(context, clip_in(context))
    within = [
        (distance(canvas, event, x, y), number, (grasped, x, y))
        for number, (grasped, x, y) in enumerate(prompts.handles(subject_in(context), frame))
    ]
    nearest = min(within, default=None)
    return None if nearest is None or nearest[0] > reach(context) else nearest[2]


def grasped_by(context: Context, canvas: Canvas, event: Event) -> tuple[prompts.Grasped, float, float]:
    """The same. Raises Refused where there is none."""
    found = find_grasped(context, canvas, event)
    if found is None:
        raise Refused("no point or corner of a box of the active subject is under the mouse")
    return found


class ROTOPOINT_OT_point_add(PointingOperator, Operator):
    """Add a point to the active subject: on it, or where it is not"""

    bl_idname = "rotopoint.point_add"
    bl_label = "Add Point"

    x: _coordinate("X")
    y: _coordinate("Y")
    frame: IntProperty(name="Frame", description=CURRENT, min=0, options={"SKIP_SAVE"})
    positive: BoolProperty(name="Positive", description="On the subject; otherwise outside", default=True)

    def begin(self, _context: Context, canvas: Canvas, event: Event) -> bool:
        self.x, self.y = position(canvas, event)
        return False

    def act(self, context: Context, clip: MovieClip) -> None:
        frame = frame_in(context, clip, self.frame)
        prompts.add_point(clip, subject_in(context), frame, self.x, self.y, self.positive)


class ROTOPOINT_OT_box_add(PointingOperator, Operator):
    """Give the active subject a box on this frame, in place of the one that it has there"""

    bl_idname = "rotopoint.box_add"
    bl_label = "Add Box"

    x0: _coordinate("X 0")
    y0: _coordinate("Y 0")
    x1: _coordinate("X 1")
    y1: _coordinate("Y 1")
    frame: IntProperty(name="Frame", description=CURRENT, min=0, options={"SKIP_SAVE"})

    def begin(self, _context: Context, canvas: Canvas, event: Event) -> bool:
        self.x0, self.y0 = self.x1, self.y1 = position(canvas, event)
        return True

    def drag(self, _context: Context, canvas: Canvas, event: Event) -> None:
        self.x1, self.y1 = within_picture(*position(canvas, event), is_box=True)
        overlay.show_dragged((self.x0, self.y0, self.x1, self.y1))

    def drop(self, _context: Context) -> None:
        overlay.show_dragged(None)

    def act(self, context: Context, clip: MovieClip) -> None:
        overlay.show_dragged(None)
        frame = frame_in(context, clip, self.frame)
        prompts.set_box(clip, subject_in(context), frame, (self.x0, self.y0, self.x1, self.y1))


class ROTOPOINT_OT_mask_add(PromptOperator, Operator):
    """Give the active subject an image file as its mask on this frame"""

    bl_idname = "rotopoint.mask_add"
    bl_label = "Add Mask"
    needs = (no_clip, linked, no_subject, locked)

    filepath: StringProperty(name="File", subtype="FILE_PATH")
    filter_image: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    frame: IntProperty(name="Frame", description=CURRENT, min=0, options={"SKIP_SAVE"})

    def invoke(self, context: Context, _event: Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def act(self, context: Context, clip: MovieClip) -> None:
        prompts.add_mask(clip, subject_in(context), frame_in(context, clip, self.frame), self.filepath)


class ROTOPOINT_OT_prompt_move(PointingOperator, Operator):
    """Drag a point, or a corner of a box, of the active subject to another place"""

    bl_idname = "rotopoint.prompt_move"
    bl_label = "Move Prompt"

    kind: EnumProperty(name="Kind", items=KINDS[:2])
    index: IntProperty(name="Index", description="Which of the active subject's prompts of this kind", min=0)
    corner: IntProperty(
        name="Corner",
        description="Of a box: 0 bottom left, 1 bottom right, 2 top left, 3 top right",
        min=0,
        max=3,
    )
    x: _coordinate("X")
    y: _coordinate("Y")

    def begin(self, context: Context, canvas: Canvas, event: Event) -> bool:
        grasped, self.x, self.y = grasped_by(context, canvas, event)
        self.kind, self.index, self.corner = grasped.kind, grasped.index, grasped.corner
        return True

    def drag(self, context: Context, canvas: Canvas, event: Event) -> None:
        self.x, self.y = within_picture(*position(canvas, event), is_box=self.kind == BOX)
        stays = prompts.opposite(subject_in(context), self._grasped) if self.kind == BOX else ()
        overlay.show_dragged((*stays, self.x, self.y))

    def drop(self, context: Context) -> None:
        overlay.show_dragged(None)

    def act(self, context: Context, clip: MovieClip) -> None:
        overlay.show_dragged(None)
        prompts.move(clip, subject_in(context), self._grasped, (self.x, self.y))

    @property
    def _grasped(self) -> prompts.Grasped:
        return prompts.Grasped(self.kind, self.index, self.corner)


class ROTOPOINT_OT_prompt_remove(PointingOperator, Operator):
    """Remove a point or box of the active subject: click on it"""

    bl_idname = "rotopoint.prompt_remove"
    bl_label = "Remove Prompt"

    kind: EnumProperty(name="Kind", items=KINDS)
    index: IntProperty(name="Index", description="Which of the active subject's prompts of this kind", min=0)

    def begin(self, context: Context, canvas: Canvas, event: Event) -> bool:
        grasped, _, _ = grasped_by(context, canvas, event)
        self.kind, self.index = grasped.kind, grasped.index
        return False

    def act(self, context: Context, _clip: MovieClip) -> None:
        prompts.remove(subject_in(context), self.kind, self.index)


class ROTOPOINT_OT_prompts_clear(PromptOperator, Operator):
    """Remove all prompts of the active subject, on this frame or on every frame"""

    bl_idname = "rotopoint.prompts_clear"
    bl_label = "Clear Prompts"
    needs = (no_clip, linked, no_subject, locked)

    scope: EnumProperty(
        name="On",
        items=(("FRAME", "This Frame", "On one frame"), ("ALL", "All Frames", "On every frame")),
    )
    frame: IntProperty(name="Frame", description=CURRENT, min=0, options={"SKIP_SAVE"})

    def act(self, context: Context, clip: MovieClip) -> None:
        frame = frame_in(context, clip, self.frame) if self.scope == "FRAME" else None
        if not prompts.clear(subject_in(context), frame):
            where = "any frame" if frame is None else f"frame {frame}"
            raise Refused(f"{subject_in(context).name} has no prompt on {where}")


CLASSES = (
    ROTOPOINT_OT_point_add,
    ROTOPOINT_OT_box_add,
    ROTOPOINT_OT_mask_add,
    ROTOPOINT_OT_prompt_move,
    ROTOPOINT_OT_prompt_remove,
    ROTOPOINT_OT_prompts_clear,
)
