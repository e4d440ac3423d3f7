# SPDX-License-Identifier: GPL-3.0-or-later
"""The shot that the command line asks for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rotopoint.cli.reading import SubjectArguments
from rotopoint.deliver.deliverable import Colors, Compression, Options
from rotopoint.deliver.kinds import OPTIONS, Kind, check_heeded
from rotopoint.errors import OptionUnreadable
from rotopoint.shot import (
    ClipReference,
    Combination,
    Direction,
    MatteFormat,
    MatteSettings,
    Missing,
    Settings,
    Shot,
    Subject,
)
from rotopoint.shot.frames import FrameRange
from rotopoint.shot.json import load_shot
from rotopoint.shot.matte_settings import MATTE_SETTINGS

ASKED = ("range", "direction", "checkpoint", "policy", "missing", "layer", "input_transform")
"""What a SHOT.json says itself, beside subjects."""

COMBINED = {"unite": "united", "subtract": "subtracted"}
"""Options that other subjects' mattes are named by, and where `SubjectArguments` has them."""


def shot_of(arguments: argparse.Namespace) -> Shot:
    """The shot that `track` or `deliver` asks for. Raises InputError."""
    path = Path(arguments.clip)
    shot = _saved(arguments, path) if path.suffix.lower() == ".json" else _asked(arguments)
    given = {
        "format": None if arguments.format is None else MatteFormat(arguments.format),
        "first_number": arguments.first_number,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    asked: dict[str, Any] = {
        name: value for name in MATTE_SETTINGS if (value := vars(arguments)[name]) is not None
    }
    subjects = (replace(subject, matte=replace(subject.matte, **asked)) for subject in shot.subjects)
    return replace(shot, settings=replace(shot.settings, **changes), subjects=tuple(subjects))


def options_of(arguments: argparse.Namespace, shot: Shot) -> Options:
    """What `deliver` is asked of files. Raises OptionIgnored where files of their kind cannot heed what is
    given, OptionUnreadable."""
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    read: dict[str, Callable[[Any], Any]] = {"compression": Compression, "colors": Colors}
    of_files = {name: read.get(name, lambda v: v)(given[name]) for name in OPTIONS if name in given}
    options = Options(**{**of_files, "format": shot.settings.format})
    subjects: Sequence[SubjectArguments] = given.get("subjects", ())
    combined = {name for name, field in COMBINED.items() if any(vars(s)[field] for s in subjects)}
    check_heeded(Kind(arguments.kind), {*of_files, *(MATTE_SETTINGS.keys() & given), *combined}, options)
    return options


def _saved(arguments: argparse.Namespace, path: Path) -> Shot:
    given = vars(arguments)
    subjects: Sequence[SubjectArguments] = given.get("subjects") or ()
    if subjects and arguments.command == "track":
        raise OptionUnreadable("--subject", subjects[0].name, "no subjects beside a SHOT.json")
    for name in ASKED:
        if given.get(name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise OptionUnreadable(option, str(given[name]), "a clip, since a SHOT.json says this itself")
    return _combined(load_shot(path), subjects)


def _combined(shot: Shot, given: Iterable[SubjectArguments]) -> Shot:
    """A saved shot whose subjects are combined with more than it says. Raises SubjectUnknown."""
    ids = {subject.name: subject.id for subject in shot.subjects}
    for asked in given:
        subject = shot.subject(ids.get(asked.name, asked.name))
        changed = replace(subject, combine=asked.combined(subject.combine, ids))
        shot = shot.with_subjects(changed if s.id == subject.id else s for s in shot.subjects)
    return shot


def _asked(arguments: argparse.Namespace) -> Shot:
    if arguments.command == "deliver":
        raise OptionUnreadable("deliver", arguments.clip, "a SHOT.json")
    subjects = _subjects(arguments.subjects or [])
    default = Settings()
    settings = Settings(
        range=None if arguments.range is None else FrameRange.parse(arguments.range),
        direction=default.direction if arguments.direction is None else Direction(arguments.direction),
        checkpoint=arguments.checkpoint or default.checkpoint,
        policy=arguments.policy or default.policy,
        input_transform=arguments.input_transform or default.input_transform,
    )
    missing = Missing.ERROR if arguments.missing is None else Missing(arguments.missing)
    return Shot(
        ClipReference(arguments.clip, missing=missing, layer=arguments.layer or ""), subjects, settings
    )


def _subjects(given: Sequence[SubjectArguments]) -> tuple[Subject, ...]:
    """On the command line a subject's name is its id; one named twice goes on with what it had."""
    merged: dict[str, SubjectArguments] = {}
    for subject in given:
        known = merged.setdefault(subject.name, SubjectArguments(subject.name))
        known.prompts += subject.prompts
        known.absent += subject.absent
        known.follow |= subject.follow
        known.overrides += subject.overrides
        known.matte |= subject.matte
        known.united += subject.united
        known.subtracted += subject.subtracted
        known.garbage += subject.garbage
        known.hold_in += subject.hold_in
    return tuple(
        Subject(
            name,
            name,
            tuple(found.prompts),
            absent=tuple(found.absent),
            follow=found.follow,
            matte=MatteSettings(**found.matte),
            overrides=tuple(found.overrides),
            combine=found.combined(Combination(), {}),
        )
        for name, found in merged.items()
    )
