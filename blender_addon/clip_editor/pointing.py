# SPDX-License-Identifier: GPL-3.0-or-later
"""Pointing with the mouse: from a click or a drag in the picture to an operator's properties."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
from bpy.types import Context, Event, MovieClip, Region

from rotopoint.errors import FrameOutsideClip

from .. import host, strip_on_screen, windows
from ..canvas import Canvas, clip_canvas
from ..faults import TOLD, line, remedy_of
from .context import (
    ClipOperator,
    clip_in,
    frame_in,
    linked,
    locked,
    moved_display,
    no_clip,
    no_picture,
    no_subject,
    subject_in,
)
from .timeline import is_over_strip

REACH = 14.0
"""Pixels on screen around the mouse in which a prompt is grasped, at an interface scale of 1."""


BELOW = ("WINDOW", "PREVIEW", "CHANNELS")
"""Regions that lie beside the picture's, or are it; all others may lie over it."""


@dataclass
class Turns:
    """Who of the operators that wait for the mouse was asked for last: that one alone has it."""

    latest: int = 0

    def take(self) -> int:
        self.latest += 1
        return self.latest


turns = Turns()


def reach(context: Context) -> float:
    """REACH as large as the interface is drawn."""
    return REACH * context.preferences.system.ui_scale


def picture_region(context: Context) -> Region | None:
    """The region of the Clip Editor, or of the Sequencer, in which the picture is."""
    if context.area is None or context.area.type != "CLIP_EDITOR":
        return strip_on_screen.preview_region(context.area)
    return next((region for region in context.area.regions if region.type == "WINDOW"), None)


def canvas_in(context: Context) -> Canvas | None:
    """Where that region shows the picture; None where there is none to point at."""
    region = picture_region(context)
    if region is None or context.area.type == "CLIP_EDITOR":
        return None if region is None else clip_canvas(region)
    return strip_on_screen.canvas_in(context, region)


def position(canvas: Canvas, event: Event) -> tuple[float, float]:
    """The mouse in 0..1 over the picture, y up."""
    return canvas.to_picture(event.mouse_x - canvas.region.x, event.mouse_y - canvas.region.y)


def is_over(region: Region, event: Event) -> bool:
    across, up = event.mouse_x - region.x, event.mouse_y - region.y
    return 0 <= across < region.width and 0 <= up < region.height


def is_over_picture(context: Context, region: Region, event: Event) -> bool:
    """Whether the mouse is over the picture and not over a sidebar, a header or the strip on it."""
    others = [other for other in context.area.regions if other.type not in BELOW and other.width > 1]
    covered = any(is_over(other, event) for other in others) or is_over_strip(context, region, event)
    return is_over(region, event) and not covered


def distance(canvas: Canvas, event: Event, x: float, y: float) -> float:
    """Pixels on screen from the mouse to a place in the picture."""
    region, (across, up) = canvas.region, canvas.to_region(x, y)
    return ((event.mouse_x - region.x - across) ** 2 + (event.mouse_y - region.y - up) ** 2) ** 0.5


def give_back_mouse(context: Context, workspace: str) -> None:
    """Cursor and status bar as they were; another workspace may be on screen than the one with the hint."""
    context.window.cursor_modal_restore()
    hinted = bpy.data.workspaces.get(workspace) or context.workspace
    hinted.status_text_set(None)
    windows.redraw()


class PromptOperator(ClipOperator):
    """Changes the active subject's prompts, and in a window shows what comes of it."""

    needs = (no_clip, no_picture, linked, no_subject, locked, moved_display)

    def execute(self, context: Context) -> set[str]:
        result = super().execute(context)
        if result == {"FINISHED"} and not bpy.app.background:
            show_preview(context, clip_in(context))
        return result


def show_preview(context: Context, clip: MovieClip) -> None:
    """Ask for the active subject's mask on the frame on screen; what fails is told in the panel."""
    subject = subject_in(context)
    if subject is None or not subject.prompted_frames():
        return
    try:
        host.ask_preview(clip, subject.uid, frame_in(context, clip))
    except FrameOutsideClip:
        return
    except TOLD as error:
        host.engine.state(clip.session_uid).say(line(error), failed=True, remedy=remedy_of(error))


class MouseMode(ClipOperator):
    """A mode that has the mouse until it is ended, or another operator asks for the mouse.

    `take_mouse` begins it, `turn` does what an event is for, and `leave` ends what it shows, also where
    another has the mouse by then.
    """

    bl_options = {"REGISTER"}

    def take_mouse(self, context: Context) -> None:
        self._turn, self._workspace = turns.take(), context.workspace.name

    def turn(self, context: Context, event: Event) -> set[str]:
        """Whatever has FINISHED in it ends the mode."""
        raise NotImplementedError

    def leave(self, context: Context) -> None:
        """May be called once alone."""
        raise NotImplementedError

    def cancel(self, context: Context) -> None:
        """Blender ends it."""
        self._end(context)

    def modal(self, context: Context, event: Event) -> set[str]:
        if self._turn != turns.latest:
            # Another was asked for since: the mouse, the status bar and this event are its own.
            self.leave(context)
            return {"CANCELLED", "PASS_THROUGH"}
        try:
            result = self.turn(context, event)
        except Exception:
            # Blender ends an operator that raises, and leaves mouse and status bar to it.
            self._end(context)
            raise
        if "FINISHED" in result:
            self._end(context)
        return result

    def _end(self, context: Context) -> None:
        self.leave(context)
        give_back_mouse(context, self._workspace)


class PointingOperator(PromptOperator):
    """Invoked by a mouse button in the picture it begins there; from a menu it waits for a click.

    `begin` takes the first place, and says whether a drag follows; `drag` takes each later one, `drop`
    what is left to do when it is given up. One at a time waits: whoever asks for another has given up the
    one before.
    """

    _turn = 0
    _workspace = ""

    def begin(self, context: Context, canvas: Canvas, event: Event) -> bool:
        """Raises RotopointError."""
        raise NotImplementedError

    def drag(self, context: Context, canvas: Canvas, event: Event) -> None:
        """The mouse has moved with the button down."""

    def drop(self, context: Context) -> None:
        """Nothing shall come of it."""

    def invoke(self, context: Context, event: Event) -> set[str]:
        canvas = canvas_in(context)
        if canvas is None:
            self.report(
                {"ERROR"}, "Point in a Clip Editor or in the Sequencer's preview, or give the position"
            )
            return {"CANCELLED"}
        self._begun = False
        self._turn = turns.take()
        self._workspace = context.workspace.name
        if context.region == canvas.region and event.value == "PRESS" and event.type == "LEFTMOUSE":
            result = self._begin(context, canvas, event)
        else:
            context.workspace.status_text_set(f"{self.bl_label}: click in the picture; Esc gives up")
            result = {"RUNNING_MODAL"}
        if result == {"RUNNING_MODAL"}:
            context.window.cursor_modal_set("CROSSHAIR")
            context.window_manager.modal_handler_add(self)
        return result

    def modal(self, context: Context, event: Event) -> set[str]:
        if 0 < self._turn < turns.latest:
            # Another was asked for since: the mouse, the status bar and this event are its own.
            self.drop(context)
            return {"CANCELLED", "PASS_THROUGH"}
        try:
            result = self._modal(context, event)
        except Exception:
            # Blender ends an operator that raises, and leaves mouse and header to it.
            self.drop(context)
            self._over(context)
            raise
        if result not in ({"RUNNING_MODAL"}, {"PASS_THROUGH"}):
            self._over(context)
        return result

    def _modal(self, context: Context, event: Event) -> set[str]:
        canvas = canvas_in(context)
        # What it works on may be gone: undo goes on meanwhile, and so do scripts.
        if canvas is None or event.type in {"ESC", "RIGHTMOUSE"} or not self.poll(context):
            self.drop(context)
            return {"CANCELLED"}
        if not self._begun:
            if (
                event.type == "LEFTMOUSE"
                and event.value == "PRESS"
                and is_over_picture(context, canvas.region, event)
            ):
                return self._begin(context, canvas, event)
            return {"PASS_THROUGH"}
        if event.type == "MOUSEMOVE":
            self.drag(context, canvas, event)
            windows.redraw()
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            self.drag(context, canvas, event)
            result = self.execute(context)
            if result == {"CANCELLED"}:
                self.drop(context)
            return result
        return {"RUNNING_MODAL"}

    def _begin(self, context: Context, canvas: Canvas, event: Event) -> set[str]:
        try:
            self._begun = self.begin(context, canvas, event)
        except TOLD as error:
            self.report({"ERROR"}, line(error))
            return {"CANCELLED"}
        return {"RUNNING_MODAL"} if self._begun else self.execute(context)

    def _over(self, context: Context) -> None:
        give_back_mouse(context, self._workspace)
