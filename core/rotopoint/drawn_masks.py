# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot's drawn masks: whether they fit the clip's picture, and what each holds on a frame."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rotopoint.clip.drawn_files import drawn_files
from rotopoint.clip.image_header import image_size
from rotopoint.clip.mask_file import read_coverage
from rotopoint.errors import ClipNotFound, ClipUnreadable, MaskFrameMissing, MaskUnreadable
from rotopoint.shot import DrawnMask, Subject
from rotopoint.shot.frames import ClipFrame, FrameMap, FrameRange


def read_drawn(
    subject: Subject, masks: Iterable[DrawnMask], frame: ClipFrame, size: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], ...]:
    """Coverage (height, width) 0..1 of each that says anything of a clip frame; `size` is (width, height).

    Raises MaskFrameMissing, MaskUnreadable.
    """
    found = []
    for mask in masks:
        path = drawn_files(mask)(frame)
        if path is not None:
            _require(subject, mask, frame, path)
            coverage = read_coverage(path)
            _require_size(path, (coverage.shape[1], coverage.shape[0]), size)
            found.append(coverage)
    return tuple(found)


def check_drawn(subject: Subject, frames: FrameRange, frame_map: FrameMap, size: tuple[int, int]) -> None:
    """That the masks drawn for a subject can be had on the clip frames of `frames`, by their headers.

    Raises FrameOutsideClip, MaskFrameMissing, MaskUnreadable.
    """
    checked: set[Path] = set()
    for mask in (*subject.combine.garbage, *subject.combine.hold_in):
        for end in () if mask.frames is None else (mask.frames.first, mask.frames.last):
            frame_map.source(end)
        file = drawn_files(mask)
        for frame in frames:
            path = file(frame)
            if path is None or path in checked:
                continue
            _require(subject, mask, frame, path)
            checked.add(path)
            try:
                _require_size(path, image_size(path), size)
            except (ClipNotFound, ClipUnreadable) as error:
                reason = error.reason if isinstance(error, ClipUnreadable) else "there is no such file"
                raise MaskUnreadable(path, reason) from error


def _require(subject: Subject, mask: DrawnMask, frame: ClipFrame, path: Path) -> None:
    """Raises MaskFrameMissing where a folder has no file for a frame."""
    if path != Path(mask.path) and not path.exists():
        raise MaskFrameMissing(subject.name, frame, path)


def _require_size(path: Path, size: tuple[int, int], clip_size: tuple[int, int]) -> None:
    if size != clip_size:
        (width, height), (clip_width, clip_height) = size, clip_size
        raise MaskUnreadable(path, f"it is {width}x{height}, the clip {clip_width}x{clip_height} pixels")
