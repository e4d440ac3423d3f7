# SPDX-License-Identifier: GPL-3.0-or-later
"""Track records on disk: fixed-size records appended to one file a subject and key.

A file is a header of 4096 bytes (JSON, padded with spaces) and then records, each with its own
checksum. A crash at any moment loses at most the record in flight: an incomplete or damaged end is
cut off when the file is next opened for writing, and left out when it is read. Of two records of one
frame the later counts. Opening looks at frame numbers alone; a record is checked each time it is read.
"""

from __future__ import annotations

import errno
import json
import os
import zlib
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from rotopoint.errors import OutputUnwritable, TrackUnreadable
from rotopoint.shot.frames import SourceFrame
from rotopoint.store.records import Record, RecordLayout, TrackKey
from rotopoint.store.region import Region
from rotopoint.whole_files import reason_of

FORMAT = "rotopoint-track-2"
HEADER_BYTES = 4096
HEADER_BEGIN = b'{"format": "rotopoint-track-'
"""Of every version."""

FRAME_BYTES = 4
"""A record begins with its frame."""


class TrackFile:
    """The records of one subject under one key. Reading needs NumPy alone.

    One that belongs to another key, layout or format has no records for a reader, and is begun anew by a
    writer; whoever writes holds the store's lock. A damaged record is as if it were not there, but one
    that was whole before raises TrackUnreadable: what was said of it does not hold any more.
    Raises OutputUnwritable where the disk refuses.
    """

    def __init__(self, path: Path, layout: RecordLayout, key: TrackKey, *, write: bool) -> None:
        self.path = path
        self._dtype = layout.dtype
        self._write = write
        self._offsets: dict[SourceFrame, int] = {}
        self._whole: set[SourceFrame] = set()
        self._file: IO[bytes] | None = None
        try:
            if write:
                self._begin(_header(layout, key))
            elif path.is_file() and self._opened().read(HEADER_BYTES) == _header(layout, key):
                self._index(self._end())
        except OSError as error:
            self.close()
            if write:
                raise OutputUnwritable(path, reason_of(error)) from error
            raise TrackUnreadable(path, reason_of(error)) from error

    def _begin(self, header: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = file = self.path.open("r+b" if self.path.exists() else "w+b", buffering=0)
        if file.read(HEADER_BYTES) != header:
            # New, cut off in its header, of another layout or under another's name: begin anew.
            file.seek(0)
            file.truncate()
            file.write(header)
        end = self._end()
        size = self._dtype.itemsize
        while end > HEADER_BYTES and not _is_whole(self._bytes(end - size, size)):
            end -= size
        file.truncate(end)
        self._index(end)

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._file = self.path.open("r+b" if self._write else "rb", buffering=0)
        return self._file

    def _end(self) -> int:
        """Where the last record ends that has its full size."""
        size = self._dtype.itemsize
        return HEADER_BYTES + max(0, self._opened().seek(0, os.SEEK_END) - HEADER_BYTES) // size * size

    def _index(self, end: int) -> None:
        for offset in range(HEADER_BYTES, end, self._dtype.itemsize):
            frame = int.from_bytes(self._bytes(offset, FRAME_BYTES), "little", signed=True)
            self._offsets[SourceFrame(frame)] = offset

    def _bytes(self, offset: int, count: int) -> bytes:
        file = self._opened()
        file.seek(offset)
        return file.read(count)

    def __enter__(self) -> TrackFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __contains__(self, frame: object) -> bool:
        if not isinstance(frame, int):
            return False
        return frame in self._whole or self._block(SourceFrame(frame)) is not None

    def __len__(self) -> int:
        return len(self.frames())

    def frames(self) -> tuple[SourceFrame, ...]:
        """Those that have a whole record, ascending. Reads what was not read before."""
        return tuple(frame for frame in sorted(self._offsets) if frame in self)

    def get(self, frame: SourceFrame) -> Record | None:
        """The stored record of a frame. Raises TrackUnreadable."""
        block = self._block(frame)
        if block is None:
            return None
        row = np.frombuffer(block, self._dtype, 1)[0]
        return Record(
            frame=frame,
            logits=row["logits"],
            pointer=row["pointer"],
            object_score=float(row["object_score"]),
            predicted_iou=float(row["predicted_iou"]),
            prompted=bool(row["prompted"]),
            region=Region(*map(int, row["region"])),
        )

    def _block(self, frame: SourceFrame) -> bytes | None:
        """A frame's record as it lies on disk, known to be whole; None where there is none."""
        offset = self._offsets.get(frame)
        if offset is None:
            return None
        try:
            block = self._bytes(offset, self._dtype.itemsize)
        except OSError as error:
            raise TrackUnreadable(self.path, reason_of(error)) from error
        number = int.from_bytes(block[:FRAME_BYTES], "little", signed=True)
        if len(block) == self._dtype.itemsize and number == frame and _is_whole(block):
            self._whole.add(frame)
            return block
        if frame in self._whole:
            raise TrackUnreadable(self.path, f"the record of picture {frame} was damaged while it was in use")
        return None

    def append(self, record: Record) -> None:
        """Write a record; it is on its way to the disk when this returns."""
        row = np.zeros(1, self._dtype)
        row["frame"] = record.frame
        row["prompted"] = record.prompted
        row["object_score"] = record.object_score
        row["predicted_iou"] = record.predicted_iou
        row["region"] = record.region
        row["pointer"] = record.pointer
        row["logits"] = record.logits
        row["checksum"] = zlib.crc32(row.tobytes()[:-4])
        try:
            offset = self._append(row.tobytes())
        except OSError as error:
            raise OutputUnwritable(self.path, reason_of(error)) from error
        self._offsets[record.frame] = offset
        self._whole.add(record.frame)

    def _append(self, data: bytes) -> int:
        """Write a record's bytes at the end; returns where they begin."""
        file = self._opened()
        offset = file.seek(0, os.SEEK_END)
        self._check_there()
        if offset < HEADER_BYTES or (offset - HEADER_BYTES) % len(data):
            raise OSError("the stored track was cut off while it was in use")
        try:
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            # Half a record would put all later ones out of step.
            file.truncate(offset)
            raise
        return offset

    def check_there(self) -> None:
        """Where a file may be removed while it is open, what is written would be lost without a word.

        Raises OutputUnwritable.
        """
        try:
            self._check_there()
        except OSError as error:
            raise OutputUnwritable(self.path, reason_of(error)) from error

    def _check_there(self) -> None:
        if not self.path.exists():
            raise OSError("the stored track was removed while it was in use")

    def close(self) -> None:
        """Hold the file open no longer; whatever is asked later opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


def key_of(path: Path) -> TrackKey | None:
    """What a track file says that it belongs to; None where it is none, or says so in another way."""
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(HEADER_BYTES))
        return TrackKey(**said["key"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def is_track_file(path: Path) -> bool:
    """Whether a file was written here, in any version: also one that was cut off in its first bytes."""
    try:
        with path.open("rb") as file:
            begin = file.read(len(HEADER_BEGIN))
    except OSError:
        return False
    return HEADER_BEGIN.startswith(begin)


def _header(layout: RecordLayout, key: TrackKey) -> bytes:
    text = json.dumps({"format": FORMAT, "layout": asdict(layout), "key": asdict(key)}, sort_keys=True)
    if len(text) >= HEADER_BYTES:
        text = json.dumps({"format": FORMAT, "layout": asdict(layout), "key": key.digest}, sort_keys=True)
    return text.encode("ascii").ljust(HEADER_BYTES - 1) + b"\n"


def _is_whole(block: bytes) -> bool:
    return zlib.crc32(block[:-4]) == int.from_bytes(block[-4:], "little")
