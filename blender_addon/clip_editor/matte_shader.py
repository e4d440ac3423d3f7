# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks drawn by the GPU as the mattes that they make: filled and outlined, or with all else covered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

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

MOST_KEPT = 3
"""Pictures that are drawn again as they were, each as large as its region: of several editors, say."""

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
  float coverage = clamp(is_coverage ? (value - lowest) / (highest - lowest) : within + 0.5, 0.0, 1.0);
  float line = clamp(0.5 + 0.5 * outline - abs(within), 0.0, 1.0) * strength;
  float opacity = max(coverage * fill, line);
  shown = cuts ? vec4(1.0 - opacity) : vec4(color.rgb, opacity);
}
"""
"""`within` is the distance to the edge in pixels on screen, over 0 inside, where the values are a plane. The
edge of logits is at 0, that of a finished matte where it covers a half. A finished matte may change from one
pixel to the next: derivatives, which are taken of two by two pixels, miss half of such edges, so its slope is
that to the pixel that differs more. What `cuts` is multiplied with what is there."""

CHECKER_FRAGMENT = """
void main()
{
  vec2 square = floor(gl_FragCoord.xy / side);
  shown = vec4(mod(square.x + square.y, 2.0) < 1.0 ? first.rgb : second.rgb, 1.0);
}
"""

KEPT_FRAGMENT = """
void main()
{
  shown = texelFetch(mask, ivec2(gl_FragCoord.xy), 0);
}
"""
"""`mask` is of the whole region, with colors premultiplied."""

TRIANGLES = [(0, 1, 2), (0, 2, 3)]

WHOLE = np.array([[0.0, 0.0, 1.0, 1.0]], np.float32)

Color: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A mask as the GPU holds it, and the parts of the picture that it lies in, as `rectangles` gives them.
    The texture's first row is at the bottom."""

    texture: gpu.types.GPUTexture
    is_coverage: bool
    parts: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Place:
    """Where the picture is in the region: the rows of `place` (3, 3) put 0..1 of it, y up, to pixels. Only
    its part `seen` is drawn: left, bottom, right, top in 0..1."""

    place: tuple[tuple[float, float, float], ...]
    seen: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    @property
    def matrix(self) -> mathutils.Matrix:
        (across, over, left), (rise, up, bottom), _ = self.place
        return mathutils.Matrix(
            ((across, over, 0.0, left), (rise, up, 0.0, bottom), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
        )

    def whole(self, parts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Parts of the picture (n, 4) as they are drawn: where it is turned all in one, since pixels would be
        left out along their common edges."""
        (_, over, _), (rise, _, _), _ = self.place
        if over == 0.0 == rise or not len(parts):
            return parts
        return np.array([[*parts[:, :2].min(axis=0), *parts[:, 2:].max(axis=0)]], np.float32)


@dataclass(frozen=True)
class Look:
    """`color` is sRGB 0..1, as on screen; `fill` and `strength` are the opacities of area and outline, whose
    width `outline` is in pixels on screen. Coverage counts between `lowest` and `highest`."""

    color: Color
    fill: float
    strength: float = 0.0
    outline: float = 0.0
    lowest: float = 0.0
    highest: float = 1.0


WHITE_AREA = Look((1.0, 1.0, 1.0), 1.0)
UNKNOWN = Look((0.5, 0.5, 0.5), 1.0, highest=0.5)
KNOWN = Look((1.0, 1.0, 1.0), 1.0, lowest=0.5)
"""Of a trimap, what is not known to be outside, and over it what is known to be inside."""


@dataclass(frozen=True)
class Checker:
    """A checkerboard's two colors, sRGB 0..1, and the side of its squares in pixels on screen."""

    first: Color
    second: Color
    side: float


@dataclass(frozen=True)
class Picture:
    """What is drawn at a place: masks one over the other, with nothing, a color or a checkerboard below. The
    checkerboard is what masks leave of it: under them it is cut out."""

    place: Place
    layers: tuple[tuple[Drawn, Look], ...]
    ground: Color | Checker | None = None

    @property
    def parts(self) -> npt.NDArray[np.float32]:
        """Those of the picture (n, 4) in which anything is drawn, as `rectangles` has them."""
        if self.ground is not None:
            return WHOLE
        return united([mask.parts for mask, _ in self.layers])


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


class Surface(NamedTuple):
    """What is drawn on beside the screen. Making a GPUOffScreen leaves the window's own buffer bound, and
    whatever else is drawn in the region is lost."""

    texture: gpu.types.GPUTexture
    buffer: gpu.types.GPUFrameBuffer

    @staticmethod
    def of(size: tuple[int, int]) -> Surface:
        texture = gpu.types.GPUTexture(size, format="RGBA8")
        return Surface(texture, gpu.types.GPUFrameBuffer(color_slots=texture))

    @property
    def size(self) -> tuple[int, int]:
        return self.texture.width, self.texture.height


Kept: TypeAlias = tuple[Surface, gpu.types.GPUBatch | None]
"""What a picture has become, as large as the region, and the parts of it that hold anything."""


def united(parts: Iterable[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """The parts (n, 4) of a picture that are in any of these, none of it twice; in bands as tall as those of
    one mask, so that what is empty beside them may be in it."""
    every = np.concatenate([np.zeros((0, 4), np.float32), *parts])
    found: list[tuple[float, float, float, float]] = []
    for band in range(BANDS):
        bottom, top = band / BANDS, (band + 1) / BANDS
        here = every[(every[:, 1] < top) & (every[:, 3] > bottom)]
        runs: list[list[float]] = []
        for left, right in sorted(here[:, [0, 2]].tolist()):
            if runs and left <= runs[-1][1]:
                runs[-1][1] = max(runs[-1][1], right)
            else:
                runs.append([left, right])
        found += [(left, bottom, right, top) for left, right in runs]
    return np.array(found, np.float32).reshape(-1, 4)


class Painter:
    """Shaders, and what they made of pictures: as long as these are asked for again, one texture is all that
    is drawn. Made while a region is drawn."""

    def __init__(self) -> None:
        numbers = ("edge", "fill", "strength", "outline", "lowest", "highest")
        flags = dict.fromkeys(("is_coverage", "cuts"), "BOOL")
        self._matte = _make_shader(
            MATTE_FRAGMENT, {"color": "VEC4"} | dict.fromkeys(numbers, "FLOAT") | flags
        )
        self._checker = _make_shader(
            CHECKER_FRAGMENT, {"first": "VEC3", "second": "VEC3", "side": "FLOAT"}, samples=False
        )
        self._copy = _make_shader(KEPT_FRAGMENT, {})
        self._whole = _batch(self._checker, WHOLE)
        self._kept: OrderedDict[Picture, Kept] = OrderedDict()
        self._latest: Picture | None = None

    def drawn(self, mask: Mask) -> Drawn:
        """A mask, given to the GPU."""
        picture = from_bottom(mask.values) if mask.is_coverage else finer(mask.values)
        height, width = picture.shape
        data = gpu.types.Buffer("FLOAT", picture.size, picture.ravel())
        form = "R8" if mask.is_coverage else "R16F"
        texture = gpu.types.GPUTexture((width, height), format=form, data=data)
        return Drawn(texture, mask.is_coverage, rectangles(picture > 0))

    def show(self, picture: Picture) -> None:
        """Draw a picture over what is there. What is drawn for the first time is not kept yet: while frames
        pass none is seen twice, and keeping takes longer than drawing."""
        is_new = picture not in self._kept and picture != self._latest
        self._latest = picture
        if is_new and not isinstance(picture.ground, Checker):
            self._lay(picture)
            return
        canvas, batch = self._canvas(picture)
        if batch is None:
            return
        gpu.state.blend_set("ALPHA_PREMULT")
        self._copy.bind()
        self._copy.uniform_sampler("mask", canvas.texture)
        _draw_over(picture.place, self._copy, batch)
        gpu.state.blend_set("ALPHA")

    def _canvas(self, picture: Picture) -> Kept:
        """Of a picture; painted where it is new."""
        size = _region_size()
        kept = self._kept.pop(picture, None)
        if kept is None or kept[0].size != size:
            canvas = self._spare(size)
            self._paint(canvas, picture)
            parts = picture.place.whole(picture.parts)
            kept = canvas, _batch(self._copy, parts) if len(parts) else None
        self._kept[picture] = kept
        return kept

    def _spare(self, size: tuple[int, int]) -> Surface:
        """One of a size (width, height), that of what was not drawn for the longest where that fits."""
        while len(self._kept) >= MOST_KEPT:
            _, (canvas, _) = self._kept.popitem(last=False)
            if canvas.size == size:
                return canvas
        return Surface.of(size)

    def _paint(self, canvas: Surface, picture: Picture) -> None:
        with canvas.buffer.bind():
            canvas.buffer.clear(color=(0.0, 0.0, 0.0, 0.0))
            # Over nothing that leaves colors that are premultiplied.
            self._lay(picture)

    def _lay(self, picture: Picture) -> None:
        """Ground and masks, one over the other; a checkerboard is cut out of, so nothing may lie below it."""
        place, ground = picture.place, picture.ground
        gpu.state.blend_set("ALPHA")
        if isinstance(ground, Checker):
            self._checker.bind()
            self._checker.uniform_float("first", ground.first[:3])
            self._checker.uniform_float("second", ground.second[:3])
            self._checker.uniform_float("side", ground.side)
            _draw_over(place, self._checker, self._whole)
            gpu.state.blend_set("MULTIPLY")
        elif ground is not None:
            _fill(place, ground)
        for mask, look in picture.layers:
            self._draw(place, mask, look, cuts=isinstance(ground, Checker))

    def _draw(self, place: Place, mask: Drawn, look: Look, *, cuts: bool) -> None:
        parts = place.whole(mask.parts)
        if not len(parts):
            return
        shader = self._matte
        shader.bind()
        shader.uniform_float("color", (*look.color[:3], 1.0))
        for name in ("fill", "strength", "outline", "lowest", "highest"):
            shader.uniform_float(name, getattr(look, name))
        shader.uniform_bool("is_coverage", mask.is_coverage)
        shader.uniform_bool("cuts", cuts)
        shader.uniform_float("edge", HALF if mask.is_coverage else 0.0)
        shader.uniform_sampler("mask", mask.texture)
        _draw_over(place, shader, _batch(shader, parts))


def _region_size() -> tuple[int, int]:
    _, _, width, height = gpu.state.viewport_get()
    return width, height


def _draw_over(place: Place, shader: gpu.types.GPUShader, parts: gpu.types.GPUBatch) -> None:
    """With a bound shader, over parts of the picture."""
    matrix = gpu.matrix.get_projection_matrix() @ gpu.matrix.get_model_view_matrix() @ place.matrix
    shader.uniform_float("ModelViewProjectionMatrix", matrix)
    shader.uniform_float("seen", place.seen)
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


def _make_shader(fragment: str, constants: dict[str, str], *, samples: bool = True) -> gpu.types.GPUShader:
    """With these constants by name and type, beside those of the place; with a texture where it `samples`."""
    between = gpu.types.GPUStageInterfaceInfo("rotopoint_matte")
    between.smooth("VEC2", "place")
    info = gpu.types.GPUShaderCreateInfo()
    info.push_constant("MAT4", "ModelViewProjectionMatrix")
    info.push_constant("VEC4", "seen")
    for name, kind in constants.items():
        info.push_constant(kind, name)
    if samples:
        info.sampler(0, "FLOAT_2D", "mask")
    info.vertex_in(0, "VEC2", "uv")
    info.vertex_out(between)
    info.fragment_out(0, "VEC4", "shown")
    info.vertex_source(VERTEX)
    info.fragment_source(fragment)
    return gpu.shader.create_from_info(info)
