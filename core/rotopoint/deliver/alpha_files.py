# SPDX-License-Identifier: GPL-3.0-or-later
"""Soft alpha as a pass of its own, and what it is solved from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rotopoint.deliver.deliverable import Deliverable, Frame, Need
from rotopoint.deliver.matte_files import MatteFiles
from rotopoint.deliver.png_file import encode_png, steps
from rotopoint.whole_files import write_whole


class AlphaFiles(MatteFiles):
    """Mattes with hair, fur and blur solved, beside those that the shot asks for; see `mattes.alpha`."""

    part = "alpha"
    asks = {"alpha": True}


class TrimapFiles(Deliverable):
    """Where alpha is known: gray PNG of 8 bits, 0 outside, 255 inside, 128 where it is solved."""

    part = "trimap"
    extension = "png"

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset({Need.TRIMAP})

    def frame(self, content: Frame) -> Path:
        (layer,) = content.layers
        assert layer.trimap is not None
        path = self.path(content.number)
        write_whole(path, encode_png(steps(layer.trimap, np.uint8)))
        return path
