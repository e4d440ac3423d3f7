# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the mask decoder's masks is taken.

The choice is that of SAM 2: of the three masks for one point (or none) the one with the highest predicted
IoU; the one for several points, unless a small change of the threshold changes it much. Then the best of
three is more stable. What a `Calibration` says is our own addition.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Take(Enum):
    STABLE = "the mask for several points, or BEST where that is not stable"
    BEST = "of the three masks the one with the highest predicted IoU"
    MEAN = "the mean of the three masks, calibrated"
    SINGLE = "the mask for several points, calibrated"


@dataclass(frozen=True)
class Takes:
    """When a model is asked for three masks to choose from: on frames that start a track where `at_start`, on
    others where `in_tracks` too, for `least` to `most` points. `calibrated`: its checkpoint has a
    `Calibration`."""

    at_start: bool
    in_tracks: bool
    least: int
    most: int
    calibrated: bool

    def take(self, starts: bool, points: int, calibrates: bool = False) -> Take:
        """What is taken for so many points. `calibrates` as in `Runtime.decode_prompts`."""
        several = self.at_start and (starts or self.in_tracks) and self.least <= points <= self.most
        if calibrates and self.calibrated and starts and points:
            return Take.MEAN if several else Take.SINGLE
        return Take.BEST if several else Take.STABLE


def take_name(take: Take, candidate: int = 0) -> str:
    """What is taken, in a word: where the model offers several masks, a candidate, counted from 1, comes
    before its own choice."""
    several = take in (Take.BEST, Take.MEAN)
    return f"CANDIDATE_{candidate}" if candidate and several else take.name
