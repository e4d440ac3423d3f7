# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame's pixels are read and written where they lie, whatever lies between its rows."""

from __future__ import annotations

import av
import numpy as np
import pytest

from rotopoint.clip.plane import packed_pixels


@pytest.mark.parametrize("width", [1001, 64])
def test_what_is_written_is_in_the_frame(width: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, width, 3), np.uint8)
    frame = av.VideoFrame(width, 9, "rgb24")
    packed_pixels(frame, np.uint8, 3)[...] = picture
    assert np.array_equal(frame.to_ndarray(), picture)


def test_what_is_in_the_frame_is_read() -> None:
    steps = np.arange(5 * 77, dtype=np.uint16).reshape(5, 77) * 170
    frame = av.VideoFrame.from_ndarray(steps, format="gray16le")
    assert np.array_equal(packed_pixels(frame, "<u2", 1)[..., 0], steps)


def test_the_pixels_outlive_the_frame() -> None:
    pixels = packed_pixels(
        av.VideoFrame.from_ndarray(np.full((40, 50, 3), 7, np.uint8), "rgb24"), np.uint8, 3
    )
    av.VideoFrame.from_ndarray(np.zeros((40, 50, 3), np.uint8), "rgb24")
    assert np.all(pixels == 7)
