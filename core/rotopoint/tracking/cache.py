# SPDX-License-Identifier: GPL-3.0-or-later
"""What a clip's pictures gave before, kept while there is room: where it was made first, then in memory or on
disk.

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

from rotopoint.errors import InputError, StoppedAtFrame
from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record
from rotopoint.store.region import WHOLE, Region
from rotopoint.tracking.limits import ONE_PASS, MemoryLimits
from rotopoint.tracking.motion import Movement, gray, movement
from rotopoint.tracking.runtime import ConditionedT, FeaturesT, HostCopy, MemoryT, Packed, Runtime
from rotopoint.tracking.scratch_folder import ScratchFolder

ReadPicture = Callable[[SourceFrame], npt.NDArray[np.uint8]]

LEAST_ITEMS = 4
"""What a step works with stays in memory however little room there is."""

CONDITIONED_KEPT = 2
"""Pictures that are ready for clicks: the one that is looked at, and the one before."""

PICTURES_KEPT = 2
"""As they were read: that which is clicked on, and the one next to it, are each looked at more than once."""

ItemT = TypeVar("ItemT", bound=Packed)
TierT = TypeVar("TierT")

log = logging.getLogger(__name__)


class _Tier(Generic[TierT]):
    """Items in one place, the one that was not asked for the longest first, each with its size as it came."""

    def __init__(self) -> None:
        self._items: OrderedDict[Hashable, tuple[TierT, int]] = OrderedDict()
        self.used = 0

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._items

    def add(self, key: Hashable, item: TierT, size: int) -> None:
        self._items[key] = item, size
        self.used += size

    def get(self, key: Hashable) -> TierT | None:
        if key not in self._items:
            return None
        self._items.move_to_end(key)
        return self._items[key][0]

    def take(self, key: Hashable) -> TierT | None:
        """Out of here; None where it is not."""
        if key not in self._items:
            return None
        item, size = self._items.pop(key)
        self.used -= size
        return item

    def oldest(self) -> tuple[Hashable, TierT]:
        """Out of here."""
        key, (item, size) = self._items.popitem(last=False)
        self.used -= size
        return key, item

    def clear(self) -> None:
        self._items.clear()
        self.used = 0


class Kept:
    """Items by key, as many as `limits` have room for. The one that was not asked for the longest leaves
    first: the CPU's memory for the disk, a GPU for memory.

    `folder` is where a folder for files is made once one is needed, and removed again by `close`; without
    one, or with no room on disk, none is. Threads may share it.
    """

    def __init__(self, limits: MemoryLimits = ONE_PASS, folder: Path | None = None) -> None:
        self.limits = limits
        self._disk_bytes = limits.disk if folder is not None else 0
        self._parent = folder
        self._folder: ScratchFolder | None = None
        self._on_cpu: _Tier[Packed] = _Tier()
        self._on_gpu: _Tier[Packed] = _Tier()
        self._copies: _Tier[HostCopy] = _Tier()
        self._files: OrderedDict[Hashable, tuple[Path, int]] = OrderedDict()
        self._on_disk = 0
        self._lock = threading.RLock()

    @property
    def memory_used(self) -> int:
        """Bytes of the host's memory."""
        return self._on_cpu.used + self._copies.used

    @property
    def gpu_used(self) -> int:
        """Bytes."""
        return self._on_gpu.used

    @property
    def disk_used(self) -> int:
        """Bytes."""
        return self._on_disk

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            tiers = (self._on_cpu, self._on_gpu, self._copies, self._files)
            return any(key in tier for tier in tiers)

    def get(self, key: Hashable, restore: Callable[[bytes | HostCopy], ItemT]) -> ItemT | None:
        """The item that was put under a key; `restore` makes it from what it was kept as. None where it is
        gone."""
        with self._lock:
            found: Any = self._on_cpu.get(key)
            if found is None:
                found = self._on_gpu.get(key)
            if found is not None:
                return found  # type: ignore[no-any-return]
            kept = self._copies.take(key) or self._read(key)
            if kept is None:
                return None
            item = restore(kept)
            self._keep(key, item)
            return item

    def put(self, key: Hashable, item: Packed) -> None:
        """Keep an item; one of the same key is the same."""
        with self._lock:
            if key not in self._on_cpu and key not in self._on_gpu:
                self._copies.take(key)
                self._keep(key, item)

    def leave_memory(self) -> None:
        """Move all as far as there is room: off a GPU, and from the CPU's memory to the disk."""
        with self._lock:
            self._leave_gpu(0, 0)
            self._leave_cpu(0, 0)

    def close(self) -> None:
        """Forget all and remove the files."""
        with self._lock:
            for tier in (self._on_cpu, self._on_gpu, self._copies):
                tier.clear()
            self._files.clear()
            self._on_disk = 0
            if self._folder is not None:
                with suppress(OSError):
                    self._folder.remove()
                self._folder = None

    def _keep(self, key: Hashable, item: Packed) -> None:
        if item.on_host:
            self._on_cpu.add(key, item, item.nbytes)
            self._leave_cpu(self.limits.on_cpu, LEAST_ITEMS)
        else:
            self._on_gpu.add(key, item, item.nbytes)
            self._leave_gpu(self.limits.gpu, LEAST_ITEMS)

    def _leave_cpu(self, room: int, least: int) -> None:
        while self._on_cpu.used > room and len(self._on_cpu) > least:
            key, item = self._on_cpu.oldest()
            if self._disk_bytes > 0 and key not in self._files:
                self._write(key, item.to_bytes())

    def _leave_gpu(self, room: int, least: int) -> None:
        beside = self.limits.beside_gpu
        while self._on_gpu.used > room and len(self._on_gpu) > least:
            key, item = self._on_gpu.oldest()
            if beside > 0:
                copy = item.host_copy()
                self._copies.add(key, copy, copy.nbytes)
        while self._copies.used > beside:
            self._copies.oldest()

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
        self._movements: OrderedDict[Hashable, Movement | None] = OrderedDict()
        self._reading = threading.Lock()
        self._pictures: OrderedDict[tuple[ReadPicture, SourceFrame], npt.NDArray[np.uint8]] = OrderedDict()
        self._in_the_making: set[Hashable] = set()
        self._made = threading.Condition()

    def features(self, frame: SourceFrame, region: Region = WHOLE) -> FeaturesT:
        key = (self._scope, frame, region)
        with self._alone(key):
            features = self._kept.get(key, self._runtime.features_from)
            if features is None:
                features = self._runtime.encode_image(self.picture(frame, region))
                self._kept.put(key, features)
            return features

    def has_features(self, frame: SourceFrame) -> bool:
        """Whether those of a whole picture are at hand."""
        return (self._scope, frame, WHOLE) in self._kept

    def picture(self, frame: SourceFrame, region: Region = WHOLE) -> npt.NDArray[np.uint8]:
        """What the runtime is shown of a picture, (height, width, 3) sRGB, to be left as it is. Raises what
        reading raises."""
        with self._reading:
            read = self._read_whole if region == WHOLE else self._read_part
            if (read, frame) not in self._pictures:
                self._pictures[read, frame] = read(frame)
                if len(self._pictures) > PICTURES_KEPT:
                    self._pictures.popitem(last=False)
            self._pictures.move_to_end((read, frame))
            return region.of(self._pictures[read, frame])

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
            with self._reading:
                self._read_whole, self._read_part = before
                self._pictures.clear()

    def memory(self, record: Record, calibrates: bool) -> MemoryT:
        """The memory of a frame as it was stored; `calibrates` as in `Runtime.encode_memory`."""
        key = (self._scope, record.frame, digest(record), calibrates)
        with self._alone(key):
            memory = self._kept.get(key, self._runtime.memory_from)
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

    def movement(
        self, frame: SourceFrame, others: tuple[SourceFrame, ...], region: Region = WHOLE
    ) -> Movement | None:
        """How what a picture shows moves to the first of others that tells, kept for further clicks.

        None where none does: one may be the same or show another scene, or it cannot be read, which is told
        when it is its turn. Raises what reading `frame` raises."""
        key = (frame, others, region)
        if key not in self._movements:
            self._movements[key] = self._movement(frame, others, region)
            if len(self._movements) > CONDITIONED_KEPT:
                self._movements.popitem(last=False)
        self._movements.move_to_end(key)
        return self._movements[key]

    def _movement(
        self, frame: SourceFrame, others: tuple[SourceFrame, ...], region: Region
    ) -> Movement | None:
        # OpenCV is not where Blender is.
        from rotopoint.tracking.preprocess import squared

        def seen(shown: SourceFrame) -> npt.NDArray[np.uint8]:
            # Whoever tracks reads pictures that are squared already, and is to see the same.
            return gray(squared(self.picture(shown, region), self._runtime.shape.input_size))

        here = seen(frame)
        for other in others:
            with suppress(InputError, StoppedAtFrame):
                found = movement(here, seen(other))
                if found is not None:
                    return found
        return None

    def unready(self) -> None:
        """Let go of what is ready for clicks."""
        self._conditioned.clear()
        self._movements.clear()
        with self._reading:
            self._pictures.clear()


def digest(record: Record) -> bytes:
    """16 bytes that differ where what memories and pointers are made of does."""
    content = hashlib.blake2b(digest_size=16)
    content.update(np.array([record.object_score, record.prompted, *record.region], np.float64).tobytes())
    content.update(record.pointer.tobytes())
    content.update(record.logits.tobytes())
    return content.digest()
