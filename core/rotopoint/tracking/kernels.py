# SPDX-License-Identifier: GPL-3.0-or-later
"""What computes a track. Numbers of different kernels differ, so records of them never mix."""

from __future__ import annotations

from dataclasses import dataclass

from rotopoint.tracking.precision import Precision


@dataclass(frozen=True)
class Kernels:
    """Those of a runtime, by its name in `runtimes.RUNTIMES`, in one precision."""

    runtime: str
    precision: Precision

    @property
    def key(self) -> str:
        """What tells them apart in a track's key. Torch's are named by their precision alone."""
        return self.precision.value if self.runtime == "torch" else f"{self.runtime} {self.precision.value}"
