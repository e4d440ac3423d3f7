# SPDX-License-Identifier: GPL-3.0-or-later
"""What a clip's pictures gave before, kept while there is room: in memory first, then on disk.

All of it follows from its key, and can be computed again: what is evicted, lost or damaged costs time alone.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record
from rotopoint.store.region import WHOLE, Region
from rotopoint.tracking.runtime import ConditionedT, FeaturesT, MemoryT, Packed, Runtime
from rotopoint.tracking.scratch_folder import ScratchFolder

ReadPicture = Callable[[SourceFrame], npt.NDArray[np.uint8]]

MEMORY_BYTES = 64 << 20
"""Room in memory unless told otherwise: what one pass over a clip looks back at."""

LEAST_ITEMS = 4
"""What a step works with stays in memory however little room there is."""

CONDITIONED_KEPT = 2
"""Pictures that are ready for clicks: the one that is looked at, and the one before."""

ItemT = TypeVar("ItemT", bound=Packed)

log = logging.getLogger(__name__)


class Kept:
    """Items by key. The one that was not asked for the longest leaves memory first, and then the disk.

    `folder` is where a folder for files is made once one is needed, and removed again by `close`; with
    `disk_bytes` 0 none is. Threads may share it.
    """

    def __init__(
        self, memory_bytes: int = MEMORY_BYTES, disk_bytes: int = 0, folder: Path | None = None
    ) -> None:
        self._memory_bytes = memory_bytes
        self._disk_bytes = disk_bytes if folder is not None else 0
        self._parent = folder
        self._folder: ScratchFolder | None = None
        self._items: OrderedDict[Hashable, Packed] = OrderedDict()
        self._files: OrderedDict[Hashable, tuple[Path, int]] = OrderedDict()
        self._in_memory = 0
        self._on_disk = 0
        self._lock = threading.RLock()

    @property
    def memory_used(self) -> int:
        """Bytes."""
        return self._in_memory

    @property
    def disk_used(self) -> int:
        """Bytes."""
        return self._on_disk

    def get(self, key: Hashable, restore: Callable[[bytes], ItemT]) -> ItemT | None:
        """The item that was put under a key; `restore` makes it from its bytes. None where it is gone."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                found: Any = self._items[key]
                return found  # type: ignore[no-any-return]
            data = self._read(key)
            if data is None:
                return None
            item = restore(data)
            self._keep(key, item)
            return item

    def put(self, key: Hashable, item: Packed) -> None:
        """Keep an item; one of the same key is the same."""
        with self._lock:
            if key not in self._items:
                self._keep(key, item)

    def leave_memory(self) -> None:
        """Move all to the disk, as far as there is room."""
        with self._lock:
            self._shrink(0, 0)

    def close(self) -> None:
        """Forget all and remove the files."""
        with self._lock:
            self._items.clear()
            self._files.clear()
            self._in_memory = self._on_disk = 0
            if self._folder is not None:
                with suppress(OSError):
                    self._folder.remove()
                self._folder = None

    def _keep(self, key: Hashable, item: Packed) -> None:
        self._items[key] = item
        self._in_memory += item.nbytes
        self._shrink(self._memory_bytes, LEAST_ITEMS)

    def _shrink(self, room: int, least: int) -> None:
        while self._in_memory > room and len(self._items) > least:
            key, item = self._items.popitem(last=False)
            self._in_memory -= item.nbytes
            if self._disk_bytes > 0 and key not in self._files:
                self._write(key, item.to_bytes())

    def _write(self, key: Hashable, data: bytes) -> None:
        size = len(data) + 4
        try:
            if self._folder is None:
                assert self._parent is not None
                self._folder = ScratchFolder(self._parent)
            while self._files and self._on_disk + size > self._disk_bytes:
                self._drop(next(iter(self._files)))
            if size > self._disk_bytes:
                return
            path = self._folder.new_file()
            path.write_bytes(zlib.crc32(data).to_bytes(4, "little") + data)
        except OSError as error:
            # A full disk is no reason to stop.
            log.warning("features are kept in memory alone: %s", error)
            self._disk_bytes = 0
            return
        self._files[key] = (path, size)
        self._on_disk += size

    def _read(self, key: Hashable) -> bytes | None:
        if key not in self._files:
            return None
        self._files.move_to_end(key)
        try:
            content = self._files[key][0].read_bytes()
        except OSError:
            content = b""
        data = content[4:]
        if len(content) < 4 or zlib.crc32(data).to_bytes(4, "little") != content[:4]:
            self._drop(key)
            return None
        return data

    def _drop(self, key: Hashable) -> None:
        path, size = self._files.pop(key)
        self._on_disk -= size
        # What somebody looks into cannot be removed on Windows, and is when the folder is.
        with suppress(OSError):
            path.unlink(missing_ok=True)


class FeatureCache(Generic[FeaturesT, ConditionedT, MemoryT]):
    """Features of a clip's pictures by one runtime, memories made of them, and what is ready for clicks.

    `kept` may be shared by several clips and models, which `scope` tells apart. Threads may ask for features
    and memories at once: what one of them makes, the others wait for.
    """

    def __init__(
        self,
        runtime: Runtime[FeaturesT, ConditionedT, MemoryT],
        read: ReadPicture,
        kept: Kept | None = None,
        scope: Hashable = None,
    ) -> None:
        self._runtime = runtime
        self._read_whole = self._read_part = read
        self._kept = kept or Kept()
        self._scope = scope
        self._conditioned: OrderedDict[Hashable, ConditionedT] = OrderedDict()
        self._reading = threading.Lock()
        self._in_the_making: set[Hashable] = set()
        self._made = threading.Condition()

    def features(self, frame: SourceFrame, region: Region = WHOLE) -> FeaturesT:
        key = (self._scope, frame, region)
        with self._alone(key):
            features = self._kept.get(key, self._runtime.features_from_bytes)
            if features is None:
                with self._reading:
                    picture = self._read_whole(frame) if region == WHOLE else self._read_part(frame)
                features = self._runtime.encode_image(region.of(picture))
                self._kept.put(key, features)
            return features

    @contextmanager
    def _alone(self, key: Hashable) -> Iterator[None]:
        """Inside, no other thread is at the same key."""
        with self._made:
            self._made.wait_for(lambda: key not in self._in_the_making)
            self._in_the_making.add(key)
        try:
            yield
        finally:
            with self._made:
                self._in_the_making.discard(key)
                self._made.notify_all()

    @contextmanager
    def reading(self, whole: ReadPicture, part: ReadPicture) -> Iterator[None]:
        """Inside, pictures that are missing come from `part`, which gives the same, where a part of them is
        looked at, and else from `whole`, which may give what the runtime would make of them itself."""
        before = self._read_whole, self._read_part
        self._read_whole, self._read_part = whole, part
        try:
            yield
        finally:
            self._read_whole, self._read_part = before

    def memory(self, record: Record, calibrates: bool) -> MemoryT:
        """The memory of a frame as it was stored; `calibrates` as in `Runtime.encode_memory`."""
        key = (self._scope, record.frame, digest(record), calibrates)
        with self._alone(key):
            memory = self._kept.get(key, self._runtime.memory_from_bytes)
            if memory is None:
                memory = self._runtime.encode_memory(
                    self.features(record.frame, record.region),
                    record.logits.astype(np.float32),
                    record.object_score,
                    record.prompted,
                    calibrates,
                )
                self._kept.put(key, memory)
            return memory

    def conditioned(self, key: Hashable, make: Callable[[], ConditionedT]) -> ConditionedT:
        """What `make` gives; it must follow from `key`."""
        if key not in self._conditioned:
            self._conditioned[key] = make()
            if len(self._conditioned) > CONDITIONED_KEPT:
                self._conditioned.popitem(last=False)
        self._conditioned.move_to_end(key)
        return self._conditioned[key]

    def unready(self) -> None:
        """Let go of what is ready for clicks."""
        self._conditioned.clear()


def digest(record: Record) -> bytes:
    """16 bytes that differ where what memories and pointers are made of does."""
    content = hashlib.blake2b(digest_size=16)
    content.update(np.array([record.object_score, record.prompted, *record.region], np.float64).tobytes())
    content.update(record.pointer.tobytes())
    content.update(record.logits.tobytes())
    return content.digest()
