# SPDX-License-Identifier: GPL-3.0-or-later
"""A note in the folder of a delivery under way, so that one which broke off can go on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rotopoint.errors import DeliveryNotResumable, OutputUnwritable
from rotopoint.whole_files import reason_of, write_whole


def check_resumable(note: Path, asked: str) -> None:
    """That a delivery of just what is `asked` has broken off. Raises DeliveryNotResumable."""
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))["asked"]
    except FileNotFoundError as error:
        raise DeliveryNotResumable(note.parent, "none has broken off there") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeliveryNotResumable(note.parent, f"{note.name} cannot be read") from error
    if noted != asked:
        raise DeliveryNotResumable(note.parent, "the one that broke off there was asked for otherwise")


@contextmanager
def noted(note: Path, asked: str) -> Iterator[None]:
    """Keep a note of what is `asked` until the delivery is whole. Raises OutputUnwritable."""
    write_whole(note, json.dumps({"asked": asked}).encode("ascii"))
    yield
    try:
        note.unlink(missing_ok=True)
    except OSError as fault:
        raise OutputUnwritable(note, reason_of(fault)) from fault
