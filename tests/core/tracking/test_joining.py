# SPDX-License-Identifier: GPL-3.0-or-later
"""Joining: the better of two records."""

from __future__ import annotations

import numpy as np

from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record
from rotopoint.tracking.joining import Joining, better
from rotopoint.tracking.policy import Asked, policy_named

DEFAULT = policy_named("default")


def record(position: int, column: int = 3, iou: float = 0.8, score: float = 5.0) -> Record:
    logits = np.full((8, 8), -5, np.float16)
    logits[2:5, column : column + 3] = 5
    return Record(SourceFrame(position), logits, np.zeros(2, np.float32), score, iou, prompted=False)


def joining(records: dict[tuple[int, int], Record], *prompted: int) -> Joining:
    return Joining(Asked(prompted), DEFAULT, lambda address: records.get(tuple(address)))


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
