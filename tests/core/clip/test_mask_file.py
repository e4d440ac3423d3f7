# SPDX-License-Identifier: GPL-3.0-or-later
"""What masks mean, as a table of small arrays; files with palettes; what is refused and why."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rotopoint.clip.mask_file import (
    MaskPixels,
    NothingThere,
    Undecided,
    coverage_of,
    coverage_of_label,
    read_mask,
)
from rotopoint.errors import MaskEmpty, MaskUnreadable
from rotopoint.messages import explain

SHAPE = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)
ZERO = np.zeros_like(SHAPE)
FULL = ZERO + 255
SOFT = np.array([[0, 128, 255], [0, 64, 255]], np.uint8)


def layer(color: tuple[int, int, int], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.dstack([ZERO + c for c in color] + [alpha]).astype(np.uint8)


def colored(*labels_and_colors: tuple[int, int, int]) -> NDArray[np.uint8]:
    """SHAPE with one color for each of its values."""
    return np.array(labels_and_colors, np.uint8)[SHAPE]


PHOTO = np.random.default_rng(1).integers(0, 255, (*SHAPE.shape, 3), np.uint8)

MEANT = {
    "white over black": (SHAPE * 255, SHAPE),
    "soft": (SOFT, SOFT / 255),
    "soft in 16 bits": (SOFT.astype(np.uint16) * 257, SOFT / 255),
    "white paint on a transparent layer": (layer((255, 255, 255), SHAPE * 255), SHAPE),
    "black paint on a transparent layer": (layer((0, 0, 0), SHAPE * 255), SHAPE),
    "soft red paint on a transparent layer": (layer((200, 0, 0), SOFT), SOFT / 255),
    "white paint, transparent pixels black": (
        np.dstack([SHAPE * 255] * 3 + [SHAPE * SOFT]),
        SHAPE * SOFT / 255,
    ),
    "a cut out photograph": (np.dstack([PHOTO, SHAPE * 255]), SHAPE),
    "black and white, one corner transparent": (
        np.dstack([SHAPE * 255] * 3 + [FULL * np.array([[0, 1, 1], [1, 1, 1]], np.uint8)]),
        SHAPE,
    ),
    "opaque alpha": (np.dstack([SOFT] * 3 + [FULL]), SOFT / 255),
    "empty alpha that nobody has filled": (np.dstack([SOFT] * 3 + [ZERO]), SOFT / 255),
    "values 0 and 1": (SHAPE, SHAPE),
    "value 3 of a label map": (SHAPE * 3, SHAPE),
    "labels 0, 1 and 2": (SHAPE + SHAPE * np.eye(2, 3, dtype=np.uint8), SHAPE),
    "labels in 16 bits": (SHAPE.astype(np.uint16) * 300, SHAPE),
    "half gray and black": (SHAPE * 128, SHAPE),
    "labels in three channels": (np.dstack([SHAPE] * 3), SHAPE),
    "DAVIS's first color": (colored((0, 0, 0), (128, 0, 0)), SHAPE),
    "ids in the red channel": (colored((0, 0, 0), (1, 0, 0)), SHAPE),
    "white, a little off by a lossy codec": (colored((0, 1, 0), (250, 255, 252)), None),
    "linear EXR": (SOFT.astype(np.float32) / 255, SOFT / 255),
    "float labels": (SHAPE.astype(np.float32) * 2, SHAPE),
    "EXR of white, premultiplied": (np.dstack([SOFT / 255] * 4).astype(np.float32), SOFT / 255),
    "NaN and over 1": (np.array([[np.nan, 3.0, 0.5]], np.float32), [[0, 1, 0.5]]),
    "all of the picture": (FULL, FULL / 255),
}


@pytest.mark.parametrize(("stored", "meant"), MEANT.values(), ids=MEANT)
def test_what_is_meant(stored: NDArray[np.generic], meant: NDArray[np.generic] | None) -> None:
    coverage = coverage_of(MaskPixels(stored))
    assert coverage.dtype == np.float32 and coverage.shape == stored.shape[:2]
    if meant is None:
        assert np.array_equal(coverage > 0.5, SHAPE > 0)
    else:
        np.testing.assert_allclose(coverage, meant, atol=1e-6)


def test_shades_of_one_color_over_black() -> None:
    shades = np.arange(256, dtype=np.uint8).reshape(16, 16)
    red = np.dstack([shades, shades // 2, np.zeros_like(shades)])
    np.testing.assert_allclose(coverage_of(MaskPixels(red)), shades / 255, atol=1e-6)


DIM = (np.arange(100, dtype=np.uint8) + 1).reshape(10, 10)
REFUSED = {
    "nothing": (ZERO, NothingThere, "nothing"),
    "nothing in floats": (ZERO.astype(np.float32), NothingThere, "nothing"),
    "a layer that is hardly there": (layer((255, 255, 255), SHAPE * 10), NothingThere, "nothing"),
    "a gradient up to 100": (DIM, NothingThere, "highest value is 100 of 255"),
    "labels without 0": (SHAPE + 1, Undecided, "the labels 1, 2 and no 0; name one as in FILE#2"),
    "one value that is not 0": (ZERO + 1, Undecided, "FILE#1"),
    "a photograph": (np.random.default_rng(2).integers(1, 255, (20, 20, 3), np.uint8), Undecided, "white"),
}


@pytest.mark.parametrize(("stored", "kind", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant(stored: NDArray[np.generic], kind: type[Exception], reason: str) -> None:
    with pytest.raises(Undecided, match=reason) as caught:
        coverage_of(MaskPixels(stored))
    assert type(caught.value) is kind


def test_one_label() -> None:
    labels = np.array([[0, 1, 2], [2, 0, 1]], np.uint16)
    assert coverage_of_label(MaskPixels(labels), 2).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert coverage_of_label(MaskPixels(np.dstack([labels] * 3)), 0).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert coverage_of_label(MaskPixels(labels.astype(np.float32)), 1).sum() == 2
    with pytest.raises(NothingThere, match="no pixel has the label 3; there are 0, 1, 2"):
        coverage_of_label(MaskPixels(labels), 3)
    with pytest.raises(Undecided, match="colors instead of labels"):
        coverage_of_label(MaskPixels(colored((0, 0, 0), (128, 0, 0))), 1)


def palette_png(path: Path, indices: NDArray[np.uint8], *colors: tuple[int, int, int]) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = indices.shape
    rows = b"".join(b"\0" + row.tobytes() for row in indices)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", bytes(value for color in colors for value in color))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return path


LABELS = np.array([[0, 1, 2], [2, 0, 1]], np.uint8)
BLACK, RED, GREEN = (0, 0, 0), (128, 0, 0), (0, 128, 0)


def test_a_palette_has_indices(tmp_path: Path) -> None:
    path = palette_png(tmp_path / "größe.png", LABELS, BLACK, RED, GREEN)
    assert np.array_equal(read_mask(path), LABELS != 0)
    assert np.array_equal(read_mask(path, 2), LABELS == 2)
    # What has no color of its own is filled up with black.
    assert np.array_equal(read_mask(palette_png(path, LABELS, BLACK, RED, BLACK)), LABELS != 0)


def test_a_palette_whose_first_color_is_the_subjects(tmp_path: Path) -> None:
    path = palette_png(tmp_path / "a.png", SHAPE, RED, BLACK)
    assert np.array_equal(read_mask(path), SHAPE == 0)


def test_a_palette_of_grays_is_gray(tmp_path: Path) -> None:
    white, dark = (255, 255, 255), (60, 60, 60)
    path = palette_png(tmp_path / "a.png", LABELS, white, BLACK, dark)
    np.testing.assert_allclose(read_mask(path), np.array([1, 0, 60 / 255])[LABELS], atol=1e-6)
    assert np.array_equal(read_mask(path, 2), LABELS == 2)


def test_an_empty_mask_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "leer.png"
    path.write_bytes(cv2.imencode(".png", ZERO)[1].tobytes())
    with pytest.raises(MaskEmpty) as caught:
        read_mask(path)
    assert str(path) in explain(caught.value)
    with pytest.raises(MaskEmpty, match="label 7"):
        read_mask(path, 7)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_is_no_mask(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(MaskUnreadable, match="no regular file"):
        read_mask(tmp_path / "pipe.png")
