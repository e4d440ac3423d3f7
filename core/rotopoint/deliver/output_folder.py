# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that deliveries go to: proven writable beforehand, each file in it whole or not there."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from rotopoint.errors import OutputUnwritable


def check_folder(folder: Path) -> None:
    """Make the folder, with its parents, and prove that a file can be written in it.

    Raises OutputUnwritable, and then leaves nothing of what it made.
    """
    made = _missing(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = _temporary(folder)
        try:
            probe.write_bytes(b"rotopoint")
        finally:
            probe.unlink(missing_ok=True)
    except OSError as fault:
        for path in made:
            if path.is_dir():
                path.rmdir()
        raise OutputUnwritable(folder, _reason(fault)) from fault


def require_space(folder: Path, needed: int) -> None:
    """Raises OutputUnwritable where the disk of an existing folder has less than `needed` bytes free."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as fault:
        raise OutputUnwritable(folder, _reason(fault)) from fault
    if free < needed:
        raise OutputUnwritable(folder, f"{_megabytes(needed)} are needed, {_megabytes(free)} are free")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that no reader ever sees a part of it: what stood there before stays until then.

    Raises OutputUnwritable and leaves no temporary file. A crash of the machine itself may still lose
    files of the last seconds: nothing waits for the disk.
    """
    temporary = _temporary(path.parent)
    try:
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as fault:
        raise OutputUnwritable(path, _reason(fault)) from fault


def _temporary(folder: Path) -> Path:
    """A new hidden name; short, so that it fits wherever a matte's name does."""
    return folder / f".rotopoint-{uuid.uuid4().hex[:12]}.tmp"


def _missing(folder: Path) -> list[Path]:
    """The folder and its parents that are not there yet, innermost first."""
    return [path for path in (folder, *folder.parents) if not os.path.lexists(path)]


def _reason(fault: OSError) -> str:
    return (fault.strerror or str(fault)).lower()


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
