# SPDX-License-Identifier: GPL-3.0-or-later
"""In which of several ways the same is computed: a choice of speed, measured by `benchmarks.gpu`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Values(Enum):
    """What memory attention sums up. Results are the same but for rounding."""

    FACTORED = "factored"
    """Memories themselves, a quarter as wide as keys; what makes values of them follows. Fewest
    multiplications."""
    WHOLE = "whole"
    """Values as wide as keys, made of all memories at each layer: what FlashAttention takes."""


@dataclass(frozen=True)
class Arrangement:
    """`compiled`: parts whose shapes stay are compiled by torch at first use, which takes a while."""

    values: Values = Values.FACTORED
    compiled: bool = False

    def __str__(self) -> str:
        return f"{self.values.value} values{', compiled' if self.compiled else ''}"
