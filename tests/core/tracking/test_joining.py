# SPDX-License-Identifier: GPL-3.0-or-later
"""Joining: of two passes more of the surer one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record
from rotopoint.store.region import Region
from rotopoint.tracking.confidence import LATE
from rotopoint.tracking.joining import CERTAIN, DISTANCE_WEIGHT, SPREAD, Joining, mixed, share, sureness
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


def test_the_nearer_of_two_equal_passes_has_more_of_the_say() -> None:
    assert share([1.0], [1.0], 0.3) > 0.5 > share([1.0], [1.0], 0.7)


def test_two_equal_passes_go_over_into_each_other() -> None:
    shares = [share([1.0], [1.0], way) for way in np.linspace(0, 1, 11)]
    assert shares[5] == 0.5
    assert shares == sorted(shares, reverse=True)
    assert np.allclose(np.add(shares, shares[::-1]), 1)


def test_a_pass_that_is_surer_by_the_spread_has_e_times_the_say_of_the_other() -> None:
    part = share([1.0 + SPREAD], [1.0], 0.5)
    assert part / (1 - part) == pytest.approx(np.e)


def test_a_pass_that_is_surer_by_more_than_the_way_has_more_of_the_say_wherever_it_is() -> None:
    assert share([1.0 + 1.1 * DISTANCE_WEIGHT], [1.0], 1.0) > 0.5
    assert share([1.0 + 0.9 * DISTANCE_WEIGHT], [1.0], 1.0) < 0.5


def test_one_sure_mask_of_late_does_not_turn_a_pass() -> None:
    assert share([0.0, 0.0, 0.0, 1.6], [1.0, 1.0, 1.0, 1.0], 0.5) < 0.5


def test_each_picture_comes_from_one_of_its_passes() -> None:
    same = {p: record(p) for p in (1, 2, 3)}
    joined = passes(same, {**same, 5: record(5)}, 0, 4)
    assert [joined.taken(p) for p in range(6)] == [(0, 0), (0, 1), (0, 2), (4, 3), (4, 4), (4, 5)]
    assert passes(same, {1: record(1), 3: record(3)}, 0, 4).taken(2) is None


def test_a_picture_is_a_mean_of_its_passes() -> None:
    """In the middle of the way, where both are as sure, half of each."""
    one, other = record(2), record(2)
    other.logits[:] = np.roll(one.logits, 1, axis=1)
    joined = passes({1: record(1), 2: one}, {3: record(3), 2: other}, 0, 4).joined(2)
    assert joined is not None and joined.logits.dtype == np.float16
    assert np.array_equal(joined.logits[3], np.array([-5, -5, -5, -0.5, 4, 4, -0.5, -5], np.float16))


def test_a_pass_that_knows_nothing_has_no_say() -> None:
    """A mask without doubts stays, but for what is beyond CERTAIN."""
    seen = record(2, logit=2 * CERTAIN)
    joined = passes({1: record(1), 2: seen}, {3: record(3), 2: record(2, score=-1.0)}, 0, 4).joined(2)
    assert joined is not None and joined.present
    assert np.allclose(joined.logits, np.clip(seen.logits, -CERTAIN, CERTAIN), atol=0.01)


def test_what_is_not_seen_is_outside_whatever_its_logits_say() -> None:
    unseen = replace(record(2, logit=30.0), object_score=-1.0)
    assert np.array_equal(mixed(record(2, logit=2.0), unseen, 0.5).logits[3, 3:6], np.full(3, -3, np.float16))


def test_records_of_different_parts_of_a_picture_are_not_averaged() -> None:
    elsewhere = replace(record(2), region=Region(0, 0, 8, 8))
    left = record(2)
    assert passes({1: record(1), 2: left}, {3: record(3), 2: elsewhere}, 0, 4).joined(2) is left


def test_a_prompted_picture_is_what_it_is() -> None:
    given = record(0, logit=32.0)
    assert passes({0: given, 1: record(1)}, {1: record(1)}, 0, 2).joined(0) is given


def test_without_a_record_of_either_pass_nothing_is_taken() -> None:
    assert passes({1: record(1), 2: record(2)}, {3: record(3)}, 0, 4).joined(2) is None


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
