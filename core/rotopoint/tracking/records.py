# SPDX-License-Identifier: GPL-3.0-or-later
"""One subject's records, each kept under the prompts that it depends on and no others.

A correction therefore leaves what lies outside its influence valid, and undoing it finds the old track.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

from rotopoint.frames import SourceFrame
from rotopoint.store import Record, RecordLayout, TrackFile, TrackKey, TrackStore


class SubjectRecords:
    """Records by position among a clip's pictures.

    `key(position)` names the track that a position belongs to. Files are opened as they are needed,
    and with `write` locked until `close`. Raises StoreBusy, OutputUnwritable.
    """

    def __init__(
        self,
        store: TrackStore,
        layout: RecordLayout,
        pictures: Sequence[SourceFrame],
        key: Callable[[int], TrackKey],
        *,
        write: bool,
    ) -> None:
        self._store = store
        self._layout = layout
        self._pictures = pictures
        self._key = key
        self._write = write
        self._files: dict[TrackKey, TrackFile] = {}
        self._position = {frame: n for n, frame in enumerate(pictures)}

    def _file(self, position: int) -> TrackFile:
        key = self._key(position)
        if key not in self._files:
            self._files[key] = self._store.open(key, self._layout, write=self._write)
        return self._files[key]

    def __contains__(self, position: int) -> bool:
        return self._pictures[position] in self._file(position)

    def get(self, position: int) -> Record | None:
        return self._file(position).get(self._pictures[position])

    def append(self, record: Record) -> None:
        self._file(self._position[record.frame]).append(record)

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def __enter__(self) -> SubjectRecords:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
