# SPDX-License-Identifier: GPL-3.0-or-later
"""Timecode: the address of a frame as cameras and edits count it (SMPTE ST 12-1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

WITH_DROPS = (30, 60)
"""Frames a second of 29.97 and 59.94, of which alone numbers are dropped."""

DROPPED_OF = 15
"""At 30 frames a second 2 numbers are dropped, at 60 there are 4."""

PAIRED_FROM = 31
"""Frames a second from which a timecode of 32 bits, as in EXR, counts pairs."""


@dataclass(frozen=True)
class Timecode:
    """`frame` counts from 0 within its second. `drop_frame`: the numbers 0 and 1 (at 60 frames a second also
    2 and 3) of each minute but the tenth ones are left out, so that 29.97 stays with the clock.

    `second_field`: the second of two fields, or of two frames that are counted as one.
    """

    hours: int
    minutes: int
    seconds: int
    frame: int
    drop_frame: bool = False
    second_field: bool = False

    @classmethod
    def read(cls, text: str) -> Timecode | None:
        """`HH:MM:SS:FF`, with ; before the frames where numbers are dropped; None where it is none."""
        match = re.fullmatch(r"(\d{2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})", text.strip())
        if match is None:
            return None
        hours, minutes, seconds, frame = (int(match[n]) for n in (1, 2, 3, 5))
        if hours > 23 or minutes > 59 or seconds > 59:
            return None
        return cls(hours, minutes, seconds, frame, match[4] != ":")

    def __str__(self) -> str:
        sign = ";" if self.drop_frame else ":"
        return f"{self.hours:02d}:{self.minutes:02d}:{self.seconds:02d}{sign}{self.frame:02d}"

    def fits(self, per_second: int) -> bool:
        """Whether there is such an address at so many frames a second."""
        if self.frame >= per_second:
            return False
        if not self.drop_frame:
            return True
        dropped = self.seconds == 0 and self.minutes % 10 != 0 and self.frame < per_second // DROPPED_OF
        return per_second in WITH_DROPS and not dropped

    def later(self, frames: int, per_second: int) -> Timecode:
        """The address of a frame so many frames later; after midnight it begins anew. It must fit."""
        dropped = per_second // DROPPED_OF if self.drop_frame else 0
        minutes = 60 * self.hours + self.minutes
        count = (60 * minutes + self.seconds) * per_second + self.frame - dropped * (minutes - minutes // 10)
        in_ten = 600 * per_second - 9 * dropped
        tens, rest = divmod((count + frames) % (144 * in_ten), in_ten)
        # Of ten minutes the first one has all its numbers.
        short = max(0, rest - dropped) // (60 * per_second - dropped)
        number = tens * 600 * per_second + rest + dropped * short
        seconds, frame = divmod(number, per_second)
        return Timecode(seconds // 3600, seconds // 60 % 60, seconds % 60, frame, self.drop_frame)

    def of_32_bits(self, per_second: int | None) -> Timecode | None:
        """As a timecode of 32 bits has it, with frames to 29: pairs above; None where that is not enough.

        `per_second` is None where the frames are so already.
        """
        if per_second is None or per_second < PAIRED_FROM:
            found = self
        else:
            pair, second = divmod(self.frame, 2)
            found = Timecode(self.hours, self.minutes, self.seconds, pair, self.drop_frame, bool(second))
        return found if found.frame < PAIRED_FROM - 1 else None
