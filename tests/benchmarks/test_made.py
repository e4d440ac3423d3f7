# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips made of stills are sequences like those of DAVIS, the same each time."""

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np

from benchmarks.made import FRAMES, made_sequences


def stills(folder: Path) -> Path:
    """One picture of 60x48 with a red disk on noise."""
    y, x = np.mgrid[:48, :60]
    disk = (x - 28) ** 2 + (y - 24) ** 2 < 150
    noise = np.random.default_rng(0).integers(60, 120, (48, 60, 3), np.uint8)
    picture = np.where(disk[..., None], np.uint8([30, 30, 220]), noise)
    path = folder / "stills.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.jpg", cv2.imencode(".jpg", picture)[1].tobytes())
        archive.writestr("0.png", cv2.imencode(".png", disk.astype(np.uint8))[1].tobytes())
        archive.writestr("sources.csv", io.StringIO("name,source\n0,coco\n").getvalue())
    return path


def test_each_clip_has_its_truth_and_shows_its_subject_on_both_ends(tmp_path: Path) -> None:
    archive = stills(tmp_path)
    first, again = (made_sequences(archive, tmp_path / name, 3, 64) for name in ("first", "again"))
    assert len({sequence.name for sequence in first}) == 3
    for sequence, same in zip(first, again, strict=True):
        masks = list(sequence.masks())
        assert len(sequence) == len(masks) == FRAMES
        assert masks[0].any() and masks[-1].any()
        assert all(m.shape == p.shape[:2] for m, p in zip(masks, sequence.pictures(), strict=True))
        assert all(np.array_equal(m, n) for m, n in zip(masks, same.masks(), strict=True))
