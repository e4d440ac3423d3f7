# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies: which steps, in what order, on which memories."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.errors import PolicyUnknown
from rotopoint.tracking.policy import CLOSEST_PROMPTED, POLICIES, Policy, Step, policy_named
from rotopoint.tracking.runtime import ModelShape

SHAPE = ModelShape(input_size=64, logit_size=16, pointer_size=8, memory_count=4, pointer_count=5)

prompted_frames = st.lists(st.integers(0, 40), min_size=1, max_size=12, unique=True).map(sorted)


def steps(policy: str, prompted: list[int], first: int, last: int) -> list[Step]:
    return list(policy_named(policy).steps(prompted, first, last, SHAPE))


def test_a_point_in_the_middle_goes_forward_then_backward() -> None:
    assert [s.position for s in steps("default", [2], 0, 4)] == [2, 3, 4, 1, 0]


def test_the_first_prompted_picture_starts_without_memory() -> None:
    first = steps("default", [2], 0, 4)[0]
    assert first == Step(0, 2, prompted=True)


def test_recent_memories_stop_at_the_start_and_skip_prompted_pictures() -> None:
    by_position = {s.position: s for s in steps("default", [0, 3], 0, 8)}
    assert by_position[2].attends == (0,)
    assert by_position[2].recent == (1,)
    assert by_position[3].prompted and by_position[3].recent == (2, 1)
    assert by_position[5].attends == (0, 3)
    assert by_position[5].recent == (4, 2)
    assert by_position[8].recent == (7, 6, 5)
    assert by_position[8].pointers == (0, 3, 7, 6, 5, 4)


def test_backward_sees_nothing_of_the_forward_pass() -> None:
    """Upstream's defect 10: its backward pass runs on the forward pass's memories."""
    for step in steps("default", [5], 0, 9):
        if step.backward:
            assert all(step.position < p < 5 for p in step.recent)


def test_many_corrections_stay_affordable() -> None:
    last = steps("default", list(range(20)), 0, 30)[-1]
    assert len(last.attends) == CLOSEST_PROMPTED
    assert last.attends[0] == 0 and last.attends[-1] == 19


def test_upstream_replays_its_clicks() -> None:
    run = steps("upstream", [0, 3], 0, 4)
    assert [(s.sweep, s.position, s.final) for s in run] == [
        (0, 0, True),
        (1, 1, False),
        (1, 2, False),
        (1, 3, False),
        (1, 3, True),
        (2, 1, True),
        (2, 2, True),
        (2, 4, True),
    ]
    assert run[4].corrects and run[4].attends == (0,)
    assert run[5].attends == (0, 3) and run[5].pointers == (0,)


def test_an_unknown_policy_is_named() -> None:
    with pytest.raises(PolicyUnknown):
        policy_named("best")


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.name)
@given(prompted=prompted_frames, first=st.integers(0, 40), length=st.integers(0, 20))
def test_every_asked_picture_has_one_result_and_sees_only_earlier_ones(
    policy: Policy, prompted: list[int], first: int, length: int
) -> None:
    run = list(policy.steps(prompted, first, first + length, SHAPE))
    final = [s.position for s in run if s.final]
    assert len(final) == len(set(final))
    assert set(range(first, first + length + 1)) <= set(final)
    assert [s.order for s in run] == sorted(s.order for s in run)
    done: set[int] = set()
    for step in run:
        assert {*step.attends, *step.recent, *step.pointers} <= done
        assert len(step.recent) < SHAPE.memory_count
        assert step.prompted == (step.final and step.position in prompted)
        done.add(step.position)


@given(prompted=prompted_frames, first=st.integers(0, 40), length=st.integers(0, 20))
def test_a_result_does_not_depend_on_the_range_or_on_prompts_without_influence(
    prompted: list[int], first: int, length: int
) -> None:
    policy = policy_named("default")
    whole = {s.position: s for s in policy.steps(prompted, 0, 60, SHAPE)}
    for step in policy.steps(prompted, first, first + length, SHAPE):
        assert step == whole[step.position]
        influence = policy.influence(prompted, step.position)
        alone = {s.position: s for s in policy.steps(influence, 0, 60, SHAPE)}
        assert step == alone[step.position]
        assert all(set(policy.influence(prompted, p)) <= set(influence) for p in step.recent)
