# SPDX-License-Identifier: GPL-3.0-or-later
"""One subject's records, each kept under the prompts that it depends on and no others.

A correction therefore leaves what lies outside its influence valid, and undoing it finds the old track.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record, RecordLayout, TrackFile, TrackKey, TrackStore
from rotopoint.tracking.policy import Address


class SubjectRecords:
    """Records by address; positions count a clip's `pictures`.

    `key(address)` names the track that a record belongs to: no two records of one picture have the
    same. Files are opened as they are needed, and with `write` locked until `close`.
    Raises StoreBusy, OutputUnwritable.
    """

    def __init__(
        self,
        store: TrackStore,
        layout: RecordLayout,
        pictures: Sequence[SourceFrame],
        key: Callable[[Address], TrackKey],
        *,
        write: bool,
    ) -> None:
        self._store = store
        self._layout = layout
        self._pictures = pictures
        self._key = key
        self._write = write
        self._files: dict[TrackKey, TrackFile] = {}
        self._keys: dict[Address, TrackKey] = {}

    def _file(self, address: Address) -> TrackFile:
        key = self._keys.get(address)
        if key is None:
            key = self._keys[address] = self._key(address)
        if key not in self._files:
            self._files[key] = self._store.open(key, self._layout, write=self._write)
        return self._files[key]

    def __contains__(self, address: Address) -> bool:
        return self._pictures[address.position] in self._file(address)

    def get(self, address: Address) -> Record | None:
        return self._file(address).get(self._pictures[address.position])

    def append(self, address: Address, record: Record) -> None:
        self._file(address).append(record)

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
