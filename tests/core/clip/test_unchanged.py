# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip's files are those that were opened, and are known by what they hold."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from rotopoint.clip import open_clip
from rotopoint.clip.clip import LARGE_FILE, SAMPLE_BYTES, FileState, identity_of
from rotopoint.errors import ClipChanged, ClipUnreadable
from rotopoint.messages import explain
from rotopoint.shot import ClipReference
from rotopoint.shot.frames import SourceFrame


def draw(path: Path, value: int) -> None:
    content = cv2.imencode(".png", np.full((8, 12, 3), value, np.uint8))[1].tobytes()
    path.write_bytes(content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Aufnahme ä"
    folder.mkdir()
    for number in range(1, 4):
        draw(folder / f"a_{number:04d}.png", 40 * number)
    return folder


def later(path: Path) -> None:
    """As if the file had been written a second later than it was."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))


def test_a_picture_that_changes_after_the_clip_was_opened_is_named(folder: Path) -> None:
    with open_clip(ClipReference(str(folder))) as clip:
        changed = folder / "a_0002.png"
        draw(changed, 200)
        later(changed)
        assert clip.read(SourceFrame(0))[0, 0, 0] == 40
        with pytest.raises(ClipChanged) as caught:
            clip.read(SourceFrame(1))
        assert explain(caught.value).startswith(f"{changed} has changed since the clip was opened")
        assert clip.read(SourceFrame(2))[0, 0, 0] == 120
    with open_clip(ClipReference(str(folder))) as again:
        assert again.read(SourceFrame(1))[0, 0, 0] == 200 and again.identity != clip.identity


def test_a_file_that_is_gone_has_changed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    state = FileState.of(tmp_path / "a")
    state.check()
    (tmp_path / "a").unlink()
    with pytest.raises(ClipChanged):
        state.check()
    with pytest.raises(ClipUnreadable):
        FileState.of(tmp_path / "a")


SIZES = (1, SAMPLE_BYTES, 3 * SAMPLE_BYTES, 3 * SAMPLE_BYTES + 1, 100_000)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("part", [0.0, 0.5, 1.0], ids=["head", "middle", "tail"])
def test_equal_size_and_time_but_other_content_is_another_clip(
    tmp_path: Path, size: int, part: float
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(bytes(size))
    before = FileState.of(path)
    identity = identity_of([before])
    content = bytearray(size)
    content[round(part * (size - 1))] = 1
    path.write_bytes(content)
    os.utime(path, ns=(before.changed, before.changed))
    assert FileState.of(path) == before
    assert identity_of([before]) != identity


def test_little_is_read_of_a_large_file_and_its_parts_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    with path.open("wb") as file:
        file.truncate(2 * LARGE_FILE)
    state = FileState.of(path)
    assert len(state.sample()) == 16 * SAMPLE_BYTES
    before = identity_of([state])
    with path.open("r+b") as file:
        file.seek((2 * LARGE_FILE - SAMPLE_BYTES) // 15 * 4 + 2)
        file.write(b"1")
    assert identity_of([state]) != before


def test_a_moved_clip_is_the_same(folder: Path) -> None:
    with open_clip(ClipReference(str(folder))) as clip:
        moved = folder.rename(folder.with_name("elsewhere"))
    with open_clip(ClipReference(str(moved))) as again:
        assert again.identity == clip.identity
