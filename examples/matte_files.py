# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds a subject's files in a folder by the names that `rotopoint track` and `deliver` give them."""

from __future__ import annotations

import re
from pathlib import Path

from rotopoint.errors import MaskUnreadable


def find_mattes(folder: Path, clip: str, subject: str, part: str = "matte") -> dict[int, Path]:
    """The files `{clip}_{subject}_{part}.{number}.{ext}` of `folder` by number, ascending.

    `clip` and `subject` are their names; `part` is `matte` or `cutout`.
    Raises MaskUnreadable where there is none, or where numbers are missing between them.
    """
    pattern = re.compile(rf"{re.escape(f'{clip}_{subject}_{part}')}\.(\d+)\.(?:png|exr)")
    found = {}
    for path in folder.glob("*"):
        if match := pattern.fullmatch(path.name):
            found[int(match[1])] = path
    if not found:
        raise MaskUnreadable(folder, f"it holds no {clip}_{subject}_{part}.*")
    if missing := sorted(set(range(min(found), max(found))) - set(found)):
        raise MaskUnreadable(folder, f"the files of {subject} lack the numbers {missing}")
    return dict(sorted(found.items()))
