# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a sequence that are read again soon: decoded once, bounded, and nobody's to write into."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from rotopoint.clip import images, open_clip
from rotopoint.clip.kept import KeptPictures
from rotopoint.errors import ClipChanged
from rotopoint.shot import ClipReference
from rotopoint.shot.frames import SourceFrame


def picture(value: int) -> np.ndarray:
    """Of 12 bytes."""
    return np.full((2, 2, 3), value, np.uint8)


def test_what_was_read_last_is_kept_as_far_as_it_fits() -> None:
    kept, read = KeptPictures(most_bytes=24), []

    def get(number: int) -> int:
        return int(kept.get(number, lambda: (read.append(number), picture(number))[1])[0, 0, 0])

    assert [get(n) for n in (1, 2, 1, 3, 1, 2)] == [1, 2, 1, 3, 1, 2]
    # The third pushed out the second, which was asked for longest ago.
    assert read == [1, 2, 3, 2]


def test_a_picture_that_is_larger_than_the_room_is_read_each_time() -> None:
    kept, read = KeptPictures(most_bytes=11), []
    for _ in range(2):
        kept.get(1, lambda: (read.append(1), picture(1))[1])
    assert read == [1, 1]


def test_what_goes_wrong_is_not_kept() -> None:
    kept = KeptPictures()

    def fails() -> np.ndarray:
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        kept.get(1, fails)
    assert kept.get(1, lambda: picture(1))[0, 0, 0] == 1


def write_png(file: Path, value: int) -> None:
    file.write_bytes(cv2.imencode(".png", np.full((4, 6, 3), value, np.uint8))[1].tobytes())


def test_model_and_matte_decode_a_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png(tmp_path / "a_1.png", 50)
    decoded = []
    read_image = images.read_image
    monkeypatch.setattr(images, "read_image", lambda *a: (decoded.append(a), read_image(*a))[1])
    with open_clip(ClipReference(str(tmp_path))) as clip:
        clip.read(SourceFrame(0))
        clip.read(SourceFrame(0))
        clip.read_light(SourceFrame(0))
    assert len(decoded) == 1


@pytest.mark.parametrize("extension", ["png", "exr"])
def test_each_reader_may_write_into_its_picture(tmp_path: Path, extension: str) -> None:
    file = tmp_path / f"a_1.{extension}"
    if extension == "png":
        write_png(file, 50)
    else:
        channels = {"RGB": np.full((4, 6, 3), 0.25, np.float32)}
        OpenEXR.File({"type": OpenEXR.scanlineimage}, channels).write(str(file))
    with open_clip(ClipReference(str(tmp_path))) as clip:
        for read in (clip.read, clip.read_light, clip.read_values):
            first = read(SourceFrame(0))
            before = first.copy()
            first[:] = 0
            assert np.array_equal(read(SourceFrame(0)), before)


def test_a_file_that_changes_is_told_though_its_picture_is_kept(tmp_path: Path) -> None:
    write_png(tmp_path / "a_1.png", 50)
    with open_clip(ClipReference(str(tmp_path))) as clip:
        clip.read(SourceFrame(0))
        (tmp_path / "a_1.png").write_bytes(b"another")
        with pytest.raises(ClipChanged):
            clip.read(SourceFrame(0))
