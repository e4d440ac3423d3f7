# SPDX-License-Identifier: GPL-3.0-or-later
"""Input transforms: bring a plate's values to display-referred sRGB, on which the model was trained."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rotopoint.clip.cube import Cube, load_cube
from rotopoint.clip.inverse_cube import InverseCube
from rotopoint.errors import InputTransformUnknown


class InputTransform(Protocol):
    """A plate's values in, what a viewer would show out."""

    @property
    def key(self) -> str:
        """What tells this transform's pixels from those of another."""

    def apply(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        """(H, W) or (H, W, C) of uint8, uint16 or float32 to (H, W, 3) of uint8, sRGB.

        Gray is spread to three channels, alpha is left out.
        """

    def light(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """The same pixels as (H, W, 3) of float32, scene-linear with Rec.709 primaries: Blender's own space.

        Values over 1 stay. Of a table's result it is the light that a display of sRGB sends.
        """

    def encoded(self, light: NDArray[np.float32], *, whole: bool) -> NDArray[np.float32]:
        """(H, W, 3) light as the plate would have it: `light` undone, values over 1 kept.

        `whole`: the plate counts in whole numbers, of which 1 here is the largest. Raises
        InputTransformOneWay.
        """


def input_transform(name: str) -> InputTransform:
    """The transform that `Settings.input_transform` names.

    - `auto`: `srgb` for images of 8 and 16 bits and for video, `linear` for floats (EXR, TIFF of float),
      as Blender takes them by default.
    - `srgb`: the values are display-referred already; floats are clipped to 0..1.
    - `linear`: scene-linear with Rec.709 primaries (Blender's own working space). Exposure 0, no tone
      mapping: values over 1 are clipped, the transfer function is that of IEC 61966-2-1.
    - the path of a .cube file: a table from the plate's code values (integers as 0..1 by their full
      range, floats as stored) to display-referred sRGB.

    Raises InputTransformUnknown.
    """
    match name:
        case "auto":
            return Auto()
        case "srgb":
            return Srgb()
        case "linear":
            return Linear()
    path = Path(name)
    if path.suffix.lower() != ".cube":
        raise InputTransformUnknown(name, "give auto, srgb, linear or the path of a .cube file")
    cube = load_cube(path)
    return Table(cube, f"cube {hashlib.sha256(path.read_bytes()).hexdigest()}", name)


@dataclass(frozen=True)
class Srgb:
    """The values are what a display is sent."""

    key: str = "srgb"

    def apply(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        rgb = three_channels(pixels)
        if rgb.dtype == np.uint8:
            return np.ascontiguousarray(rgb)
        if rgb.dtype == np.uint16:
            # 65535 = 255 * 257: the nearest of 256 levels
            return ((rgb.astype(np.uint32) + 128) // 257).astype(np.uint8)
        return to_8_bit(rgb)

    def light(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        rgb = three_channels(pixels)
        return linear_from_srgb(rgb) if rgb.dtype == np.float32 else _light_table(rgb.dtype.name).take(rgb)

    def encoded(self, light: NDArray[np.float32], *, whole: bool) -> NDArray[np.float32]:
        return srgb_curve(light)


@dataclass(frozen=True)
class Linear:
    """The values are proportional to light."""

    key: str = "linear"

    def apply(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        rgb = three_channels(pixels)
        if rgb.dtype == np.float32:
            return to_8_bit(srgb_from_linear(rgb))
        return _linear_table(rgb.dtype.name).take(rgb)

    def light(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        return fractions(three_channels(pixels))

    def encoded(self, light: NDArray[np.float32], *, whole: bool) -> NDArray[np.float32]:
        return light


@dataclass(frozen=True)
class Auto:
    """Linear for floats, display-referred for integers."""

    key: str = "auto"

    def apply(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        return self._of(pixels).apply(pixels)

    def light(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        return self._of(pixels).light(pixels)

    def encoded(self, light: NDArray[np.float32], *, whole: bool) -> NDArray[np.float32]:
        return (Srgb() if whole else Linear()).encoded(light, whole=whole)

    @staticmethod
    def _of(pixels: NDArray[Any]) -> InputTransform:
        return Linear() if pixels.dtype == np.float32 else Srgb()


@dataclass(frozen=True)
class Table:
    """A lookup table from code values."""

    cube: Cube
    key: str
    name: str = ""
    """The path of its file, as it was given."""

    def apply(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        return to_8_bit(self.cube.apply(fractions(three_channels(pixels))))

    def light(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        return linear_from_srgb(self.cube.apply(fractions(three_channels(pixels))))

    def encoded(self, light: NDArray[np.float32], *, whole: bool) -> NDArray[np.float32]:
        return self.inverse.apply(srgb_curve(light))

    @cached_property
    def inverse(self) -> InverseCube:
        """Raises InputTransformOneWay."""
        return InverseCube(self.cube, self.name)


def srgb_from_linear(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """The transfer function of sRGB (IEC 61966-2-1); values are clipped to 0..1, NaN becomes 0."""
    light = np.fmin(np.fmax(linear, np.float32(0)), np.float32(1))
    curved: NDArray[np.float32] = np.where(
        light <= 0.0031308, light * 12.92, 1.055 * np.power(light, 1 / 2.4) - 0.055
    ).astype(np.float32)
    return curved


def srgb_curve(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """What `linear_from_srgb` undoes: over 1 the curve goes on, below 0 its line."""
    curved = 1.055 * np.power(np.maximum(light, np.float32(0.0031308)), np.float32(1 / 2.4)) - 0.055
    return np.where(light <= 0.0031308, light * np.float32(12.92), curved).astype(np.float32, copy=False)


def linear_from_srgb(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The light that sRGB stands for (IEC 61966-2-1); over 1 the curve goes on, below 0 its line."""
    curved = np.power((np.maximum(values, np.float32(0.04045)) + np.float32(0.055)) / np.float32(1.055), 2.4)
    light: NDArray[np.float32] = np.where(values <= 0.04045, values / 12.92, curved).astype(np.float32)
    return light


def to_8_bit(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """0..1 to 0..255, rounded; values outside are clipped, NaN becomes 0."""
    clipped = np.fmin(np.fmax(values, np.float32(0)), np.float32(1))
    return (clipped * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def three_channels(pixels: NDArray[Any]) -> NDArray[Any]:
    """Gray spread to R, G and B; alpha left out."""
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=-1)
    return pixels[..., :3]


def fractions(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Whole numbers as 0..1 by their full range; floats as they are."""
    if pixels.dtype == np.float32:
        return pixels
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


@cache
def _light_table(dtype: str) -> NDArray[np.float32]:
    """The light of every value of uint8 or uint16, taken as sRGB."""
    return linear_from_srgb(fractions(np.arange(np.iinfo(dtype).max + 1, dtype=dtype)))


@cache
def _linear_table(dtype: str) -> NDArray[np.uint8]:
    """The 8-bit sRGB of every value of uint8 or uint16, taken as light."""
    largest = np.iinfo(dtype).max
    light = np.arange(largest + 1, dtype=np.float32) / np.float32(largest)
    return to_8_bit(srgb_from_linear(light))
