# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that deliveries go to: proven writable beforehand."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from rotopoint.errors import OutputUnwritable
from rotopoint.whole_files import reason_of, temporary_in


def check_folder(folder: Path) -> None:
    """Make the folder, with its parents, and prove that a file can be written in it.

    Raises OutputUnwritable, and then leaves nothing of what it made.
    """
    made = _missing(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = temporary_in(folder)
        try:
            probe.write_bytes(b"rotopoint")
        finally:
            probe.unlink(missing_ok=True)
    except OSError as fault:
        for path in made:
            if path.is_dir():
                path.rmdir()
        raise OutputUnwritable(folder, reason_of(fault)) from fault


def require_space(folder: Path, needed: int) -> None:
    """Raises OutputUnwritable where the disk of an existing folder has less than `needed` bytes free."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as fault:
        raise OutputUnwritable(folder, reason_of(fault)) from fault
    if free < needed:
        raise OutputUnwritable(folder, f"{_megabytes(needed)} are needed, {_megabytes(free)} are free")


def _missing(folder: Path) -> list[Path]:
    """The folder and its parents that are not there yet, innermost first."""
    return [path for path in (folder, *folder.parents) if not os.path.lexists(path)]


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
