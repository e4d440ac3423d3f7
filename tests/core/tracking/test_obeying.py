# SPDX-License-Identifier: GPL-3.0-or-later
"""Clicks on a tracked picture hold, whatever the answer on memory was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.tracking.obeying import LOGIT, Click, clicks_of, contradicted, distances, obeying
from rotopoint.tracking.runtime import NO_OBJECT_LOGIT, Decoded, PointPrompts

CELLS = 96

SKY, BIRD = (120, 160, 220), (200, 40, 30)


def decoded(logits: np.ndarray, score: float = 4.0) -> Decoded:
    return Decoded(logits.astype(np.float32), np.ones(4, np.float32), score, 0.9)


def picture() -> np.ndarray:
    """A bird's square of 20 cells in the sky, from row 30 and column 40 on, at 384 pixels."""
    shown = np.full((384, 384, 3), SKY, np.uint8)
    shown[120:200, 160:240] = BIRD
    return shown


def bird() -> np.ndarray:
    inside = np.zeros((CELLS, CELLS), np.bool_)
    inside[30:50, 40:60] = True
    return inside


def test_a_click_that_is_heeded_changes_nothing() -> None:
    answer = decoded(np.where(bird(), 8.0, -8.0))
    clicks = [Click((40, 50), True), Click((10, 10), False)]
    assert not contradicted(answer, clicks)
    assert obeying(answer, clicks, picture()) is answer


def test_a_click_on_what_was_missed_takes_it_up_to_where_the_picture_changes() -> None:
    answer = decoded(np.full((CELLS, CELLS), -8.0), -3.0)
    got = obeying(answer, [Click((40, 50), True)], picture())
    inside = got.logits > 0
    assert (inside & bird()).sum() > 0.9 * bird().sum()
    assert (inside & ~bird()).sum() < 0.15 * bird().sum()
    assert got.object_score > 0
    assert np.array_equal(got.pointer, answer.pointer)


def test_a_click_on_what_is_too_much_takes_that_away_and_leaves_the_subject() -> None:
    both = bird()
    both[30:50, 64:84] = True
    shown = picture()
    shown[120:200, 256:336] = BIRD
    got = obeying(decoded(np.where(both, 8.0, -8.0)), [Click((40, 74), False)], shown)
    inside = got.logits > 0
    assert (inside & bird()).sum() == bird().sum()
    assert (inside & both & ~bird()).sum() < 0.15 * bird().sum()
    assert got.object_score == 4.0


def test_clicks_that_are_heeded_hold_their_own_ground() -> None:
    answer = decoded(np.where(bird(), 8.0, -8.0))
    shown = np.full((384, 384, 3), SKY, np.uint8)
    got = obeying(answer, [Click((40, 42), False), Click((40, 47), True)], shown)
    assert got.logits[40, 42] < 0 < got.logits[40, 47]


def test_a_picture_without_the_subject_has_it_where_one_says_so() -> None:
    answer = decoded(np.full((CELLS, CELLS), NO_OBJECT_LOGIT), -5.0)
    got = obeying(answer, [Click((40, 50), True)], picture())
    assert got.logits[40, 50] == pytest.approx(LOGIT)
    assert np.isfinite(got.logits).all() and got.logits.min() >= -10.0
    assert got.object_score > 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([24, 64, 96]))
def test_every_click_is_obeyed(seed: int, count: int, cells: int) -> None:
    random = np.random.default_rng(seed)
    answer = decoded(random.normal(0, 6, (cells, cells)))
    shown = random.integers(0, 256, (cells, cells, 3), np.uint8)
    places = random.choice(cells * cells, count, replace=False)
    clicks = [Click(divmod(int(p), cells), bool(random.integers(2))) for p in places]
    got = obeying(answer, clicks, shown)
    assert got.logits.dtype == np.float32
    assert np.isfinite(got.logits).all()
    assert not contradicted(got, clicks)


def test_distances_are_shortest_ways_around_what_differs() -> None:
    colors = np.zeros((3, 4, 3), np.float32)
    colors[:2, 1] = 100.0
    found = distances(colors, (0, 0), 100.0)
    assert found[0, 0] == 0.0 and found[2, 0] == 2.0
    # Around the wall: down, across its end by two diagonals, and up again.
    assert found[0, 2] == pytest.approx(2 + 2 * np.sqrt(2))
    assert found[0, 1] > 60
    assert np.isinf(distances(colors, (0, 0), 3.0)[0, 2])


def test_points_lie_on_the_cells_that_show_them() -> None:
    prompts = PointPrompts(np.array([[0.5, 383.5], [100.0, 200.0]], np.float32), np.array([1, 0], np.int32))
    assert clicks_of(prompts, 384, 96) == (Click((95, 0), True), Click((50, 25), False))
    boxed = PointPrompts(np.array([[1, 1], [9, 9], [5, 5]], np.float32), np.array([2, 3, 0], np.int32))
    assert clicks_of(boxed, 384, 96) == (Click((1, 1), False),)
