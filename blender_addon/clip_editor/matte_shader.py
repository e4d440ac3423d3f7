# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks drawn by the GPU as the mattes that they make: filled and outlined, or with all else covered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import gpu
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

VERTEX = """
void main()
{
  place = uv;
  gl_Position = ModelViewProjectionMatrix * vec4(pos, 0.0, 1.0);
}
"""

MATTE_FRAGMENT = """
void main()
{
  float value = texture(mask, place).r;
  float slope = max(length(vec2(dFdx(value), dFdy(value))), 1e-6);
  float within = (value - edge) / slope;
  float coverage = is_coverage ? value : clamp(within + 0.5, 0.0, 1.0);
  float line = clamp(0.5 + 0.5 * outline - abs(within), 0.0, 1.0) * strength;
  shown = vec4(color.rgb, max(coverage * fill, line));
}
"""
"""`within` is the distance to the edge in pixels on screen, over 0 inside, where the values are a plane. The
edge of logits is at 0, that of a finished matte where it covers a half."""

CHECKER_FRAGMENT = """
void main()
{
  vec2 square = floor(place * size / side);
  vec3 checker = mod(square.x + square.y, 2.0) < 1.0 ? first.rgb : second.rgb;
  shown = vec4(checker, 1.0 - texture(mask, place).a);
}
"""
"""`mask` and `place` are about the whole region, whose `size` is in pixels."""

TRIANGLES = [(0, 1, 2), (0, 2, 3)]

Color: TypeAlias = tuple[float, ...]


@dataclass(frozen=True)
class Drawn:
    """A mask as the GPU holds it; the texture's first row is at the bottom."""

    texture: gpu.types.GPUTexture
    is_coverage: bool

    @classmethod
    def of(cls, mask: Mask) -> Drawn:
        picture = from_bottom(mask.values) if mask.is_coverage else finer(mask.values)
        height, width = picture.shape
        data = gpu.types.Buffer("FLOAT", picture.size, picture.ravel())
        form = "R8" if mask.is_coverage else "R16F"
        return cls(gpu.types.GPUTexture((width, height), format=form, data=data), mask.is_coverage)


@dataclass(frozen=True)
class Place:
    """Where the picture is in the region, in its pixels; nothing is drawn left of `split`, which is 0..1 of
    the picture's width."""

    left: float
    bottom: float
    right: float
    top: float
    split: float = 0.0

    @property
    def at_split(self) -> float:
        return self.left + self.split * (self.right - self.left)


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


class Painter:
    """Shaders, and a picture of the region's size in which coverage is gathered; made while a region is
    drawn."""

    def __init__(self) -> None:
        self._matte = _make_shader(
            MATTE_FRAGMENT,
            {"color": "VEC4", "is_coverage": "BOOL"}
            | dict.fromkeys(("edge", "fill", "strength", "outline"), "FLOAT"),
        )
        self._checker = _make_shader(
            CHECKER_FRAGMENT, {"first": "VEC4", "second": "VEC4", "size": "VEC2", "side": "FLOAT"}
        )
        self._gathered: gpu.types.GPUOffScreen | None = None

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
        _, _, width, height = gpu.state.viewport_get()
        with self._gathering(width, height) as gathered:
            for mask in masks:
                self._draw(place, mask, Look((1.0, 1.0, 1.0), 1.0))
        self._checker.bind()
        self._checker.uniform_float("first", (*checker.first[:3], 1.0))
        self._checker.uniform_float("second", (*checker.second[:3], 1.0))
        self._checker.uniform_float("side", checker.side)
        self._checker.uniform_float("size", (width, height))
        _draw_over(place, self._checker, gathered, region=(width, height))

    @contextmanager
    def _gathering(self, width: int, height: int) -> Iterator[gpu.types.GPUTexture]:
        """What is drawn meanwhile goes to a picture of its own, transparent at first."""
        if self._gathered is None or (self._gathered.width, self._gathered.height) != (width, height):
            self._gathered = gpu.types.GPUOffScreen(width, height)
        with self._gathered.bind():
            gpu.state.active_framebuffer_get().clear(color=(0.0, 0.0, 0.0, 0.0))
            yield self._gathered.texture_color

    def _draw(self, place: Place, mask: Drawn, look: Look) -> None:
        shader = self._matte
        shader.bind()
        shader.uniform_float("color", (*look.color[:3], 1.0))
        shader.uniform_float("fill", look.fill)
        shader.uniform_float("strength", look.strength)
        shader.uniform_float("outline", look.outline)
        shader.uniform_bool("is_coverage", mask.is_coverage)
        shader.uniform_float("edge", HALF if mask.is_coverage else 0.0)
        _draw_over(place, shader, mask.texture)


def _draw_over(
    place: Place,
    shader: gpu.types.GPUShader,
    texture: gpu.types.GPUTexture,
    region: tuple[int, int] | None = None,
) -> None:
    """With a bound shader, over the picture right of its split; the texture is stretched over the picture, or
    over the whole region of this size."""
    corners = _corners(place)
    if region is None:
        over = [(place.split, 0.0), (1.0, 0.0), (1.0, 1.0), (place.split, 1.0)]
    else:
        over = [(x / region[0], y / region[1]) for x, y in corners]
    batch = batch_for_shader(shader, "TRIS", {"pos": corners, "uv": over}, indices=TRIANGLES)
    matrix = gpu.matrix.get_projection_matrix() @ gpu.matrix.get_model_view_matrix()
    shader.uniform_float("ModelViewProjectionMatrix", matrix)
    shader.uniform_sampler("mask", texture)
    batch.draw(shader)


def _fill(place: Place, color: Color) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", color)
    corners = {"pos": [(x, y, 0.0) for x, y in _corners(place)]}
    batch_for_shader(shader, "TRIS", corners, indices=TRIANGLES).draw(shader)


def _corners(place: Place) -> list[tuple[float, float]]:
    """Around what is drawn over, from the bottom left."""
    left, right = place.at_split, place.right
    return [(left, place.bottom), (right, place.bottom), (right, place.top), (left, place.top)]


def _make_shader(fragment: str, constants: dict[str, str]) -> gpu.types.GPUShader:
    """With these constants by name and type."""
    between = gpu.types.GPUStageInterfaceInfo("rotopoint_matte")
    between.smooth("VEC2", "place")
    info = gpu.types.GPUShaderCreateInfo()
    info.push_constant("MAT4", "ModelViewProjectionMatrix")
    for name, kind in constants.items():
        info.push_constant(kind, name)
    info.sampler(0, "FLOAT_2D", "mask")
    info.vertex_in(0, "VEC2", "pos")
    info.vertex_in(1, "VEC2", "uv")
    info.vertex_out(between)
    info.fragment_out(0, "VEC4", "shown")
    info.vertex_source(VERTEX)
    info.fragment_source(fragment)
    return gpu.shader.create_from_info(info)
