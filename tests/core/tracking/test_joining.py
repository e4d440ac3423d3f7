# SPDX-License-Identifier: GPL-3.0-or-later
"""Joining: the surer of two passes."""

from __future__ import annotations

import numpy as np
import pytest

from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record
from rotopoint.tracking.confidence import LATE
from rotopoint.tracking.joining import DISTANCE_WEIGHT, Joining, better, sureness
from rotopoint.tracking.policy import Asked, policy_named

DEFAULT = policy_named("default")


def record(position: int, logit: float = 4.0, score: float = 5.0) -> Record:
    logits = np.full((8, 8), -5, np.float16)
    logits[2:5, 3:6] = logit
    return Record(SourceFrame(position), logits, np.zeros(2, np.float32), score, 0.8, prompted=False)


def passes(left: dict[int, Record], right: dict[int, Record], first: int, last: int) -> Joining:
    """Passes from two prompted pictures, and what each has by position."""
    records = {(first, p): r for p, r in {first: record(first), **left}.items()}
    records |= {(last, p): r for p, r in {last: record(last), **right}.items()}
    return Joining(Asked((first, last)), DEFAULT, lambda address: records.get(tuple(address)))


def test_a_record_is_as_sure_as_its_mask_is_inside() -> None:
    assert sureness(record(0, logit=4.0)) == pytest.approx(np.log(4), abs=1e-3)
    assert sureness(record(0, logit=8.0)) == pytest.approx(np.log(8), abs=1e-3)


def test_what_sees_nothing_is_as_unsure_as_can_be() -> None:
    unseen = record(0, score=-1.0)
    assert sureness(unseen) == sureness(record(0, logit=-5.0)) == pytest.approx(np.log(1e-3))


def test_the_nearer_of_two_equal_passes_is_better() -> None:
    assert better([1.0], [1.0], 0.3) and not better([1.0], [1.0], 0.7)


def test_a_pass_that_is_surer_by_more_than_the_way_is_better_wherever_it_is() -> None:
    assert better([1.0 + 1.1 * DISTANCE_WEIGHT], [1.0], 1.0)
    assert not better([1.0 + 0.9 * DISTANCE_WEIGHT], [1.0], 1.0)


def test_one_sure_mask_of_late_does_not_turn_a_pass() -> None:
    assert not better([0.0, 0.0, 0.0, 1.6], [1.0, 1.0, 1.0, 1.0], 0.5)


def test_each_picture_comes_from_one_of_its_passes() -> None:
    same = {p: record(p) for p in (1, 2, 3)}
    joined = passes(same, {**same, 5: record(5)}, 0, 4)
    assert [joined.taken(p) for p in range(6)] == [(0, 0), (0, 1), (0, 2), (4, 3), (4, 4), (4, 5)]
    assert passes(same, {1: record(1), 3: record(3)}, 0, 4).taken(2) is None


def test_a_pass_that_has_lost_the_subject_gives_way_to_the_other() -> None:
    seen = {p: record(p) for p in range(1, 10)}
    lost = {**seen, **{p: record(p, logit=0.5) for p in range(3, 10)}}
    joined = passes(lost, seen, 0, 10)
    assert [joined.taken(p) for p in (1, 2)] == [(0, 1), (0, 2)]
    assert [joined.taken(p) for p in range(3, 10)] == [(10, p) for p in range(3, 10)]


def test_the_prompted_picture_itself_says_nothing_of_its_pass() -> None:
    pictures = {p: record(p) for p in (1, 2, 3)}
    given = {0: record(0, logit=32.0), **pictures}
    assert passes(given, pictures, 0, 4).taken(3) == passes(pictures, pictures, 0, 4).taken(3) == (4, 3)


def test_what_was_long_ago_has_no_say() -> None:
    last = 2 * LATE + 3
    right = {p: record(p) for p in range(1, last)}
    left = {p: record(p, logit=0.5 if p < 4 else 4.2) for p in range(1, last)}
    asked = LATE + 3
    assert passes(left, right, 0, last).taken(asked) == (0, asked)
    assert passes(left, right, 0, last).taken(asked - 1) == (last, asked - 1)


def test_no_order_of_asking_changes_what_is_taken() -> None:
    rng = np.random.default_rng(5)
    left, right = ({p: record(p, logit=float(rng.uniform(0.5, 8))) for p in range(1, 30)} for _ in range(2))
    there, back = passes(left, right, 0, 30), passes(left, right, 0, 30)
    taken = {p: there.taken(p) for p in range(1, 30)}
    assert {p: back.taken(p) for p in reversed(range(1, 30))} == taken
    assert len(set(start for start, _ in taken.values() if start is not None)) == 2  # type: ignore[misc]
