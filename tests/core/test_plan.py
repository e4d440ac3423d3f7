# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: which pictures a subject needs, under which key, and what is stale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rotopoint.errors import AbsenceConflict, FrameOutsideClip, MaskUnreadable, PromptsConflict
from rotopoint.plan import PicturePrompts, SubjectPlan, plan_subject, stale_pictures, track_keys
from rotopoint.shot import Approved, Box, Direction, Mask, Point, Settings, Subject
from rotopoint.shot.frames import ClipFrame, FrameMap, FrameRange
from rotopoint.store import TrackKey
from rotopoint.tracking.policy import Address, Asked, policy_named
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
    planned: SubjectPlan,
    clip: str = "c",
    checkpoint: str = "k",
    transform: str = "auto",
    policy: str = "default",
) -> dict[Address, TrackKey]:
    """Of all records that the whole range needs."""
    rule = policy_named(policy)
    key = track_keys(planned, rule, clip, checkpoint, transform)
    return {s.address: key(s.address) for s in rule.steps(planned.asked, 0, 9, SHAPE)}


def stale(before: SubjectPlan, after: SubjectPlan, **after_keys: str) -> set[int]:
    """The positions of `after` that need work where all of `before` is stored."""
    stored = {(key, address.position) for address, key in keys(before).items()}
    key = keys(after, **after_keys)
    rule = policy_named(after_keys.get("policy", "default"))

    def is_stored(address: Address) -> bool:
        return (key[address], address.position) in stored

    return set(stale_pictures(after, rule, SHAPE, is_stored))


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
    assert stale_pictures(planned, DEFAULT, SHAPE, lambda _: False) == (1, 2, 3, 4, 5, 6)


def test_a_range_between_two_prompts_needs_the_way_to_both() -> None:
    planned = plan(at(2), at(8), range=between(4, 5))
    assert stale_pictures(planned, DEFAULT, SHAPE, lambda _: False) == (1, 2, 3, 4, 5, 6, 7)


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


def test_a_prompt_makes_stale_what_lies_between_its_neighbors() -> None:
    assert stale(plan(at(3)), plan(at(3), at(7))) == {3, 4, 5, 6, 7, 8, 9}
    assert stale(plan(at(1), at(9)), plan(at(1), at(5), at(9))) == {1, 2, 3, 4, 5, 6, 7}
    assert stale(plan(at(1), at(5), at(9)), plan(at(1), at(5, x=2.0), at(9))) == {1, 2, 3, 4, 5, 6, 7}


def test_a_moved_first_prompt_makes_all_stale_but_given_masks(tmp_path: Path) -> None:
    assert stale(plan(at(3)), plan(at(3, x=2.0))) == set(range(10))
    mask = Mask(ClipFrame(7), str(tmp_path / "mask.png"))
    Path(mask.path).write_bytes(b"a mask")
    before, after = keys(plan(at(3), mask)), keys(plan(at(3, x=2.0), mask))
    assert {a.start for a in after if before[a] != after[a]} == {2}


def test_a_deleted_prompt_finds_the_old_track() -> None:
    assert stale(plan(at(3)), plan(at(3))) == set()
    assert not set(keys(plan(at(3))).values()) - set(keys(plan(at(3), at(7))).values())


def test_a_subject_that_comes_in_in_mid_clip_is_tracked_both_ways() -> None:
    planned = plan(at(6))
    assert stale_pictures(planned, DEFAULT, SHAPE, lambda _: False) == tuple(range(10))
    assert planned.delivered == between(1, 10)


def test_a_wider_range_adds_what_it_adds() -> None:
    narrow, wide = plan(at(3), range=between(2, 5)), plan(at(3))
    stored = {s.address for s in DEFAULT.steps(narrow.asked, narrow.first, narrow.last, SHAPE)}
    assert stale_pictures(wide, DEFAULT, SHAPE, stored.__contains__) == (0, 5, 6, 7, 8, 9)


@pytest.mark.parametrize(
    "change", [{"clip": "d"}, {"checkpoint": "l"}, {"transform": "linear"}, {"policy": "forward"}], ids=str
)
def test_another_clip_checkpoint_transform_or_policy_makes_all_stale(change: dict[str, str]) -> None:
    planned = plan(at(3), at(6))
    assert stale(planned, planned) == set()
    assert stale(planned, planned, **change) == set(range(10))


def test_what_is_followed_is_kept_apart() -> None:
    followed = plan_subject(replace(dog(at(3)), follow=True), Settings(), TEN)
    assert stale(plan(at(3)), followed) == set(range(10))


def test_absent_frames_make_stale_what_comes_after_them() -> None:
    absent = replace(dog(at(3)), absent=(between(6, 7),))
    planned = plan_subject(absent, Settings(), TEN)
    assert planned.absent == {5, 6}
    assert stale(plan(at(3)), planned) == {7, 8, 9}
    farther = replace(absent, absent=(between(6, 8),))
    assert stale(planned, plan_subject(farther, Settings(), TEN)) == {8, 9}


def test_a_prompt_on_an_absent_picture_is_refused() -> None:
    with pytest.raises(AbsenceConflict):
        replace(dog(at(3)), absent=(between(2, 4),))
    # Frames 2 and 3 show one picture.
    with pytest.raises(AbsenceConflict) as caught:
        plan_subject(replace(dog(at(3)), absent=(between(2, 2),)), Settings(), FrameMap.of([0, 1, 1, 3]))
    assert (caught.value.frame, caught.value.what) == (3, "a prompt")


def test_approved_frames_at_the_end_ask_for_nothing() -> None:
    approved = tuple(Approved(ClipFrame(n), "m.png", "0" * 64) for n in (7, 8, 9, 10))
    planned = plan_subject(replace(dog(at(3)), approved=approved), Settings(), TEN)
    assert (planned.first, planned.last) == (0, 5)
    assert keys(planned) == keys(plan(at(3)))


def test_a_mask_counts_by_content(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    path.write_bytes(b"one")
    planned = plan(Mask(ClipFrame(1), str(path)))
    first = keys(planned)
    path.write_bytes(b"two")
    assert not set(first.values()) & set(keys(planned).values())
    path.unlink()
    with pytest.raises(MaskUnreadable):
        keys(planned)


def test_only_what_is_not_stored_is_stale() -> None:
    planned = plan(at(3))
    assert stale_pictures(planned, DEFAULT, SHAPE, lambda a: a.position < 6) == (6, 7, 8, 9)
    assert stale_pictures(planned, DEFAULT, SHAPE, lambda _: True) == ()


@pytest.mark.parametrize("policy", ["default", "forward"])
def test_prompts_on_every_frame_of_a_long_clip_are_planned_in_steps_that_grow_with_them(policy: str) -> None:
    """Counted, not timed: how often a prompt's frame is looked at, and how many addresses a step holds."""
    looks = 0

    class Counted(int):
        def __lt__(self, other: int) -> bool:
            nonlocal looks
            looks += 1
            return int(self) < int(other)

        def __eq__(self, other: object) -> bool:
            nonlocal looks
            looks += 1
            return int(self) == other

        __hash__ = int.__hash__

    count = 2000
    subject = dog(*(Point(ClipFrame(Counted(n)), 1.0, 1.0) for n in range(1, count + 1)))
    planned = plan_subject(subject, Settings(), FrameMap.identity(count))
    # Sorted once and found by halves: 2,000 times 2,000 would be four million.
    assert looks < 200 * count
    run = list(policy_named(policy).steps(planned.asked, planned.first, planned.last, SHAPE))
    assert len(run) < 3 * count and max(len(step.needs) for step in run) < 20


def test_what_lies_between_two_prompts_is_found_also_among_many() -> None:
    asked = Asked(tuple(range(0, 4000, 2)))
    for position in (0, 1, 777, 1000, 3998, 3999):
        near = tuple(p for p in asked.prompted if abs(p - position) <= position % 2)
        assert DEFAULT.passes(asked, position) == near
    assert DEFAULT.passes(Asked((5, 9)), 2) == (5,) and DEFAULT.passes(Asked((5, 9)), 20) == (9,)


def test_a_label_of_a_mask_counts(tmp_path: Path) -> None:
    path = tmp_path / "labels.png"
    path.write_bytes(b"labels")
    each = [keys(plan(Mask(ClipFrame(1), str(path), label))) for label in (None, 1, 2)]
    assert len({key for found in each for key in found.values()}) == 3 * len(set(each[0].values()))


def test_a_chosen_mask_is_part_of_what_a_lone_point_asks() -> None:
    chosen = [PicturePrompts((replace(at(1), candidate=n),)) for n in range(4)]
    assert len({prompts.digest() for prompts in chosen}) == 4
    assert [prompts.candidate for prompts in chosen] == [0, 1, 2, 3]
    ten = PicturePrompts((Point(ClipFrame(1), 10.0, 20.0),))
    assert ten.digest() == "117bee9199097a52cf1f5bc5171f0e87", "tracks that are stored stay good"


def test_beside_other_prompts_a_chosen_mask_means_nothing() -> None:
    point, box = at(1), Box(ClipFrame(1), 0.0, 0.0, 5.0, 5.0)
    chosen = replace(point, candidate=2)
    for others in (PicturePrompts((point, at(1, 3.0))), PicturePrompts((point,), box)):
        asked = replace(others, points=(chosen, *others.points[1:]))
        assert asked.digest() == others.digest() and asked.candidate == 0
    negative = PicturePrompts((replace(point, positive=False, candidate=2),))
    assert negative.candidate == 0
