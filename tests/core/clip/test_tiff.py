# SPDX-License-Identifier: GPL-3.0-or-later
"""What TIFF says of its samples decides whether it is read, before any pixel is."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rotopoint.clip.image_file import read_image
from rotopoint.clip.image_header import image_size
from rotopoint.clip.tiff import FLOATING, SIGNED, UNSIGNED, read_tiff_header
from rotopoint.errors import ClipUnreadable

SHORT, LONG = 3, 4
WIDTH, HEIGHT = 4, 3


def write_tiff(path: Path, pixels: NDArray[np.generic], sample_format: int) -> Path:
    """(H, W, C) uncompressed, little-endian, in one strip."""
    height, width, channels = pixels.shape
    bits = pixels.dtype.itemsize * 8
    fields = [
        (256, SHORT, [width]),
        (257, SHORT, [height]),
        (258, SHORT, [bits] * channels),
        (259, SHORT, [1]),
        (262, SHORT, [2 if channels > 2 else 1]),
        (273, LONG, [0]),
        (277, SHORT, [channels]),
        (278, SHORT, [height]),
        (279, LONG, [pixels.nbytes]),
        *([(338, SHORT, [0] * (channels - 3))] if channels > 3 else []),
        (339, SHORT, [sample_format] * channels),
    ]
    behind = 8 + 2 + 12 * len(fields) + 4
    values = b""
    entries = []
    for tag, kind, numbers in fields:
        packed = struct.pack(f"<{len(numbers)}{'H' if kind == SHORT else 'I'}", *numbers)
        if len(packed) > 4:
            values, packed = values + packed, struct.pack("<I", behind + len(values))
        entries.append([tag, kind, len(numbers), packed.ljust(4, b"\0")])
    entries[5][3] = struct.pack("<I", behind + len(values))
    directory = b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
    start = b"II*\0" + struct.pack("<IH", 8, len(fields))
    path.write_bytes(start + directory + b"\0\0\0\0" + values + pixels.tobytes())
    return path


@pytest.mark.parametrize(
    ("dtype", "sample_format", "channels"),
    [
        (np.uint8, UNSIGNED, 3),
        (np.uint8, UNSIGNED, 4),
        (np.uint16, UNSIGNED, 3),
        (np.float32, FLOATING, 3),
        (np.float64, FLOATING, 3),
    ],
)
def test_what_is_read(tmp_path: Path, dtype: type[np.generic], sample_format: int, channels: int) -> None:
    pixels = np.arange(WIDTH * HEIGHT * channels).reshape(HEIGHT, WIDTH, channels).astype(dtype)
    path = write_tiff(tmp_path / "a.tif", pixels, sample_format)
    assert image_size(path) == (WIDTH, HEIGHT)
    assert np.array_equal(read_image(path), pixels)
    header = read_tiff_header(io.BytesIO(path.read_bytes()))
    assert header is not None
    assert header.blocks == ((path.stat().st_size - pixels.nbytes, pixels.nbytes),)


@pytest.mark.parametrize(
    ("dtype", "sample_format", "channels", "said"),
    [
        (np.float16, FLOATING, 3, "floats of 16 bits"),
        (np.uint32, UNSIGNED, 1, "integers of 32 bits"),
        (np.uint8, UNSIGNED, 5, "5 channels"),
        (np.float32, FLOATING, 6, "6 channels"),
        (np.uint16, UNSIGNED, 2, "two channels"),
        (np.int16, SIGNED, 3, "signed integers"),
    ],
)
def test_what_is_not_supported_is_known_from_the_header(
    tmp_path: Path, dtype: type[np.generic], sample_format: int, channels: int, said: str
) -> None:
    path = write_tiff(tmp_path / "a.tif", np.zeros((HEIGHT, WIDTH, channels), dtype), sample_format)
    with pytest.raises(ClipUnreadable) as caught:
        image_size(path)
    assert said in caught.value.reason
    assert "not supported" in caught.value.reason


@pytest.mark.parametrize("place", [2**63, 2**64 - 1, 2**40])
def test_an_absurd_place_of_the_directory(tmp_path: Path, place: int) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"II+\0\x08\0\0\0" + struct.pack("<Q", place))
    with pytest.raises(ClipUnreadable):
        image_size(path)
