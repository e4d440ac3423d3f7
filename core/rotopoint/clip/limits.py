# SPDX-License-Identifier: GPL-3.0-or-later
"""What a clip may be at most, so that an absurd header or request is answered at once."""

from __future__ import annotations

from pathlib import Path

from rotopoint.errors import ClipNotFound, ClipUnreadable
from rotopoint.files import require_possible_name, require_regular_file

MOST_FRAMES = 1_000_000
"""Ten hours. Numbers of files further apart are no sequence: dates, serial numbers."""

MOST_PIXELS = 1 << 28
"""16384 x 16384, which is FFmpeg's limit too."""


def require_file(path: Path, *, or_folder: bool = False) -> None:
    """Raises ClipNotFound, and ClipUnreadable for what `require_regular_file` refuses."""
    try:
        if or_folder:
            require_possible_name(path)
        if not (or_folder and path.is_dir()):
            require_regular_file(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ClipNotFound(path) from error
    except OSError as error:
        raise ClipUnreadable(path, error.strerror or str(error)) from error


def require_size(path: Path, width: int, height: int) -> None:
    """Raises ClipUnreadable where a picture of this size could not be worked on."""
    if width * height > MOST_PIXELS:
        raise ClipUnreadable(path, f"its header says {width}x{height} pixels, which is more than can be read")


def require_count(path: Path, count: int) -> None:
    """Raises ClipUnreadable where a clip is said to have more frames than any has."""
    if count > MOST_FRAMES:
        raise ClipUnreadable(path, f"it is said to have {count} frames; the limit is {MOST_FRAMES}")
