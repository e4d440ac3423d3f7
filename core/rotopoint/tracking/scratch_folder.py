# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder for the files of one process, in a place that others use too; the lock in it says whose it is."""

from __future__ import annotations

import itertools
import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

PREFIX = "features-"
LOCK_NAME = "in use.lock"

ATTEMPTS = 10
"""To make one. Another process may take a new folder for a leftover, in the moment before it is locked."""

log = logging.getLogger(__name__)


class ScratchFolder:
    """Made in `parent`, locked until `remove` or the end of the process. Raises OSError."""

    def __init__(self, parent: Path) -> None:
        self.path, self._lock = _made(parent)
        self._numbers = itertools.count()

    def new_file(self) -> Path:
        """Where a file may be written. Files are named by numbers, so that they are known as ours."""
        return self.path / str(next(self._numbers))

    def remove(self) -> None:
        """With all files of ours. What cannot be removed now is cleared as a leftover."""
        _remove(self.path, self._lock)


def remove_leftovers(parent: Path) -> None:
    """Remove the folders whose process has ended without doing so; what else is there stays."""
    from filelock import FileLock

    try:
        found = [path for path in parent.glob(f"{PREFIX}*") if _is_ours(path)]
    except OSError as error:
        log.warning("cannot look for leftovers in %s: %s", parent, error)
        return
    for path in found:
        lock = FileLock(path / LOCK_NAME)
        # Where another user's may not be touched, or one is gone by now, there is nothing to do.
        with suppress(OSError):
            lock.acquire(timeout=0)
            _remove(path, lock)
            log.info("removed what a process had left in %s", path)


def _is_ours(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and (path / LOCK_NAME).is_file()


def _made(parent: Path) -> tuple[Path, Any]:
    from filelock import FileLock, Timeout

    parent.mkdir(parents=True, exist_ok=True)
    for _ in range(ATTEMPTS):
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = FileLock(path / LOCK_NAME)
        with suppress(Timeout, FileNotFoundError):
            lock.acquire(timeout=0)
            if (path / LOCK_NAME).is_file():
                return path, lock
    raise OSError(f"no folder in {parent} could be locked")


def _remove(path: Path, lock: Any) -> None:
    """The files of a locked folder, then its lock, then the folder: broken off, it is still known."""
    kept = False
    for file in list(path.iterdir()):
        if file.name.isdecimal():
            try:
                file.unlink(missing_ok=True)
            except OSError:
                kept = True
    if kept:
        lock.release()
        return
    if os.name == "nt":
        # No open file can be removed there.
        lock.release()
        (path / LOCK_NAME).unlink(missing_ok=True)
    else:
        (path / LOCK_NAME).unlink(missing_ok=True)
        lock.release()
    with suppress(OSError):
        # Not where somebody has put a file of their own into it.
        path.rmdir()
