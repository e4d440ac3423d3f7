# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds a subject's mattes in a folder by the names that `rotopoint track` gives them."""

from __future__ import annotations

import re
from pathlib import Path

from rotopoint.errors import MaskUnreadable


def find_mattes(folder: Path, clip: str, subject: str) -> dict[int, Path]:
    """The files `{clip}_{subject}_matte.{number}.{ext}` of `folder` by number, ascending.

    `clip` and `subject` are their names.
    Raises MaskUnreadable where there is none, or where numbers are missing between them.
    """
    pattern = re.compile(rf"{re.escape(f'{clip}_{subject}')}_matte\.(\d+)\.(?:png|exr)")
    found = {}
    for path in folder.glob("*"):
        if match := pattern.fullmatch(path.name):
            found[int(match[1])] = path
    if not found:
        raise MaskUnreadable(folder, f"it holds no {clip}_{subject}_matte.*")
    if missing := sorted(set(range(min(found), max(found))) - set(found)):
        raise MaskUnreadable(folder, f"the mattes of {subject} lack the numbers {missing}")
    return dict(sorted(found.items()))
