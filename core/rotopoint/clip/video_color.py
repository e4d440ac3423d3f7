# SPDX-License-Identifier: GPL-3.0-or-later
"""The RGB that a decoded picture of a video stands for, by exact arithmetic.

swscale's fast conversion cuts off where it should round, and is darker by up to three of 255. Blender 4.5 and
newer show the exact values; see tests/blender/inside/test_cut_out_color.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from rotopoint.clip.plane import packed_pixels

FULL_RANGE = 2
"""FFmpeg's AVCOL_RANGE_JPEG."""


@dataclass(frozen=True)
class Matrix:
    """What a luma is made of: the weights of red and blue, as ITU-T H.273 has them by number."""

    red: float
    blue: float

    @property
    def green(self) -> float:
        return 1 - self.red - self.blue


BT601 = Matrix(0.299, 0.114)
"""Untagged video too, at any size, as Blender takes it."""

MATRICES = {
    1: Matrix(0.2126, 0.0722),
    4: Matrix(0.30, 0.11),
    7: Matrix(0.212, 0.087),
    9: Matrix(0.2627, 0.0593),
    10: Matrix(0.2627, 0.0593),
}
"""Others than BT.601, by their numbers in H.273."""

PLANAR = {
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "p010le": "yuv420p10le",
    "p012le": "yuv420p12le",
    "p016le": "yuv420p16le",
}
"""Formats that hold luma and chroma side by side, and the one of planes that holds the same values."""


def exact_rgb(frame: VideoFrame) -> NDArray[Any]:
    """(H, W, 3) RGB of uint8 or uint16, display-referred: the transfer function stays as the video has it.

    Luma and chroma become RGB by the matrix and the range that the picture is tagged with; each pixel has the
    chroma of its block. 8 bits stay 8, more become 16 of the full range. What is RGB or gray
    already is only unpacked.
    """
    if frame.format.name in PLANAR:
        frame = frame.reformat(format=PLANAR[frame.format.name])
    kind = frame.format
    if kind.is_rgb or [component.plane for component in kind.components[:3]] != [0, 1, 2]:
        wide = max(component.bits for component in kind.components) > 8
        pixels = "rgb48le" if wide else "rgb24"
        dtype = np.uint16 if wide else np.uint8
        return packed_pixels(frame.reformat(format=pixels), dtype, 3)
    bits = kind.components[0].bits
    is_full = frame.color_range == FULL_RANGE or kind.name.startswith("yuvj")
    luma, blue, red = (_plane(frame, n, bits) for n in range(3))
    rgb = _rgb(luma, blue, red, bits, MATRICES.get(int(frame.colorspace), BT601), is_full=is_full)
    most = 255 if bits == 8 else 65535
    rgb *= np.float32(most)
    rgb += np.float32(0.5)
    return np.clip(rgb, 0, most, out=rgb).astype(np.uint8 if bits == 8 else np.uint16)


def _plane(frame: VideoFrame, number: int, bits: int) -> NDArray[Any]:
    """One component at the size of the picture, as stored; each chroma for all of its block."""
    plane = frame.planes[number]
    big = frame.format.is_big_endian
    stored = np.dtype(np.uint8) if bits == 8 else np.dtype(np.uint16).newbyteorder(">" if big else "<")
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height]
    values: NDArray[Any] = rows[:, : plane.width * stored.itemsize].view(stored)
    for axis, (whole, part) in enumerate(((frame.height, plane.height), (frame.width, plane.width))):
        if part < whole:
            values = np.repeat(values, -(-whole // part), axis=axis)
    return values[: frame.height, : frame.width]


def _rgb(
    luma: NDArray[Any],
    blue: NDArray[Any],
    red: NDArray[Any],
    bits: int,
    matrix: Matrix,
    *,
    is_full: bool,
) -> NDArray[np.float32]:
    """(H, W, 3) 0..1 and a little beyond, by ITU-T H.273, equations 20 to 41."""
    step = 1 << (bits - 8)
    black = 0 if is_full else 16 * step
    luma_span, chroma_span = ((1 << bits) - 1,) * 2 if is_full else (219 * step, 224 * step)
    y = (luma.astype(np.float32) - np.float32(black)) / np.float32(luma_span)
    u, v = (
        (chroma.astype(np.float32) - np.float32(128 * step)) / np.float32(chroma_span)
        for chroma in (blue, red)
    )
    from_blue, from_red = 2 * (1 - matrix.blue), 2 * (1 - matrix.red)
    rgb = np.empty((*luma.shape, 3), np.float32)
    rgb[..., 0] = y + np.float32(from_red) * v
    rgb[..., 2] = y + np.float32(from_blue) * u
    in_green = np.float32(from_blue * matrix.blue / matrix.green) * u
    in_green += np.float32(from_red * matrix.red / matrix.green) * v
    rgb[..., 1] = y - in_green
    return rgb
