# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept is never wrong: it is there, or it is made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record
from rotopoint.tracking.cache import CONDITIONED_KEPT, LEAST_ITEMS, FeatureCache, Kept
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
    kept = Kept(memory, disk, folder)
    for number in numbers:
        assert kept.get(number, FakeBytes) in (None, item(number))
        kept.put(number, item(number))
        assert kept.get(number, FakeBytes) == item(number)
        assert kept.memory_used <= max(memory, LEAST_ITEMS * 100)
        assert kept.disk_used <= disk
    kept.close()
    assert list(folder.iterdir()) == []


def test_the_oldest_goes_to_the_disk_and_comes_back(tmp_path: Path) -> None:
    kept = Kept(LEAST_ITEMS * 100, 10_000, tmp_path / "Speicher ä")
    for number in range(10):
        kept.put(number, item(number))
    assert len(files(tmp_path / "Speicher ä")) == 10 - LEAST_ITEMS
    assert [kept.get(number, FakeBytes) for number in range(10)] == [item(n) for n in range(10)]
    kept.close()


def test_a_full_disk_and_damaged_files_cost_time_alone(tmp_path: Path) -> None:
    kept = Kept(0, 10_000, tmp_path)
    for number in range(LEAST_ITEMS + 2):
        kept.put(number, item(number))
    first, second = sorted(files(tmp_path))
    first.write_bytes(first.read_bytes()[:-1] + b"?")
    second.unlink()
    assert kept.get(0, FakeBytes) is None and kept.get(1, FakeBytes) is None
    kept.close()
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    without = Kept(0, 10_000, in_the_way)
    for number in range(10):
        without.put(number, item(number))
    assert without.get(0, FakeBytes) is None and without.get(9, FakeBytes) == item(9)


def test_what_a_crash_has_left_is_removed_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    left = tmp_path / "features-left"
    left.mkdir()
    (left / "0").write_bytes(b"x")
    one, other = Kept(0, 10_000, tmp_path), Kept(0, 10_000, tmp_path)
    for kept in (one, other):
        for number in range(LEAST_ITEMS + 1):
            kept.put(number, item(number))
    assert not left.exists()
    assert one.get(0, FakeBytes) == other.get(0, FakeBytes) == item(0)
    one.close()
    other.close()


def test_leaving_memory_keeps_what_the_disk_has_room_for(tmp_path: Path) -> None:
    kept = Kept(10_000, 310, tmp_path)
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
