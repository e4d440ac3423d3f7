# SPDX-License-Identifier: GPL-3.0-or-later
"""How a clip's subjects stand, by frame: prompted, tracked as is asked now or otherwise, decided.

From what the shot asks and what is noted of its tracks alone: no engine has to run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rotopoint.shot import Direction, Shot, Subject
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.standing import Standing, stretches_of

DOUBTFUL = 0.5
"""Frames of less confidence than this are worth a look."""

APART = 12
"""Frames between two that are shown as doubtful."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SubjectStanding:
    """One subject. Arrays are (count,), of the clip's frames from the first on.

    `confidence` is 0..1, NaN where nothing is tracked as is asked now; `stale` where something was, as was
    asked once. `due` are the frames that tracking would have to come to.
    """

    uid: str
    confidence: npt.NDArray[np.float32]
    stale: Flags
    prompted: Flags
    absent: Flags
    approved: Flags
    due: Flags

    @property
    def tracked(self) -> Flags:
        """As is asked now."""
        return ~np.isnan(self.confidence)

    @property
    def doubtful(self) -> Flags:
        """Tracked, and worth a look: nobody has decided there."""
        return (self.confidence < DOUBTFUL) & ~self.approved & ~self.absent

    def weak_frames(self, most: int | None = None) -> list[int]:
        """Clip frames that deserve a look, the least trusted first.

        Of frames close together the worst stands for all.
        """
        doubtful = np.flatnonzero(self.doubtful)
        near = np.zeros(len(self.confidence) + APART, np.bool_)
        found: list[int] = []
        for index in doubtful[np.argsort(self.confidence[doubtful], kind="stable")]:
            if len(found) == most:
                break
            if not near[index]:
                found.append(int(index) + 1)
                near[max(index - APART + 1, 0) : index + APART] = True
        return found


@dataclass(frozen=True, eq=False)
class ClipStanding:
    """All subjects of a shot, in its order, over `count` clip frames."""

    count: int
    subjects: tuple[SubjectStanding, ...]

    @property
    def due(self) -> int:
        """How many frames of subjects are to be tracked yet."""
        return sum(int(subject.due.sum()) for subject in self.subjects)

    @property
    def tracked(self) -> int:
        """How many frames of subjects are tracked as is asked now."""
        return sum(int(subject.tracked.sum()) for subject in self.subjects)

    def of(self, uid: str) -> SubjectStanding | None:
        return next((subject for subject in self.subjects if subject.uid == uid), None)


def stand(shot: Shot, standing: Standing) -> ClipStanding:
    """How a shot's subjects stand by what is noted of their tracks. Raises PolicyUnknown."""
    count = shot.clip.frame_count or 0
    return ClipStanding(count, tuple(_stand(subject, shot, standing, count) for subject in shot.subjects))


def _stand(subject: Subject, shot: Shot, standing: Standing, count: int) -> SubjectStanding:
    stretches = stretches_of(subject, shot.settings, Path(shot.clip.path), count)
    confidence = standing.confidences(subject.id, stretches, count)
    tracked = ~np.isnan(confidence)
    absent = _flags(count, subject.absent)
    approved = _flags(count, (FrameRange(a.frame, a.frame) for a in subject.approved))
    reached = _flags(count, [shot.settings.range or FrameRange(ClipFrame(1), ClipFrame(max(count, 1)))])
    if not subject.prompts:
        reached[:] = False
    elif shot.settings.direction is Direction.FORWARD:
        reached[: subject.prompted_frames[0] - 1] = False
    elif shot.settings.direction is Direction.BACKWARD:
        reached[subject.prompted_frames[-1] :] = False
    return SubjectStanding(
        uid=subject.id,
        confidence=confidence,
        stale=standing.ever_tracked(subject.id, count) & ~tracked & ~absent & ~approved,
        prompted=_flags(count, (FrameRange(frame, frame) for frame in subject.prompted_frames)),
        absent=absent,
        approved=approved,
        due=reached & ~tracked & ~absent & ~approved,
    )


def _flags(count: int, ranges: Iterable[FrameRange]) -> Flags:
    found = np.zeros(count, np.bool_)
    for frames in ranges:
        found[frames.first - 1 : frames.last] = True
    return found


@dataclass
class KnownStanding:
    """What is known of a clip's tracks in this Blender, and how that stood when it was last asked.

    `changes` counts what was noted; `read` is what was taken from the note beside the mattes.
    """

    notes: Standing = field(default_factory=Standing)
    changes: int = 0
    read: Standing | None = None
    _told: tuple[Shot, int, ClipStanding] | None = None

    def take(self, read: Standing | None) -> None:
        """What lies beside the mattes; once for each state of it."""
        if read is not None and read is not self.read:
            self.read = read
            self.notes.take(read)
            self.changes += 1

    def of(self, shot: Shot) -> ClipStanding:
        """How a shot stands; computed where the shot or what is known of it has changed."""
        if self._told is None or self._told[:2] != (shot, self.changes):
            self._told = (shot, self.changes, stand(shot, self.notes))
        return self._told[2]

    @property
    def latest(self) -> ClipStanding | None:
        """What was told last."""
        return None if self._told is None else self._told[2]
