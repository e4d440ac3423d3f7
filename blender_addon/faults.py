# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person has to do first, as an error, and every error as one line for the panel and reports."""

from __future__ import annotations

from dataclasses import dataclass

from rotopoint.errors import InputError
from rotopoint.messages import explain


@dataclass(eq=False)
class Refused(InputError):
    """Something in Blender stands in the way; `reason` says what, and what to do."""

    reason: str


def line(error: BaseException) -> str:
    """One clear line, however many the error's own text has."""
    text = error.reason if isinstance(error, Refused) else explain(error)
    text = " ".join(text.split())
    return text[:1].upper() + text[1:]
