# SPDX-License-Identifier: GPL-3.0-or-later
"""The pixels of a PyAV frame where they lie.

PyAV's own ways to and from arrays copy with the interpreter's lock held, milliseconds a 1080p picture in
which no other thread of Python goes on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import DTypeLike, NDArray


def packed_pixels(frame: VideoFrame, dtype: DTypeLike, channels: int) -> NDArray[Any]:
    """(H, W, channels) the pixels of a frame whose format has all channels in one plane, as a view.

    It keeps the frame's memory, and what is written to it is written to the frame. Rows may lie farther
    apart than they are long.
    """
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height]
    pixels: NDArray[Any] = rows[:, : frame.width * channels * np.dtype(dtype).itemsize].view(dtype)
    return pixels.reshape(frame.height, frame.width, channels)
