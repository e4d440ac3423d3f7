# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells whether a video file was cut off, from the lengths that its container writes before its parts.

Decoders read such a file up to where it ends and then hold its last picture, without an error.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

EBML = b"\x1a\x45\xdf\xa3"
MATROSKA_SEGMENT = b"\x18\x53\x80\x67"

MP4_FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp"})

LARGEST_RIFF = 0x7FFFFFFF
"""From here on the length is a placeholder that the writer never came back to fill in."""


def bytes_missing(path: Path) -> int:
    """How many bytes MP4, QuickTime, AVI, Matroska and WebM lack at their end by their own account.

    0 for other containers, and where a length is left open, as in a live recording. Raises OSError.
    """
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        start = file.read(8)
        file.seek(0)
        if start[4:] in MP4_FIRST_BOXES:
            end = _end_of_boxes(file, length)
        elif start[:4] == b"RIFF":
            end = _end_of_riff(file, length)
        elif start[:4] == EBML:
            end = _end_of_segment(file, length)
        else:
            end = 0
    return max(end - length, 0)


def _end_of_boxes(file: BinaryIO, length: int) -> int:
    """Where the last box of an MP4 ends (ISO/IEC 14496-12, 4.2)."""
    position = 0
    while position + 8 <= length:
        file.seek(position)
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))
        if size < 8 or not all(32 <= letter < 127 or letter == 0xA9 for letter in kind):
            # the last box reaches to the end, or what follows is no box
            break
        position += size
    return position


def _end_of_riff(file: BinaryIO, length: int) -> int:
    """Where the last RIFF chunk of an AVI ends; files over a gigabyte have several."""
    position = 0
    while position + 12 <= length:
        file.seek(position)
        kind, size = struct.unpack("<4sI", file.read(8))
        if kind != b"RIFF" or not 0 < size < LARGEST_RIFF:
            break
        position += 8 + size
    return position


def _end_of_segment(file: BinaryIO, length: int) -> int:
    """Where the segment of a Matroska file ends (RFC 8794, RFC 9559)."""
    file.seek(4)
    header = _ebml_size(file)
    if header is None:
        return 0
    if (end_of_header := file.tell() + header) > length:
        return end_of_header
    file.seek(end_of_header)
    if file.read(4) != MATROSKA_SEGMENT:
        return 0
    size = _ebml_size(file)
    return 0 if size is None else file.tell() + size


def _ebml_size(file: BinaryIO) -> int | None:
    """A size of variable width; None where it is unknown."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    width = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(width - 1), "big") & ((1 << 7 * width) - 1)
    return None if value == (1 << 7 * width) - 1 else value
