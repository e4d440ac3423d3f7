# SPDX-License-Identifier: GPL-3.0-or-later
"""The strip at the Clip Editor's bottom: over all of the clip, where each subject has prompts, is tracked,
stale, approved, absent or to be looked at. A click or a drag on it goes to a frame."""

from __future__ import annotations

from dataclasses import dataclass

import blf
import bpy
import gpu
from bpy.types import Area, Context, Event, MovieClip, Operator, Region, SpaceClipEditor
from gpu_extras.batch import batch_for_shader

from .. import compat, host, shots
from ..standing import ClipStanding
from .context import ClipOperator, shown_frame
from .display import display_color
from .timeline_marks import LINE, ROW, Color, Colors, marks_of, rows_of, strip_height

BOTTOM = 30.0
"""Above Blender's own line of cached frames and the number of the frame, in pixels at a scale of 1."""

MARGIN = 8.0
LABEL = 90.0
"""Width of the column of names, at the most a quarter of the strip."""

TEXT = 10.0
BACK = 0.7
"""Opacity of what lies beneath."""

LIT = 0.25
"""Opacity of the range that has been started."""


@dataclass(frozen=True)
class Strip:
    """Where it lies in its region, in pixels: `left` to `right` are the clip's frames, before them names."""

    left: float
    right: float
    bottom: float
    top: float
    names: float
    count: int

    def frame_at(self, x: float) -> int:
        """The clip frame under a place, of those that there are."""
        share = (x - self.left) / (self.right - self.left)
        return min(max(int(share * self.count) + 1, 1), self.count)

    def place_of(self, frame: float) -> float:
        """Where a clip frame begins."""
        return self.left + (frame - 1) / self.count * (self.right - self.left)

    def holds(self, x: float, y: float) -> bool:
        return self.left <= x < self.right and self.bottom <= y < self.top


def find_strip(area: Area, region: Region, scale: float, count: int, rows: int) -> Strip | None:
    """Between the region's toolbar and sidebar, which may lie on it; None where there is no room."""
    left, right = 0.0, float(region.width)
    for other in area.regions:
        if other.type in {"TOOLS", "UI"} and other.width > 1:
            begin, end = other.x - region.x, other.x - region.x + other.width
            if begin + end < region.width:
                left = max(left, end)
            else:
                right = min(right, begin)
    left, right = left + MARGIN * scale, right - MARGIN * scale
    names = left
    left += min(LABEL * scale, (right - left) / 4)
    bottom = BOTTOM * scale
    top = bottom + strip_height(rows, scale)
    if right - left < 4 * ROW * scale or top + ROW * scale > region.height or not rows or count < 1:
        return None
    return Strip(left, right, bottom, top, names, count)


def strip_in(context: Context, region: Region) -> tuple[Strip, ClipStanding] | None:
    """The strip of a Clip Editor, and what it shows; None where there is none."""
    space = context.space_data
    if not isinstance(space, SpaceClipEditor) or space.clip is None or space.view != "CLIP":
        return None
    if not compat.shows_overlays(space) or not space.clip.rotopoint.subjects:
        return None
    known = host.engine.state(space.clip.session_uid).standing
    # What is played shall be played: nobody changes anything meanwhile.
    playing = context.screen is not None and context.screen.is_animation_playing
    standing = known.latest if playing and known.latest is not None else host.standing_of(space.clip)
    if standing is None:
        return None
    scale, rows = context.preferences.system.ui_scale, len(_rows(space.clip))
    strip = find_strip(context.area, region, scale, standing.count, rows)
    return None if strip is None else (strip, standing)


def _rows(clip: MovieClip) -> list[int]:
    return rows_of(len(clip.rotopoint.subjects), clip.rotopoint.active_index)


@dataclass
class Timeline:
    """`drawn` is the batch of what `drawn_for` describes: made anew where that differs."""

    handle: object = None
    drawn: gpu.types.GPUBatch | None = None
    drawn_for: tuple[object, ...] = ()

    def draw(self) -> None:
        """Called by Blender for each Clip Editor."""
        context = bpy.context
        found = strip_in(context, context.region)
        if found is None:
            return
        strip, standing = found
        clip, scale = context.space_data.clip, context.preferences.system.ui_scale
        theme = context.preferences.themes[0]
        back, text = theme.clip_editor.space.header[:3], theme.clip_editor.space.text_hi[:3]
        gpu.state.blend_set("ALPHA")
        edge = GAP_AROUND * scale
        _rectangle(
            strip.names - edge, strip.bottom - edge, strip.right + edge, strip.top + edge, (*back, BACK)
        )
        self._draw_marks(context, clip, strip, standing, scale)
        here = shown_frame(context, clip)
        start = host.engine.state(clip.session_uid).range_start
        if start is not None and shots.active_subject(clip) is not None:
            low, high = sorted((start, here))
            row = _rows(clip).index(clip.rotopoint.active_index)
            bottom = strip.top - strip_height(row + 1, scale)
            left, right = strip.place_of(low), strip.place_of(high + 1)
            _rectangle(left, bottom, right, bottom + ROW * scale, (*text, LIT))
        if 1 <= here <= standing.count:
            middle, half = strip.place_of(here + 0.5), 0.5 * LINE * scale
            _rectangle(middle - 2 * half, strip.bottom - edge, middle + 2 * half, strip.top + edge, DARK)
            _rectangle(middle - half, strip.bottom - edge, middle + half, strip.top + edge, (*text, 1.0))
        self._draw_names(clip, strip, scale, text)
        gpu.state.blend_set("NONE")

    def _draw_marks(
        self, context: Context, clip: MovieClip, strip: Strip, standing: ClipStanding, scale: float
    ) -> None:
        rows = _rows(clip)
        subjects = clip.rotopoint.subjects
        shown = [display_color(subjects[index]) for index in rows]
        # A shot has its subjects in another order.
        of_rows = [standing.of(subjects[index].uid) for index in rows]
        colors = theme_colors(context)
        width = strip.right - strip.left
        described = (standing, tuple(rows), tuple(shown), colors, width, scale)
        shader = gpu.shader.from_builtin("FLAT_COLOR")
        if self.drawn is None or described != self.drawn_for:
            marks = marks_of(standing.count, of_rows, shown, colors, width, scale)
            self.drawn = batch_for_shader(shader, "TRIS", {"pos": marks.places, "color": marks.colors})
            self.drawn_for = described
        with gpu.matrix.push_pop():
            gpu.matrix.translate((strip.left, strip.bottom))
            self.drawn.draw(shader)

    def _draw_names(
        self,
        clip: MovieClip,
        strip: Strip,
        scale: float,
        text: tuple[float, ...],
    ) -> None:
        rows = _rows(clip)
        blf.size(0, TEXT * scale)
        blf.enable(0, blf.CLIPPING)
        for row, index in enumerate(rows):
            subject = clip.rotopoint.subjects[index]
            bottom = strip.top - strip_height(row + 1, scale)
            blf.clipping(0, strip.names, bottom, strip.left - GAP_AROUND * scale, bottom + ROW * scale)
            blf.position(0, strip.names, bottom + 0.2 * ROW * scale, 0)
            active = index == clip.rotopoint.active_index
            blf.color(0, *text, 1.0 if active else PASSIVE)
            blf.draw(0, subject.name)
        blf.disable(0, blf.CLIPPING)


GAP_AROUND = 3.0
PASSIVE = 0.6
"""Opacity of the names of subjects that are not active."""

DARK = (0.0, 0.0, 0.0, 0.8)


def theme_colors(context: Context) -> Colors:
    """What says the same elsewhere in Blender: changed values, keyed ones, text."""
    theme = context.preferences.themes[0]
    states, text = theme.user_interface.wcol_state, theme.clip_editor.space.text_hi[:3]
    return Colors(
        empty=(*text, 0.1),
        weak=(*states.inner_key_sel[:3], 1.0),
        approved=(*states.inner_anim_sel[:3], 1.0),
        prompt=(*text, 1.0),
    )


def _rectangle(left: float, bottom: float, right: float, top: float, color: Color) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", color)
    corners = [(left, bottom, 0.0), (right, bottom, 0.0), (left, top, 0.0), (right, top, 0.0)]
    batch_for_shader(shader, "TRI_STRIP", {"pos": corners}).draw(shader)


def is_over_strip(context: Context, region: Region, event: Event) -> bool:
    """Whether the mouse is over the frames of the strip."""
    found = strip_in(context, region)
    return found is not None and found[0].holds(event.mouse_x - region.x, event.mouse_y - region.y)


class ROTOPOINT_OT_timeline(ClipOperator, Operator):
    """Go to the frame under the mouse, as long as the button is down"""

    bl_idname = "rotopoint.timeline"
    bl_label = "Go to Frame"
    bl_options = {"INTERNAL"}

    def invoke(self, context: Context, event: Event) -> set[str]:
        region = context.region
        if region is None or region.type != "WINDOW" or not is_over_strip(context, region, event):
            return {"PASS_THROUGH"}
        self._go(context, event)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        if event.type == "MOUSEMOVE":
            self._go(context, event)
        elif event.type in {"LEFTMOUSE", "ESC"} or context.region is None:
            return {"FINISHED"}
        return {"RUNNING_MODAL"}

    def _go(self, context: Context, event: Event) -> None:
        found = strip_in(context, context.region)
        if found is not None:
            frame = found[0].frame_at(event.mouse_x - context.region.x)
            context.scene.frame_current = shots.scene_frame(context.space_data.clip, frame)


CLASSES = (ROTOPOINT_OT_timeline,)

_timeline = Timeline()


def register() -> None:
    # In the background there is nothing to draw on.
    if not bpy.app.background:
        _timeline.handle = SpaceClipEditor.draw_handler_add(_timeline.draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    if _timeline.handle is not None:
        SpaceClipEditor.draw_handler_remove(_timeline.handle, "WINDOW")
        _timeline.handle = None
    _timeline.drawn, _timeline.drawn_for = None, ()
