# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a track whose records are damaged, cut off or removed: the same, or an error."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rotopoint.errors import OutputUnwritable, RotopointError, TrackUnreadable
from rotopoint.store import RecordLayout, TrackStore
from rotopoint.store.track_file import HEADER_BYTES
from tests.core.tracking.fake_runtime import SHAPE
from tests.core.tracking.tracked_subjects import Run, content

RECORD_BYTES = RecordLayout(SHAPE.logit_size, SHAPE.pointer_size).dtype.itemsize


def tracks(folder: Path) -> list[Path]:
    return sorted(TrackStore(folder).tracks())


def flip(path: Path, number: int) -> None:
    """A bit of a record's logits, by its place in the file."""
    with path.open("r+b") as file:
        file.seek(HEADER_BYTES + number * RECORD_BYTES + RECORD_BYTES // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("number", [0, 1, 3, -1])
def test_damaged_records_are_made_again_with_the_same_bytes(tmp_path: Path, number: int) -> None:
    prompts = {"dog": {3: 1.0, 9: 2.0}}
    undisturbed = Run(tmp_path, prompts).result()
    for path in tracks(tmp_path):
        flip(path, number if number >= 0 else 0)
        if number < 0:
            os.truncate(path, path.stat().st_size - 5)
    again = Run(tmp_path, prompts)
    assert again.result() == undisturbed and again.runtime.encoded


@pytest.mark.parametrize("follows", [4, 9, 15])
def test_what_happens_to_the_store_in_mid_run_gives_no_other_result(tmp_path: Path, follows: int) -> None:
    """Records that were there are read again, and told where they are not what they were."""
    prompts = {"dog": {3: 1.0, 9: 2.0, 15: 3.0}}
    undisturbed = Run(tmp_path / "whole", prompts).result()

    def frames_until_the_end(name: str, harm: Callable[[Path], None]) -> RotopointError | None:
        Run(tmp_path / name, prompts).result(0, 12)
        run = Run(tmp_path / name, prompts)
        frames = run.frames()
        try:
            for number, tracked in enumerate(frames):
                assert content(tracked.record) == undisturbed["dog", tracked.position]
                if number == follows:
                    harm(tmp_path / name)
        except RotopointError as error:
            return error
        return None

    def damage(folder: Path) -> None:
        for path in tracks(folder):
            for record in range((path.stat().st_size - HEADER_BYTES) // RECORD_BYTES):
                flip(path, record)

    def cut(folder: Path) -> None:
        for path in tracks(folder):
            os.truncate(path, path.stat().st_size - 7)

    def remove(folder: Path) -> None:
        for path in tracks(folder):
            path.unlink()

    for name, harm in (("damaged", damage), ("cut", cut)):
        assert isinstance(frames_until_the_end(name, harm), (TrackUnreadable, OutputUnwritable))
    if os.name != "nt":
        assert isinstance(frames_until_the_end("removed", remove), (TrackUnreadable, OutputUnwritable))
    assert Run(tmp_path / "damaged", prompts).result() == undisturbed
