# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file of a drawn mask is on which frame. Standard library only: the add-on asks it too."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from rotopoint.clip.sequence import sequence_from
from rotopoint.errors import ClipNotFound, ClipUnreadable, MaskUnreadable
from rotopoint.files import require_possible_name
from rotopoint.shot import DrawnMask
from rotopoint.shot.frames import ClipFrame


def drawn_files(mask: DrawnMask) -> Callable[[ClipFrame], Path | None]:
    """The file that is on a clip frame, there or not; None where the mask says nothing of the frame.

    Looks at the folder once for each state of it. Raises MaskUnreadable.
    """
    path = Path(mask.path)
    try:
        require_possible_name(path)
        changed = path.stat().st_mtime_ns if path.is_dir() else None
    except OSError as error:
        raise MaskUnreadable(path, error.strerror or str(error)) from error
    numbered = None if changed is None else _numbered(path, changed)

    def file(frame: ClipFrame) -> Path | None:
        if not mask.is_on(frame):
            return None
        return path if numbered is None else numbered(frame - mask.first)

    return file


@lru_cache(maxsize=64)
def _numbered(folder: Path, _changed: int) -> Callable[[int], Path]:
    """The file so many numbers after the first of the one sequence in a folder. Raises MaskUnreadable."""
    try:
        files = sequence_from(folder, by_difference=True).files
    except ClipNotFound as error:
        raise MaskUnreadable(folder, "there is no such folder") from error
    except ClipUnreadable as error:
        reason = "the folder must hold one sequence of JPEG, PNG, TIFF or EXR images, and no other"
        raise MaskUnreadable(folder, reason) from error
    first, there = files[0], {file.number: file.path for file in files}

    def after(count: int) -> Path:
        number = first.number + count
        named = f"{first.before}{number:0{len(first.digits)}d}{first.after}{first.path.suffix}"
        return there.get(number, folder / named)

    return after
