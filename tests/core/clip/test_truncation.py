# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes that a video lacks by its own account."""

from __future__ import annotations

from pathlib import Path

import pytest

from rotopoint.clip.truncation import bytes_missing
from tests.core.clip.numbered_video import write_video


@pytest.mark.parametrize("extension", ["mp4", "mov", "mkv", "webm", "avi"])
def test_each_byte_that_is_cut_off_is_missed(tmp_path: Path, extension: str) -> None:
    codec = {"webm": "libvpx", "avi": "mpeg4"}.get(extension, "libx264")
    path = write_video(tmp_path / f"a.{extension}", range(4), codec=codec)
    data = path.read_bytes()
    assert bytes_missing(path) == 0
    for cut in (1, 20, 300):
        path.write_bytes(data[:-cut])
        assert bytes_missing(path) >= 1
    path.write_bytes(data + b"\0" * 16)
    assert bytes_missing(path) == 0


def test_exact_counts(tmp_path: Path) -> None:
    path = tmp_path / "a"
    file_type = b"\0\0\0\x0cftypisom"
    for data, missing in [
        (file_type + b"\0\0\0\x64mdat" + b"x" * 90, 2),
        (file_type + b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x64" + b"x" * 80, 4),
        (file_type + b"\0\0\0\0mdat" + b"x" * 9, 0),
        (file_type + b"\0\0\0\x08free" + b"\xff" * 100, 0),
        (b"RIFF\x64\0\0\0AVI " + b"x" * 90, 6),
        (b"RIFF\xff\xff\xff\xffAVI " + b"x" * 90, 0),
        (b"RIFF\x04\0\0\0AVI RIFF\x64\0\0\0AVIX" + b"x" * 90, 6),
        (b"\x1a\x45\xdf\xa3\x82xx\x18\x53\x80\x67\x9a" + b"x" * 20, 6),
        (b"\x1a\x45\xdf\xa3\x82xx\x18\x53\x80\x67\x40\x64" + b"x" * 97, 3),
        (b"\x1a\x45\xdf\xa3\x82xx\x18\x53\x80\x67\xff" + b"x" * 20, 0),
        (b"\x1a\x45\xdf\xa3", 0),
        (b"GIF89a and so on", 0),
        (b"", 0),
    ]:
        path.write_bytes(data)
        assert bytes_missing(path) == missing, data[:20]
