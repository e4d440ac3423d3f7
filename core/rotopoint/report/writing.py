# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a report to its file, over an earlier one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.deliver.output_folder import check_folder, make_folder
from rotopoint.errors import OptionUnreadable, OutputUnwritable
from rotopoint.report.gather import shot_report
from rotopoint.report.page import is_report, report_page
from rotopoint.session import ShotSession
from rotopoint.whole_files import reason_of, write_whole

USUAL_WORST = 6
"""Frames that are shown large."""


def write_report(
    file: Path,
    session: ShotSession,
    checkpoint: ResolvedCheckpoint,
    folders: Iterable[Path],
    worst: int | None,
) -> None:
    """Raises OptionUnreadable where the file is there and no report, OutputUnwritable, and what
    `shot_report` raises; the file's name is proven before anything is read."""
    check_folder(file.parent, [file.name])
    try:
        if file.exists() and not is_report(file.read_bytes()):
            raise OptionUnreadable("--html", str(file), "a name that no other file has")
    except OSError as error:
        raise OutputUnwritable(file, reason_of(error)) from error
    report = shot_report(session, checkpoint, folders, USUAL_WORST if worst is None else worst)
    make_folder(file.parent)
    write_whole(file, report_page(report))
