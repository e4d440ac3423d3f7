# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks drawn by the GPU as the mattes that they make: filled and outlined, or with all else covered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import gpu
import mathutils
import numpy as np
import numpy.typing as npt
from gpu_extras.batch import batch_for_shader

from rotopoint.mattes.upsample import upsample

from ..finished import Mask

FINER = 4
"""Times finer than the model's logits is what the GPU interpolates linearly: it is the matte's own curve."""

OUTLINE = 1.5
"""Pixels on screen at an interface scale of 1."""

HALF = 0.5
"""Coverage at the edge of a finished matte."""

BANDS = 64
"""Of the picture's height: in each, only what a mask reaches of its width is drawn."""

VERTEX = """
void main()
{
  place = clamp(uv, seen.xy, seen.zw);
  gl_Position = ModelViewProjectionMatrix * vec4(place, 0.0, 1.0);
}
"""
"""`uv` and `place` are 0..1 of the picture, which the matrix puts into the region; what lies outside of its
part `seen` (left, bottom, right, top) is not drawn."""

MATTE_FRAGMENT = """
void main()
{
  float value = texture(mask, place).r;
  vec2 across = dFdx(place), up = dFdy(place);
  vec2 slopes = vec2(dFdx(value), dFdy(value));
  if (is_coverage) {
    vec2 after = vec2(texture(mask, place + across).r, texture(mask, place + up).r);
    vec2 before = vec2(texture(mask, place - across).r, texture(mask, place - up).r);
    slopes = max(abs(after - value), abs(before - value));
  }
  float within = (value - edge) / max(length(slopes), 1e-6);
  float coverage = is_coverage ? value : clamp(within + 0.5, 0.0, 1.0);
  float line = clamp(0.5 + 0.5 * outline - abs(within), 0.0, 1.0) * strength;
  shown = vec4(color.rgb, max(coverage * fill, line));
}
"""
"""`within` is the distance to the edge in pixels on screen, over 0 inside, where the values are a plane. The
edge of logits is at 0, that of a finished matte where it covers a half. A finished matte may change from one
pixel to the next: derivatives, which are taken of two by two pixels, miss half of such edges, so its slope is
that to the pixel that differs more."""

CHECKER_FRAGMENT = """
void main()
{
  vec2 pixel = gl_FragCoord.xy;
  vec2 square = floor(pixel / side);
  vec3 checker = mod(square.x + square.y, 2.0) < 1.0 ? first.rgb : second.rgb;
  shown = vec4(checker, 1.0 - texture(mask, pixel / size).a);
}
"""
"""`mask` is of the whole region, whose `size` is in pixels."""

TRIANGLES = [(0, 1, 2), (0, 2, 3)]

Color: TypeAlias = tuple[float, ...]


@dataclass(frozen=True)
class Drawn:
    """A mask as the GPU holds it, and the rectangles that it lies in, None where it is empty. The texture's
    first row is at the bottom. `bounds` is the one that holds them all."""

    texture: gpu.types.GPUTexture
    is_coverage: bool
    rectangles: gpu.types.GPUBatch | None
    bounds: gpu.types.GPUBatch | None


@dataclass(frozen=True)
class Place:
    """Where the picture is in the region: `matrix` (4, 4) puts 0..1 of it, y up, to pixels. Only its part
    `seen` is drawn: left, bottom, right, top in 0..1."""

    matrix: mathutils.Matrix
    seen: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    @property
    def is_upright(self) -> bool:
        return self.matrix[0][1] == 0.0 == self.matrix[1][0]


@dataclass(frozen=True)
class Look:
    """`color` is sRGB 0..1, as on screen; `fill` and `strength` are the opacities of area and outline, whose
    width `outline` is in pixels on screen."""

    color: Color
    fill: float
    strength: float = 0.0
    outline: float = 0.0


@dataclass(frozen=True)
class Checker:
    """A checkerboard's two colors, sRGB 0..1, and the side of its squares in pixels on screen."""

    first: Color
    second: Color
    side: float


def finer(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Logits (h, w), rows from the top, as a texture (FINER h, FINER w) with its first row at the bottom."""
    height, width = logits.shape
    drawn = upsample(logits.astype(np.float32), (FINER * width, FINER * height))
    return np.ascontiguousarray(drawn[::-1])


def from_bottom(coverage: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Coverage (h, w) 0..255, rows from the top, as a texture of 0..1 with its first row at the bottom."""
    return np.multiply(coverage[::-1], np.float32(1 / 255), dtype=np.float32)


def rectangles(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """The parts (n, 4) of a picture that hold all that is `inside` (h, w), with room for an outline: left,
    bottom, right, top in 0..1, row 0 at the bottom; at most BANDS, one above another. Drawing all of the
    picture for a small mask takes longer than all else."""
    height, width = inside.shape
    bounds = np.unique(np.linspace(0, height, BANDS + 1).astype(int))
    found = np.logical_or.reduceat(inside, bounds[:-1], axis=0)
    # An outline may reach into what lies above and below.
    near = found.copy()
    near[1:] |= found[:-1]
    near[:-1] |= found[1:]
    used = np.flatnonzero(near.any(axis=1))
    room = int(np.diff(bounds).max())
    left = np.maximum(near.argmax(axis=1) - room, 0)
    right = np.minimum(width - near[:, ::-1].argmax(axis=1) + room, width)
    sides = (left / width, bounds[:-1] / height, right / width, bounds[1:] / height)
    return np.stack(sides, axis=1)[used].astype(np.float32)


class Painter:
    """Shaders, and a picture of the region's size in which coverage is gathered; made while a region is
    drawn."""

    def __init__(self) -> None:
        numbers = dict.fromkeys(("edge", "fill", "strength", "outline"), "FLOAT")
        self._matte = _make_shader(MATTE_FRAGMENT, {"color": "VEC4"} | numbers | {"is_coverage": "BOOL"})
        self._checker = _make_shader(
            CHECKER_FRAGMENT, {"first": "VEC3", "second": "VEC3", "side": "FLOAT", "size": "VEC2"}
        )
        self._whole = _batch(self._matte, np.array([[0.0, 0.0, 1.0, 1.0]], np.float32))
        self._gathered: gpu.types.GPUOffScreen | None = None

    def drawn(self, mask: Mask) -> Drawn:
        """A mask, given to the GPU."""
        picture = from_bottom(mask.values) if mask.is_coverage else finer(mask.values)
        height, width = picture.shape
        data = gpu.types.Buffer("FLOAT", picture.size, picture.ravel())
        form = "R8" if mask.is_coverage else "R16F"
        texture = gpu.types.GPUTexture((width, height), format=form, data=data)
        parts = rectangles(picture > 0)
        if not len(parts):
            return Drawn(texture, mask.is_coverage, None, None)
        bounds = np.array([[*parts[:, :2].min(axis=0), *parts[:, 2:].max(axis=0)]], np.float32)
        return Drawn(texture, mask.is_coverage, _batch(self._matte, parts), _batch(self._matte, bounds))

    def fill_and_outline(self, place: Place, masks: Iterable[tuple[Drawn, Look]]) -> None:
        for mask, look in masks:
            self._draw(place, mask, look)

    def black_and_white(self, place: Place, masks: Iterable[Drawn]) -> None:
        """The mattes of all of them in one, over black."""
        _fill(place, (0.0, 0.0, 0.0, 1.0))
        for mask in masks:
            self._draw(place, mask, Look((1.0, 1.0, 1.0), 1.0))

    def cut_out(self, place: Place, masks: Iterable[Drawn], checker: Checker) -> None:
        """The picture under the mattes stays, and a checkerboard covers the rest of it."""
        with self._gathering() as gathered:
            for mask in masks:
                self._draw(place, mask, Look((1.0, 1.0, 1.0), 1.0))
        shader = self._checker
        shader.bind()
        shader.uniform_float("first", checker.first[:3])
        shader.uniform_float("second", checker.second[:3])
        shader.uniform_float("side", checker.side)
        shader.uniform_float("size", _region_size())
        _draw_over(place, shader, gathered, self._whole)

    @contextmanager
    def _gathering(self) -> Iterator[gpu.types.GPUTexture]:
        """What is drawn meanwhile goes to a picture of its own, transparent at first."""
        size = _region_size()
        if self._gathered is None or (self._gathered.width, self._gathered.height) != size:
            self._gathered = gpu.types.GPUOffScreen(*size)
        with self._gathered.bind():
            gpu.state.active_framebuffer_get().clear(color=(0.0, 0.0, 0.0, 0.0))
            yield self._gathered.texture_color

    def _draw(self, place: Place, mask: Drawn, look: Look) -> None:
        # Where the picture is turned, pixels would be left out along the rectangles' common edges.
        parts = mask.rectangles if place.is_upright else mask.bounds
        if parts is None:
            return
        shader = self._matte
        shader.bind()
        shader.uniform_float("color", (*look.color[:3], 1.0))
        shader.uniform_float("fill", look.fill)
        shader.uniform_float("strength", look.strength)
        shader.uniform_float("outline", look.outline)
        shader.uniform_bool("is_coverage", mask.is_coverage)
        shader.uniform_float("edge", HALF if mask.is_coverage else 0.0)
        _draw_over(place, shader, mask.texture, parts)


def _region_size() -> tuple[int, int]:
    _, _, width, height = gpu.state.viewport_get()
    return width, height


def _draw_over(
    place: Place, shader: gpu.types.GPUShader, texture: gpu.types.GPUTexture, parts: gpu.types.GPUBatch
) -> None:
    """With a bound shader, over parts of the picture."""
    matrix = gpu.matrix.get_projection_matrix() @ gpu.matrix.get_model_view_matrix() @ place.matrix
    shader.uniform_float("ModelViewProjectionMatrix", matrix)
    shader.uniform_float("seen", place.seen)
    shader.uniform_sampler("mask", texture)
    parts.draw(shader)


def _fill(place: Place, color: Color) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", color)
    left, bottom, right, top = place.seen
    corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
    around = {"pos": [place.matrix @ mathutils.Vector((x, y, 0.0)) for x, y in corners]}
    batch_for_shader(shader, "TRIS", around, indices=TRIANGLES).draw(shader)


def _batch(shader: gpu.types.GPUShader, parts: npt.NDArray[np.float32]) -> gpu.types.GPUBatch:
    """Rectangles as `rectangles` gives them, for a shader."""
    corners = parts[:, [[0, 1], [2, 1], [2, 3], [0, 3]]].reshape(-1, 2)
    first = 4 * np.arange(len(parts), dtype=np.int32)[:, None, None]
    triangles = (np.array(TRIANGLES, np.int32) + first).reshape(-1, 3)
    return batch_for_shader(shader, "TRIS", {"uv": corners}, indices=triangles)


def _make_shader(fragment: str, constants: dict[str, str]) -> gpu.types.GPUShader:
    """With these constants by name and type, beside those of the place."""
    between = gpu.types.GPUStageInterfaceInfo("rotopoint_matte")
    between.smooth("VEC2", "place")
    info = gpu.types.GPUShaderCreateInfo()
    info.push_constant("MAT4", "ModelViewProjectionMatrix")
    info.push_constant("VEC4", "seen")
    for name, kind in constants.items():
        info.push_constant(kind, name)
    info.sampler(0, "FLOAT_2D", "mask")
    info.vertex_in(0, "VEC2", "uv")
    info.vertex_out(between)
    info.fragment_out(0, "VEC4", "shown")
    info.vertex_source(VERTEX)
    info.fragment_source(fragment)
    return gpu.shader.create_from_info(info)
