# SPDX-License-Identifier: GPL-3.0-or-later
"""Absurd paths, headers and counts are answered at once, in one line."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from rotopoint.clip import open_clip
from rotopoint.clip.cube import load_cube
from rotopoint.clip.image_file import read_gray
from rotopoint.clip.limits import MOST_FRAMES
from rotopoint.clip.video_file import open_video
from rotopoint.errors import ClipNotFound, ClipUnreadable, InputTransformUnknown
from rotopoint.messages import explain
from rotopoint.shot import ClipReference
from tests.core.clip.numbered_video import HEIGHT, WIDTH, number_in, write_video


def png(path: Path) -> Path:
    path.write_bytes(cv2.imencode(".png", np.zeros((4, 6), np.uint8))[1].tobytes())
    return path


@pytest.mark.parametrize("name", ["a\0b.mp4", "a\0b.png", "\ud800.mp4", "\ud800.png", f"{'a' * 5000}.png"])
def test_paths_that_no_file_has(tmp_path: Path, name: str) -> None:
    with pytest.raises((ClipUnreadable, ClipNotFound)) as caught:
        open_clip(ClipReference(str(tmp_path / name)))
    assert "\n" not in explain(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes in folders")
@pytest.mark.parametrize("name", ["a.mp4", "a.png", "a_0001.exr"])
def test_a_pipe_is_no_clip_no_mask_and_no_table(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(ClipUnreadable) as caught:
        open_clip(ClipReference(str(tmp_path / name)))
    assert "no regular file" in caught.value.reason
    with pytest.raises(ClipUnreadable):
        read_gray(tmp_path / name)
    with pytest.raises(InputTransformUnknown):
        load_cube(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mp4", "a_1.png"])
def test_more_frames_than_any_clip_has(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, range(3)) if name.endswith("mp4") else png(tmp_path / name)
    for count in (MOST_FRAMES + 1, 10**9, 10**400):
        with pytest.raises(ClipUnreadable) as caught:
            open_clip(ClipReference(str(path), frame_count=count))
        assert str(MOST_FRAMES) in caught.value.reason


def test_pictures_larger_than_any(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png")
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 65535, 65535)
    path.write_bytes(data)
    with pytest.raises(ClipUnreadable) as caught:
        open_clip(ClipReference(str(path)))
    assert "65535x65535" in caught.value.reason


def say_it_is_enormous(path: Path) -> Path:
    data = path.read_bytes()
    # PixelWidth, PixelHeight, DisplayUnit; the last gives its place, what is left of it is void
    told = bytes.fromhex(f"b081{WIDTH:02x}ba81{HEIGHT:02x}54b28104")
    assert data.count(told) == 1
    path.write_bytes(data.replace(told, bytes.fromhex("b082ffffba82ffffec80")))
    return path


def test_a_matroska_that_says_it_is_65535_wide_and_high(tmp_path: Path) -> None:
    raw = say_it_is_enormous(write_video(tmp_path / "a.mkv", range(3), codec="rawvideo"))
    with pytest.raises(ClipUnreadable) as caught:
        open_clip(ClipReference(str(raw)))
    # FFmpeg has a limit of its own.
    assert caught.value.reason == "no picture can be decoded"
    # H.264 says its size itself.
    coded = say_it_is_enormous(write_video(tmp_path / "b.mkv", range(3)))
    with open_clip(ClipReference(str(coded))) as clip:
        assert clip.size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("size", ["01fffffffffffffe", "017ffffffffffffe"])
def test_a_matroska_header_without_end(tmp_path: Path, size: str) -> None:
    path = write_video(tmp_path / "a.mkv", range(3))
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes.fromhex(size) + data[5:])
    with pytest.raises(ClipUnreadable) as caught:
        open_video(path)
    assert "truncated" in caught.value.reason


@pytest.mark.parametrize(("extension", "codec"), [("webm", "libvpx"), ("mkv", "libx264")])
def test_a_recording_without_a_duration_has_the_frames_of_its_pictures(
    tmp_path: Path, extension: str, codec: str
) -> None:
    path = write_video(
        tmp_path / f"a.{extension}",
        [0, 1, 2, 5, 6, 7],
        codec=codec,
        container_options={"live": "1"},
    )
    with open_clip(ClipReference(str(path))) as clip:
        shown = [number_in(clip.read(source)) for source in clip.frame_map.sources if source is not None]
    assert shown == [0, 1, 2, 2, 2, 3, 4, 5]
