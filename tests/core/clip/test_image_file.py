# SPDX-License-Identifier: GPL-3.0-or-later
"""Stills come back exactly as stored, with the size that their header says, or with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import pytest
from numpy.typing import NDArray

from rotopoint.clip.image_file import read_gray, read_image
from rotopoint.clip.image_header import image_size, is_image
from rotopoint.errors import ClipNotFound, ClipUnreadable
from rotopoint.messages import explain

RGBA8 = np.array([[[250, 1, 2, 0], [3, 4, 5, 6], [7, 8, 9, 255]]], np.uint8)


def save(path: Path, pixels: NDArray[Any], *options: int) -> Path:
    """RGB or RGBA or gray, written by OpenCV, which takes BGR."""
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}
    swapped = pixels if pixels.ndim == 2 else pixels[..., order[pixels.shape[2]]]
    path.write_bytes(cv2.imencode(path.suffix, swapped, options)[1].tobytes())
    return path


def save_exr(path: Path, channels: dict[str, NDArray[Any]], **header: Any) -> Path:
    kind = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(kind | header, channels).write(str(path))
    return path


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_integers_come_back_as_stored(
    tmp_path: Path, extension: str, dtype: type[np.generic], channels: int
) -> None:
    stored = (RGBA8[..., :channels].astype(dtype) * (257 if dtype is np.uint16 else 1)).squeeze()
    stored = stored.reshape((1, 3) if channels == 1 else (1, 3, channels))
    path = save(tmp_path / f"é 影{extension}", stored)
    read = read_image(path)
    assert read.dtype == dtype
    assert np.array_equal(read, stored)
    assert image_size(path) == (3, 1)


def test_float_tiff_comes_back_as_stored(tmp_path: Path) -> None:
    stored = np.array([[[0.5, -1.0, 70000.0]]], np.float32)
    uncompressed = (cv2.IMWRITE_TIFF_COMPRESSION, 1)
    assert np.array_equal(read_image(save(tmp_path / "a.tiff", stored, *uncompressed)), stored)


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)], ids=["baseline", "progressive"])
def test_jpeg_comes_back_in_rgb_and_unturned(tmp_path: Path, options: tuple[int, ...]) -> None:
    red = np.zeros((16, 40, 3), np.uint8)
    red[..., 0] = 254
    path = save(tmp_path / "a.jpeg", red, *options)
    # an EXIF block that says "turn by 90 degrees", which Blender does not do
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    read = read_image(path)
    assert read.shape == (16, 40, 3)
    assert image_size(path) == (40, 16)
    assert np.array_equal(read, red)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("layer", ["", "ViewLayer.Combined."])
def test_exr_channels_are_ordered(tmp_path: Path, dtype: type[np.generic], layer: str) -> None:
    planes = {c: np.full((2, 3), v, dtype) for c, v in zip("ABGR", (0.25, 3, 2, 1), strict=True)}
    path = save_exr(
        tmp_path / "é 影.exr",
        {layer + c: p for c, p in planes.items()} | {"zDepth.Z": np.ones((2, 3), np.float32)},
    )
    read = read_image(path)
    assert read.dtype == np.float32
    assert np.array_equal(read[0, 0], [1, 2, 3, 0.25])
    assert image_size(path) == (3, 2)


def test_exr_is_its_data_window_as_in_blender(tmp_path: Path) -> None:
    corner = np.array([2, 3], np.int32)
    window = (corner, corner + np.array([3, 1], np.int32))
    display = (np.zeros(2, np.int32), np.array([9, 9], np.int32))
    path = save_exr(
        tmp_path / "a.exr", {"RGB": np.ones((2, 4, 3), np.float16)}, dataWindow=window, displayWindow=display
    )
    assert image_size(path) == (4, 2)
    assert read_image(path).shape == (2, 4, 3)


def test_gray_by_full_range(tmp_path: Path) -> None:
    eight = save(tmp_path / "a.png", np.array([[0, 51, 255]], np.uint8))
    sixteen = save(tmp_path / "b.png", np.array([[0, 13107, 65535]], np.uint16))
    colored = save(tmp_path / "c.png", np.repeat(np.array([[[0], [51], [255]]], np.uint8), 3, axis=-1))
    for path in (eight, sixteen, colored):
        assert np.array_equal(read_gray(path), np.array([[0, 0.2, 1]], np.float32))
        assert read_gray(path).dtype == np.float32


def test_gray_of_colors_is_luma(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8))
    assert read_gray(path) == pytest.approx(np.array([[0.2126, 0.7152, 0.0722]]))


@pytest.mark.parametrize("channel", ["Y", "A", "R", "matte.subject"])
def test_gray_exr_as_is(tmp_path: Path, channel: str) -> None:
    values = np.array([[0, 0.5, 2]], np.float16)
    assert np.array_equal(
        read_gray(save_exr(tmp_path / "a.exr", {channel: values})), values.astype(np.float32)
    )


def test_big_endian_and_big_tiff_headers(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    entries = b"\0\x02" + b"\x01\0\0\x03\0\0\0\x01\0\x05\0\0" + b"\x01\x01\0\x04\0\0\0\x01\0\0\0\x07"
    path.write_bytes(b"MM\0*\0\0\0\x08" + entries)
    assert image_size(path) == (5, 7)
    count = (2).to_bytes(8, "little")
    entry = b"%b\x10\0\x01\0\0\0\0\0\0\0%b"
    wide = entry % (b"\0\x01", (300).to_bytes(8, "little"))
    high = entry % (b"\x01\x01", (200).to_bytes(8, "little"))
    path.write_bytes(b"II+\0\x08\0\0\0" + (16).to_bytes(8, "little") + count + wide + high)
    assert image_size(path) == (300, 200)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".tif", ".exr"])
@pytest.mark.parametrize("kept", [0, 1, 9, 0.5, 0.95])
def test_truncated_images_are_refused(tmp_path: Path, extension: str, kept: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    path = tmp_path / f"a{extension}"
    if extension == ".exr":
        save_exr(path, {"RGB": pixels.astype(np.float16)})
    else:
        save(path, pixels)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept) if isinstance(kept, float) else kept])
    with pytest.raises(ClipUnreadable) as caught:
        read_image(path)
    assert caught.value.path == path
    assert str(path) in explain(caught.value)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".tif", ".exr"])
def test_what_is_no_image_is_refused(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a{extension}"
    with pytest.raises(ClipNotFound):
        image_size(path)
    path.write_bytes(b"GIF89a, or so it says" * 9)
    with pytest.raises(ClipUnreadable) as caught:
        image_size(path)
    assert "not a JPEG, PNG, TIFF or EXR" in caught.value.reason


def test_a_damaged_png_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ClipUnreadable):
        read_image(path)


def test_exr_without_a_picture_is_refused(tmp_path: Path) -> None:
    path = save_exr(tmp_path / "a.exr", {c: np.ones((2, 2), np.float32) for c in ("N.X", "N.Y", "N.Z")})
    with pytest.raises(ClipUnreadable) as caught:
        read_image(path)
    assert "N.X" in caught.value.reason


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.JPG", True),
        ("a.b.exr", True),
        ("a.tiff", True),
        ("._a.jpg", False),
        ("a.txt", False),
        ("jpg", False),
    ],
)
def test_which_names_are_images(name: str, expected: bool) -> None:
    assert is_image(Path(name)) is expected
