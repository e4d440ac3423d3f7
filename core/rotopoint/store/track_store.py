# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of tracks, to be found by key, shown in size and cleared."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotopoint.errors import NoStore, OutputUnwritable, PackageMissing, StoreBusy
from rotopoint.store.records import RecordLayout, TrackKey
from rotopoint.store.track_file import TrackFile, is_track_file, key_of
from rotopoint.whole_files import reason_of

DIGEST = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Cleared:
    """What was removed, `size` in bytes, and what could not be, each file or folder with the reason."""

    tracks: int
    size: int
    left: tuple[tuple[Path, str], ...]


class TrackStore:
    """A folder of tracks. What else lies in it is nobody's business here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: TrackKey) -> Path:
        return self._clip_folder(key) / f"{key.digest}.track"

    def open(self, key: TrackKey, layout: RecordLayout, *, write: bool) -> TrackFile:
        """Whoever writes holds `lock`. Raises OutputUnwritable, TrackUnreadable."""
        return TrackFile(self.path(key), layout, key, write=write)

    def lock(self, key: TrackKey) -> Any:
        """A held lock on all tracks that differ from a key in their prompts alone, with `release`.

        It is given back when the process ends, however that ends. Raises StoreBusy where another process
        has it, OutputUnwritable, PackageMissing.
        """
        folder = self._clip_folder(key)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return _locked(folder / f"{key.owner}.lock")
        except OSError as error:
            raise OutputUnwritable(folder, reason_of(error)) from error

    def _clip_folder(self, key: TrackKey) -> Path:
        return self.folder / key.clip[:2] / key.clip

    def tracks(self) -> Iterator[Path]:
        return (path for path in self._named("track") if is_track_file(path))

    def _named(self, extension: str) -> Iterator[Path]:
        """Files that lie and are called as ours do, whatever they hold."""
        for path in sorted(self.folder.glob(f"??/*/*.{extension}")):
            clip = path.parent
            if DIGEST.fullmatch(path.stem) and clip.name[:2] == clip.parent.name and path.is_file():
                yield path

    def size(self) -> int:
        """Bytes on disk."""
        return sum(_size(path) for path in self.tracks())

    def clear(self) -> Cleared:
        """Remove all tracks but those that a process is writing, their locks, and folders left empty.

        Nothing else in the folder is touched. Raises NoStore where it holds other things alone.
        """
        tracks, locks = list(self.tracks()), list(self._named("lock"))
        if not tracks and not locks:
            _check_empty(self.folder)
        left: list[tuple[Path, str]] = []
        removed = size = 0
        for path in tracks:
            bytes_here = _size(path)
            if fault := _remove_track(path):
                left.append((path, fault))
            else:
                removed, size = removed + 1, size + bytes_here
        for path in {*locks, *self._named("lock")}:
            _remove_lock(path)
        clips = {path.parent for path in (*tracks, *locks)}
        for folder in (*clips, *{clip.parent for clip in clips}):
            try:
                if not any(folder.iterdir()):
                    folder.rmdir()
            except OSError as error:
                left.append((folder, reason_of(error)))
        return Cleared(removed, size, tuple(left))


def _remove_track(path: Path) -> str | None:
    """Remove a track that nobody is writing; returns why it could not be."""
    key = key_of(path)
    try:
        lock = None if key is None else _locked(path.with_name(f"{key.owner}.lock"))
        try:
            path.unlink(missing_ok=True)
        finally:
            if lock is not None:
                lock.release()
    except StoreBusy:
        return "another process is writing it"
    except OSError as error:
        return reason_of(error)
    return None


def _remove_lock(path: Path) -> None:
    """One that is in use, or cannot be removed, does no harm."""
    with suppress(StoreBusy, OSError):
        lock = _locked(path)
        if os.name == "nt":
            lock.release()
            path.unlink(missing_ok=True)
        else:
            # While it is held, so that nobody takes a lock on a file that is no longer there.
            path.unlink(missing_ok=True)
            lock.release()


def _locked(path: Path) -> Any:
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise PackageMissing("filelock", "media") from error
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StoreBusy(path) from error
    return lock


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _check_empty(folder: Path) -> None:
    """Raises NoStore where there is a folder and it holds something, or it is none."""
    try:
        if any(folder.iterdir()):
            raise NoStore(folder, "it holds other files, and no tracks")
    except FileNotFoundError:
        return
    except OSError as error:
        raise NoStore(folder, reason_of(error)) from error
