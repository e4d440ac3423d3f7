# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames are shown, and which are marked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.report.contents import FrameFact, SubjectFacts, least_trusted, spread


def subject(name: str, *confidences: float | None) -> SubjectFacts:
    facts = tuple(FrameFact(n, confidence) for n, confidence in enumerate(confidences, 1))
    return SubjectFacts(name, (1.0, 0.0, 0.0), facts)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [10]), (2, [10, 14]), (3, [10, 12, 14]), (5, [10, 11, 12, 13, 14]), (9, None)]
)
def test_a_sheet_has_frames_from_end_to_end(count: int, expected: list[int] | None) -> None:
    assert list(spread(range(10, 15), count)) == (expected or list(range(10, 15)))


@given(st.integers(1, 500), st.integers(1, 30))
def test_no_frame_is_twice_on_a_sheet(frames: int, count: int) -> None:
    found = spread(range(1, frames + 1), count)
    assert len(set(found)) == len(found) == min(frames, count)


def test_the_least_trusted_come_first_whosever_they_are() -> None:
    found = least_trusted([subject("a", 0.9, 0.2, 0.8), subject("b", 0.5, None, 0.1)], 3)
    assert [(s.name, f.frame) for s, f in found] == [("b", 3), ("a", 2), ("b", 1)]
    assert least_trusted([subject("a", None, None)], 3) == ()


def test_what_a_person_has_decided_is_not_looked_at() -> None:
    facts = (FrameFact(1, 1.0, absent=True), FrameFact(2, 1.0, approved=True), FrameFact(3, 0.9))
    found = least_trusted([SubjectFacts("a", (0.0, 0.0, 0.0), facts)], 5)
    assert [fact.frame for _, fact in found] == [3]


def test_a_bad_stretch_is_shown_by_its_worst_frame() -> None:
    confidences = [0.9] * 80
    confidences[20:24] = [0.3, 0.2, 0.1, 0.25]
    found = least_trusted([subject("a", *confidences)], 4)
    assert found[0][1].frame == 23
    assert not any(f.frame in range(19, 28) for _, f in found[1:]) and len(found) == 4


def test_only_what_is_under_a_half_is_weak() -> None:
    assert [FrameFact(1, c).weak for c in (None, 0.5, 0.49)] == [False, False, True]
    assert subject("a", None, None).tracked is False
    assert SubjectFacts("a", (0.0, 0.0, 0.0), (FrameFact(1, 1.0, absent=True),)).tracked is False
