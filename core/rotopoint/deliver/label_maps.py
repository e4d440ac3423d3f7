# SPDX-License-Identifier: GPL-3.0-or-later
"""All subjects of a frame as one picture of labels."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from rotopoint.clip.plane import packed_pixels
from rotopoint.deliver.deliverable import Deliverable, Frame, cleaned
from rotopoint.errors import OptionUnreadable
from rotopoint.whole_files import write_whole

MOST_LABELS = 255
"""Beside that of the background."""


class LabelMapFiles(Deliverable):
    """PNG with a palette, 8 bits a pixel: 0 where no subject covers more than half, else the number of the
    subject that covers most, from 1 in their order. The colors are PASCAL VOC's, as annotation tools and
    DAVIS have them."""

    part = "labels"
    extension = "png"
    joins = True

    def open(self) -> None:
        """Raises OptionUnreadable where there are more subjects than labels."""
        if len(self.about.subjects) > MOST_LABELS:
            raise OptionUnreadable("--as", "label-maps", f"{MOST_LABELS} subjects at most")

    def frame(self, content: Frame) -> Path:
        mattes = np.stack([cleaned(layer.matte) for layer in content.layers])
        path = self.path(content.number)
        write_whole(path, encode_palette_png(labels(mattes), voc_palette()))
        return path


def labels(mattes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(H, W) the number from 1 of the matte (n, H, W) that covers most, the first of several; 0 where none
    covers more than a half."""
    first = mattes.argmax(axis=0) + 1
    return np.where(mattes.max(axis=0) > 0.5, first, 0).astype(np.uint8)


def voc_palette() -> NDArray[np.uint8]:
    """(256, 3) RGB: bits of a label go in turn to red, green and blue, from the highest down."""
    label = np.arange(256)
    colors = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= ((label >> (3 * bit + channel) & 1) << (7 - bit)).astype(np.uint8)
    return colors


def encode_palette_png(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """A PNG of indices (H, W) into a palette (256, 3) of RGB."""
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = indices.shape
    encoder.pix_fmt = "pal8"
    # A file names its pixels' aspect, and FFmpeg would say 0.
    encoder.sample_aspect_ratio = encoder.time_base = Fraction(1)
    encoder.thread_count = 1
    frame = av.VideoFrame(encoder.width, encoder.height, "pal8")
    packed_pixels(frame, np.uint8, 1)[..., 0] = indices
    colors = np.frombuffer(memoryview(frame.planes[1]), np.uint32)
    red, green, blue = palette.astype(np.uint32).T
    colors[...] = 0xFF << 24 | red << 16 | green << 8 | blue
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
