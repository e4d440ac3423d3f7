# SPDX-License-Identifier: GPL-3.0-or-later
"""Pointing, click after click, until it is ended: one button and one key instead of a button a point."""

from __future__ import annotations

from collections.abc import Callable

import bpy
from bpy.props import BoolProperty
from bpy.types import Context, Event, MovieClip, Operator, SpaceSequenceEditor

from rotopoint.shot.prompts import CANDIDATES

from .. import host, shots, strip_on_screen, windows
from ..canvas import Canvas
from ..faults import TOLD, Refused, line, remedy_of
from ..properties import BOX
from ..strip_picture import WHOLE, is_in
from . import overlay, prompts
from .context import (
    clip_in,
    frame_in,
    linked,
    locked,
    moved_display,
    no_picture,
    nothing_to_point_at,
)
from .hover import Hover
from .keymap import POINTING_KEY
from .pointing import (
    MouseMode,
    canvas_in,
    is_over_picture,
    picture_region,
    position,
    show_preview,
)
from .prompt_operators import find_grasped, grasped_by, within_picture

HINT = (
    "Click: on it · Ctrl-click: not on it · Drag: a box, or moves what is there · X or Alt-click: remove · "
    "Tab: another mask · 1 to 9: subject · Arrows: frame · Esc: done"
)

HOVER_SECONDS = 0.05

NAMES = ("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
DIGITS = {key: n for n, name in enumerate(NAMES) for key in (name, f"NUMPAD_{n + 1}")}

Place = tuple[float, float]


class ROTOPOINT_OT_point(MouseMode, Operator):
    """Point at the active subject, click after click, until Esc"""

    bl_idname = "rotopoint.point"
    bl_label = "Point"
    needs = (nothing_to_point_at, no_picture, linked, moved_display)

    yields: BoolProperty(
        name="Yields",
        description="Leave the key to Blender where the clip has no subjects",
        options={"SKIP_SAVE", "HIDDEN"},
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        region = picture_region(context)
        if region is None:
            return self._invoke_in_preview(context)
        if isinstance(context.space_data, SpaceSequenceEditor):
            asked = clip_in(context)
            if self.yields and (asked is None or not asked.rotopoint.subjects):
                return {"PASS_THROUGH"}
            try:
                mouse = (event.mouse_x - region.x, event.mouse_y - region.y)
                strip_on_screen.take_strip(
                    context, mouse if is_over_picture(context, region, event) else None
                )
            except TOLD as error:
                self.report({"ERROR"}, line(error))
                return {"CANCELLED"}
        self.take_mouse(context)
        self._pressed: Place | None = None
        self._grasped: prompts.Grasped | None = None
        self._dragging = False
        self._hover = Hover()
        clip = clip_in(context)
        if not clip.rotopoint.subjects:
            bpy.ops.rotopoint.subject_add()
            bpy.ops.ed.undo_push(message="Add Subject")
        try:
            host.start()
        except TOLD as error:
            host.engine.state(clip.session_uid).say(line(error), failed=True, remedy=remedy_of(error))
        context.window.cursor_modal_set("CROSSHAIR")
        context.window_manager.modal_handler_add(self)
        # A mouse that rests sends nothing; what it rests over is asked for once the engine has time.
        self._ticks = context.window_manager.event_timer_add(HOVER_SECONDS, window=context.window)
        self._hint(context)
        windows.redraw()
        return {"RUNNING_MODAL"}

    def _invoke_in_preview(self, context: Context) -> set[str]:
        """The same in a preview of the screen: the Sequencer at hand shows no picture."""
        for area in context.screen.areas if isinstance(context.space_data, SpaceSequenceEditor) else ():
            if (region := strip_on_screen.preview_region(area)) is not None:
                with context.temp_override(area=area, region=region):
                    began = bpy.ops.rotopoint.point("INVOKE_DEFAULT")
                return {"FINISHED"} if "RUNNING_MODAL" in began else {"CANCELLED"}
        self.report({"ERROR"}, "Point in a Clip Editor, or in a Sequencer whose view is Preview")
        return {"CANCELLED"}

    def execute(self, _context: Context) -> set[str]:
        self.report({"ERROR"}, "Point with the mouse, or give positions to Add Point and Add Box")
        return {"CANCELLED"}

    def turn(self, context: Context, event: Event) -> set[str]:
        canvas = canvas_in(context)
        if canvas is None or not self.poll(context):
            return {"FINISHED"}
        if self._pressed is not None:
            return self._held(context, canvas, event)
        if event.type in {"MOUSEMOVE", "TIMER"}:
            place = position(canvas, event)
            if is_over_picture(context, canvas.region, event) and is_in(canvas.seen, *place):
                self._hover.over(context, clip_in(context), place, positive=not event.ctrl)
            else:
                self._hover.leave(clip_in(context))
        if event.value == "PRESS":
            # With another key it paints or tracks.
            ends = event.type == POINTING_KEY and not (event.ctrl or event.shift)
            if ends or event.type in {"ESC", "RIGHTMOUSE"}:
                return {"FINISHED"}
            if event.type in DIGITS:
                return self._choose(context, DIGITS[event.type])
            if is_over_picture(context, canvas.region, event) and event.type in {"LEFTMOUSE", "X", "TAB"}:
                if event.type == "TAB":
                    self._do(context, "Another Mask", lambda clip: self._next_candidate(context, clip))
                elif event.type == "X" or event.alt:
                    self._do(context, "Remove Prompt", lambda clip: self._remove(context, canvas, event))
                else:
                    self._press(context, canvas, event)
                return {"RUNNING_MODAL"}
        return {"PASS_THROUGH"}

    def _press(self, context: Context, canvas: Canvas, event: Event) -> None:
        """The button goes down: what follows tells a click from a drag."""
        self._hover.leave(clip_in(context))
        self._pressed = (event.mouse_x, event.mouse_y)
        self._from = position(canvas, event)
        self._negative = event.ctrl
        there = shots.active_subject(clip_in(context)) is not None and not event.ctrl
        found = find_grasped(context, canvas, event) if there else None
        self._grasped = None if found is None else found[0]
        self._dragging = False

    def _held(self, context: Context, canvas: Canvas, event: Event) -> set[str]:
        if event.type in {"ESC", "RIGHTMOUSE"} and event.value == "PRESS":
            self._release()
        elif event.type == "MOUSEMOVE":
            self._drag(context, canvas, event)
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            self._drag(context, canvas, event)
            self._drop(context, canvas, event)
            self._release()
        return {"RUNNING_MODAL"}

    def _drag(self, context: Context, canvas: Canvas, event: Event) -> None:
        inputs, system = context.preferences.inputs, context.preferences.system
        across, up = event.mouse_x - self._pressed[0], event.mouse_y - self._pressed[1]
        self._dragging |= max(abs(across), abs(up)) > inputs.drag_threshold_mouse * system.ui_scale
        if self._dragging:
            to = within_picture(*position(canvas, event), is_box=self._drags_box)
            overlay.show_dragged((*self._stays(context), *to))
            windows.redraw()

    @property
    def _drags_box(self) -> bool:
        return self._grasped is None or self._grasped.kind == BOX

    def _stays(self, context: Context) -> tuple[()] | Place:
        """The corner of a box that stays while the other follows the mouse."""
        if self._grasped is None:
            return within_picture(*self._from, is_box=True)
        if self._grasped.kind == BOX:
            return prompts.opposite(shots.active_subject(clip_in(context)), self._grasped)
        return ()

    def _drop(self, context: Context, canvas: Canvas, event: Event) -> None:
        to = within_picture(*position(canvas, event), is_box=self._drags_box)
        grasped, stays, start = self._grasped, self._stays(context), self._from

        def add_point(clip: MovieClip) -> None:
            frame = frame_in(context, clip)
            if is_in(WHOLE, *start) and not is_in(canvas.seen, *start):
                raise Refused("the strip's crop hides this part of the picture")
            prompts.add_point(clip, shots.active_subject(clip), frame, *start, not self._negative)

        def add_box(clip: MovieClip) -> None:
            prompts.set_box(clip, shots.active_subject(clip), frame_in(context, clip), (*stays, *to))

        if grasped is not None:
            if self._dragging:
                move = prompts.move
                self._do(context, "Move", lambda clip: move(clip, shots.active_subject(clip), grasped, to))
        elif self._dragging:
            self._do(context, "Add Box", add_box)
        else:
            self._do(context, "Add Point", add_point)

    def _remove(self, context: Context, canvas: Canvas, event: Event) -> None:
        grasped, _, _ = grasped_by(context, canvas, event)
        prompts.remove(shots.active_subject(clip_in(context)), grasped.kind, grasped.index)

    def _next_candidate(self, context: Context, clip: MovieClip) -> None:
        candidate = prompts.next_candidate(shots.active_subject(clip), frame_in(context, clip))
        said = f"Mask {candidate} of {CANDIDATES}" if candidate else "The mask that the engine takes"
        self.report({"INFO"}, f"{said} for this point")

    def _do(self, context: Context, name: str, change: Callable[[MovieClip], None]) -> None:
        """A change of prompts as one step of undo, and the mask that comes of it."""
        clip = clip_in(context)
        try:
            if shots.active_subject(clip) is None:
                raise Refused("Add a subject first")
            if reason := locked(context):
                raise Refused(reason)
            change(clip)
        except TOLD as error:
            self.report({"WARNING"}, line(error))
            return
        bpy.ops.ed.undo_push(message=name)
        show_preview(context, clip)
        windows.redraw()

    def _choose(self, context: Context, index: int) -> set[str]:
        asked = clip_in(context).rotopoint
        if index < len(asked.subjects):
            asked.active_index = index
            self._hint(context)
            windows.redraw()
        return {"RUNNING_MODAL"}

    def _hint(self, context: Context) -> None:
        subject = shots.active_subject(clip_in(context))
        context.workspace.status_text_set(HINT if subject is None else f"{subject.name}  ·  {HINT}")

    def _release(self) -> None:
        self._pressed = self._grasped = None
        self._dragging = False
        overlay.show_dragged(None)
        windows.redraw()

    def leave(self, context: Context) -> None:
        overlay.show_dragged(None)
        context.window_manager.event_timer_remove(self._ticks)
        self._hover.leave(clip_in(context))


CLASSES = (ROTOPOINT_OT_point,)
