# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that deliveries go to: proven writable beforehand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from rotopoint.errors import OutputUnwritable
from rotopoint.files import require_possible_name
from rotopoint.whole_files import reason_of, temporary_in

PATH_NOT_FOUND = 3
"""What Windows says where a folder on the way is not there."""


def check_folder(folder: Path, names: Iterable[str] = ()) -> None:
    """Prove that files of these names can be written in the folder, which need not be there yet.

    Leaves nothing behind. Raises OutputUnwritable.
    """
    try:
        require_possible_name(folder)
        made = _missing(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = temporary_in(folder)
            try:
                probe.write_bytes(b"rotopoint")
            finally:
                probe.unlink(missing_ok=True)
            for name in names:
                _check_name(folder / name)
        finally:
            for path in made:
                # It was not made, or another program has put something there meanwhile.
                with suppress(OSError):
                    path.rmdir()
    except OSError as fault:
        raise OutputUnwritable(folder, reason_of(fault)) from fault


def make_folder(folder: Path) -> None:
    """Make the folder with its parents where it is not there. Raises OutputUnwritable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise OutputUnwritable(folder, reason_of(fault)) from fault


def _check_name(path: Path) -> None:
    """Raises OutputUnwritable where no file of this name can be, in a folder that is there."""
    try:
        path.lstat()
    except FileNotFoundError as fault:
        # Windows says of a path that is too long that its folder is not there.
        if getattr(fault, "winerror", None) == PATH_NOT_FOUND:
            raise OutputUnwritable(path, "the path is too long") from fault
    except OSError as fault:
        raise OutputUnwritable(path, reason_of(fault)) from fault


def require_space(folder: Path, needed: int) -> None:
    """Raises OutputUnwritable where the disk of a folder, there or not, has less than `needed` bytes free."""
    try:
        there = next((path for path in (folder, *folder.parents) if path.is_dir()), folder)
        free = shutil.disk_usage(there).free
    except OSError as fault:
        raise OutputUnwritable(folder, reason_of(fault)) from fault
    if free < needed:
        raise OutputUnwritable(folder, f"{_megabytes(needed)} are needed, {_megabytes(free)} are free")


def _missing(folder: Path) -> list[Path]:
    """The folder and its parents that are not there yet, innermost first."""
    return [path for path in (folder, *folder.parents) if not os.path.lexists(path)]


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
