# SPDX-License-Identifier: GPL-3.0-or-later
"""J, F and J&F of mattes against truth, as DAVIS defines them.

F. Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016;
J. Pont-Tuset et al., "The 2017 DAVIS Challenge on Video Object Segmentation", 2017.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rotopoint.clip.image_file import read_gray
from rotopoint.errors import ClipUnreadable, TruthMismatch

BOUNDARY_TOLERANCE = 0.008
"""How far two boundaries may lie apart and still match, as a part of the picture's diagonal."""

SUFFIXES = frozenset({".png", ".exr", ".jpg", ".jpeg", ".tif", ".tiff"})


@dataclass(frozen=True)
class FrameScore:
    """One frame: its file number among the truth, J and F in 0..1."""

    number: int
    j: float
    f: float

    @property
    def j_and_f(self) -> float:
        return (self.j + self.f) / 2


@dataclass(frozen=True)
class FolderScore:
    """The frames of a folder, ascending, and their means; all in 0..1."""

    frames: tuple[FrameScore, ...]

    @property
    def j(self) -> float:
        return float(np.mean([frame.j for frame in self.frames]))

    @property
    def f(self) -> float:
        return float(np.mean([frame.f for frame in self.frames]))

    @property
    def j_and_f(self) -> float:
        return (self.j + self.f) / 2

    def without_ends(self) -> FolderScore:
        """The same less the first and the last frame, as DAVIS counts; needs three frames."""
        return FolderScore(self.frames[1:-1])


def region_similarity(matte: NDArray[Any], truth: NDArray[Any]) -> float:
    """J: intersection over union of what is over 0.5 in both, (H, W) each; 1 where both are empty."""
    ours, theirs = _mask(matte), _mask(truth)
    union = np.count_nonzero(ours | theirs)
    return np.count_nonzero(ours & theirs) / union if union else 1.0


def boundary_measure(
    matte: NDArray[Any], truth: NDArray[Any], tolerance: float = BOUNDARY_TOLERANCE
) -> float:
    """F: harmonic mean of the boundary's precision and recall, (H, W) each; 1 where neither has one.

    A boundary pixel matches where the other boundary has a pixel within the tolerance, a part of the
    picture's diagonal rounded up to whole pixels. As in the DAVIS evaluation, F is 0 where one alone is
    empty.
    """
    ours, theirs = boundary(_mask(matte)), boundary(_mask(truth))
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    radius = int(np.ceil(tolerance * np.hypot(truth.shape[0], truth.shape[1])))
    precision = np.count_nonzero(ours & _dilate(theirs, radius)) / np.count_nonzero(ours)
    recall = np.count_nonzero(theirs & _dilate(ours, radius)) / np.count_nonzero(theirs)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask (H, W) that differ from the one to the right, below, or right below.

    This is the map of the Berkeley segmentation benchmark that the DAVIS evaluation uses; pixels beyond
    the picture count as equal to the nearest inside.
    """
    beyond = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, corner = beyond[:-1, 1:], beyond[1:, :-1], beyond[1:, 1:]
    return np.asarray((mask != right) | (mask != below) | (mask != corner))


def score_folders(mattes: Path, truth: Path, skip_ends: bool = False) -> FolderScore:
    """J and F of each image in the folder `mattes` against the image of the same number in `truth`.

    A file's number is the last group of digits in its name before the extension. Where the numbers of
    the two folders differ by one constant offset (DAVIS counts from 0, mattes mostly from 1), the files
    are matched in order. `skip_ends` leaves out the first and the last frame, as DAVIS does in its tables.
    Raises TruthMismatch where the folders do not hold the same frames or sizes.
    """
    matte_files, truth_files = _numbered(mattes), _numbered(truth)
    pairs = list(_matched(mattes, matte_files, truth, truth_files))
    if skip_ends:
        pairs = pairs[1:-1]
    if not pairs:
        raise TruthMismatch(truth, "no frame is left between the first and the last one")
    return FolderScore(tuple(_score_files(*pair) for pair in pairs))


def _mask(matte: NDArray[Any]) -> NDArray[np.bool_]:
    return matte if matte.dtype == np.bool_ else matte > 0.5


def _dilate(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """A mask grown by a disk: all pixels whose center is at most `radius` from one of the mask."""
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Squared distances are whole numbers: half a unit more absorbs the square root's rounding.
    return np.asarray(distance * distance <= radius * radius + 0.5)


def _numbered(folder: Path) -> dict[int, Path]:
    """The images of a folder by file number, ascending."""
    if not folder.is_dir():
        raise TruthMismatch(folder, "there is no such folder")
    files: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        # Hidden files are not frames: temporary ones, and those that macOS puts beside its own.
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        digits = re.findall(r"\d+", path.stem)
        if not digits:
            raise TruthMismatch(path, "its name has no number")
        other = files.setdefault(int(digits[-1]), path)
        if other is not path:
            raise TruthMismatch(path, f"{other.name} has the same number")
    if not files:
        raise TruthMismatch(folder, "it holds no images")
    return dict(sorted(files.items()))


def _matched(
    mattes: Path, matte_files: dict[int, Path], truth: Path, truth_files: dict[int, Path]
) -> list[tuple[int, Path, Path]]:
    """(number among the truth, matte, truth) for each frame."""
    if len(matte_files) != len(truth_files):
        raise TruthMismatch(truth, f"it holds {len(truth_files)} frames, {mattes} holds {len(matte_files)}")
    rows = [
        (ours, theirs, matte_files[ours], truth_files[theirs])
        for ours, theirs in zip(matte_files, truth_files, strict=True)
    ]
    offset = rows[0][0] - rows[0][1]
    for ours, theirs, matte_file, truth_file in rows:
        if ours - theirs != offset:
            raise TruthMismatch(truth_file, f"by order it falls to {matte_file.name}, but the numbers differ")
    return [(theirs, matte_file, truth_file) for _, theirs, matte_file, truth_file in rows]


def _score_files(number: int, matte_file: Path, truth_file: Path) -> FrameScore:
    try:
        matte, truth = read_gray(matte_file), read_gray(truth_file)
    except ClipUnreadable as fault:
        raise TruthMismatch(fault.path, fault.reason) from fault
    if matte.shape != truth.shape:
        (height, width), (true_height, true_width) = matte.shape, truth.shape
        raise TruthMismatch(
            truth_file, f"it is {true_width}x{true_height}, {matte_file.name} is {width}x{height}"
        )
    return FrameScore(number, region_similarity(matte, truth), boundary_measure(matte, truth))
