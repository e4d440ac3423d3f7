# SPDX-License-Identifier: GPL-3.0-or-later
"""Image sequences as clips: pictures, numbers, failures, identity."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from rotopoint.clip import open_clip
from rotopoint.errors import (
    ClipNotFound,
    ClipUnreadable,
    FrameNumberNegative,
    FrameOutsideClip,
    FrameSizeDiffers,
    FramesMissing,
)
from rotopoint.messages import explain
from rotopoint.shot import ClipReference, Missing
from rotopoint.shot.frames import ClipFrame, SourceFrame

SECOND = SourceFrame(1)


def write_sequence(
    folder: Path, *numbers: int, extension: str = ".png", size: tuple[int, int] = (6, 4)
) -> Path:
    """Each picture is of its number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        pixels = np.full((size[1], size[0], 3), number, np.uint8)
        data = cv2.imencode(extension, pixels)[1]
        (folder / f"shot_{number:04d}{extension}").write_bytes(data.tobytes())
    return folder


def test_a_folder_of_images(tmp_path: Path) -> None:
    folder = write_sequence(tmp_path / "кадры 影", 101, 102, 103)
    with open_clip(ClipReference(str(folder))) as clip:
        assert (clip.name, clip.size, clip.picture_count, clip.frame_rate) == ("shot", (6, 4), 3, None)
        assert clip.path == folder / "shot_0101.png"
        assert clip.frame_map.sources == (0, 1, 2)
        assert clip.file_number(ClipFrame(2)) == 102
        picture = clip.read(SECOND)
        assert picture.flags.c_contiguous
        assert np.array_equal(picture, np.full((4, 6, 3), 102, np.uint8))
        with pytest.raises(FrameOutsideClip):
            clip.file_number(ClipFrame(4))
        for outside in (-1, 3):
            with pytest.raises(IndexError):
                clip.read(SourceFrame(outside))


def test_gaps(tmp_path: Path) -> None:
    folder = write_sequence(tmp_path, 1, 2, 5)
    with pytest.raises(FramesMissing) as caught:
        open_clip(ClipReference(str(folder)))
    assert "3, 4" in explain(caught.value)
    held = open_clip(ClipReference(str(folder), missing=Missing.HOLD))
    assert held.frame_map.sources == (0, 1, 1, 1, 2)
    assert held.file_number(ClipFrame(5)) == 5
    black = open_clip(ClipReference(str(folder), missing=Missing.BLACK))
    assert black.frame_map.sources == (0, 1, None, None, 2)
    assert black.picture_count == held.picture_count == 3


def test_negative_numbers_are_refused(tmp_path: Path) -> None:
    for number in ("-002", "-001", "000"):
        (tmp_path / f"shot_{number}.png").write_bytes(cv2.imencode(".png", np.zeros((4, 6)))[1].tobytes())
    with pytest.raises(FrameNumberNegative) as caught:
        open_clip(ClipReference(str(tmp_path / "shot_-002.png")))
    assert "shot_-002.png" in explain(caught.value)


def test_the_number_is_where_names_differ_unless_blender_counted(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        data = cv2.imencode(".png", np.full((4, 6, 3), number, np.uint8))[1].tobytes()
        (tmp_path / f"sh_{number:04d}_v02.png").write_bytes(data)
    first = str(tmp_path / "sh_0001_v02.png")
    with open_clip(ClipReference(first)) as clip:
        assert [clip.read(SourceFrame(n))[0, 0, 0] for n in range(clip.picture_count)] == [1, 2, 3]
        assert clip.file_number(ClipFrame(3)) == 3
    with open_clip(ClipReference(first, frame_count=1)) as clip:
        assert clip.picture_count == 1


def test_what_blender_said_is_followed(tmp_path: Path) -> None:
    folder = write_sequence(tmp_path, 1, 2, 5)
    clip = open_clip(ClipReference(str(folder), frame_count=2, size=(6, 4)))
    assert clip.frame_map.sources == (0, 1)
    with pytest.raises(ClipUnreadable) as caught:
        open_clip(ClipReference(str(folder), frame_count=2, size=(12, 8)))
    assert "12x8" in caught.value.reason
    with pytest.raises(ClipUnreadable):
        open_clip(ClipReference(str(folder), frame_count=0))


def test_half_float_exr_is_shown_by_default_and_gray_is_spread(tmp_path: Path) -> None:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    light = np.array([[0, 0.18, 40]], np.float16)
    OpenEXR.File(header, {"Y": light}).write(str(tmp_path / "a_0001.exr"))
    with open_clip(ClipReference(str(tmp_path / "a_0001.exr"))) as clip:
        assert clip.read(SourceFrame(0)).tolist() == [[[0] * 3, [118] * 3, [255] * 3]]
    with open_clip(ClipReference(str(tmp_path)), "srgb") as clip:
        assert clip.read(SourceFrame(0)).tolist() == [[[0] * 3, [46] * 3, [255] * 3]]


def test_another_size_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    write_sequence(tmp_path, 1, 2)
    write_sequence(tmp_path, 3, size=(8, 4))
    with pytest.raises(FrameSizeDiffers) as caught:
        open_clip(ClipReference(str(tmp_path)))
    assert (caught.value.path.name, caught.value.size) == ("shot_0003.png", (8, 4))


@pytest.mark.parametrize("extension", [".jpg", ".png"])
def test_a_corrupt_file_is_named_when_it_is_read(tmp_path: Path, extension: str) -> None:
    write_sequence(tmp_path, 1, 2, 3, extension=extension, size=(64, 64))
    damaged = tmp_path / f"shot_0002{extension}"
    data = damaged.read_bytes()
    damaged.write_bytes(data[: len(data) * 3 // 4])
    clip = open_clip(ClipReference(str(tmp_path)))
    clip.read(SourceFrame(0))
    with pytest.raises(ClipUnreadable) as caught:
        clip.read(SECOND)
    assert caught.value.path == damaged
    clip.read(SourceFrame(2))


def test_an_empty_file_is_refused_at_once(tmp_path: Path) -> None:
    write_sequence(tmp_path, 1, 2)
    (tmp_path / "shot_0003.png").touch()
    with pytest.raises(ClipUnreadable) as caught:
        open_clip(ClipReference(str(tmp_path)))
    assert caught.value.path.name == "shot_0003.png"


def test_a_file_that_vanished(tmp_path: Path) -> None:
    clip = open_clip(ClipReference(str(write_sequence(tmp_path, 1, 2))))
    (tmp_path / "shot_0002.png").unlink()
    with pytest.raises(ClipNotFound):
        clip.read(SECOND)


def test_identity_follows_the_pixels_and_not_the_folder(tmp_path: Path) -> None:
    folder = write_sequence(tmp_path / "here", 1, 2, 3)

    def identity(path: Path, transform: str = "auto") -> str:
        return open_clip(ClipReference(str(path)), transform).identity

    first = identity(folder)
    assert identity(folder / "shot_0001.png") == first
    assert identity(Path(shutil.copytree(folder, tmp_path / "there"))) == first
    assert identity(folder, "linear") != first
    assert identity(folder / "shot_0002.png") != first
    status = (folder / "shot_0002.png").stat()
    os.utime(folder / "shot_0002.png", ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000_000))
    assert identity(folder) != first


def test_real_footage(footage: Path) -> None:
    with open_clip(ClipReference(str(footage / "davis" / "JPEGImages" / "dog"))) as clip:
        assert (clip.name, clip.size, len(clip.frame_map)) == ("dog", (854, 480), 60)
        assert clip.file_number(ClipFrame(1)) == 0
        assert clip.read(SourceFrame(59)).shape == (480, 854, 3)


def test_light_is_read_from_the_files_themselves(tmp_path: Path) -> None:
    values = np.array([[[0.25, 1.0, 12.0]]], np.float32)
    channels = {name: values[..., n] for n, name in enumerate("RGB")}
    for number in (1, 2):
        OpenEXR.File({}, channels).write(str(tmp_path / f"a.{number:04d}.exr"))
    with open_clip(ClipReference(str(tmp_path))) as clip:
        assert np.array_equal(clip.read_light(SECOND), values)


@pytest.mark.parametrize("said", [1.0, 2.0])
def test_exr_says_how_wide_pixels_are(tmp_path: Path, said: float) -> None:
    channels = {name: np.zeros((2, 2), np.float32) for name in "RGB"}
    OpenEXR.File({"pixelAspectRatio": said}, channels).write(str(tmp_path / "a.0001.exr"))
    with open_clip(ClipReference(str(tmp_path))) as clip:
        assert clip.pixel_aspect == said
