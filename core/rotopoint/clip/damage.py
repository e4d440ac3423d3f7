# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells damage within an image that the decoder passes over: it gives garbage from there on.

A JPEG has no checksum; what is found is data that no encoder writes. A TIFF has one where it is
compressed by Deflate; in an uncompressed one nothing can be found.
"""

from __future__ import annotations

import io
import zlib

import av

from rotopoint.clip.tiff import DEFLATE, read_tiff_header


def damage_in(stored: bytes) -> str | None:
    """What is wrong with the bytes of an image that was decoded, in words; None where nothing is found."""
    if stored[:2] == b"\xff\xd8":
        return "the JPEG is damaged within its picture" if _jpeg_is_damaged(stored) else None
    if stored[:2] in (b"II", b"MM"):
        return "the TIFF is damaged within its picture" if _tiff_is_damaged(stored) else None
    return None


def _jpeg_is_damaged(stored: bytes) -> bool:
    """Whether FFmpeg reads it, but not where told to be strict: what it cannot read at all says nothing."""
    return not _jpeg_is_read(stored, "explode") and _jpeg_is_read(stored, "ignore_err")


def _jpeg_is_read(stored: bytes, errors: str) -> bool:
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.options = {"err_detect": errors}
    decoder.thread_count = 1
    try:
        return bool(decoder.decode(av.Packet(stored)))
    except av.FFmpegError:
        return False


def _tiff_is_damaged(stored: bytes) -> bool:
    header = read_tiff_header(io.BytesIO(stored))
    if header is None or header.compression not in DEFLATE:
        return False
    for offset, length in header.blocks:
        try:
            zlib.decompress(stored[offset : offset + length])
        except zlib.error:
            return True
    return False
