# SPDX-License-Identifier: GPL-3.0-or-later
"""Track records on disk: fixed-size records appended to one file a subject and key.

A file is a header of 4096 bytes (JSON, padded with spaces) and then records, each with its own
checksum. A crash at any moment loses at most the record in flight: an incomplete or damaged end is
cut off when the file is next opened for writing, and left out when it is read. Of two records of one
frame the later counts.
"""

from __future__ import annotations

import errno
import json
import os
import zlib
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from rotopoint.errors import OutputUnwritable, PackageMissing, StoreBusy
from rotopoint.shot.frames import SourceFrame
from rotopoint.store.records import Record, RecordLayout, TrackKey
from rotopoint.store.region import Region

FORMAT = "rotopoint-track-2"
HEADER_BYTES = 4096


class TrackFile:
    """The records of one subject under one key. Reading needs NumPy alone.

    Opened for writing it holds a lock (StoreBusy where another process has it) that is given back on
    `close` and when the process ends. Raises OutputUnwritable where the disk refuses.
    """

    def __init__(self, path: Path, layout: RecordLayout, key: TrackKey, *, write: bool) -> None:
        self.path = path
        self._dtype = layout.dtype
        self._offsets: dict[SourceFrame, int] = {}
        self._file: IO[bytes] | None = None
        self._lock: Any = None
        try:
            if write:
                self._open_for_writing(layout, key)
            elif path.is_file():
                self._file = path.open("rb", buffering=0)
                self._index()
        except OSError as error:
            self.close()
            raise OutputUnwritable(path, error.strerror or str(error)) from error

    def _open_for_writing(self, layout: RecordLayout, key: TrackKey) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.path)
        self._file = self.path.open("r+b" if self.path.exists() else "w+b", buffering=0)
        header = _header(layout, key)
        if self._file.read(HEADER_BYTES) != header:
            # New, cut off in its header, or of another layout: begin anew.
            self._file.seek(0)
            self._file.truncate()
            self._file.write(header)
        end = self._index()
        self._file.truncate(end)

    def _index(self) -> int:
        """Find the whole records; returns where they end."""
        assert self._file is not None
        size = self._dtype.itemsize
        end = HEADER_BYTES
        self._file.seek(end)
        while len(block := self._file.read(size)) == size and _is_whole(block):
            frame = int(np.frombuffer(block, self._dtype, 1)["frame"][0])
            self._offsets[SourceFrame(frame)] = end
            end += size
        return end

    def __enter__(self) -> TrackFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __contains__(self, frame: object) -> bool:
        return frame in self._offsets

    def __len__(self) -> int:
        return len(self._offsets)

    def frames(self) -> tuple[SourceFrame, ...]:
        """Ascending."""
        return tuple(sorted(self._offsets))

    def get(self, frame: SourceFrame) -> Record | None:
        """The stored record of a frame."""
        offset = self._offsets.get(frame)
        if offset is None or self._file is None:
            return None
        self._file.seek(offset)
        row = np.frombuffer(self._file.read(self._dtype.itemsize), self._dtype, 1)[0]
        return Record(
            frame=frame,
            logits=row["logits"],
            pointer=row["pointer"],
            object_score=float(row["object_score"]),
            predicted_iou=float(row["predicted_iou"]),
            prompted=bool(row["prompted"]),
            region=Region(*map(int, row["region"])),
        )

    def append(self, record: Record) -> None:
        """Write a record; it is on its way to the disk when this returns."""
        assert self._file is not None
        row = np.zeros(1, self._dtype)
        row["frame"] = record.frame
        row["prompted"] = record.prompted
        row["object_score"] = record.object_score
        row["predicted_iou"] = record.predicted_iou
        row["region"] = record.region
        row["pointer"] = record.pointer
        row["logits"] = record.logits
        row["checksum"] = zlib.crc32(row.tobytes()[:-4])
        data = row.tobytes()
        offset = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            # Half a record would put all later ones out of step.
            self._file.truncate(offset)
            raise OutputUnwritable(self.path, error.strerror or str(error)) from error
        self._offsets[record.frame] = offset

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _header(layout: RecordLayout, key: TrackKey) -> bytes:
    text = json.dumps({"format": FORMAT, "layout": asdict(layout), "key": asdict(key)}, sort_keys=True)
    return text.encode("ascii").ljust(HEADER_BYTES - 1) + b"\n"


def _is_whole(block: bytes) -> bool:
    return zlib.crc32(block[:-4]) == int.from_bytes(block[-4:], "little")


def _lock(path: Path) -> Any:
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise PackageMissing("filelock", "media") from error
    lock = FileLock(path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StoreBusy(path) from error
    return lock
