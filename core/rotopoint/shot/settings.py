# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked beside clip and prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from rotopoint.shot.frames import FrameRange


class Direction(Enum):
    """Which part of the range is tracked.

    FORWARD ends at the range's end and begins at the subject's first prompted frame; BACKWARD begins
    at the range's start and ends at its last prompted frame. Records do not depend on it.
    """

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"

    def reaches(self, frame: int, prompted: Sequence[int]) -> bool:
        """Whether a clip frame of the range is tracked; `prompted` are the subject's, ascending."""
        match self:
            case Direction.FORWARD:
                return frame >= prompted[0]
            case Direction.BACKWARD:
                return frame <= prompted[-1]
            case Direction.BOTH:
                return True


class MatteFormat(Enum):
    """PNG8 and PNG are gray PNG of 8 and 16 bits, EXR is half float with the one channel Y."""

    PNG8 = "png8"
    PNG = "png"
    EXR = "exr"


@dataclass(frozen=True)
class Settings:
    """All that is asked beside clip and prompts.

    `input_transform` is `srgb`, `linear` or the path of a .cube file: what brings the plate to
    display-referred sRGB. `first_number` is the file number of clip frame 1; None takes the plate's own
    numbers for image sequences and clip frames for video.
    """

    range: FrameRange | None = None
    direction: Direction = Direction.BOTH
    checkpoint: str = "draft"
    policy: str = "default"
    input_transform: str = "auto"
    format: MatteFormat = MatteFormat.PNG
    first_number: int | None = None
