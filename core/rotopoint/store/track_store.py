# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of tracks, to be found by key, shown in size and cleared."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from rotopoint.store.records import RecordLayout, TrackKey
from rotopoint.store.track_file import TrackFile


class TrackStore:
    """A folder of tracks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: TrackKey) -> Path:
        return self.folder / key.clip[:2] / key.clip / f"{key.digest}.track"

    def open(self, key: TrackKey, layout: RecordLayout, *, write: bool) -> TrackFile:
        """Raises StoreBusy, OutputUnwritable."""
        return TrackFile(self.path(key), layout, key, write=write)

    def tracks(self) -> Iterator[Path]:
        return iter(sorted(self.folder.rglob("*.track")))

    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self.tracks())

    def clear(self) -> None:
        """Forget every track."""
        shutil.rmtree(self.folder, ignore_errors=True)
