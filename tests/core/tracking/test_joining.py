# SPDX-License-Identifier: GPL-3.0-or-later
"""Joining: the better of two records, and where a pass has settled."""

from __future__ import annotations

import numpy as np

from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record
from rotopoint.tracking.joining import RUNNING, Joining, better
from rotopoint.tracking.policy import SETTLES_WITHIN, Address, Asked, policy_named

DEFAULT = policy_named("default")


def record(position: int, column: int = 3, iou: float = 0.8, score: float = 5.0) -> Record:
    logits = np.full((8, 8), -5, np.float16)
    logits[2:5, column : column + 3] = 5
    return Record(SourceFrame(position), logits, np.zeros(2, np.float32), score, iou, prompted=False)


def joining(records: dict[tuple[int, int], Record], *prompted: int, **asked: frozenset[int]) -> Joining:
    return Joining(Asked(prompted, **asked), DEFAULT, lambda address: records.get(tuple(address)))


def preferred(left: Record, right: Record, way: float) -> bool:
    return better(left, right, way, record(0, iou=1.0), record(0, iou=1.0))


def test_the_nearer_of_two_equal_records_is_better() -> None:
    assert preferred(record(1), record(1), 0.3) and not preferred(record(1), record(1), 0.7)


def test_a_much_better_mask_counts_more_than_distance() -> None:
    assert preferred(record(1, iou=0.95), record(1, iou=0.6), 0.9)
    assert not preferred(record(1, iou=0.7), record(1, iou=0.6), 0.9)


def test_a_record_that_sees_nothing_gives_way() -> None:
    assert not preferred(record(1, score=-1.0, iou=0.9), record(1, iou=0.4), 0.2)


def test_a_pass_from_a_doubtful_prompt_gives_way() -> None:
    given, doubtful = record(0, iou=1.0), record(0, iou=0.5)
    assert better(record(1), record(1), 0.7, given, doubtful)
    assert not better(record(1), record(1), 0.3, doubtful, given)


def test_each_picture_comes_from_one_of_its_passes() -> None:
    records = {
        (0, 0): record(0),
        (4, 4): record(4),
        (4, 5): record(5),
        **{(0, p): record(p, column=1) for p in (1, 2, 3)},
        **{(4, p): record(p) for p in (1, 2, 3)},
    }
    taken = joining(records, 0, 4)
    assert [taken.taken(p) for p in range(6)] == [(0, 0), (0, 1), (0, 2), (4, 3), (4, 4), (4, 5)]
    del records[4, 2]
    assert joining(records, 0, 4).taken(2) is None


def passes(differ: set[int], length: int = 120) -> dict[tuple[int, int], Record]:
    """The pass from 0 and that from 10, equal on all pictures but some."""
    beneath = {(0, p): record(p) for p in range(length)}
    above = {(10, p): record(p, column=1 if p in differ else 3) for p in range(10, length)}
    return beneath | above


def test_a_forward_pass_settles_after_enough_equal_pictures() -> None:
    taken = joining(passes({11, 12, 13}), 0, 10)
    last = 13 + RUNNING
    assert taken.taken(last) == (10, last)
    assert taken.taken(last + 1) == (0, last + 1)
    assert taken.settled(Address(10, last + 1)) and not taken.settled(Address(10, last))


def test_one_picture_that_differs_begins_the_count_anew() -> None:
    last = 20 + RUNNING
    taken = joining(passes({20}), 0, 10)
    assert not taken.settled(Address(10, last)) and taken.settled(Address(10, last + 1))


def test_a_pass_that_has_not_settled_soon_goes_on_for_good() -> None:
    late = 10 + SETTLES_WITHIN - RUNNING + 1
    assert joining(passes(set(range(11, late))), 0, 10).settled(Address(10, 110))
    assert not joining(passes(set(range(11, late + 1))), 0, 10).settled(Address(10, 110))


def test_empty_masks_prove_nothing() -> None:
    records = passes(set())
    for start, position in records:
        records[start, position] = record(position, column=8)
    assert not (records[0, 20].logits > 0).any()
    assert not joining(records, 0, 10).settled(Address(10, 110))


def test_absent_pictures_neither_count_nor_interrupt() -> None:
    taken = joining(passes(set()), 0, 10, absent=frozenset({15, 16}))
    assert taken.settled(Address(10, 10 + RUNNING + 3))
    assert not taken.settled(Address(10, 10 + RUNNING + 2))


def test_the_earliest_pass_never_settles() -> None:
    assert not joining(passes(set()), 0, 10).settled(Address(0, 119))
