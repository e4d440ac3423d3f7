# SPDX-License-Identifier: GPL-3.0-or-later
"""One subject's matte files, as compositor and sequencer take them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rotopoint.deliver.naming import numbered


@dataclass(frozen=True)
class MatteSequence:
    """One subject's matte files, numbered without gaps.

    `first_file` is the file of the number `first_number`. It belongs to `first_frame`: the frame of the
    clip, counted from 1 at the first picture of its file.
    """

    subject_id: str
    subject_name: str
    first_file: Path
    first_number: int
    frame_count: int
    first_frame: int = 1

    @property
    def last_frame(self) -> int:
        return self.first_frame + self.frame_count - 1

    @property
    def numbers(self) -> range:
        """Of the files."""
        return range(self.first_number, self.first_number + self.frame_count)

    def file(self, frame: int) -> Path:
        """The matte of a frame of the clip."""
        return numbered(self.first_file, self.first_number + frame - self.first_frame)
