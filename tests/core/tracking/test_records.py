# SPDX-License-Identifier: GPL-3.0-or-later
"""One subject's records: many tracks, few files open, one lock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from rotopoint.errors import StoreBusy
from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record, RecordLayout, TrackKey, TrackStore
from rotopoint.tracking.policy import Address
from rotopoint.tracking.records import FILES_OPEN, SubjectRecords

KEY = TrackKey("clip", "dog", "prompts", "draft", "default", "auto")
PROMPTED = 60


def records(folder: Path, *, write: bool, subject: str = "dog") -> SubjectRecords:
    """A track for each prompted picture."""

    def key(address: Address) -> TrackKey:
        return replace(KEY, subject=subject, prompts=str(address.start))

    pictures = [SourceFrame(n) for n in range(PROMPTED)]
    return SubjectRecords(TrackStore(folder), RecordLayout(4, 3), pictures, key, write=write)


def record(position: int) -> Record:
    logits = np.full((4, 4), position, np.float16)
    return Record(SourceFrame(position), logits, np.zeros(3, np.float32), 1.0, 0.5, True)


def test_however_many_frames_are_prompted_few_files_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[IO[bytes]] = []
    path_open = Path.open

    def counted(path: Path, *arguments: Any, **options: Any) -> Any:
        file = path_open(path, *arguments, **options)
        opened.append(file)
        assert sum(not other.closed for other in opened) <= FILES_OPEN + 1
        return file

    monkeypatch.setattr(Path, "open", counted)
    with records(tmp_path, write=True) as written:
        for position in range(PROMPTED):
            written.append(Address(position, position), record(position))
        for position in (0, 59, 1, 30):
            assert written.get(Address(position, position)).logits[0, 0] == position  # type: ignore[union-attr]
        assert len(list(tmp_path.rglob("*.lock"))) == 1
    assert len(opened) >= PROMPTED and all(file.closed for file in opened)
    with records(tmp_path, write=False) as read:
        assert all(Address(position, position) in read for position in range(PROMPTED))
    assert len(list(TrackStore(tmp_path).tracks())) == PROMPTED


def test_who_writes_a_subject_writes_it_alone_and_who_reads_is_not_kept_from_it(tmp_path: Path) -> None:
    with records(tmp_path, write=True) as written:
        written.append(Address(1, 1), record(1))
        with records(tmp_path, write=True) as other, pytest.raises(StoreBusy):
            other.append(Address(2, 2), record(2))
        with records(tmp_path, write=True, subject="cat") as cat:
            cat.append(Address(1, 1), record(1))
        with records(tmp_path, write=False) as read:
            assert Address(1, 1) in read and Address(2, 2) not in read
    with records(tmp_path, write=True) as following:
        following.append(Address(2, 2), record(2))
