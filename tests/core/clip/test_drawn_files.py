# SPDX-License-Identifier: GPL-3.0-or-later
"""A drawn mask is one image for all of its frames, or a folder with one a frame."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rotopoint.clip.drawn_files import drawn_files
from rotopoint.clip.mask_file import read_coverage
from rotopoint.errors import MaskUnreadable
from rotopoint.shot import DrawnMask
from rotopoint.shot.frames import ClipFrame, FrameRange


def written(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path


def frames(first: int, last: int) -> FrameRange:
    return FrameRange(ClipFrame(first), ClipFrame(last))


def test_a_file_is_on_all_of_its_frames(tmp_path: Path) -> None:
    still = tmp_path / "maske 0007.png"
    on = drawn_files(DrawnMask(str(still), frames(2, 3)))
    assert [on(ClipFrame(n)) for n in (1, 2, 3, 4)] == [None, still, still, None]


def test_the_first_file_of_a_folder_is_on_its_first_frame(tmp_path: Path) -> None:
    folder = tmp_path / "mäsks"
    for number in (98, 99, 100, 102):
        written(folder / f"m.{number:03d}.png", np.zeros((2, 2), np.uint8))
    names = [f"m.{n}.png" for n in ("098", "099", "100", "101", "102", "103")]
    whole, part = drawn_files(DrawnMask(str(folder))), drawn_files(DrawnMask(str(folder), frames(4, 6)))
    assert [whole(ClipFrame(n)) for n in range(1, 7)] == [folder / name for name in names]
    assert [part(ClipFrame(n)) for n in (3, 4, 6, 7)] == [None, folder / names[0], folder / names[2], None]


def test_a_folder_that_is_no_sequence_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("a_1.png", "b_1.png"):
        written(tmp_path / "two" / name, np.zeros((2, 2), np.uint8))
    for folder in ("empty", "two"):
        with pytest.raises(MaskUnreadable, match="must hold one sequence") as caught:
            drawn_files(DrawnMask(str(tmp_path / folder)))
        assert caught.value.path == tmp_path / folder


def test_white_is_full_and_gray_a_part_and_black_may_be_all(tmp_path: Path) -> None:
    faint = np.array([[0, 51]], np.uint8)
    for pixels in (faint, faint.astype(np.uint16) * 257, np.repeat(faint[..., None], 3, 2)):
        found = read_coverage(written(tmp_path / "faint.png", pixels))
        np.testing.assert_allclose(found, [[0, 0.2]], atol=1e-6)
        assert found.dtype == np.float32
    assert not read_coverage(written(tmp_path / "black.png", np.zeros((2, 3), np.uint8))).any()
    white = read_coverage(written(tmp_path / "white.tif", np.full((2, 3, 3), 65535, np.uint16)))
    np.testing.assert_array_equal(white, np.ones((2, 3), np.float32))


def test_what_is_painted_on_a_transparent_layer_is_its_alpha(tmp_path: Path) -> None:
    painted = np.zeros((1, 3, 4), np.uint8)
    painted[0, 1:] = (40, 90, 200, 255)
    painted[0, 2, 3] = 51
    np.testing.assert_allclose(read_coverage(written(tmp_path / "a.png", painted)), [[0, 1, 0.2]], atol=1e-6)
    # A frame of the same sequence on which nothing is painted, or white behind nothing.
    for color in (0, 255):
        empty = np.full((1, 3, 4), color, np.uint8)
        empty[..., 3] = 0
        assert not read_coverage(written(tmp_path / "b.png", empty)).any()


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_bytes(b"text")
    for name, reason in (("text.png", "not a JPEG"), ("gone.png", "no such file")):
        with pytest.raises(MaskUnreadable, match=reason):
            read_coverage(tmp_path / name)
