# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn over the picture: mattes filled and outlined, points, boxes, and what is being dragged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import bpy
import gpu
import mathutils
import numpy as np
from bpy.types import MovieClip, SpaceClipEditor
from gpu_extras.batch import batch_for_shader

from rotopoint.errors import RotopointError

from .. import host, shots
from ..finished import Mask
from ..properties import ROTOPOINT_PG_subject
from .context import shown_frame
from .matte_shader import OUTLINE, Look, draw_matte, make_shader, texture_of

Corners = tuple[float, float, float, float]
Place = tuple[float, float]
Color = tuple[float, float, float, float]
ToRegion = Callable[[float, float], tuple[float, float]]

FILL, STRENGTH = 0.4, 0.9
"""Opacities of a matte's area and of its outline."""

PALE = 0.45
"""Of that for a mask whose prompts have changed since, as long as the new one is on its way."""

RADIUS = 6.0
RIM = 2.0
"""Of points, in pixels on screen at an interface scale of 1."""

WHITE = (1.0, 1.0, 1.0, 1.0)
BLACK = (0.0, 0.0, 0.0, 1.0)
CIRCLE = [(np.cos(a), np.sin(a)) for a in np.linspace(0.0, 2.0 * np.pi, 24)]
MOST_TEXTURES = 16


def display_color(subject: ROTOPOINT_PG_subject) -> tuple[float, ...]:
    """The subject's color, which is linear, as its swatch in the panel shows it."""
    return tuple(mathutils.Color(subject.color).from_scene_linear_to_srgb())


@dataclass
class Overlay:
    """`dragged` is where a point or a box is being dragged to. Textures are kept by the mask they show."""

    handle: object = None
    dragged: Corners | Place | None = None
    textures: dict[int, tuple[Mask, gpu.types.GPUTexture]] = field(default_factory=dict)
    shader: gpu.types.GPUShader | None = None

    def draw(self) -> None:
        """Called by Blender for each Clip Editor."""
        context = bpy.context
        space, region = context.space_data, context.region
        clip = space.clip
        if clip is None or space.view != "CLIP":
            return
        frame = shown_frame(context, clip)
        scale = context.preferences.system.ui_scale
        active = shots.active_subject(clip)

        def to_region(x: float, y: float) -> tuple[float, float]:
            return region.view2d.view_to_region(x, y, clip=False)

        gpu.state.blend_set("ALPHA")
        for subject in clip.rotopoint.subjects:
            if subject.visible:
                self._draw_mask(clip, subject, frame, to_region, scale)
        for subject in clip.rotopoint.subjects:
            if subject.visible:
                _draw_prompts(subject, frame, to_region, scale, is_active=subject == active)
        match self.dragged:
            case (x, y):
                _draw_disc(to_region(x, y), RADIUS * scale, WHITE)
            case (_, _, _, _):
                _draw_box(self.dragged, WHITE, to_region, scale)
        gpu.state.blend_set("NONE")

    def _draw_mask(
        self,
        clip: MovieClip,
        subject: ROTOPOINT_PG_subject,
        frame: int,
        to_region: ToRegion,
        scale: float,
    ) -> None:
        found = mask_of(clip, subject, frame)
        if found is None:
            return
        mask, opacity = found
        if self.shader is None:
            self.shader = make_shader()
        look = Look(display_color(subject), opacity * FILL, opacity * STRENGTH, OUTLINE * scale)
        corners = (to_region(0.0, 0.0), to_region(1.0, 1.0))
        draw_matte(self.shader, self._texture(mask), corners, look, is_coverage=mask.is_coverage)

    def _texture(self, mask: Mask) -> gpu.types.GPUTexture:
        key = id(mask)
        if key not in self.textures:
            while len(self.textures) >= MOST_TEXTURES:
                del self.textures[next(iter(self.textures))]
            # Holding the mask keeps its id from being given to another.
            self.textures[key] = (mask, texture_of(mask))
        return self.textures[key][1]


def mask_of(clip: MovieClip, subject: ROTOPOINT_PG_subject, frame: int) -> tuple[Mask, float] | None:
    """A subject's mask on a clip frame, as finished where that is there, and how opaque it is to be.

    None where its matte is empty there, or nothing is known of it.
    """
    if any(part.first <= frame <= part.last for part in subject.absent):
        return None
    try:
        prompts = shots.subject_of(subject, clip).prompts
    except RotopointError:
        return None
    state = host.state_of(clip)
    answer = state.previews.answering(subject.uid, frame, prompts)
    if answer is not None:
        return state.finished.of(subject.uid, frame, prompts) or answer, 1.0
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


def show_dragged(place: Corners | Place | None) -> None:
    """Draw a point, or a box by two opposite corners, where it is dragged to, in 0..1; None: nothing is."""
    _overlay.dragged = place


def register() -> None:
    # In the background there is nothing to draw on.
    if not bpy.app.background:
        _overlay.handle = SpaceClipEditor.draw_handler_add(_overlay.draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    if _overlay.handle is not None:
        SpaceClipEditor.draw_handler_remove(_overlay.handle, "WINDOW")
        _overlay.handle = None
    _overlay.textures.clear()
    _overlay.shader = None
    _overlay.dragged = None
