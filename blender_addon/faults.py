# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person has to do first, as an error, and every error as one line for the panel and reports."""

from __future__ import annotations

import os
from dataclasses import dataclass

from rotopoint.errors import InputError, RotopointError
from rotopoint.messages import explain

TOLD = (RotopointError, OSError)
"""What a person is told in one line: wrong calls, and files and disks that fail at any call."""


@dataclass(eq=False)
class Refused(InputError):
    """Something in Blender stands in the way; `reason` says what, and what to do."""

    reason: str


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
