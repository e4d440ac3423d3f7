# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between the worker and who started it."""

from __future__ import annotations

from dataclasses import dataclass

from rotopoint.errors.base import InputError, RotopointError


@dataclass(eq=False)
class WorkerDied(RotopointError):
    exit_status: int | None
    log: str


@dataclass(eq=False)
class WorkerNotStarted(InputError):
    """The command that should be the worker cannot be run."""

    command: str
    reason: str


@dataclass(eq=False)
class WorkerSilent(RotopointError):
    """The process runs, but has not said hello."""

    seconds: float
    log: str


@dataclass(eq=False)
class RequestUnknown(RotopointError):
    """A newer shot for work that is not there, or not there any more."""

    request: str


@dataclass(eq=False)
class ProtocolMismatch(RotopointError):
    theirs: int
    ours: int


@dataclass(eq=False)
class ProtocolBroken(RotopointError):
    """A message that cannot be read; `request` is its id where that much is clear."""

    line: str
    reason: str
    request: str | None = None
