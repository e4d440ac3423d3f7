# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn over the picture: masks as tints, points, boxes, and what is being dragged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import bpy
import gpu
import mathutils
import numpy as np
import numpy.typing as npt
from bpy.types import MovieClip, SpaceClipEditor
from gpu_extras.batch import batch_for_shader
from gpu_extras.presets import draw_texture_2d

from rotopoint.errors import RotopointError

from .. import host, shots
from ..clip_state import Preview
from ..properties import ROTOPOINT_PG_subject
from .context import shown_frame

Corners = tuple[float, float, float, float]
Place = tuple[float, float]
Color = tuple[float, float, float, float]
ToRegion = Callable[[float, float], tuple[float, float]]

MASK_OPACITY = 0.45
STALE_OPACITY = 0.2
"""Of a mask whose prompts have changed since: the new one is on its way."""

RADIUS = 6.0
RIM = 2.0
WHITE = (1.0, 1.0, 1.0, 1.0)
BLACK = (0.0, 0.0, 0.0, 1.0)
CIRCLE = [(np.cos(a), np.sin(a)) for a in np.linspace(0.0, 2.0 * np.pi, 24)]
MOST_TEXTURES = 16


def tint(
    logits: npt.NDArray[np.float32], color: tuple[float, ...], opacity: float
) -> npt.NDArray[np.float32]:
    """(height, width, 4) straight RGBA, rows from the bottom, of logits with rows from the top."""
    height, width = logits.shape
    picture = np.empty((height, width, 4), np.float32)
    picture[..., :3] = color
    picture[..., 3] = opacity / (1.0 + np.exp(-np.clip(logits[::-1], -30.0, 30.0)))
    return picture


def display_color(subject: ROTOPOINT_PG_subject) -> tuple[float, ...]:
    """The subject's color, which is linear, as its swatch in the panel shows it."""
    return tuple(mathutils.Color(subject.color).from_scene_linear_to_srgb())


@dataclass
class Overlay:
    """`dragged` is where a point or a box is being dragged to. Textures are kept by what they show."""

    handle: object = None
    dragged: Corners | Place | None = None
    textures: dict[tuple[int, tuple[float, ...], float], tuple[Preview, gpu.types.GPUTexture]] = field(
        default_factory=dict
    )

    def draw(self) -> None:
        """Called by Blender for each Clip Editor."""
        context = bpy.context
        space, region = context.space_data, context.region
        clip = space.clip
        if clip is None or space.view != "CLIP" or space.mode != "TRACKING":
            return
        frame = shown_frame(context, clip)
        active = shots.active_subject(clip)

        def to_region(x: float, y: float) -> tuple[float, float]:
            return region.view2d.view_to_region(x, y, clip=False)

        gpu.state.blend_set("ALPHA")
        for subject in clip.rotopoint.subjects:
            if subject.visible:
                self._draw_mask(clip, subject, frame, to_region)
        for subject in clip.rotopoint.subjects:
            if subject.visible:
                _draw_prompts(subject, frame, to_region, is_active=subject == active)
        match self.dragged:
            case (x, y):
                _draw_disc(to_region(x, y), RADIUS, WHITE)
            case (_, _, _, _):
                _draw_box(self.dragged, WHITE, to_region)
        gpu.state.blend_set("NONE")

    def _draw_mask(
        self, clip: MovieClip, subject: ROTOPOINT_PG_subject, frame: int, to_region: ToRegion
    ) -> None:
        preview = host.state_of(clip).previews.get((subject.uid, frame))
        if preview is None:
            return
        opacity = MASK_OPACITY if _is_current(clip, subject, preview) else STALE_OPACITY
        texture = self._texture(preview, display_color(subject), opacity)
        left, bottom = to_region(0.0, 0.0)
        right, top = to_region(1.0, 1.0)
        draw_texture_2d(texture, (left, bottom), right - left, top - bottom)

    def _texture(self, preview: Preview, color: tuple[float, ...], opacity: float) -> gpu.types.GPUTexture:
        key = (id(preview), color, opacity)
        if key not in self.textures:
            while len(self.textures) >= MOST_TEXTURES:
                del self.textures[next(iter(self.textures))]
            picture = tint(preview.logits, color, opacity)
            height, width = preview.logits.shape
            data = gpu.types.Buffer("FLOAT", picture.size, picture.ravel())
            texture = gpu.types.GPUTexture((width, height), format="RGBA16F", data=data)
            # Holding the preview keeps its id from being given to another.
            self.textures[key] = (preview, texture)
        return self.textures[key][1]


def _is_current(clip: MovieClip, subject: ROTOPOINT_PG_subject, preview: Preview) -> bool:
    try:
        return shots.subject_of(subject, clip).prompts == preview.prompts
    except RotopointError:
        return False


def _draw_prompts(subject: ROTOPOINT_PG_subject, frame: int, to_region: ToRegion, *, is_active: bool) -> None:
    color = (*display_color(subject), 1.0)
    rim = WHITE if is_active else BLACK
    for box in subject.boxes:
        if box.frame == frame:
            _draw_box((box.x0, box.y0, box.x1, box.y1), color, to_region)
    for point in subject.points:
        if point.frame == frame:
            center = to_region(point.x, point.y)
            _draw_disc(center, RADIUS + RIM, rim)
            _draw_disc(center, RADIUS, color)
            _draw_sign(center, point.positive)


def _draw_disc(center: tuple[float, float], radius: float, color: Color) -> None:
    around = [(center[0] + radius * x, center[1] + radius * y) for x, y in CIRCLE]
    triangles = [v for a, b in zip(around, around[1:], strict=False) for v in (center, a, b)]
    _draw("TRIS", triangles, color)


def _draw_sign(center: tuple[float, float], positive: bool) -> None:
    x, y = center
    reach = RADIUS - RIM
    lines = [(x - reach, y), (x + reach, y)]
    if positive:
        lines += [(x, y - reach), (x, y + reach)]
    gpu.state.line_width_set(RIM)
    _draw("LINES", lines, BLACK)


def _draw_box(corners: Corners, color: Color, to_region: ToRegion) -> None:
    x0, y0, x1, y1 = corners
    around = [to_region(x, y) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    lines = [v for a, b in zip(around, (*around[1:], around[0]), strict=True) for v in (a, b)]
    gpu.state.line_width_set(RIM)
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
    _overlay.dragged = None
