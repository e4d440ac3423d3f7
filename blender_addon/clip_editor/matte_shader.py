# SPDX-License-Identifier: GPL-3.0-or-later
"""A mask drawn as the matte that it makes: filled, and outlined where its edge is. Drawn by the GPU."""

from __future__ import annotations

from dataclasses import dataclass

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

FRAGMENT = """
void main()
{
  float value = texture(mask, place).r;
  float slope = max(length(vec2(dFdx(value), dFdy(value))), 1e-6);
  float within = (value - edge) / slope;
  float coverage = is_coverage ? value : clamp(within + 0.5, 0.0, 1.0);
  float filled = coverage * fill;
  float line = clamp(0.5 + 0.5 * outline - abs(within), 0.0, 1.0) * strength;
  shown = vec4(color.rgb, max(filled, line));
}
"""
"""`within` is the distance to the edge in pixels on screen, over 0 inside, where the values are a plane. The
edge of logits is at 0, that of a finished matte where it covers a half."""


def finer(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Logits (h, w), rows from the top, as a texture (FINER h, FINER w) with its first row at the bottom."""
    height, width = logits.shape
    drawn = upsample(logits.astype(np.float32), (FINER * width, FINER * height))
    return np.ascontiguousarray(drawn[::-1])


def from_bottom(coverage: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Coverage (h, w) 0..255, rows from the top, as a texture of 0..1 with its first row at the bottom."""
    return np.multiply(coverage[::-1], np.float32(1 / 255), dtype=np.float32)


def texture_of(mask: Mask) -> gpu.types.GPUTexture:
    picture = from_bottom(mask.values) if mask.is_coverage else finer(mask.values)
    height, width = picture.shape
    data = gpu.types.Buffer("FLOAT", picture.size, picture.ravel())
    return gpu.types.GPUTexture((width, height), format="R8" if mask.is_coverage else "R16F", data=data)


@dataclass(frozen=True)
class Look:
    """`color` is sRGB 0..1, as on screen; `fill` and `strength` are the opacities of area and outline, whose
    width `outline` is in pixels on screen."""

    color: tuple[float, ...]
    fill: float
    strength: float
    outline: float


def make_shader() -> gpu.types.GPUShader:
    between = gpu.types.GPUStageInterfaceInfo("rotopoint_matte")
    between.smooth("VEC2", "place")
    info = gpu.types.GPUShaderCreateInfo()
    info.push_constant("MAT4", "ModelViewProjectionMatrix")
    info.push_constant("VEC4", "color")
    info.push_constant("BOOL", "is_coverage")
    for name in ("edge", "fill", "strength", "outline"):
        info.push_constant("FLOAT", name)
    info.sampler(0, "FLOAT_2D", "mask")
    info.vertex_in(0, "VEC2", "pos")
    info.vertex_in(1, "VEC2", "uv")
    info.vertex_out(between)
    info.fragment_out(0, "VEC4", "shown")
    info.vertex_source(VERTEX)
    info.fragment_source(FRAGMENT)
    return gpu.shader.create_from_info(info)


def draw_matte(
    shader: gpu.types.GPUShader,
    texture: gpu.types.GPUTexture,
    corners: tuple[tuple[float, float], tuple[float, float]],
    look: Look,
    *,
    is_coverage: bool = False,
) -> None:
    """Over a rectangle of the region, given by its bottom left and top right corner."""
    (left, bottom), (right, top) = corners
    vertices = {
        "pos": [(left, bottom), (right, bottom), (right, top), (left, top)],
        "uv": [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)],
    }
    batch = batch_for_shader(shader, "TRIS", vertices, indices=[(0, 1, 2), (0, 2, 3)])
    shader.bind()
    shader.uniform_float("ModelViewProjectionMatrix", _matrix())
    shader.uniform_float("color", (*look.color, 1.0))
    shader.uniform_bool("is_coverage", is_coverage)
    shader.uniform_float("edge", HALF if is_coverage else 0.0)
    shader.uniform_float("fill", look.fill)
    shader.uniform_float("strength", look.strength)
    shader.uniform_float("outline", look.outline)
    shader.uniform_sampler("mask", texture)
    batch.draw(shader)


def _matrix() -> object:
    return gpu.matrix.get_projection_matrix() @ gpu.matrix.get_model_view_matrix()
