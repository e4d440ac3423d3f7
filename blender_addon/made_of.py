# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the mattes in a clip's folder are those of what is asked, and whose they are.

Two .blend files side by side, or two clips, may share a folder; each compares what it asks with what the
mattes there were made of.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import bpy
from bpy.types import MovieClip

from rotopoint.deliver.naming import matte_path
from rotopoint.deliver.origins import (
    Asker,
    MatteRecord,
    content_of,
    due_origin,
    read_record,
    write_record,
)
from rotopoint.shot import Shot, Subject
from rotopoint.shot.frames import FileNumber

from . import mattes, shots
from .matte_sequence import MatteSequence

MOST_RUNS = 3
"""Of frames that a line names."""


@dataclass(frozen=True)
class Outdated:
    """Clip frames whose mattes are not of what is asked, by subject name; `asker`: who else they are of."""

    frames: Mapping[str, Sequence[int]]
    asker: str | None

    @property
    def line(self) -> str:
        """What they are, and what to do."""
        listed = "; ".join(f"{name}, frames {_list(frames)}" for name, frames in self.frames.items())
        if self.asker is None:
            return f"Mattes are not of what is asked now ({listed}): track again"
        whose = f"Mattes are of {self.asker}, not of what is asked here"
        return f"{whose} ({listed}): track again, or choose another folder"

    @property
    def brief(self) -> str:
        """The same where there is little room."""
        return f"Mattes of {self.asker or 'other points'}: track again"


def outdated(clip: MovieClip, sequences: Iterable[MatteSequence] | None = None) -> Outdated | None:
    """Which mattes in the clip's folder are not of what is asked, or None.

    `sequences` are those that shall be taken: each must be known to be what is asked. None: those of which
    anything is known. Where nothing noted what mattes are of, nothing is said of them.
    Raises what `shots.shot_of` and `mattes.folder_of` raise.
    """
    place = _Place.of(clip)
    if place.record is None:
        return None
    if sequences is None:
        known = {subject.id: place.record.of(subject.name).keys() for subject in place.shot.subjects}
    else:
        known = {sequence.subject_id: sequence.numbers for sequence in sequences}
    other = {
        subject.name: frames
        for subject in place.shot.subjects
        if (frames := place.outdated(subject, known.get(subject.id, ())))
    }
    return Outdated(other, place.other_asker(clip)) if other else None


def of_another(clip: MovieClip) -> str | None:
    """Who else has mattes in the clip's folder that are not of what is asked here: a .blend, or a clip.

    Raises as `outdated` does.
    """
    place = _Place.of(clip)
    asker = place.other_asker(clip)
    if asker is None or place.record is None:
        return None
    others = any(place.outdated(s, place.record.of(s.name)) for s in place.shot.subjects)
    return asker if others else None


def claim(clip: MovieClip, shot: Shot, folder: Path) -> None:
    """Say in the folder that this clip has the mattes there made. Raises OutputUnwritable."""
    clip_name, _ = mattes.naming_of(clip, shot)
    record = read_record(folder, clip_name) or MatteRecord({})
    asker = _asker(clip, folder)
    if record.asker != asker:
        write_record(folder, clip_name, replace(record, asker=asker))


class _Place:
    """The folder of a clip's mattes, what is known of them, and what is asked."""

    def __init__(self, folder: Path, shot: Shot, clip_name: str, first_number: int) -> None:
        self.folder, self.shot = folder, shot
        self.clip_name, self.first_number = clip_name, FileNumber(first_number)
        self.record = read_record(folder, clip_name)

    @classmethod
    def of(cls, clip: MovieClip) -> _Place:
        shot = shots.shot_of(clip)
        return cls(mattes.folder_of(clip), shot, *mattes.naming_of(clip, shot))

    def outdated(self, subject: Subject, numbers: Collection[int]) -> list[int]:
        """The clip frames, ascending, whose mattes, by file number, are not known to be what is asked."""
        known = {} if self.record is None else self.record.of(subject.name)
        first, last = self.first_number, self.first_number + (self.shot.clip.frame_count or 1) - 1
        shot = self.shot
        due = due_origin(subject, shot.settings, Path(shot.clip.path), first, shot.subjects)
        other = [n for n in sorted(numbers) if first <= n <= last and known.get(n) != due(n)]
        # A frame that was approved after it was tracked has the matte that was approved.
        approved = {first + a.frame - 1 for a in subject.approved}
        return [n - first + 1 for n in other if n not in approved or self._content(subject, n) != due(n)]

    def other_asker(self, clip: MovieClip) -> str | None:
        """Who else has mattes in this folder: another .blend that is there, or another clip of this one."""
        asker = Asker() if self.record is None else self.record.asker
        if not asker.document:
            return None
        document = self.folder.resolve() / asker.document
        if not _same_file(document, Path(bpy.data.filepath)):
            return document.name if document.is_file() else None
        other = bpy.data.movieclips.get(asker.clip)
        return None if other is None or other == clip else other.name

    def _content(self, subject: Subject, number: int) -> str | None:
        """Of a matte's file, as a hash."""
        format = self.shot.settings.format
        return content_of(matte_path(self.folder, self.clip_name, subject.name, FileNumber(number), format))


def _asker(clip: MovieClip, folder: Path) -> Asker:
    if not bpy.data.filepath:
        return Asker()
    document = Path(bpy.data.filepath).resolve()
    try:
        return Asker(Path(os.path.relpath(document, folder.resolve())).as_posix(), clip.name)
    except ValueError:
        # Another drive.
        return Asker(document.as_posix(), clip.name)


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _list(frames: Iterable[int]) -> str:
    """Runs of frames, cut where there are too many to read."""
    runs = []
    for _, run in groupby(enumerate(frames), lambda item: item[1] - item[0]):
        members = [frame for _, frame in run]
        runs.append(str(members[0]) if len(members) == 1 else f"{members[0]}-{members[-1]}")
    shown = ", ".join(runs[:MOST_RUNS])
    return shown if len(runs) <= MOST_RUNS else f"{shown} and more"
