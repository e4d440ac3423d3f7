# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot: one clip with all that is asked of it. Its track is a pure function of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from graphlib import CycleError, TopologicalSorter

from rotopoint.errors import (
    CombinationCycle,
    CombinationUnknown,
    NothingToTrack,
    SubjectNameInvalid,
    SubjectUnknown,
    SubjectWithoutPrompt,
)
from rotopoint.shot.settings import Settings
from rotopoint.shot.subject import Subject


class Missing(Enum):
    """What a clip shows where an image sequence has a gap, or a picture of a video cannot be decoded."""

    ERROR = "error"
    HOLD = "hold"
    BLACK = "black"


@dataclass(frozen=True)
class ClipReference:
    """Where the clip is and how Blender sees it.

    `path` is a video, a folder of images, or one image of a sequence (which then starts there).
    `frame_count`, `size` (width, height in pixels as displayed) and `honors_rotation` are what the
    host application says; None lets `rotopoint.clip` compute what Blender 4.5 and newer would say.
    `layer` is the one of an EXR file's that is meant, such as ViewLayer.Combined; empty for the one that
    Blender shows.
    """

    path: str
    missing: Missing = Missing.ERROR
    frame_count: int | None = None
    size: tuple[int, int] | None = None
    honors_rotation: bool = True
    layer: str = ""


@dataclass(frozen=True)
class Shot:
    """One clip with what is asked of it. Raises SubjectNameInvalid where two names clash."""

    clip: ClipReference
    subjects: tuple[Subject, ...] = ()
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        object.__setattr__(self, "subjects", tuple(sorted(self.subjects, key=lambda s: s.id)))
        seen: set[str] = set()
        ids: set[str] = set()
        for subject in self.subjects:
            # Files of the two would be the same on a file system that ignores case.
            if subject.name.casefold() in seen:
                raise SubjectNameInvalid(subject.name, "another subject has this name")
            if subject.id in ids:
                raise SubjectNameInvalid(subject.name, f"another subject has the id {subject.id}")
            seen.add(subject.name.casefold())
            ids.add(subject.id)

    def subject(self, subject_id: str) -> Subject:
        """Raises SubjectUnknown."""
        for subject in self.subjects:
            if subject.id == subject_id:
                return subject
        raise SubjectUnknown(subject_id)

    def check_complete(self) -> None:
        """Raises NothingToTrack or SubjectWithoutPrompt where the shot cannot be tracked, CombinationUnknown
        or CombinationCycle where a matte could not be combined with those of other subjects."""
        if not self.subjects:
            raise NothingToTrack
        for subject in self.subjects:
            if not subject.prompts:
                raise SubjectWithoutPrompt(subject.name)
        names = {s.id: s.name for s in self.subjects}
        for subject in self.subjects:
            for other in subject.combine.subjects:
                if other not in names:
                    raise CombinationUnknown(subject.name, other)
        try:
            TopologicalSorter({s.id: s.combine.subjects for s in self.subjects}).prepare()
        except CycleError as error:
            # It names each before the one that needs it.
            raise CombinationCycle(tuple(names[id] for id in reversed(error.args[1]))) from error

    def needed_for(self, subject_id: str) -> tuple[Subject, ...]:
        """The subjects whose mattes a subject's finished matte is made of, itself first.

        Those that the shot lacks are left out. Raises SubjectUnknown.
        """
        known = {s.id: s for s in self.subjects}
        found = [self.subject(subject_id)]
        for subject in found:
            others = (known[other] for other in subject.combine.subjects if other in known)
            found += [other for other in others if other not in found]
        return tuple(found)

    def prompted(self) -> Shot:
        """The shot less the subjects without prompts: nothing is known of them, so the others' mattes are
        made without theirs."""
        kept = [subject for subject in self.subjects if subject.prompts]
        ids = {subject.id for subject in kept}
        return self.with_subjects(replace(s, combine=s.combine.among(ids)) for s in kept)

    def with_subjects(self, subjects: Iterable[Subject]) -> Shot:
        return replace(self, subjects=tuple(subjects))
