# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: which pictures a subject needs, under which key, and what is stale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rotopoint.errors import FrameOutsideClip, MaskUnreadable, PromptsConflict
from rotopoint.frames import ClipFrame, FrameMap, FrameRange
from rotopoint.plan import SubjectPlan, plan_subject, stale_pictures, stale_steps, track_keys
from rotopoint.shot import Box, Direction, Mask, Point, Settings, Subject
from rotopoint.store import TrackKey
from rotopoint.tracking.policy import policy_named
from rotopoint.tracking.runtime import ModelShape

SHAPE = ModelShape(input_size=64, logit_size=16, pointer_size=4, memory_count=3, pointer_count=4)
TEN = FrameMap.identity(10)
DEFAULT = policy_named("default")


def at(frame: int, x: float = 1.0) -> Point:
    return Point(ClipFrame(frame), x, 1.0)


def dog(*prompts: Point | Box | Mask) -> Subject:
    return Subject("dog", "dog", prompts)


def plan(*prompts: Point | Box | Mask, frame_map: FrameMap = TEN, **settings: object) -> SubjectPlan:
    return plan_subject(dog(*prompts), replace(Settings(), **settings), frame_map)


def between(first: int, last: int) -> FrameRange:
    return FrameRange(ClipFrame(first), ClipFrame(last))


def keys(
    planned: SubjectPlan, clip: str = "c", checkpoint: str = "k", transform: str = "auto"
) -> list[TrackKey]:
    key = track_keys(planned, DEFAULT, clip, checkpoint, transform)
    return [key(p) for p in range(10)]


def test_both_directions_reach_the_ends_of_the_range() -> None:
    assert plan(at(5)).delivered == between(1, 10)
    assert plan(at(5), range=between(3, 8)).delivered == between(3, 8)


def test_one_direction_ends_at_the_prompts() -> None:
    assert plan(at(4), at(6), direction=Direction.FORWARD).delivered == between(4, 10)
    assert plan(at(4), at(6), direction=Direction.BACKWARD).delivered == between(1, 6)
    assert plan(at(9), range=between(1, 5), direction=Direction.FORWARD).delivered is None


def test_frames_outside_the_clip_are_refused() -> None:
    with pytest.raises(FrameOutsideClip):
        plan(at(11))
    with pytest.raises(FrameOutsideClip):
        plan(at(1), range=between(5, 11))


def test_a_range_away_from_the_prompt_needs_the_way_to_it() -> None:
    planned = plan(at(2), range=between(6, 7))
    steps = stale_steps(planned, DEFAULT, SHAPE, lambda position: False)
    assert stale_pictures(steps) == (1, 2, 3, 4, 5, 6)


def test_repeated_and_dropped_pictures() -> None:
    """Variable-rate video: clip frames 2 and 3 show picture 1, picture 2 is never shown."""
    varied = FrameMap.of([0, 1, 1, 3])
    planned = plan(at(2), at(3, x=5.0), frame_map=varied)
    assert planned.pictures == (0, 1, 3)
    assert [p.x for p in planned.prompts[1].points] == [1.0, 5.0]
    with pytest.raises(PromptsConflict):
        plan(at(2), Mask(ClipFrame(3), "m.png"), frame_map=varied)


def test_a_prompt_on_a_black_frame_is_refused() -> None:
    with pytest.raises(PromptsConflict):
        plan(at(2), frame_map=FrameMap.of([0, None, 2]))


def test_a_later_prompt_leaves_the_keys_before_it() -> None:
    before, after = keys(plan(at(3))), keys(plan(at(3), at(7)))
    assert before[:6] == after[:6]
    assert all(b != a for b, a in zip(before[6:], after[6:], strict=True))


def test_a_moved_first_prompt_makes_all_stale() -> None:
    assert not set(keys(plan(at(3)))) & set(keys(plan(at(3, x=2.0))))


def test_a_deleted_prompt_brings_the_old_keys_back() -> None:
    assert keys(plan(at(3))) == keys(plan_subject(dog(at(3)), Settings(), TEN))


def test_another_clip_checkpoint_or_transform_makes_all_stale() -> None:
    base = set(keys(plan(at(3))))
    for change in ({"clip": "d"}, {"checkpoint": "l"}, {"transform": "linear"}):
        assert not base & set(keys(plan(at(3)), **change))


def test_a_mask_counts_by_content(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    path.write_bytes(b"one")
    planned = plan(Mask(ClipFrame(1), str(path)))
    first = keys(planned)
    path.write_bytes(b"two")
    assert not set(first) & set(keys(planned))
    path.unlink()
    with pytest.raises(MaskUnreadable):
        keys(planned)


def test_only_what_is_not_stored_is_stale() -> None:
    planned = plan(at(3))
    steps = stale_steps(planned, DEFAULT, SHAPE, lambda position: position < 6)
    assert stale_pictures(steps) == (6, 7, 8, 9)
    assert stale_steps(planned, DEFAULT, SHAPE, lambda position: True) == []
