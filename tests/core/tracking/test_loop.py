# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop: resumable to the byte, bounded in memory, indifferent to company and history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotopoint.frames import SourceFrame
from rotopoint.store import RecordLayout, TrackKey, TrackStore
from rotopoint.tracking.loop import FeatureCache, SubjectTracker, TrackedFrame, run_together
from rotopoint.tracking.policy import policy_named
from rotopoint.tracking.records import SubjectRecords
from rotopoint.tracking.runtime import PointPrompts
from tests.core.tracking.fake_runtime import SHAPE, FakeRuntime

PICTURES = tuple(SourceFrame(n) for n in range(20))


def picture(frame: SourceFrame) -> np.ndarray:
    return np.full((2, 2, 3), frame, np.uint8)


def point(x: float) -> PointPrompts:
    return PointPrompts(np.array([[x, 1]], np.float32), np.array([1], np.int32))


class Run:
    """Subjects side by side on one store, as a session makes them."""

    def __init__(self, folder: Path, prompts: dict[str, dict[int, float]], policy: str = "default") -> None:
        self.runtime = FakeRuntime()
        self.files = ExitStack()
        self.policy = policy_named(policy)
        self.cache = FeatureCache(self.runtime, picture)
        self.trackers = [self._tracker(folder, name, clicks) for name, clicks in prompts.items()]

    def _tracker(self, folder: Path, name: str, clicks: dict[int, float]) -> SubjectTracker:
        def key(position: int) -> TrackKey:
            influence = self.policy.influence(sorted(clicks), position)
            asked = repr([(p, clicks[p]) for p in influence])
            return TrackKey("clip", name, asked, "draft", self.policy.name, "auto")

        layout = RecordLayout(SHAPE.logit_size, SHAPE.pointer_size, self.policy.logit_type)
        records = SubjectRecords(TrackStore(folder), layout, PICTURES, key, write=True)
        prompts = {position: point(x) for position, x in clicks.items()}
        return SubjectTracker(
            name,
            self.runtime,
            self.cache,
            PICTURES,
            prompts,
            self.policy,
            self.files.enter_context(records),
        )

    def frames(self, first: int = 0, last: int = 19) -> Iterator[TrackedFrame]:
        with self.files:
            yield from run_together([(t, t.steps(first, last)) for t in self.trackers])

    def result(self, first: int = 0, last: int = 19) -> dict[tuple[str, int], bytes]:
        return {(t.subject, t.record.frame): content(t) for t in self.frames(first, last)}


def content(tracked: TrackedFrame) -> bytes:
    record = tracked.record
    numbers = np.array([record.object_score, record.predicted_iou, record.prompted], np.float32)
    return record.logits.tobytes() + record.pointer.tobytes() + numbers.tobytes()


@pytest.mark.parametrize("policy", ["default", "upstream"])
@pytest.mark.parametrize("stop_after", [1, 4, 9, 15, 19])
def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path: Path, policy: str, stop_after: int) -> None:
    prompts = {"dog": {3: 1.0, 9: 2.0}}
    undisturbed = Run(tmp_path / "whole", prompts, policy).result()
    broken_off = Run(tmp_path / "parts", prompts, policy).frames()
    for _, _ in zip(range(stop_after), broken_off, strict=False):
        pass
    broken_off.close()
    again = Run(tmp_path / "parts", prompts, policy)
    assert again.result() == undisturbed
    assert len(undisturbed) == 20


def test_a_finished_track_is_read_and_not_computed(tmp_path: Path) -> None:
    Run(tmp_path, {"dog": {3: 1.0}}).result()
    again = Run(tmp_path, {"dog": {3: 1.0}})
    assert not any(tracked.computed for tracked in again.frames())
    assert again.runtime.encoded == []


def test_a_correction_redoes_only_what_follows_it(tmp_path: Path) -> None:
    Run(tmp_path, {"dog": {5: 1.0}}).result()
    corrected = Run(tmp_path, {"dog": {5: 1.0, 12: 2.0}})
    computed = {t.record.frame for t in corrected.frames() if t.computed}
    assert computed == set(range(12, 20))


def test_undoing_a_correction_finds_the_old_track(tmp_path: Path) -> None:
    before = Run(tmp_path, {"dog": {5: 1.0}}).result()
    Run(tmp_path, {"dog": {5: 1.0, 12: 2.0}}).result()
    undone = Run(tmp_path, {"dog": {5: 1.0}})
    assert undone.result() == before
    assert undone.runtime.encoded == []


def test_clicks_in_any_history_give_what_they_give_together(tmp_path: Path) -> None:
    clicks = {2: 1.0, 7: 2.0, 13: 3.0}
    together = Run(tmp_path / "together", {"dog": clicks}).result()
    for n, order in enumerate([(2, 7, 13), (13, 2, 7), (7, 13, 2)]):
        made: dict[int, float] = {}
        for position in order:
            made[position] = clicks[position]
            result = Run(tmp_path / str(n), {"dog": made}).result()
        assert result == together


def test_company_changes_nothing_and_shares_the_encoder(tmp_path: Path) -> None:
    alone = {
        **Run(tmp_path / "a", {"dog": {0: 1.0}}).result(),
        **Run(tmp_path / "b", {"cat": {8: 5.0}}).result(),
    }
    both = Run(tmp_path / "both", {"dog": {0: 1.0}, "cat": {8: 5.0}})
    assert both.result() == alone
    assert sorted(both.runtime.encoded[:20]) == list(range(20))


@settings(max_examples=25, deadline=None)
@given(
    prompted=st.dictionaries(st.integers(0, 19), st.floats(0, 60, width=16), min_size=1, max_size=4),
    first=st.integers(0, 19),
    length=st.integers(0, 19),
)
def test_the_range_does_not_alter_a_record(tmp_path_factory, prompted, first: int, length: int) -> None:
    folder = tmp_path_factory.mktemp("range")
    whole = Run(folder / "whole", {"dog": prompted}).result()
    part = Run(folder / "part", {"dog": prompted}).result(first, min(first + length, 19))
    assert set(range(first, min(first + length, 19) + 1)) <= {frame for _, frame in part}
    assert part.items() <= whole.items()


def test_what_the_tracker_holds_does_not_grow(tmp_path: Path) -> None:
    run = Run(tmp_path, {"dog": {0: 1.0, 5: 2.0}})
    tracker = run.trackers[0]
    held = [len(tracker._memories) + len(tracker._known) for _ in run.frames()]
    limit = 2 * (2 + SHAPE.memory_count + SHAPE.pointer_count)
    assert max(held) <= limit


def test_a_preview_where_no_pass_has_been_is_provisional(tmp_path: Path) -> None:
    run = Run(tmp_path, {"dog": {0: 1.0, 9: 2.0}})
    assert run.trackers[0].preview(9).provisional
    assert not run.trackers[0].preview(0).provisional


def test_a_preview_of_a_click_is_what_tracking_then_says(tmp_path: Path) -> None:
    Run(tmp_path, {"dog": {0: 1.0}}).result()
    clicked = Run(tmp_path, {"dog": {0: 1.0, 9: 2.0}})
    preview = clicked.trackers[0].preview(9)
    assert not preview.provisional
    expected = content(TrackedFrame("dog", preview.record, computed=True))
    assert clicked.result()["dog", 9] == expected
