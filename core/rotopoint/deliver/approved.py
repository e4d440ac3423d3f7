# SPDX-License-Identifier: GPL-3.0-or-later
"""Approved mattes: files that a shot names with their content, so that nothing asked later alters them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rotopoint.errors import ApprovedUnusable, ClipNotFound, ClipUnreadable, OutputUnwritable
from rotopoint.files import require_regular_file
from rotopoint.shot import Approved
from rotopoint.shot.frames import ClipFrame
from rotopoint.whole_files import reason_of, write_whole


def approve(matte: Path, frame: ClipFrame, folder: Path) -> Approved:
    """Copy a matte's file into `folder`, where no tracking replaces it; returns what the shot is to hold.

    The copy is named by its content, so that approving it again changes nothing.
    Raises OutputUnwritable.
    """
    try:
        content = matte.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        folder.mkdir(parents=True, exist_ok=True)
        copy = folder / f"{digest[:32]}{matte.suffix}"
        there = copy.is_file() and _digest(copy) == digest
    except OSError as error:
        raise OutputUnwritable(Path(error.filename or folder), reason_of(error)) from error
    if not there:
        write_whole(copy, content, lasting=True)
    return Approved(frame, str(copy), digest)


def check_approved(subject: str, approved: Approved) -> None:
    """Raises ApprovedUnusable where the file is not the one that was approved."""
    path = Path(approved.path)
    try:
        digest = _digest(path)
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise ApprovedUnusable(subject, approved.frame, path, reason or str(error)) from error
    if digest != approved.sha256:
        raise ApprovedUnusable(subject, approved.frame, path, "the file has changed since")


def read_approved(subject: str, approved: Approved, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """(height, width) coverage 0..1; `size` is (width, height) of the source. Raises ApprovedUnusable."""
    # Blender, which approves, has no OpenCV to read with.
    from rotopoint.clip.image_file import read_gray

    path = Path(approved.path)
    try:
        coverage = np.clip(read_gray(path), 0.0, 1.0)
    except ClipNotFound as error:
        raise ApprovedUnusable(subject, approved.frame, path, "there is no such file") from error
    except ClipUnreadable as error:
        raise ApprovedUnusable(subject, approved.frame, path, error.reason) from error
    height, width = coverage.shape
    if (width, height) != size:
        reason = f"it is {width}x{height}, the clip {size[0]}x{size[1]} pixels"
        raise ApprovedUnusable(subject, approved.frame, path, reason)
    return coverage


def _digest(path: Path) -> str:
    require_regular_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
