# SPDX-License-Identifier: GPL-3.0-or-later
"""Confidence: what lowers it, what raises it, and that it needs nothing but records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record
from rotopoint.tracking.confidence import NAMES, WEIGHTS, Evidence, agreement


def square(left: int = 4, size: int = 6, score: float = 8.0, iou: float = 0.9) -> Record:
    """A square on 16x16 samples."""
    logits = np.full((16, 16), -9, np.float16)
    logits[4 : 4 + size, left : left + size] = 9
    return Record(SourceFrame(0), logits, np.zeros(4, np.float32), score, iou, prompted=False)


EMPTY = square(size=0, score=-8.0, iou=0.1)
GOOD = square()


def confidence(record: Record = GOOD, before: Record = GOOD, other: Record | None = None, **known) -> float:
    asked = {"late_scores": [record.object_score, 8.0], **known}
    return Evidence.of(record, before, other, **asked).confidence()


def test_agreement_is_intersection_over_union() -> None:
    assert agreement(square(4), square(4)) == 1
    assert agreement(square(4), square(7)) == pytest.approx(18 / 54)
    assert agreement(EMPTY, EMPTY) == 1 and agreement(EMPTY, GOOD) == 0


WORSE = {
    "the model sees less of it": {"record": square(score=2.0)},
    "the model trusts its mask less": {"record": square(iou=0.4)},
    "it was hardly seen of late": {"late_scores": [8.0, 0.0, -2.0]},
    "it shrank": {"record": square(size=2)},
    "it jumped": {"before": square(left=9)},
    "the other pass says otherwise": {"other": square(left=9)},
}


@pytest.mark.parametrize("change", WORSE.values(), ids=WORSE)
def test_what_lowers_it(change: dict) -> None:
    assert confidence(**change) < confidence()


def test_two_passes_that_agree_raise_it() -> None:
    assert confidence(other=GOOD) > confidence()


def test_what_was_lost_is_not_trusted() -> None:
    assert confidence(EMPTY, GOOD) < 0.1 < 0.5 < confidence()


scores = st.floats(-1e4, 1e4, width=32)
records = st.builds(
    Record,
    st.just(SourceFrame(0)),
    arrays(np.float16, (5, 5), elements=st.sampled_from([-1024.0, -1.0, 0.0, 1.0, 32.0])),
    st.just(np.zeros(2, np.float32)),
    scores,
    st.floats(0, 1),
    st.just(False),
)


@given(records, records, st.one_of(st.none(), records))
def test_it_is_a_number_from_0_to_1_whatever_the_records_hold(record, before, other) -> None:
    evidence = Evidence.of(record, before, other, late_scores=[record.object_score])
    assert evidence.numbers.shape == (len(NAMES),) == (len(WEIGHTS),)
    assert 0.0 <= evidence.confidence() <= 1.0


@given(records, scores, scores)
def test_a_higher_object_score_never_lowers_it(record: Record, one: float, two: float) -> None:
    low, high = (
        Evidence.of(r, GOOD, late_scores=[r.object_score]).confidence()
        for r in (replace(record, object_score=s) for s in sorted((one, two)))
    )
    assert low <= high


def test_scores_that_are_no_numbers_do_no_harm() -> None:
    assert 0.0 <= confidence(square(score=float("nan"), iou=float("nan"))) <= 1.0
