# SPDX-License-Identifier: GPL-3.0-or-later
"""Painting the active subject's mask with a brush over the picture: the frame's prompt, at the clip's size.

Each stroke is a file, a prompt and a step of undo; the mode goes on until it is ended.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import bpy
import gpu
from bpy.props import FloatProperty
from bpy.types import Context, Event, MovieClip, Operator, SpaceClipEditor
from gpu_extras.batch import batch_for_shader

from .. import brush, host, painted_mask, prompt_files, shots, windows
from ..canvas import Canvas
from ..faults import TOLD, Refused, line, remedy_of
from ..painted_mask import PaintedMask
from . import prompts
from .context import (
    clip_in,
    frame_in,
    linked,
    locked,
    moved_display,
    no_clip,
    no_picture,
    subject_in,
)
from .overlay import mask_of
from .pointing import MouseMode, canvas_in, is_over_picture, position, show_preview

HINT = (
    "Drag: paint · Ctrl or right button: erase · [ ] or F: size of the brush · Arrows: frame · "
    "Ctrl Z: undo · Esc or Enter: done"
)

SMALLEST = 0.5
LARGER = 1.25
"""By which a key makes the brush larger."""

SIZES = {"LEFT_BRACKET": 1 / LARGER, "RIGHT_BRACKET": LARGER}

MOVES = {"MOUSEMOVE", "INBETWEEN_MOUSEMOVE"}

CORNERS = 48
"""Of the circle that shows the brush."""

HALF = 128
"""Coverage from which on a pixel belongs to a mask."""

Place = tuple[float, float]


def _elsewhere(context: Context) -> bool:
    """Whether the mouse is in no Clip Editor. The Sequencer shows what is painted, but takes no paint."""
    return context.area is None or context.area.type != "CLIP_EDITOR"


class ROTOPOINT_OT_paint(MouseMode, Operator):
    """Paint the active subject's mask on the frames that you show, stroke after stroke, until Esc. Painting
    begins with the mask that the subject has there and takes the place of the frame's points and box"""

    bl_idname = "rotopoint.paint"
    bl_label = "Paint"
    needs = (no_clip, no_picture, linked, locked, moved_display)

    radius: FloatProperty(
        name="Radius", description="Of the brush, in pixels of the clip", min=SMALLEST, default=20.0
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        canvas = None if _elsewhere(context) else canvas_in(context)
        if canvas is None:
            self.report({"ERROR"}, "Paint in a Clip Editor")
            return {"CANCELLED"}
        self.take_mouse(context)
        self._painted: PaintedMask | None = None
        self._stroke: Place | None = None
        self._erases = False
        self._sizing: tuple[float, float] | None = None
        clip = clip_in(context)
        self._clip = clip.session_uid
        if not clip.rotopoint.subjects:
            bpy.ops.rotopoint.subject_add()
            bpy.ops.ed.undo_push(message="Add Subject")
        try:
            host.start()
        except TOLD as error:
            host.engine.state(clip.session_uid).say(line(error), failed=True, remedy=remedy_of(error))
        self._mouse = position(canvas, event)
        self._area = context.area.as_pointer()
        self._circle = SpaceClipEditor.draw_handler_add(self._draw_circle, (), "WINDOW", "POST_PIXEL")
        self._ticks = context.window_manager.event_timer_add(0.1, window=context.window)
        context.window.cursor_modal_set("PAINT_CROSS")
        context.window_manager.modal_handler_add(self)
        self._hint(context)
        self._take_up(context)
        return {"RUNNING_MODAL"}

    def execute(self, _context: Context) -> set[str]:
        self.report({"ERROR"}, "Paint with the mouse, or give a file to Add Mask")
        return {"CANCELLED"}

    def turn(self, context: Context, event: Event) -> set[str]:
        canvas = None if _elsewhere(context) else canvas_in(context)
        if canvas is None or not self.poll(context) or clip_in(context).session_uid != self._clip:
            return {"FINISHED"}
        if event.type in MOVES:
            self._move(context, canvas, event)
        if self._sizing is not None:
            return self._size(event)
        if self._stroke is not None:
            return self._held(context, event)
        self._take_up(context)
        if event.value != "PRESS":
            return {"PASS_THROUGH"}
        if event.type in {"ESC", "RET", "NUMPAD_ENTER"}:
            return {"FINISHED"}
        if event.type in SIZES:
            self._resize(self.radius * SIZES[event.type])
            self._hint(context)
        elif not is_over_picture(context, canvas.region, event):
            return {"PASS_THROUGH"}
        elif event.type == "F":
            self._sizing = (self._mouse[0], self.radius)
        elif event.type in {"LEFTMOUSE", "RIGHTMOUSE"}:
            self._press(context, event)
        else:
            return {"PASS_THROUGH"}
        return {"RUNNING_MODAL"}

    def _move(self, context: Context, canvas: Canvas, event: Event) -> None:
        self._mouse = position(canvas, event)
        if self._sizing is not None:
            begun, radius = self._sizing
            self._resize(radius + (self._mouse[0] - begun) * clip_in(context).size[0])
        windows.redraw()

    def _size(self, event: Event) -> set[str]:
        if event.value == "PRESS" and event.type in {"LEFTMOUSE", "RET", "NUMPAD_ENTER", "F"}:
            self._sizing = None
        elif event.value == "PRESS" and event.type in {"RIGHTMOUSE", "ESC"}:
            self._resize(self._sizing[1])
            self._sizing = None
        return {"RUNNING_MODAL"}

    def _resize(self, radius: float) -> None:
        self.radius = max(radius, SMALLEST)
        windows.redraw()

    def _take_up(self, context: Context) -> None:
        """Let what is painted be that of the subject and frame on screen, as undo may have left it."""
        clip, subject = clip_in(context), subject_in(context)
        try:
            frame = frame_in(context, clip)
            asked = shots.subject_of(subject, clip).prompts if subject is not None else ()
        except TOLD:
            subject = None
        state = host.engine.state(clip.session_uid)
        if subject is None:
            self._painted = state.painted = None
            return
        kept, state.painted = state.painted, None
        found = mask_of(clip, subject, frame)
        state.painted, seen = kept, None if found is None else found[0]
        now = self._painted
        if now is not None and (now.subject, now.frame, now.prompts) == (subject.uid, frame, asked):
            # The engine's answer to what was painted is what was painted.
            if now.begun_from is seen or any(mask.frame == frame for mask in subject.masks):
                return
        self._painted = painted_mask.begin(clip, subject.uid, frame, asked, shots.size_of(clip), seen)
        self._show(clip)

    def _press(self, context: Context, event: Event) -> None:
        def begin(clip: MovieClip) -> None:
            if self._painted is None:
                raise Refused("Add a subject first, and show a frame of the clip")
            prompts.require_not_approved(subject_in(context), self._painted.frame)
            self._before = self._painted.values.copy()
            self._erases = event.ctrl or event.type == "RIGHTMOUSE"
            self._button = event.type
            self._stroke = self._place(clip)
            self._paint(clip, self._stroke)

        self._try(context, begin)

    def _held(self, context: Context, event: Event) -> set[str]:
        clip = clip_in(context)
        if event.type in MOVES:
            self._paint(clip, self._place(clip))
        elif event.type == "ESC" and event.value == "PRESS":
            self._give_up(clip)
        elif event.type == self._button and event.value == "RELEASE":
            self._paint(clip, self._place(clip))
            if not self._try(context, lambda clip: self._keep(context, clip)):
                self._give_up(clip)
            self._stroke = None
        return {"RUNNING_MODAL"}

    def _paint(self, clip: MovieClip, to: Place) -> None:
        brush.paint(self._painted.values, self._stroke, to, self.radius, erases=self._erases)
        self._stroke = to
        self._show(clip)

    def _give_up(self, clip: MovieClip) -> None:
        """Take the stroke back."""
        self._painted.values[...] = self._before
        self._stroke = None
        self._show(clip)

    def _keep(self, context: Context, clip: MovieClip) -> None:
        """The stroke's end: what is painted is the frame's prompt. Raises RotopointError; then nothing is."""
        kept, subject = self._painted, subject_in(context)
        if not (kept.values >= HALF).any():
            raise Refused("A mask needs something painted: to say that nothing is there, use Absent")
        path = prompt_files.keep(clip, prompt_files.encode(kept.values), ".png")
        prompts.set_mask(clip, subject, kept.frame, path)
        asked = shots.subject_of(subject, clip).prompts
        self._painted = PaintedMask(kept.clip, kept.subject, kept.frame, asked, kept.values, kept.begun_from)
        self._show(clip)
        bpy.ops.ed.undo_push(message="Paint Mask")
        show_preview(context, clip)

    def _try(self, context: Context, change: Callable[[MovieClip], None]) -> bool:
        try:
            change(clip_in(context))
        except TOLD as error:
            self.report({"WARNING"}, line(error))
            return False
        windows.redraw()
        return True

    def _show(self, clip: MovieClip) -> None:
        host.engine.state(clip.session_uid).painted = self._painted.shown()
        windows.redraw()

    def _place(self, clip: MovieClip) -> Place:
        """The mouse in pixels of the source."""
        width, height = shots.size_of(clip)
        return self._mouse[0] * width, (1.0 - self._mouse[1]) * height

    def _draw_circle(self) -> None:
        """Called by Blender for each Clip Editor: the brush where the mouse is."""
        context = bpy.context
        clip = clip_in(context)
        if context.area.as_pointer() != self._area or clip is None or 0 in clip.size:
            return
        x, y = self._mouse if self._sizing is None else (self._sizing[0], self._mouse[1])
        across, up = self.radius / clip.size[0], self.radius / clip.size[1]
        angles = [2 * math.pi * n / CORNERS for n in range(CORNERS + 1)]
        to_region = context.region.view2d.view_to_region
        around = [to_region(x + across * math.cos(a), y + up * math.sin(a), clip=False) for a in angles]
        shader = gpu.shader.from_builtin("UNIFORM_COLOR")
        # Dark beneath bright: seen on any picture.
        for width, color in ((3.0, (0.0, 0.0, 0.0, 0.6)), (1.0, (1.0, 1.0, 1.0, 1.0))):
            gpu.state.blend_set("ALPHA")
            gpu.state.line_width_set(width * context.preferences.system.ui_scale)
            shader.uniform_float("color", color)
            batch_for_shader(shader, "LINE_STRIP", {"pos": [(*p, 0.0) for p in around]}).draw(shader)
        gpu.state.line_width_set(1.0)
        gpu.state.blend_set("NONE")

    def _hint(self, context: Context) -> None:
        subject = subject_in(context)
        name = "" if subject is None else f"{subject.name}  ·  "
        context.workspace.status_text_set(f"{name}Brush {2 * self.radius:.0f} px  ·  {HINT}")

    def leave(self, context: Context) -> None:
        context.window_manager.event_timer_remove(self._ticks)
        SpaceClipEditor.draw_handler_remove(self._circle, "WINDOW")
        host.engine.state(self._clip).painted = None
        windows.redraw()


CLASSES = (ROTOPOINT_OT_paint,)
