# SPDX-License-Identifier: GPL-3.0-or-later
"""One subject's records, each kept under the prompts that it depends on and no others.

A correction therefore leaves what lies outside its influence valid, and undoing it finds the old track.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from rotopoint.errors import OutputUnwritable, RecordUnwritable
from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record, RecordLayout, TrackFile, TrackKey, TrackStore
from rotopoint.tracking.policy import Address

FILES_OPEN = 8
"""Of a subject. A step takes from few passes, and a process may hold few files open (256 on macOS)."""


class SubjectRecords:
    """Records by address; positions count a clip's `pictures`.

    `key(address)` names the track that a record belongs to: no two records of one picture have the
    same. Files are opened as they are needed, and few stay open; with `write` the subject's tracks are
    locked until `close`, and a `with` that ends well says whether they are still there. Raises StoreBusy,
    OutputUnwritable, TrackUnreadable.
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
        self._open: OrderedDict[TrackKey, TrackFile] = OrderedDict()
        self._keys: dict[Address, TrackKey] = {}
        self._lock: Any = None

    def _file(self, address: Address) -> TrackFile:
        key = self._keys.get(address)
        if key is None:
            key = self._keys[address] = self._key(address)
        if key not in self._files:
            if self._write and self._lock is None:
                self._lock = self._store.lock(key)
            self._files[key] = self._store.open(key, self._layout, write=self._write)
        self._open[key] = self._files[key]
        self._open.move_to_end(key)
        if len(self._open) > FILES_OPEN:
            self._open.popitem(last=False)[1].close()
        return self._files[key]

    def __contains__(self, address: Address) -> bool:
        return self._pictures[address.position] in self._file(address)

    def get(self, address: Address) -> Record | None:
        return self._file(address).get(self._pictures[address.position])

    def append(self, address: Address, record: Record) -> None:
        """Raises RecordUnwritable."""
        try:
            self._file(address).append(record)
        except OutputUnwritable as error:
            raise RecordUnwritable(error.path, error.reason, record.frame) from error

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._open.clear()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> SubjectRecords:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._write and error is None:
                for file in self._files.values():
                    file.check_there()
        finally:
            self.close()
