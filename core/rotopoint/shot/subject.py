# SPDX-License-Identifier: GPL-3.0-or-later
"""One tracked thing, with all that is asked of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from rotopoint.errors import (
    AbsenceConflict,
    ApprovedTwice,
    BoxEmpty,
    PromptsConflict,
    SettingTwice,
    SubjectNameInvalid,
)
from rotopoint.shot.combination import Combination
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.matte_settings import MatteOverride, MatteSettings, settings_on
from rotopoint.shot.names import name_fault
from rotopoint.shot.prompts import Box, Mask, Point, Prompt

LONGEST_ID = 200
"""Characters; a name may be an id too."""


@dataclass(frozen=True, order=True)
class Approved:
    """A matte that stays whatever is asked later: an image file of the source's size, known by content."""

    frame: ClipFrame
    path: str
    sha256: str
    """Of the file, 64 hex digits in lower case."""


@dataclass(frozen=True)
class Subject:
    """One tracked thing. `id` stays when it is renamed.

    Prompts are a set: their order means nothing and is not kept. `color` is for display only,
    linear RGB 0..1. On frames of `absent` the subject is not there: its matte is empty, and nothing is
    remembered of them; ranges that touch are joined. Frames that are `approved` keep their mattes.
    `follow`: each picture is cut to where the subject was last, for small subjects of large plates.
    `matte` says how its mattes are made, and `overrides` what of that is otherwise on some frames: no track
    depends on them, nor on `combine`, what its mattes are combined with once they are finished.
    Raises SubjectNameInvalid, BoxEmpty, PromptsConflict, AbsenceConflict, ApprovedTwice, SettingTwice.
    """

    id: str
    name: str
    prompts: tuple[Prompt, ...] = ()
    color: tuple[float, float, float] = (1.0, 0.35, 0.1)
    absent: tuple[FrameRange, ...] = ()
    approved: tuple[Approved, ...] = ()
    follow: bool = False
    matte: MatteSettings = MatteSettings()
    overrides: tuple[MatteOverride, ...] = ()
    combine: Combination = Combination()

    def __post_init__(self) -> None:
        if fault := name_fault(self.name):
            raise SubjectNameInvalid(self.name, fault)
        if len(self.id) > LONGEST_ID:
            raise SubjectNameInvalid(self.name, f"its id has more than {LONGEST_ID} characters")
        kinds = (Point, Box, Mask)
        ordered = sorted(set(self.prompts), key=lambda p: (p.frame, kinds.index(type(p)), p))
        object.__setattr__(self, "prompts", tuple(ordered))
        object.__setattr__(self, "absent", _joined(self.absent))
        object.__setattr__(self, "approved", tuple(sorted(set(self.approved))))
        ordered_overrides = sorted(set(self.overrides), key=lambda o: (o.name, o.frames, str(o.value)))
        object.__setattr__(self, "overrides", tuple(ordered_overrides))
        for frame in self.prompted_frames:
            self._check_frame(self.prompts_on(frame))
            if self.is_absent(frame):
                raise AbsenceConflict(self.name, frame, "a prompt")
        for one, next_one in pairwise(self.approved):
            if one.frame == next_one.frame:
                raise ApprovedTwice(self.name, one.frame)
        for before, after in pairwise(self.overrides):
            if before.name == after.name and after.frames.first <= before.frames.last:
                raise SettingTwice(self.name, after.frames.first, after.name)
        for approved in self.approved:
            if self.is_absent(approved.frame):
                raise AbsenceConflict(self.name, approved.frame, "an approved matte")

    def _check_frame(self, prompts: tuple[Prompt, ...]) -> None:
        frame = prompts[0].frame
        boxes = [p for p in prompts if isinstance(p, Box)]
        if any(b.x1 <= b.x0 or b.y1 <= b.y0 for b in boxes):
            raise BoxEmpty(self.name, frame)
        if len(boxes) > 1:
            raise PromptsConflict(self.name, frame, "give one box a frame")
        if len(prompts) > 1 and any(isinstance(p, Mask) for p in prompts):
            raise PromptsConflict(self.name, frame, "a mask stands alone on its frame")

    @property
    def prompted_frames(self) -> tuple[ClipFrame, ...]:
        """Ascending."""
        return tuple(sorted({p.frame for p in self.prompts}))

    def is_absent(self, frame: ClipFrame) -> bool:
        # The first range that does not end before it.
        at = bisect_left(self.absent, frame, key=lambda frames: frames.last)
        return at < len(self.absent) and frame in self.absent[at]

    def settings_on(self, frame: ClipFrame) -> MatteSettings:
        """How its matte of a clip frame is made."""
        return settings_on(frame, self.matte, self.overrides)

    def looks_beyond(self, frame: ClipFrame) -> bool:
        """Whether its matte of a clip frame is made from records of other frames or subjects too."""
        return bool(self.combine.subjects) or self.settings_on(frame).looks_beyond

    def prompts_on(self, frame: ClipFrame) -> tuple[Prompt, ...]:
        first = bisect_left(self.prompts, frame, key=_frame_of)
        return self.prompts[first : bisect_right(self.prompts, frame, first, key=_frame_of)]


def _frame_of(prompt: Prompt) -> ClipFrame:
    return prompt.frame


def _joined(ranges: Iterable[FrameRange]) -> tuple[FrameRange, ...]:
    """The same frames in as few ranges as there can be, ascending."""
    joined: list[FrameRange] = []
    for frames in sorted(ranges):
        if joined and frames.first <= joined[-1].last + 1:
            joined[-1] = FrameRange(joined[-1].first, max(joined[-1].last, frames.last))
        else:
            joined.append(frames)
    return tuple(joined)
