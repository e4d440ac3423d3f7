# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn over the picture: mattes filled and outlined, points, boxes, and what is being dragged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import bpy
import gpu
import numpy as np
from bpy.types import Context, MovieClip, SpaceClipEditor, SpaceSequenceEditor
from gpu_extras.batch import batch_for_shader

from rotopoint.errors import RotopointError
from rotopoint.events import MatteView

from .. import compat, host, shots, strip_on_screen, windows
from ..canvas import Canvas, clip_canvas
from ..finished import Mask
from ..properties import ROTOPOINT_PG_subject
from .context import shown_frame
from .display import display_color
from .matte_shader import KNOWN, OUTLINE, UNKNOWN, WHITE_AREA, Checker, Drawn, Look, Painter, Picture, Place
from .views import View, views

Corners = tuple[float, float, float, float]
Position = tuple[float, float]
Color = tuple[float, float, float, float]
ToRegion = Callable[[float, float], tuple[float, float]]

STRENGTH = 0.9
"""Opacity of a matte's outline."""

PALE = 0.45
"""Of that for a mask whose prompts have changed since, as long as the new one is on its way."""

HOVER_FILL = 0.4
"""Opacity of the area of a mask that a click would give, before it is PALE."""

RADIUS = 6.0
RIM = 2.0
"""Of points, in pixels on screen at an interface scale of 1."""

WHITE = (1.0, 1.0, 1.0, 1.0)
BLACK = (0.0, 0.0, 0.0, 1.0)
CIRCLE = [(np.cos(a), np.sin(a)) for a in np.linspace(0.0, 2.0 * np.pi, 24)]
MOST_TEXTURES = 16


@dataclass
class Overlay:
    """`dragged` is where a point or a box is being dragged to. Textures are kept by the mask they show."""

    handle: object = None
    preview_handle: object = None
    dragged: Corners | Position | None = None
    textures: dict[int, tuple[Mask, Drawn]] = field(default_factory=dict)
    painter: Painter | None = None

    def draw(self) -> None:
        """Called by Blender for each Clip Editor."""
        context = bpy.context
        space = context.space_data
        if space.clip is None or space.view != "CLIP" or not compat.shows_overlays(space):
            return
        self._draw(context, space.clip, clip_canvas(context.region))

    def draw_in_preview(self) -> None:
        """Called by Blender for each preview of a Sequencer."""
        context = bpy.context
        clip = strip_on_screen.clip_in(context)
        if clip is None or not clip.rotopoint.subjects or not strip_on_screen.is_drawn(context, clip):
            return
        canvas = strip_on_screen.canvas_in(context, context.region)
        if canvas is not None:
            self._draw(context, clip, canvas)

    def _draw(self, context: Context, clip: MovieClip, canvas: Canvas) -> None:
        frame = shown_frame(context, clip)
        scale = context.preferences.system.ui_scale
        active = shots.active_subject(clip)
        to_region = canvas.to_region
        gpu.state.blend_set("ALPHA")
        if views(context).show:
            self._draw_mattes(context, clip, frame, canvas)
        self._draw_hovered(context, clip, frame, canvas)
        for subject in clip.rotopoint.subjects:
            if subject.visible:
                _draw_prompts(subject, frame, to_region, scale, is_active=subject == active)
        match self.dragged:
            case (x, y):
                _draw_disc(to_region(x, y), RADIUS * scale, WHITE)
            case (_, _, _, _):
                _draw_box(self.dragged, WHITE, to_region, scale)
        gpu.state.blend_set("NONE")

    def _draw_mattes(self, context: Context, clip: MovieClip, frame: int, canvas: Canvas) -> None:
        chosen = views(context)
        visible = [subject for subject in clip.rotopoint.subjects if subject.visible]
        view = windows.matte_view()
        found = [(s, mask) for s in visible if (mask := mask_of(clip, s, frame, view)) is not None]
        # All that is covered would say that the matte is empty where nothing is known of it.
        if not found and not any(is_absent(subject, frame) for subject in visible):
            return
        if self.painter is None:
            self.painter = Painter()
        place = _place(canvas, chosen.split)
        drawn = [self._drawn(self.painter, mask) for _, (mask, _) in found]
        scale = context.preferences.system.ui_scale
        match chosen.view:
            case View.MATTE:
                picture = Picture(place, tuple((mask, WHITE_AREA) for mask in drawn), BLACK)
            case View.TRIMAP:
                # What is known of one subject to be inside lies over what is unknown of another.
                layers = ((mask, look) for look in (UNKNOWN, KNOWN) for mask in drawn)
                picture = Picture(place, tuple(layers), BLACK)
            case View.CUT_OUT:
                picture = Picture(place, tuple((mask, WHITE_AREA) for mask in drawn), _checker(context))
            case _:
                looks = [
                    Look(display_color(s), opacity * chosen.fill, opacity * STRENGTH, OUTLINE * scale)
                    for s, (_, opacity) in found
                ]
                picture = Picture(place, tuple(zip(drawn, looks, strict=True)))
        self.painter.show(picture)
        if 0.0 < chosen.split < 1.0:
            gpu.state.line_width_set(scale)
            _draw("LINES", [canvas.to_region(chosen.split, end) for end in (0.0, 1.0)], WHITE)

    def _draw_hovered(self, context: Context, clip: MovieClip, frame: int, canvas: Canvas) -> None:
        """What a click where the mouse is would give, whatever mattes are shown."""
        mask = host.state_of(clip).hovered
        subject = (
            None
            if mask is None
            else next((s for s in clip.rotopoint.subjects if s.uid == mask.subject), None)
        )
        if mask is None or subject is None or mask.frame != frame:
            return
        if self.painter is None:
            self.painter = Painter()
        width = OUTLINE * context.preferences.system.ui_scale
        look = Look(display_color(subject), PALE * HOVER_FILL, PALE * STRENGTH, width)
        place = _place(canvas, 0.0)
        self.painter.show(Picture(place, ((self._drawn(self.painter, mask), look),)))

    def _drawn(self, painter: Painter, mask: Mask) -> Drawn:
        key = id(mask)
        if key not in self.textures:
            while len(self.textures) >= MOST_TEXTURES:
                del self.textures[next(iter(self.textures))]
            # Holding the mask keeps its id from being given to another.
            self.textures[key] = (mask, painter.drawn(mask))
        return self.textures[key][1]


def _place(canvas: Canvas, split: float) -> Place:
    """On the canvas, but left of `split`, which is 0..1 of the picture's width."""
    first, low, last, high = canvas.seen
    return Place(
        tuple(tuple(row) for row in canvas.place.tolist()), (max(first, split), low, max(last, split), high)
    )


def _checker(context: Context) -> Checker:
    """As Blender itself shows what is transparent."""
    theme = context.preferences.themes[0].user_interface
    side = theme.transparent_checker_size * context.preferences.system.ui_scale
    return Checker(tuple(theme.transparent_checker_primary), tuple(theme.transparent_checker_secondary), side)


def is_absent(subject: ROTOPOINT_PG_subject, frame: int) -> bool:
    return any(part.first <= frame <= part.last for part in subject.absent)


def mask_of(
    clip: MovieClip, subject: ROTOPOINT_PG_subject, frame: int, view: MatteView = MatteView.MATTE
) -> tuple[Mask, float] | None:
    """A subject's mask on a clip frame, approved or finished where that is there, and how opaque it is to be;
    or its trimap, in whose place the mask is as long as it is on its way.

    None where its matte is empty there, or nothing is known of it.
    """
    if is_absent(subject, frame):
        return None
    try:
        prompts = shots.subject_of(subject, clip).prompts
    except RotopointError:
        return None
    state = host.state_of(clip)
    if state.painted is not None and (state.painted.subject, state.painted.frame) == (subject.uid, frame):
        return state.painted, 1.0
    approved = next((kept.sha256 for kept in subject.approved if kept.frame == frame), "")
    if approved and (matte := state.finished.approved(subject.uid, frame, approved, view)) is not None:
        return matte, 1.0
    answer = state.previews.answering(subject.uid, frame, prompts)
    if answer is not None:
        return state.finished.of(subject.uid, frame, prompts, view) or answer, 1.0
    earlier = state.previews.get((subject.uid, frame))
    if earlier is not None and host.engine.awaits(clip.session_uid, subject.uid, frame):
        return earlier, PALE
    return None


def _draw_prompts(
    subject: ROTOPOINT_PG_subject, frame: int, to_region: ToRegion, scale: float, *, is_active: bool
) -> None:
    color = (*display_color(subject), 1.0)
    rim = WHITE if is_active else BLACK
    for box in subject.boxes:
        if box.frame == frame:
            _draw_box((box.x0, box.y0, box.x1, box.y1), color, to_region, scale)
    for point in subject.points:
        if point.frame == frame:
            center = to_region(point.x, point.y)
            _draw_disc(center, (RADIUS + RIM) * scale, rim)
            _draw_disc(center, RADIUS * scale, color)
            _draw_sign(center, scale, positive=point.positive)


def _draw_disc(center: tuple[float, float], radius: float, color: Color) -> None:
    around = [(center[0] + radius * x, center[1] + radius * y) for x, y in CIRCLE]
    triangles = [v for a, b in zip(around, around[1:], strict=False) for v in (center, a, b)]
    _draw("TRIS", triangles, color)


def _draw_sign(center: tuple[float, float], scale: float, *, positive: bool) -> None:
    x, y = center
    reach = (RADIUS - RIM) * scale
    lines = [(x - reach, y), (x + reach, y)]
    if positive:
        lines += [(x, y - reach), (x, y + reach)]
    gpu.state.line_width_set(RIM * scale)
    _draw("LINES", lines, BLACK)


def _draw_box(corners: Corners, color: Color, to_region: ToRegion, scale: float) -> None:
    x0, y0, x1, y1 = corners
    around = [to_region(x, y) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    lines = [v for a, b in zip(around, (*around[1:], around[0]), strict=True) for v in (a, b)]
    gpu.state.line_width_set(RIM * scale)
    _draw("LINES", lines, color)


def _draw(kind: str, vertices: Iterable[tuple[float, float]], color: Color) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", color)
    batch_for_shader(shader, kind, {"pos": [(x, y, 0.0) for x, y in vertices]}).draw(shader)


_overlay = Overlay()


def show_dragged(place: Corners | Position | None) -> None:
    """Draw a point, or a box by two opposite corners, where it is dragged to, in 0..1; None: nothing is."""
    _overlay.dragged = place


def register() -> None:
    # In the background there is nothing to draw on.
    if not bpy.app.background:
        _overlay.handle = SpaceClipEditor.draw_handler_add(_overlay.draw, (), "WINDOW", "POST_PIXEL")
        _overlay.preview_handle = SpaceSequenceEditor.draw_handler_add(
            _overlay.draw_in_preview, (), "PREVIEW", "POST_PIXEL"
        )


def unregister() -> None:
    if _overlay.handle is not None:
        SpaceClipEditor.draw_handler_remove(_overlay.handle, "WINDOW")
        SpaceSequenceEditor.draw_handler_remove(_overlay.preview_handle, "PREVIEW")
        _overlay.handle = _overlay.preview_handle = None
    _overlay.textures.clear()
    _overlay.painter = None
    _overlay.dragged = None
