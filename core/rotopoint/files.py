# SPDX-License-Identifier: GPL-3.0-or-later
"""What a path must lead to before its content is read."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

NO_REGULAR_FILE = "it is no regular file"


def require_regular_file(path: Path) -> None:
    """Raises OSError with a reason in `strerror` unless `path` leads to a regular file.

    Pipes wait for a writer and devices never end: both would hold up whoever reads them. A name that no
    file can have, with a NUL or a lone surrogate in it, is an OSError too, not the ValueError of Python.
    """
    require_possible_name(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, NO_REGULAR_FILE, str(path))


def require_possible_name(path: Path | str) -> None:
    """Raises OSError where no file can be called so."""
    if (fault := path_fault(str(path))) is not None:
        raise OSError(errno.EINVAL, fault, str(path))


def path_fault(path: str) -> str | None:
    """Why no file can be called so, or None. Names that are not UTF-8 are fine where the system has them."""
    if "\0" in path:
        return "a path must not contain a NUL"
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return "a path must not contain half of a character (a lone surrogate)"
    return None
