# SPDX-License-Identifier: GPL-3.0-or-later
"""From logits to mattes: arrays in, arrays out, coverage 0..1 in the pixels of the source."""

from __future__ import annotations

from rotopoint.mattes.chain import (
    CutOut,
    color_under,
    combined,
    make_cut_out,
    make_matte,
    still_matte,
    trimap_of,
)
from rotopoint.mattes.coverage import coverage
from rotopoint.mattes.holes import fill_holes
from rotopoint.mattes.source import Combined, MatteSource
from rotopoint.mattes.upsample import Interpolation, upsample

__all__ = [
    "Combined",
    "CutOut",
    "Interpolation",
    "MatteSource",
    "color_under",
    "combined",
    "coverage",
    "fill_holes",
    "make_cut_out",
    "make_matte",
    "still_matte",
    "trimap_of",
    "upsample",
]
