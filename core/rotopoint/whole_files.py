# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are written whole or not at all. Standard library only: Blender saves shots by it."""

from __future__ import annotations

import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from rotopoint.errors import OutputUnwritable

WAITS = tuple(0.01 * 1.8**n for n in range(9)) if os.name == "nt" else ()
"""Seconds between tries to put a file in place. On Windows none can be replaced while somebody reads it: a
viewer, a virus scanner, an indexer, each for a moment."""


def write_whole(path: Path, content: bytes, *, lasting: bool = False) -> None:
    """Write a file so that no reader ever sees a part of it: what stood there before stays until then.

    `lasting`: also where the machine itself crashes in the next seconds, for what cannot be made again.
    A file that is write-protected stays as it is. Raises OutputUnwritable and leaves no temporary file.
    """
    temporary = temporary_in(path.parent)
    try:
        _require_writable(path)
        try:
            temporary.write_bytes(content)
            if lasting:
                _wait_for_disk(temporary)
            put_whole(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as fault:
        # A name that no system takes, such as one with a NUL, is a ValueError.
        raise OutputUnwritable(path, reason_of(fault)) from fault


def put_whole(temporary: Path, path: Path) -> None:
    """Give a file that is finished its name, over what is there and with that one's mode. Raises OSError."""
    _require_writable(path)
    with suppress(FileNotFoundError):
        shutil.copymode(path, temporary)
    replace_file(temporary, path)


def replace_file(source: Path, target: Path, waits: Iterable[float] = WAITS) -> None:
    """Rename `source` to `target`, over what is there. Raises OSError where it still fails after `waits`."""
    for seconds in waits:
        try:
            source.replace(target)
        except PermissionError:
            time.sleep(seconds)
        else:
            return
    source.replace(target)


def temporary_in(folder: Path) -> Path:
    """A new hidden name; short, so that it fits wherever a matte's name does."""
    return folder / f".rotopoint-{uuid.uuid4().hex[:12]}.tmp"


def reason_of(fault: OSError | ValueError) -> str:
    """What the system says, as the end of a line."""
    said = fault.strerror if isinstance(fault, OSError) else None
    return (said or str(fault)).lower()


def _require_writable(path: Path) -> None:
    if _is_protected(path):
        raise PermissionError("the file is write-protected")


def _is_protected(path: Path) -> bool:
    """Whether there is a file that may not be written: replacing would ask the folder alone."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    writable = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    return stat.S_ISREG(mode) and not (mode & writable and os.access(path, os.W_OK))


def _wait_for_disk(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())
