# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies: which steps, in what order, on which memories."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotopoint.errors import PolicyUnknown
from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record
from rotopoint.tracking.policy import (
    CLOSEST_PROMPTED,
    POLICIES,
    Address,
    Asked,
    Policy,
    Step,
    known_by,
    policy_named,
)
from rotopoint.tracking.runtime import ModelShape

SHAPE = ModelShape(input_size=64, logit_size=16, pointer_size=8, memory_count=4, pointer_count=5)


@st.composite
def all_that_can_be_asked(draw: st.DrawFn) -> Asked:
    prompted = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=8)))
    masked = draw(st.sets(st.sampled_from(prompted)))
    absent = draw(st.sets(st.integers(0, 45), max_size=20)) - set(prompted)
    return Asked(tuple(prompted), frozenset(masked), frozenset(absent))


def steps(policy: str, asked: Asked | list[int], first: int, last: int) -> list[Step]:
    asked = asked if isinstance(asked, Asked) else Asked(tuple(asked))
    return list(policy_named(policy).steps(asked, first, last, SHAPE))


def by_address(run: list[Step]) -> dict[tuple[int, int], Step]:
    return {s.address: s for s in run}


def positions(addresses: tuple[Address, ...]) -> tuple[int, ...]:
    return tuple(a.position for a in addresses)


def seen(step: Step) -> tuple[int, ...]:
    return tuple(r.address.position for r in step.recent)


def test_a_point_in_the_middle_goes_forward_then_backward() -> None:
    assert [s.position for s in steps("default", [2], 0, 4)] == [2, 3, 4, 1, 0]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.name)
def test_the_first_prompted_picture_starts_without_memory(policy: Policy) -> None:
    first = steps(policy.name, [2], 0, 4)[0]
    assert first == Step(Address(2, 2), due=2, prompted=True, completes=True)


def test_two_passes_meet_between_two_prompts() -> None:
    run = steps("default", [0, 4], 0, 6)
    assert [s.address for s in run if s.completes] == [(0, 0), (4, 4), (4, 3), (4, 2), (4, 1), (4, 5), (4, 6)]
    assert {(0, 1), (0, 2), (0, 3)} < {s.address for s in run}


def test_a_later_prompt_is_decoded_on_the_earliest_ones_pass_and_on_no_other() -> None:
    step = by_address(steps("default", [0, 4, 8], 0, 12))[8, 8]
    assert step.attends == ((0, 0),)
    assert [r.address for r in step.recent] == [(0, 7), (0, 6), (0, 5)]
    assert step.pointers == ((0, 0), (0, 7), (0, 6), (0, 5), (0, 4))


def test_a_given_mask_needs_nothing_and_its_passes_see_it_alone() -> None:
    asked = Asked((0, 4), masked=frozenset({4}))
    run = by_address(steps("default", asked, 0, 9))
    assert run[4, 4].needs == frozenset()
    assert run[4, 6].attends == ((4, 4),)
    assert run[4, 2].attends == ((4, 4),)


def test_a_pass_from_a_correction_sees_nothing_of_what_was_corrected() -> None:
    run = by_address(steps("default", [0, 4], 0, 9))
    assert run[4, 4].attends == ((0, 0),), "the correction itself is of the earliest prompt's track"
    for address in ((4, 2), (4, 5), (4, 9)):
        assert run[address].attends == ((4, 4),)
        assert {r.address.start for r in run[address].recent} <= {4}
        assert (0, 0) in run[address].needs, "should the correction leave nothing"


def test_a_given_mask_on_the_earliest_picture_stays_in_sight() -> None:
    run = by_address(steps("default", Asked((0, 4, 8), masked=frozenset({0, 8})), 0, 12))
    assert run[0, 3].attends == ((0, 0),)
    assert run[4, 6].attends == run[4, 2].attends == ((0, 0), (4, 4))
    assert run[8, 6].attends == run[8, 12].attends == ((8, 8),)


def test_passes_see_nothing_of_one_another() -> None:
    """Upstream's defect 10: its backward pass runs on the forward pass's memories."""
    for step in steps("default", [5, 12], 0, 20):
        for recent in step.recent:
            assert recent.address.start == (5 if step.prompted else step.address.start)
            assert step.prompted or recent.address.backward == step.address.backward


def test_absent_pictures_are_neither_visited_nor_remembered() -> None:
    run = by_address(steps("default", Asked((0,), absent=frozenset({3, 4, 5})), 0, 8))
    assert [s.position for s in run.values()] == [0, 1, 2, 6, 7, 8]
    assert seen(run[0, 7]) == (6, 2, 1)
    assert [r.age for r in run[0, 7].recent] == [1, 2, 3]
    assert positions(run[0, 7].pointers) == (0, 6, 2, 1)


def test_the_pass_beneath_ends_where_the_last_prompt_is_decoded_on_it() -> None:
    run = steps("default", [0, 4, 9], 0, 100)
    assert [s.position for s in run if s.address.start == 0] == list(range(9))
    masked = steps("default", Asked((0, 4, 9), masked=frozenset({9})), 0, 100)
    assert [s.position for s in masked if s.address.start == 0] == list(range(4))


def test_forward_visits_all_in_one_pass() -> None:
    run = by_address(steps("forward", [0, 3], 0, 8))
    assert positions(run[0, 2].attends) == (0,)
    assert seen(run[0, 2]) == (1,)
    assert run[3, 3].prompted and seen(run[3, 3]) == (2, 1)
    assert positions(run[0, 5].attends) == (0, 3)
    assert seen(run[0, 5]) == (4, 2)
    assert [r.age for r in run[0, 5].recent] == [1, 3]
    assert seen(run[0, 8]) == (7, 6, 5)
    assert positions(run[0, 8].pointers) == (0, 3, 7, 6, 5, 4)


def test_many_corrections_of_one_pass_stay_affordable() -> None:
    last = steps("forward", list(range(20)), 0, 30)[-1]
    assert len(last.attends) == CLOSEST_PROMPTED
    assert positions(last.attends)[0] == 0 and positions(last.attends)[-1] == 19


def test_upstream_replays_its_clicks() -> None:
    run = steps("upstream", [0, 3], 0, 4)
    assert [(s.sweep, s.position, s.leads_to is None) for s in run] == [
        (0, 0, True),
        (1, 1, False),
        (1, 2, False),
        (1, 3, False),
        (1, 3, True),
        (2, 1, True),
        (2, 2, True),
        (2, 4, True),
    ]
    assert run[4].corrects == (0, 3) and run[4].attends == ((0, 0),)
    assert run[5].attends == ((0, 0), (3, 3)) and run[5].pointers == ((0, 0),)


def seen_record(position: int, size: int = 4, iou: float = 0.9) -> Record:
    logits = np.full((8, 8), -5, np.float16)
    logits[:size, :size] = 5
    return Record(SourceFrame(position), logits, np.zeros(8, np.float32), 5.0 if size else -5.0, iou, False)


@pytest.mark.parametrize("position", [2, 6])
def test_where_a_correction_leaves_nothing_the_earliest_is_followed(position: int) -> None:
    step = by_address(steps("default", [0, 4], 0, 9))[4, position]
    assert known_by(step, lambda address: seen_record(address.position)) == step
    alone = known_by(step, lambda address: seen_record(address.position, size=0))
    assert alone.address == step.address and alone.recent == step.recent
    assert alone.attends == ((0, 0), (4, 4))


def test_nothing_else_is_followed_where_a_mask_is_given_or_no_correction_was_made() -> None:
    run = by_address(steps("default", Asked((0, 4), masked=frozenset({4})), 0, 9))
    assert run[0, 2].where_unseen is run[4, 2].where_unseen is run[4, 6].where_unseen is None
    masked_first = by_address(steps("default", Asked((0, 4), masked=frozenset({0})), 0, 9))
    assert masked_first[4, 6].where_unseen is None


def chosen(records: dict[int, Record], position: int) -> Step:
    """The step of a picture in the pass from 0, as policy `selective` has it."""
    step = next(s for s in steps("selective", [0], 0, position) if s.position == position)
    remembers = policy_named("selective").remembers
    assert remembers is not None
    return remembers(step, lambda address: records.get(address.position), SHAPE)


def test_selective_leaves_out_pictures_without_the_subject() -> None:
    records = {p: seen_record(p, size=0 if p in (18, 19) else 4) for p in range(20)}
    step = chosen(records, 20)
    assert seen(step) == (17, 15, 10)
    assert [r.age for r in step.recent] == [1, 2, 3]
    assert positions(step.pointers) == (0, 17, 16, 15, 14)


def test_selective_keeps_a_picture_that_it_is_sure_of() -> None:
    records = {p: seen_record(p, iou=0.9 if p == 6 else 0.5) for p in range(20)}
    assert positions(chosen(records, 20).attends) == (0, 6)
    assert positions(chosen(records, 9).attends) == (0,)
    assert positions(chosen({**records, 6: seen_record(6, size=7)}, 20).attends) == (0,)


def test_selective_falls_back_to_the_nearest() -> None:
    records = {p: seen_record(p, size=0) for p in range(20)}
    assert seen(chosen(records, 20)) == (19, 18, 17)


def test_an_unknown_policy_is_named() -> None:
    with pytest.raises(PolicyUnknown):
        policy_named("best")


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.name)
@settings(max_examples=40, deadline=None)
@given(asked=all_that_can_be_asked(), first=st.integers(0, 40), length=st.integers(0, 20))
def test_every_asked_picture_is_completed_once_and_sees_only_earlier_records(
    policy: Policy, asked: Asked, first: int, length: int
) -> None:
    wanted = set(range(first, first + length + 1)) - asked.absent
    run = list(policy.steps(asked, first, first + length, SHAPE))
    completed = [s.position for s in run if s.completes]
    assert len(completed) == len(set(completed))
    assert wanted <= set(completed)
    assert [s.order for s in run] == sorted(s.order for s in run)
    done: set[Address] = set()
    for step in run:
        assert step.needs <= done
        assert len(step.recent) < SHAPE.memory_count
        assert step.position not in asked.absent
        assert step.prompted == (step.address.start == step.position)
        done.add(step.address)
        if step.completes and step.position in wanted:
            for start in policy.passes(asked, step.position):
                assert Address(start, step.position) in done


@pytest.mark.parametrize("policy", POLICIES[:3], ids=lambda p: p.name)
@settings(max_examples=40, deadline=None)
@given(asked=all_that_can_be_asked(), first=st.integers(0, 40), length=st.integers(0, 20))
def test_a_record_depends_neither_on_the_range_nor_on_prompts_without_influence(
    policy: Policy, asked: Asked, first: int, length: int
) -> None:
    alone: dict[tuple[int, ...], dict[tuple[int, int], Step]] = {}
    whole = by_address(list(policy.steps(asked, 0, 60, SHAPE)))
    for step in policy.steps(asked, first, first + length, SHAPE):
        assert decoding(step) == decoding(whole[step.address])
        influence = policy.influence(asked, step.address)
        if influence not in alone:
            fewer = Asked(influence, asked.masked & set(influence), asked.absent)
            alone[influence] = by_address(list(policy.steps(fewer, 0, 60, SHAPE)))
        assert decoding(step) == decoding(alone[influence][step.address])
        for needed in step.needs:
            assert set(policy.influence(asked, needed)) <= set(influence)


def decoding(step: Step) -> tuple[object, ...]:
    return (step.prompted, step.attends, step.recent, step.pointers, step.corrects)
