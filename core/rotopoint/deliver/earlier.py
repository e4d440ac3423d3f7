# SPDX-License-Identifier: GPL-3.0-or-later
"""What an earlier tracking has left in a folder of mattes, and what may become of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from rotopoint.clip.clip import Clip
from rotopoint.clip.sequence import sequence_from
from rotopoint.deliver.naming import shot_path
from rotopoint.errors import (
    ApprovedForgotten,
    ClipNotFound,
    ClipUnreadable,
    OutputExists,
    OutputOfAnotherClip,
    RotopointError,
)
from rotopoint.shot import ClipReference, Shot, Subject
from rotopoint.shot.json import load_shot


def shot_to_save(
    folder: Path, clip: Clip, asked: Shot, mattes: Mapping[str, Iterable[Path]], *, overwrite: bool = False
) -> Shot:
    """What is to be saved in a folder where the shot `asked` is about to be tracked.

    An earlier shot of the same clip keeps its subjects, but those that are asked anew by name or id.
    `mattes` are the files that will be written, by the subject's name: those of subjects that the earlier
    shot has may be there. Reads, and writes nothing.
    Unless `overwrite`, raises OutputOfAnotherClip, ApprovedForgotten, and OutputExists for other files
    that are in the way.
    """
    path = shot_path(folder, clip.name)
    earlier = _earlier(path, clip, overwrite=overwrite)
    subjects = () if earlier is None else earlier.subjects
    if not overwrite:
        for subject in subjects:
            _require_approved(subject, asked, path)
        known = {subject.name.casefold() for subject in subjects}
        for name, files in mattes.items():
            for file in () if name.casefold() in known else files:
                if os.path.lexists(file):
                    raise OutputExists(file)
    kept = [subject for subject in subjects if not any(_is_same(subject, new) for new in asked.subjects)]
    # By name a subject may have come back with another id.
    ids = {old.id: new.id for old in subjects for new in asked.subjects if _is_same(old, new)}
    kept = [replace(subject, combine=subject.combine.with_ids(ids)) for subject in kept]
    return asked.with_subjects((*kept, *asked.subjects))


def is_of_clip(reference: ClipReference, clip: Clip) -> bool:
    """Whether a reference leads to the files that are open as `clip`, whatever is in them by now."""
    first = Path(reference.path)
    try:
        if first.is_dir():
            first = sequence_from(first).first.path
        return first.samefile(clip.path)
    except (OSError, ClipNotFound, ClipUnreadable):
        return first.absolute() == clip.path.absolute()


def _earlier(path: Path, clip: Clip, *, overwrite: bool) -> Shot | None:
    """The shot that a file holds of a clip; None where there is none, or none that must stay.

    Raises OutputExists, OutputOfAnotherClip.
    """
    if not os.path.lexists(path):
        return None
    try:
        earlier = load_shot(path)
    except RotopointError as error:
        if overwrite:
            return None
        raise OutputExists(path) from error
    if is_of_clip(earlier.clip, clip):
        return earlier
    if overwrite:
        return None
    raise OutputOfAnotherClip(path, earlier.clip.path)


def _is_same(one: Subject, other: Subject) -> bool:
    return one.id == other.id or one.name.casefold() == other.name.casefold()


def _require_approved(earlier: Subject, asked: Shot, path: Path) -> None:
    """Raises ApprovedForgotten where a subject is asked for without a matte that was approved of it."""
    for subject in asked.subjects:
        forgotten = {a.frame for a in earlier.approved} - {a.frame for a in subject.approved}
        if forgotten and _is_same(earlier, subject):
            raise ApprovedForgotten(path, earlier.name)
