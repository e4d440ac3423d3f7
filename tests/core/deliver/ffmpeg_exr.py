# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads EXR by FFmpeg's own decoder, which shares no code with the library that writes them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np


def read_layer(path: Path, layer: str = "") -> np.ndarray:
    """(H, W) of a layer with the one channel Y, (H, W, 4) of one with R, G, B and A, in float32."""
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.options = {"layer": layer}
        frame = next(container.decode(video=0))
    assert "f16" in frame.format.name or "f32" in frame.format.name
    stored = np.dtype(np.float16 if "f16" in frame.format.name else np.float32)
    planes = [
        np.frombuffer(plane, stored)
        .reshape(-1, plane.line_size // stored.itemsize)[: frame.height, : frame.width]
        .astype(np.float32)
        for plane in frame.planes
    ]
    if len(planes) == 1:
        return planes[0]
    # FFmpeg's order is green, blue, red.
    order = [planes[2], planes[0], planes[1], *planes[3:]]
    return np.stack(order, axis=-1)
