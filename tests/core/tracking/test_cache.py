# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept is never wrong: it is there, or it is made again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record
from rotopoint.tracking.cache import CONDITIONED_KEPT, LEAST_ITEMS, PICTURES_KEPT, FeatureCache, Kept
from rotopoint.tracking.limits import MemoryLimits
from rotopoint.tracking.scratch_folder import LOCK_NAME, remove_leftovers
from tests.core.tracking.fake_runtime import FakeBytes, FakeRuntime


def item(number: int) -> FakeBytes:
    return FakeBytes(bytes([number]) * 100)


def files(folder: Path) -> list[Path]:
    return [p for p in folder.glob("features-*/*") if p.suffix != ".lock"]


def record(frame: int, **changes: object) -> Record:
    fields = {"object_score": 1.0, "predicted_iou": 0.5, "prompted": False} | changes
    logits = fields.pop("logits", np.zeros((16, 16), np.float16))
    return Record(SourceFrame(frame), logits, np.zeros(4, np.float32), **fields)


@given(st.lists(st.integers(0, 12)), st.integers(0, 1500), st.integers(0, 1500))
def test_what_comes_back_is_what_was_put(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], memory: int, disk: int
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    kept = Kept(MemoryLimits(memory, disk), folder)
    for number in numbers:
        assert kept.get(number, FakeBytes) in (None, item(number))
        kept.put(number, item(number))
        assert kept.get(number, FakeBytes) == item(number)
        assert kept.memory_used <= max(memory, LEAST_ITEMS * 100)
        assert kept.disk_used <= disk
    kept.close()
    assert list(folder.iterdir()) == []


@given(st.lists(st.integers(0, 12)), st.integers(0, 1500), st.integers(0, 700))
def test_a_gpu_has_memory_beside_it_and_no_disk(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], gpu: int, memory: int
) -> None:
    """A copy in memory takes half of the room."""
    folder = tmp_path_factory.mktemp("cache")
    kept = Kept(MemoryLimits(memory, 10_000, gpu), folder)
    for number in numbers:
        assert kept.get(number, fetched) in (None, on_gpu(number))
        kept.put(number, on_gpu(number))
        assert kept.get(number, fetched) == on_gpu(number)
        assert kept.gpu_used <= max(gpu, LEAST_ITEMS * 100)
        assert kept.memory_used <= memory
    kept.leave_memory()
    assert kept.gpu_used == kept.disk_used == 0
    assert list(folder.iterdir()) == []


def on_gpu(number: int) -> FakeBytes:
    return FakeBytes(item(number).data, on_host=False)


def fetched(copy: FakeBytes) -> FakeBytes:
    return FakeBytes(copy.data * 2, on_host=False)


def test_what_leaves_a_gpu_comes_back_from_memory() -> None:
    kept = Kept(MemoryLimits(memory=300, disk=0, gpu=LEAST_ITEMS * 100))
    for number in range(12):
        kept.put(number, on_gpu(number))
    assert (kept.gpu_used, kept.memory_used) == (400, 300)
    # The last four are on the GPU, the six before them in memory.
    there = [number for number in range(12) if kept.get(number, lambda copy: fetched(copy)) is not None]
    assert there[-4:] == [8, 9, 10, 11] and set(there) <= set(range(2, 12)) and 7 in there


def test_off_a_gpu_goes_only_what_memory_has_room_for() -> None:
    kept = Kept(MemoryLimits(memory=150, disk=0, gpu=1000))
    for number in range(8):
        kept.put(number, on_gpu(number))
    kept.leave_memory()
    assert (kept.gpu_used, kept.memory_used) == (0, 150)
    assert [number for number in range(8) if kept.get(number, fetched) is not None] == [5, 6, 7]


def test_what_shrinks_meanwhile_is_counted_as_it_came() -> None:
    """Keys of memories go where a device is short."""

    class Shrinking(FakeBytes):
        sizes = iter((100, 10, 10))

        @property
        def nbytes(self) -> int:
            return next(self.sizes)

    kept = Kept(MemoryLimits(memory=1000, disk=0))
    kept.put("one", Shrinking(b""))
    kept.leave_memory()
    assert kept.memory_used == 0


def test_the_oldest_goes_to_the_disk_and_comes_back(tmp_path: Path) -> None:
    kept = Kept(MemoryLimits(LEAST_ITEMS * 100, 10_000), tmp_path / "Speicher ä")
    for number in range(10):
        kept.put(number, item(number))
    assert len(files(tmp_path / "Speicher ä")) == 10 - LEAST_ITEMS
    assert [kept.get(number, FakeBytes) for number in range(10)] == [item(n) for n in range(10)]
    kept.close()


def test_a_full_disk_and_damaged_files_cost_time_alone(tmp_path: Path) -> None:
    kept = Kept(MemoryLimits(0, 10_000), tmp_path)
    for number in range(LEAST_ITEMS + 2):
        kept.put(number, item(number))
    first, second = sorted(files(tmp_path))
    first.write_bytes(first.read_bytes()[:-1] + b"?")
    second.unlink()
    assert kept.get(0, FakeBytes) is None and kept.get(1, FakeBytes) is None
    kept.close()
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    without = Kept(MemoryLimits(0, 10_000), in_the_way)
    for number in range(10):
        without.put(number, item(number))
    assert without.get(0, FakeBytes) is None and without.get(9, FakeBytes) == item(9)


@pytest.mark.parametrize("name", ["features-of-the-film", "features-a"])
def test_what_is_called_like_a_cache_stays_and_switches_nothing_off(tmp_path: Path, name: str) -> None:
    if name == "features-a":
        (tmp_path / name).write_bytes(b"a file of somebody's")
    else:
        (tmp_path / name).mkdir()
        (tmp_path / name / "0").write_bytes(b"a folder of somebody's")
    remove_leftovers(tmp_path)
    kept = filled(tmp_path)
    assert kept.disk_used > 0 and kept.get(0, FakeBytes) == item(0)
    kept.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).is_file() or (tmp_path / name / "0").is_file()


def filled(folder: Path) -> Kept:
    kept = Kept(MemoryLimits(0, 10_000), folder)
    for number in range(LEAST_ITEMS + 1):
        kept.put(number, item(number))
    return kept


def left_by_a_crash(folder: Path) -> Path:
    """What a process leaves that ends without a word: its files, and a lock that nobody holds."""
    left = folder / "features-left"
    left.mkdir(parents=True)
    for name in ("0", "17", LOCK_NAME):
        (left / name).write_bytes(b"")
    return left


def test_leftovers_are_removed_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    one, other = filled(tmp_path), filled(tmp_path)
    left = left_by_a_crash(tmp_path)
    remove_leftovers(tmp_path)
    assert not left.exists()
    assert one.get(0, FakeBytes) == other.get(0, FakeBytes) == item(0)
    one.close()
    other.close()
    assert list(tmp_path.iterdir()) == []


def test_of_a_leftover_only_our_files_are_removed(tmp_path: Path) -> None:
    left = left_by_a_crash(tmp_path)
    (left / "notes.txt").write_bytes(b"somebody's")
    remove_leftovers(tmp_path)
    assert [path.name for path in left.iterdir()] == ["notes.txt"]


def test_a_close_that_is_broken_off_leaves_what_the_next_start_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the process is ended because its close takes too long."""
    kept = Kept(MemoryLimits(0, 10_000), tmp_path)
    for number in range(LEAST_ITEMS + 5):
        kept.put(number, item(number))
    unlink, removed = Path.unlink, []

    def ended(path: Path, missing_ok: bool = False) -> None:
        if len(removed) == 3:
            raise KeyboardInterrupt
        removed.append(path.name)
        unlink(path, missing_ok)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", ended)
        kept.close()
    assert LOCK_NAME not in removed and len(files(tmp_path)) == 2
    # The lock goes with its process.
    kept._folder._lock.release()  # type: ignore[union-attr]
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cleared", [True, False], ids=["gone", "about to go"])
def test_a_new_folder_that_is_taken_for_a_leftover_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cleared: bool
) -> None:
    """Another process starts in the moment between a folder and its lock."""
    made, locks = tempfile.mkdtemp, []

    def and_taken(**where: object) -> str:
        path = made(**where)
        if not locks:
            locks.append(FileLock(Path(path) / LOCK_NAME))
            locks[0].acquire()
            if cleared:
                locks[0].release()
                remove_leftovers(tmp_path)
        return path

    monkeypatch.setattr("rotopoint.tracking.scratch_folder.tempfile.mkdtemp", and_taken)
    kept = filled(tmp_path)
    assert kept.disk_used > 0 and kept.get(0, FakeBytes) == item(0)
    locks[0].release()
    kept.close()
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_was_kept_yet_nothing_is_left(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "not there")
    assert not (tmp_path / "not there").exists()


def test_leaving_memory_keeps_what_the_disk_has_room_for(tmp_path: Path) -> None:
    kept = Kept(MemoryLimits(10_000, 310), tmp_path)
    for number in range(5):
        kept.put(number, item(number))
    kept.leave_memory()
    assert kept.memory_used == 0
    assert [n for n in range(5) if kept.get(n, FakeBytes) is not None] == [3, 4]
    kept.close()


def cache(runtime: FakeRuntime, kept: Kept, scope: str = "clip") -> FeatureCache:
    return FeatureCache(runtime, lambda frame: np.full((2, 2, 3), frame, np.uint8), kept, scope)


def test_features_are_made_once_for_a_clip_and_a_model() -> None:
    runtime, kept = FakeRuntime(), Kept()
    features = cache(runtime, kept).features(SourceFrame(3))
    assert cache(runtime, kept).features(SourceFrame(3)) == features
    assert runtime.encoded == [3]
    cache(runtime, kept, "other").features(SourceFrame(3))
    assert runtime.encoded == [3, 3]


def test_pictures_are_kept_for_whoever_looks_next_until_they_are_let_go() -> None:
    read: list[int] = []

    def reading(frame: SourceFrame) -> np.ndarray:
        read.append(frame)
        return np.full((2, 2, 3), frame, np.uint8)

    made = FeatureCache(FakeRuntime(), reading, Kept())
    for frame in (3, 4, 3, 4, 5, 4, 3):
        assert (made.picture(SourceFrame(frame)) == frame).all()
    assert read == [3, 4, 5, 3] and PICTURES_KEPT == 2
    made.unready()
    made.picture(SourceFrame(3))
    assert read == [3, 4, 5, 3, 3]
    with made.reading(lambda frame: np.zeros((2, 2, 3), np.uint8), reading):
        assert not made.picture(SourceFrame(3)).any()
    assert (made.picture(SourceFrame(3)) == 3).all()


def test_a_memory_is_made_anew_where_its_record_differs() -> None:
    runtime = FakeRuntime()
    made = cache(runtime, Kept())
    memory = made.memory(record(3), calibrates=False)
    assert made.memory(record(3), calibrates=False) is memory
    others = [
        record(3, object_score=2.0),
        record(3, prompted=True),
        record(3, logits=np.ones((16, 16), np.float16)),
        record(4),
    ]
    for other in others:
        expected = runtime.encode_memory(
            made.features(other.frame), other.logits.astype(np.float32), other.object_score, other.prompted
        )
        assert made.memory(other, calibrates=False) == expected != memory


def test_only_the_pictures_looked_at_last_are_ready() -> None:
    made = cache(FakeRuntime(), Kept())
    asked: list[int] = []
    for number in (0, 0, 1, 0, *range(1, CONDITIONED_KEPT + 1), 0):
        assert made.conditioned(number, lambda number=number: asked.append(number) or item(number)) == item(
            number
        )
    assert asked == [0, 1, 2, 0]
