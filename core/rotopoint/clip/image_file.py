# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one still image, with the channels and the depth that the file has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rotopoint.clip.damage import damage_in
from rotopoint.clip.exr import read_exr
from rotopoint.clip.image_header import image_size
from rotopoint.errors import ClipUnreadable

REC709_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of R, G and B in ITU-R BT.709."""


def read_image(path: Path, layer: str = "") -> NDArray[Any]:
    """The pixels of a JPEG, PNG, TIFF or EXR file as stored.

    Returns (H, W) for gray and (H, W, C) with C of 3 (RGB) or 4 (RGB and alpha, neither multiplied nor
    divided by it): uint8, uint16, or float32 (EXR and TIFF of float). PNG of gray and alpha comes as RGBA.
    Of EXR the layer of that name, else the one that Blender shows (see `rotopoint.clip.exr`), else Y, else A.
    Nothing is converted: no color space, no EXIF orientation.
    Raises ClipNotFound, ClipUnreadable (empty, truncated, corrupt, or of another kind).
    """
    width, height = image_size(path)
    pixels = read_exr(path, layer) if path.suffix.lower() == ".exr" else _read_with_opencv(path)
    if pixels.shape[:2] != (height, width):
        raise ClipUnreadable(path, f"its header says {width}x{height}, its pixels differ")
    return pixels


def read_gray(path: Path) -> NDArray[np.float32]:
    """One image as (H, W) float32: 8 and 16 bits become 0..1 by their full range, floats stay as they are.

    RGB becomes luma by BT.709's weights on the stored values (exact where the three are equal); alpha is
    ignored. Of EXR the channel Y; else A where it is the only one. Raises as `read_image` does.
    """
    pixels = read_image(path)
    if pixels.dtype == np.float32:
        scaled: NDArray[np.float32] = pixels
    else:
        scaled = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    if scaled.ndim == 2:
        return scaled
    red, green, blue = scaled[..., 0], scaled[..., 1], scaled[..., 2]
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return np.ascontiguousarray(red)
    luma: NDArray[np.float32] = scaled[..., :3] @ REC709_LUMA
    return luma


def _read_with_opencv(path: Path) -> NDArray[Any]:
    # Not cv2.imread: on Windows it cannot open names outside the code page.
    try:
        stored = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ClipUnreadable(path, error.strerror or str(error)) from error
    try:
        pixels = cv2.imdecode(stored, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ClipUnreadable(path, f"the decoder refuses it: {error.err}") from error
    if pixels is None:
        raise ClipUnreadable(path, "the image is truncated or corrupt")
    if damage := damage_in(stored.tobytes()):
        raise ClipUnreadable(path, damage)
    if pixels.dtype == np.float64:
        pixels = pixels.astype(np.float32)
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise ClipUnreadable(path, f"pixels of the type {pixels.dtype} are not supported")
    if pixels.ndim == 2:
        return pixels
    to_rgb = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
    if pixels.shape[2] not in to_rgb:
        raise ClipUnreadable(path, f"images of {pixels.shape[2]} channels are not supported")
    return cv2.cvtColor(pixels, to_rgb[pixels.shape[2]])
