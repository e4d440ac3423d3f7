# SPDX-License-Identifier: GPL-3.0-or-later
"""Overlays and binary masks, read back by Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from rotopoint.deliver.deliverable import About, Frame, Layer
from rotopoint.deliver.pictures import BinaryFiles, OverlayFiles, tinted

ABOUT = About("plate", "plate.mov", (3, 1), ("a", "b"))
PLATE = np.array([[[0, 100, 200], [0, 100, 200], [10, 20, 30]]], np.uint8)
RED = Layer("a", np.array([[1, 0.5, 0]], np.float32), (1.0, 0.0, 0.0))
GRAY = Layer("b", np.array([[0, 1, 0]], np.float32), (0.21404, 0.21404, 0.21404))
"""Half of what a display shows."""


def test_a_color_takes_its_part_of_the_picture() -> None:
    found = tinted(PLATE, [RED])
    # A half may fall either way.
    assert np.abs(found - [[[127.5, 50, 100], [63.75, 75, 150], [10, 20, 30]]]).max() <= 0.5
    assert tinted(PLATE, [RED], opacity=0).tolist() == PLATE.tolist()


def test_later_subjects_lie_over_earlier_ones() -> None:
    found = tinted(PLATE, [RED, GRAY])[0, 1]
    assert np.abs(found - (np.array([63.75, 75, 150]) / 2 + 127.5 / 2)).max() <= 0.6


def test_an_overlay_is_a_picture_of_8_bits(tmp_path: Path) -> None:
    with OverlayFiles(ABOUT, lambda number: tmp_path / f"größe.{number}.png") as files:
        path = files.frame(Frame(1, 7, (RED, GRAY), plate=PLATE))
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (3, 1))
        assert np.array_equal(np.asarray(image), tinted(PLATE, [RED, GRAY]))


def test_a_binary_mask_is_black_and_white(tmp_path: Path) -> None:
    matte = np.array([[0.5, 0.50001, np.nan, 7, -1]], np.float32)
    with BinaryFiles(ABOUT, lambda number: tmp_path / f"{number}.png") as files:
        path = files.frame(Frame(1, 7, (Layer("a", matte),)))
    with Image.open(path) as image:
        assert (image.mode, np.asarray(image).tolist()) == ("L", [[0, 255, 0, 255, 0]])
