# SPDX-License-Identifier: GPL-3.0-or-later
"""An image's size from its header, so that all frames of a sequence are checked before work begins."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from rotopoint.clip.limits import require_file, require_size
from rotopoint.clip.tiff import read_tiff_header
from rotopoint.errors import ClipUnreadable

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".exr"})

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

JPEG_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers SOF0 to SOF15; the three taken out define tables (ITU-T T.81, table B.1)."""

JPEG_WITHOUT_LENGTH = frozenset(range(0xD0, 0xD9)) | {0x01}


def is_image(path: Path) -> bool:
    """Whether a name is that of an image: hidden files, AppleDouble's `._` files among them, are none."""
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels as stored; of EXR, the data window, as Blender takes it.

    An orientation in EXIF is not applied, as Blender does not. Raises ClipNotFound, ClipUnreadable.
    """
    require_file(path)
    try:
        with path.open("rb") as file:
            start = file.read(8)
            if not start:
                raise ClipUnreadable(path, "the file is empty")
            file.seek(0)
            size = _size(path, file, start)
    except OSError as error:
        raise ClipUnreadable(path, error.strerror or str(error)) from error
    except (struct.error, IndexError, OverflowError) as error:
        raise ClipUnreadable(path, "the file ends within its header") from error
    except ValueError as error:
        raise ClipUnreadable(path, "its header leads to where no file reaches") from error
    if size is None:
        raise ClipUnreadable(path, "this is not a JPEG, PNG, TIFF or EXR image")
    if min(size) < 1:
        raise ClipUnreadable(path, "the header gives a size of zero")
    require_size(path, *size)
    return size


def _size(path: Path, file: BinaryIO, start: bytes) -> tuple[int, int] | None:
    if start == PNG_SIGNATURE:
        width, height = struct.unpack(">II", file.read(24)[16:24])
        return width, height
    if start[:2] == b"\xff\xd8":
        return _jpeg_size(file)
    if start[:2] in (b"II", b"MM"):
        return _tiff_size(path, file)
    if start[:4] == b"\x76\x2f\x31\x01":
        return _exr_size(path)
    return None


def _jpeg_size(file: BinaryIO) -> tuple[int, int] | None:
    file.seek(2)
    while True:
        while file.read(1)[0] != 0xFF:
            pass
        marker = 0xFF
        while marker == 0xFF:
            marker = file.read(1)[0]
        if marker in JPEG_WITHOUT_LENGTH:
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if marker in JPEG_FRAME_HEADERS:
            height, width = struct.unpack(">xHH", file.read(5))
            return width, height
        file.seek(length - 2, 1)


def _tiff_size(path: Path, file: BinaryIO) -> tuple[int, int] | None:
    header = read_tiff_header(file)
    if header is None:
        return None
    if header.unsupported:
        raise ClipUnreadable(
            path, f"TIFF of {header.unsupported} is not supported; write 8 or 16 bits, or floats of 32"
        )
    return header.width, header.height


def _exr_size(path: Path) -> tuple[int, int]:
    import OpenEXR

    try:
        with OpenEXR.File(str(path), header_only=True) as file:
            lowest, highest = file.header()["dataWindow"]
    except (RuntimeError, ValueError, KeyError) as error:
        raise ClipUnreadable(path, f"its EXR header cannot be read: {error}") from error
    return int(highest[0] - lowest[0] + 1), int(highest[1] - lowest[1] + 1)
