# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop: resumable to the byte, bounded in memory, indifferent to company and history."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotopoint.tracking import refinement
from rotopoint.tracking.loop import PASSES_AT_WORK
from rotopoint.tracking.policy import Address
from rotopoint.tracking.runtime import Decoded, FramePrompts, ModelShape, PointPrompts
from tests.core.tracking.fake_runtime import SHAPE, Blob, FakeBytes, FakeRuntime, NotThere
from tests.core.tracking.tracked_subjects import PICTURES, Run, content, picture, point


@pytest.mark.parametrize(("policy", "calibrates"), [("default", True), ("upstream", False)])
def test_upstream_alone_does_without_calibration(tmp_path: Path, policy: str, calibrates: bool) -> None:
    runtime = FakeRuntime()
    Run(tmp_path, {"dog": {3: 1.0}}, policy, runtime=runtime).result()
    assert runtime.calibrates == {("decoder", calibrates), ("memory", calibrates)}


def chosen(x: float) -> PointPrompts:
    return replace(point(x), candidate=1)


@pytest.mark.parametrize(
    ("policy", "shape", "ask", "times"),
    [
        ("default", replace(SHAPE, second_look=0.5), point, 1),
        ("default", replace(SHAPE, second_look=0.5), chosen, 0),
        ("default", SHAPE, point, 0),
        ("upstream", replace(SHAPE, second_look=0.5), point, 0),
    ],
    ids=["default", "chosen by a person", "another model", "upstream"],
)
def test_what_starts_a_track_gets_a_second_look(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
    shape: ModelShape,
    ask: Callable[[float], PointPrompts],
    times: int,
) -> None:
    """The second prompt is answered on memory, and its click holds by itself."""
    looked: list[refinement.Seen] = []

    def wider(seen: refinement.Seen) -> np.ndarray:
        looked.append(seen)
        return np.full((refinement.GRID,) * 2, 20, np.float32)

    monkeypatch.setattr(refinement, "shipped", wider)
    run = Run(tmp_path, {"dog": {3: 1.0, 9: 40.0}}, policy, runtime=Blob(shape=shape), ask=ask)
    masks = {t.position: t.record.logits > 0 for t in run.frames()}
    assert len(looked) == times
    assert (masks[3].sum() > 16) == bool(times) and masks[9].sum() == 16


class Mistaken(FakeRuntime):
    """Tracks what is in the middle, and takes every point for the last column."""

    def seen(self, prompts: FramePrompts | None, answer: Decoded) -> Decoded:
        logits = np.full((16, 16), -7, np.float32)
        if isinstance(prompts, PointPrompts):
            logits[:, 15] = 3
        else:
            logits[4:12, 4:12] = 2
        return replace(answer, logits=logits, object_score=5.0)


def boxed(x: float) -> PointPrompts:
    """The point in a box around nearly everything."""
    return PointPrompts(np.array([[1, 1], [63, 63], [x, 1]], np.float32), np.array([2, 3, 1], np.int32))


@pytest.mark.parametrize(
    ("policy", "ask", "x", "kept"),
    [
        ("default", point, 2.0, "tracked"),
        ("forward", point, 2.0, "tracked"),
        ("default", point, 62.0, "clicked"),
        ("default", boxed, 2.0, "clicked"),
        ("default", chosen, 2.0, "clicked"),
        ("upstream", point, 2.0, "clicked"),
    ],
    ids=["default", "forward", "heeded", "a box", "chosen by a person", "upstream"],
)
def test_a_click_that_is_not_understood_corrects_what_was_tracked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
    ask: Callable[[float], PointPrompts],
    x: float,
    kept: str,
) -> None:
    monkeypatch.setattr(refinement, "shipped", lambda _: np.zeros((refinement.GRID,) * 2, np.float32))
    run = Run(tmp_path, {"dog": {3: 62.0, 9: x}}, policy, runtime=Mistaken(), ask=ask)
    found = {t.position: t.record.logits for t in run.frames()}
    assert {"tracked": found[9][8, 8], "clicked": found[9][8, 15]}[kept] > 0
    assert {"tracked": found[9][8, 15], "clicked": found[9][8, 8]}[kept] < 0
    assert bool(found[9][0, int(x / 4)] > 0) is (policy != "upstream")


@pytest.mark.parametrize("decodes", [True, False], ids=["one batch", "side by side"])
@pytest.mark.parametrize("policy", ["default", "selective", "forward", "upstream"])
def test_subjects_worked_on_together_are_the_same(tmp_path: Path, policy: str, decodes: bool) -> None:
    """Some begin later, some are corrected; five meet on most pictures, of which three go at once."""
    prompts = {"a": {0: 1.0}, "b": {0: 2.0, 9: 3.0}, "c": {4: 5.0}, "d": {4: 6.0, 12: 7.0}, "e": {0: 8.0}}
    alone = Run(tmp_path / "alone", prompts, policy)
    runtime = FakeRuntime(subjects_at_once=3, decodes_together=decodes)
    together = Run(tmp_path / "together", prompts, policy, runtime=runtime)
    assert together.result() == alone.result()
    assert sorted(together.runtime.encoded) == sorted(alone.runtime.encoded)
    assert alone.runtime.together == []
    assert max(together.runtime.together) == 3 and len(together.runtime.together) >= 15


@pytest.mark.parametrize("how", [{"subjects_at_once": 2}, {"looks_ahead": True}], ids=["device", "thread"])
def test_what_is_amiss_ahead_is_told_after_the_picture_before_is_stored(tmp_path: Path, how: dict) -> None:
    """The next picture is looked at before there is an answer to this one."""

    class Blind(FakeRuntime):
        def encode_image(self, picture: np.ndarray) -> FakeBytes:
            if picture[0, 0, 0] == 5:
                raise RuntimeError("broken")
            return super().encode_image(picture)

    tracked = []
    with pytest.raises(RuntimeError, match="broken"):
        for frame in Run(tmp_path, {"dog": {0: 1.0}}, runtime=Blind(**how)).frames():
            tracked.append(frame.position)
    assert tracked == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("policy", ["default", "selective", "forward", "upstream"])
def test_looking_ahead_on_a_thread_of_its_own_changes_nothing(tmp_path: Path, policy: str) -> None:
    prompts = {"a": {3: 1.0, 9: 2.0, 12: 3.0}, "b": {9: 3.0}}
    alone = Run(tmp_path / "alone", prompts, policy)
    ahead = Run(tmp_path / "ahead", prompts, policy, runtime=FakeRuntime(looks_ahead=True))
    assert ahead.result() == alone.result()
    assert sorted(ahead.runtime.encoded) == sorted(alone.runtime.encoded)


def test_the_next_picture_is_looked_at_while_the_matte_is_made(tmp_path: Path) -> None:
    looked = threading.Event()

    class Telling(FakeRuntime):
        def encode_image(self, picture: np.ndarray) -> FakeBytes:
            if picture[0, 0, 0] == 2:
                looked.set()
            return super().encode_image(picture)

    runtime = Telling(looks_ahead=True)
    frames = Run(tmp_path, {"dog": {0: 1.0}}, runtime=runtime).frames()
    # The first has all threads to itself; with the second the third begins.
    assert [next(frames).position for _ in range(2)] == [0, 1]
    assert looked.wait(timeout=20)
    frames.close()
    assert runtime.threads == {"MainThread", "look ahead_0"}


def test_what_looks_ahead_has_ended_when_tracking_is_given_up(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(FakeRuntime):
        ended = False

        def encode_image(self, picture: np.ndarray) -> FakeBytes:
            features = super().encode_image(picture)
            if threading.current_thread() is not threading.main_thread():
                begun.set()
                go_on.wait()
                self.ended = True
            return features

    runtime = Slow(looks_ahead=True)
    frames = Run(tmp_path, {"dog": {0: 1.0}}, runtime=runtime).frames()
    next(frames), next(frames)
    begun.wait()
    threading.Timer(0.05, go_on.set).start()
    frames.close()
    assert runtime.ended


@pytest.mark.parametrize("policy", ["default", "selective", "forward", "upstream"])
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


def dogs(*positions: int) -> set[tuple[str, int]]:
    return {("dog", p) for p in positions}


BEFORE = {2: 1.0, 8: 2.0, 14: 3.0}

CHANGES: dict[str, tuple[dict[int, float], set[int]]] = {
    "added between two": ({**BEFORE, 11: 4.0}, {9, 10, 11, 12, 13}),
    "added after the last": ({**BEFORE, 17: 4.0}, {14, 15, 16, 17, 18, 19}),
    "moved": ({**BEFORE, 8: 4.0}, {3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}),
    "moved, the last": ({**BEFORE, 14: 4.0}, {9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}),
    "moved, the earliest": ({**BEFORE, 2: 4.0}, set(range(20))),
    "deleted, the last": ({2: 1.0, 8: 2.0}, {14, 15, 16, 17, 18, 19}),
    "deleted between two": ({2: 1.0, 14: 3.0}, {3, 4, 5, 6, 7, 8}),
    "added before the earliest": ({0: 4.0, **BEFORE}, set(range(20))),
}
"""What becomes of the prompts, and the pictures that it costs. After a deletion the passes of its neighbors
go on from where they had ended."""


@pytest.mark.parametrize(("after", "cost"), CHANGES.values(), ids=CHANGES)
def test_a_correction_costs_what_lies_between_its_neighbors(
    tmp_path: Path, after: dict[int, float], cost: set[int]
) -> None:
    old = Run(tmp_path, {"dog": BEFORE, "cat": {5: 1.0}}).result()
    corrected = Run(tmp_path, {"dog": after, "cat": {5: 1.0}})
    frames = list(corrected.frames())
    assert {(t.subject, t.position) for t in frames if t.computed} == dogs(*cost)
    for tracked in frames:
        if not tracked.computed and set(BEFORE) <= set(after):
            assert content(tracked.record) == old[tracked.subject, tracked.position]
    afresh = Run(tmp_path / "afresh", {"dog": after, "cat": {5: 1.0}}).result()
    assert {(t.subject, t.position): content(t.record) for t in frames} == afresh


@pytest.mark.parametrize(("label", "memories"), [(1, 1), (0, 2)], ids=["corrected", "said not to be there"])
def test_a_correction_that_leaves_nothing_does_not_lose_the_subject(
    tmp_path: Path, label: int, memories: int
) -> None:
    def ask(x: float) -> PointPrompts:
        return PointPrompts(np.array([[x, 1]], np.float32), np.array([1 if x < 9 else label], np.int32))

    runtime = NotThere()
    frames = list(Run(tmp_path, {"dog": {0: 1.0, 5: 9.0}}, runtime=runtime, ask=ask).frames(first=6))
    next_to_it = runtime.sizes[-sum(frame.position > 5 for frame in frames)]
    assert next_to_it == memories, "the correction, and the earliest picture where that shows nothing"


def test_one_pass_redoes_all_that_follows(tmp_path: Path) -> None:
    Run(tmp_path, {"dog": {5: 1.0}}, "forward").result()
    assert Run(tmp_path, {"dog": {5: 1.0, 12: 2.0}}, "forward").worked_on() == dogs(*range(12, 20))


def test_absent_pictures_have_no_record_and_leave_what_comes_before(tmp_path: Path) -> None:
    before = Run(tmp_path, {"dog": {2: 1.0}}).result()
    absent = Run(tmp_path, {"dog": {2: 1.0}}, absent=frozenset({8, 9, 10}))
    frames = list(absent.frames())
    assert {t.position for t in frames} == set(range(20)) - {8, 9, 10}
    assert {t.position for t in frames if t.computed} == set(range(11, 20))
    assert all(content(t.record) == before["dog", t.position] for t in frames if t.position < 8)


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
    assert max(held) <= limit * PASSES_AT_WORK


def test_a_picture_between_two_prompts_lies_between_both_passes(tmp_path: Path) -> None:
    run = Run(tmp_path, {"dog": {2: 1.0, 6: 2.0}}, runtime=Blob())
    records = run.trackers[0]._records
    for tracked in run.frames():
        if tracked.position == 4:
            found = tracked.record.logits
            left, right = (records.get(Address(start, 4)) for start in (2, 6))
            assert left is not None and right is not None
            assert np.all(np.minimum(left.logits, right.logits) <= found)
            assert np.all(found <= np.maximum(left.logits, right.logits))
            assert not np.array_equal(found, left.logits) and not np.array_equal(found, right.logits)


def test_a_preview_of_a_tracked_picture_is_its_record(tmp_path: Path) -> None:
    run = Run(tmp_path, {"dog": {2: 1.0, 12: 2.0}})
    result = run.result()
    again = Run(tmp_path, {"dog": {2: 1.0, 12: 2.0}})
    for position in (0, 2, 7, 12, 18):
        preview = again.trackers[0].preview(position)
        assert not preview.provisional
        assert content(preview.record) == result["dog", position]
    assert again.runtime.encoded == []


def test_a_preview_where_no_pass_has_been_is_provisional(tmp_path: Path) -> None:
    run = Run(tmp_path, {"dog": {0: 1.0, 9: 2.0}})
    assert run.trackers[0].preview(9).provisional
    assert not run.trackers[0].preview(0).provisional


def test_a_preview_of_a_click_is_what_tracking_then_says(tmp_path: Path) -> None:
    Run(tmp_path, {"dog": {0: 1.0}}).result()
    clicked = Run(tmp_path, {"dog": {0: 1.0, 9: 2.0}})
    preview = clicked.trackers[0].preview(9)
    assert not preview.provisional
    assert clicked.result()["dog", 9] == content(preview.record)


@pytest.mark.parametrize("policy", ["default", "selective", "forward", "upstream"])
def test_a_click_on_a_tracked_picture_holds_but_for_upstream(tmp_path: Path, policy: str) -> None:
    """The stand-in's answers know nothing of clicks: half of them say that there is nothing."""
    clicks = {0: 1.0, 4: 9.0, 7: 22.0, 9: 40.0, 12: 41.0, 15: 50.0, 18: 63.0}
    run = Run(tmp_path, {"dog": clicks}, policy)
    found = {t.position: t.record for t in run.frames()}
    heeded = [found[p].logits[0, int(x / 4)] > 0 for p, x in clicks.items() if p > 0]
    assert all(heeded) is (policy != "upstream")


@pytest.mark.parametrize("policy", ["default", "forward", "selective"])
def test_clicks_hold_on_every_prompted_picture_the_first_too(tmp_path: Path, policy: str) -> None:
    """The fake's answers are noise: half of all clicks are contradicted."""
    clicks = {n: float(4 * n + 2) for n in (0, 5, 9, 14)}
    frames = {t.position: t.record for t in Run(tmp_path, {"1": clicks}, policy).frames()}
    cells = {n: (0, int(x) // 4) for n, x in clicks.items()}
    assert all(frames[n].logits[cell] > 0 for n, cell in cells.items())


def test_policy_upstream_leaves_clicks_to_the_model(tmp_path: Path) -> None:
    run = Run(tmp_path, {"1": {0: 2.0, 5: 22.0}}, "upstream")
    frames = {t.position: t.record for t in run.frames()}
    features = run.runtime.encode_image(picture(PICTURES[0]))
    answer = run.runtime.decode_prompts(features, point(2.0))
    assert np.array_equal(frames[0].logits, answer.logits)
