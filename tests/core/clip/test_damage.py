# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that are damaged in their middle are refused where that can be known, whole ones never."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rotopoint.clip.damage import damage_in
from rotopoint.clip.image_file import read_image
from rotopoint.errors import ClipUnreadable

PROGRESSIVE = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
RESTARTS = (cv2.IMWRITE_JPEG_RST_INTERVAL, 3)
UNSAMPLED = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
OPTIMIZED = (cv2.IMWRITE_JPEG_OPTIMIZE, 1)
DEFLATE = (cv2.IMWRITE_TIFF_COMPRESSION, 8)
LZW = (cv2.IMWRITE_TIFF_COMPRESSION, 5)


def encoded(extension: str, *options: int, gray: bool = False) -> bytes:
    picture = np.random.default_rng(0).integers(0, 255, (97, 131, 3), np.uint8)
    picture = cv2.GaussianBlur(picture, (0, 0), 2)
    return cv2.imencode(extension, picture[..., 0] if gray else picture, options)[1].tobytes()


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize(
    ("extension", "options"),
    [
        (".jpg", ()),
        (".jpg", PROGRESSIVE),
        (".jpg", RESTARTS),
        (".jpg", UNSAMPLED),
        (".jpg", OPTIMIZED),
        (".tif", DEFLATE),
        (".tif", LZW),
        (".png", ()),
    ],
)
def test_whole_ones_are_whole(extension: str, options: tuple[int, ...], gray: bool) -> None:
    whole = encoded(extension, *options, gray=gray)
    assert damage_in(whole) is None
    # Phones and cameras write previews and maps behind their pictures.
    assert damage_in(whole + whole) is None
    assert damage_in(whole + b"\0" * 999) is None


@pytest.mark.parametrize("options", [(), PROGRESSIVE, RESTARTS])
def test_a_sector_of_other_data_in_a_jpeg(tmp_path: Path, options: tuple[int, ...]) -> None:
    data = bytearray(encoded(".jpg", *options))
    middle = len(data) // 2
    data[middle : middle + 512] = np.random.default_rng(1).integers(0, 256, 512, np.uint8).tobytes()
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(ClipUnreadable) as caught:
        read_image(tmp_path / "a.jpg")
    assert caught.value.path.name == "a.jpg"


def test_one_bit_of_a_deflated_tiff(tmp_path: Path) -> None:
    data = bytearray(encoded(".tif", *DEFLATE))
    data[len(data) // 2] ^= 1
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(ClipUnreadable) as caught:
        read_image(tmp_path / "a.tif")
    assert "damaged" in caught.value.reason
