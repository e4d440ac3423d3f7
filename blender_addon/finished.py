# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes as they will be delivered, by subject and clip frame, for looking at. Never saved."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from rotopoint.shot import MatteSettings, Prompt

from .previews import Place, Preview

MOST_BYTES = 64 << 20
"""Some 30 mattes of 1080p."""


@dataclass(frozen=True, eq=False)
class Finished:
    """One subject's matte on one clip frame, as its prompts and settings there give it.

    `values` are (height, width) uint8, linear coverage 0..255, rows from the top, stretched over the whole
    picture; they may be fewer than its pixels.
    """

    subject: str
    frame: int
    prompts: tuple[Prompt, ...]
    settings: MatteSettings
    values: npt.NDArray[np.uint8]
    is_coverage: ClassVar[bool] = True


Mask: TypeAlias = Preview | Finished
"""What is drawn of a subject: its `values`, rows from the top, are coverage where `is_coverage`, else logits,
over 0 inside."""


class FinishedMattes:
    """The newest matte of each place.

    What was not drawn for the longest goes first where all together take more than `most_bytes`.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._mattes: OrderedDict[Place, Finished] = OrderedDict()
        self._bytes = 0

    def of(self, subject: str, frame: int, prompts: tuple[Prompt, ...]) -> Finished | None:
        """The matte that a subject with these prompts has on a clip frame, maybe by earlier settings."""
        found = self._mattes.get((subject, frame))
        if found is None or found.prompts != prompts:
            return None
        self._mattes.move_to_end((subject, frame))
        return found

    def put(self, finished: Finished) -> None:
        self.drop(finished.subject, finished.frame)
        self._mattes[finished.subject, finished.frame] = finished
        self._bytes += finished.values.nbytes
        while self._bytes > self._most_bytes and len(self._mattes) > 1:
            self.drop(*next(iter(self._mattes)))

    def drop(self, subject: str, frame: int) -> None:
        """What was finished of a subject on a clip frame does not hold any more."""
        found = self._mattes.pop((subject, frame), None)
        if found is not None:
            self._bytes -= found.values.nbytes
