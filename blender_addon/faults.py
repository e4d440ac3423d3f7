# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person has to do first, as an error, and every error as one line for the panel and reports."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum, auto

from rotopoint.errors import (
    CheckpointMissing,
    DeviceMemoryShort,
    DeviceUnavailable,
    GraphsMissing,
    InputError,
    PackageMissing,
    ProtocolBroken,
    ProtocolMismatch,
    RotopointError,
    WorkerDied,
    WorkerNotStarted,
    WorkerSilent,
)
from rotopoint.messages import explain

TOLD = (RotopointError, OSError)
"""What a person is told in one line: wrong calls, and files and disks that fail at any call."""


@dataclass(eq=False)
class Refused(InputError):
    """Something in Blender stands in the way; `reason` says what, and what to do."""

    reason: str


class EngineNotSet(Refused):
    """The preferences name no engine."""


class Remedy(Enum):
    """What a person can do at once about a failure: set the engine in the preferences, or try again."""

    PREFERENCES = auto()
    AGAIN = auto()


def remedy_of(error: BaseException) -> Remedy | None:
    match error:
        case EngineNotSet() | WorkerNotStarted() | PackageMissing() | ProtocolMismatch():
            return Remedy.PREFERENCES
        case WorkerDied() | WorkerSilent() | ProtocolBroken():
            return Remedy.AGAIN
        case _:
            return None


IN_PREFERENCES = {
    CheckpointMissing.__name__: "download it in the add-on's preferences, or take the draft",
    GraphsMissing.__name__: "set up the large engine in the add-on's preferences, or take the draft",
    DeviceMemoryShort.__name__: "",
    DeviceUnavailable.__name__: "",
    PackageMissing.__name__: "",
}
"""What the engine meets and the preferences help with; how, where it tells of a command for a terminal."""


def told(error: str, message: str, *, sets_up: bool) -> tuple[str, Remedy | None]:
    """What a person is told of an engine's error, by its class and its words, and what helps at once.

    `sets_up`: this build can set up the large engine and download checkpoints.
    """
    what, command, _ = message.partition("; run: ")
    if command and sets_up and IN_PREFERENCES.get(error):
        message = f"{what}: {IN_PREFERENCES[error]}"
    return message[:1].upper() + message[1:], Remedy.PREFERENCES if error in IN_PREFERENCES else None


def line(error: BaseException) -> str:
    """One clear line, however many the error's own text has."""
    match error:
        case Refused(reason):
            text = reason
        case OSError(filename=file, strerror=reason) if file and reason:
            text = f"cannot use {os.fsdecode(file)}: {reason.lower()}"
        case _:
            text = explain(error)
    text = " ".join(text.split())
    return text[:1].upper() + text[1:]
