# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts lie where a person would put them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.prompts import PromptKind, anywhere, click_on_error, deepest, prompt

SEEDS = st.integers(0, 2**32 - 1)


def disk(x: int, y: int, radius: int) -> np.ndarray:
    rows, columns = np.mgrid[:40, :50]
    return np.asarray((columns - x) ** 2 + (rows - y) ** 2 <= radius**2)


def test_the_deepest_point_is_the_middle_of_a_disk() -> None:
    assert deepest(disk(30, 15, 7)) == (30.5, 15.5)


def test_the_border_of_the_picture_counts_as_an_edge() -> None:
    assert deepest(np.ones((5, 9), bool)) == (2.5, 2.5)


@given(SEEDS, st.sampled_from([PromptKind.POINT, PromptKind.POINTS]))
@settings(max_examples=50, deadline=None)
def test_positive_points_lie_inside_and_negative_ones_outside(seed: int, kind: PromptKind) -> None:
    mask = disk(20, 20, 9)
    xy, labels = prompt(np.random.default_rng(seed), kind, mask)
    inside = [bool(mask[int(y), int(x)]) for x, y in xy]
    assert inside == labels.astype(bool).tolist()
    assert len(labels) == (1 if kind is PromptKind.POINT else 3)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_negative_point_lies_on_what_else_is_known(seed: int) -> None:
    """Beyond what is near the subject, and not on that part of the other which hides it."""
    mask, other = disk(10, 20, 5), disk(10, 20, 3) | disk(44, 20, 3)
    xy, labels = prompt(np.random.default_rng(seed), PromptKind.POINTS, mask, other)
    assert all(disk(44, 20, 3)[int(y), int(x)] for (x, y), label in zip(xy, labels, strict=True) if not label)


@given(SEEDS)
@settings(max_examples=50, deadline=None)
def test_a_box_is_near_the_mask_and_inside_the_picture(seed: int) -> None:
    xy, labels = prompt(np.random.default_rng(seed), PromptKind.BOX, disk(20, 20, 9))
    assert labels.tolist() == [2, 3]
    assert np.abs(xy - [[11, 11], [30, 30]]).max() < 0.3 * 19
    assert (xy >= 0).all() and (xy <= [50, 40]).all()


def test_a_mask_prompt_has_no_points() -> None:
    xy, labels = prompt(np.random.default_rng(0), PromptKind.MASK, disk(20, 20, 9))
    assert xy.shape == (0, 2) and labels.shape == (0,)


def test_a_click_adds_what_is_missing() -> None:
    rng = np.random.default_rng(0)
    assert click_on_error(rng, np.zeros((40, 50), bool), disk(30, 15, 7)) == ((30.5, 15.5), 1)


def test_a_click_takes_away_what_is_too_much() -> None:
    rng = np.random.default_rng(0)
    truth, answer = disk(10, 20, 5), disk(10, 20, 5) | disk(40, 20, 5)
    assert click_on_error(rng, answer, truth) == ((40.5, 20.5), 0)


def test_the_larger_error_is_clicked_more_often() -> None:
    truth, answer = disk(12, 20, 9), disk(40, 20, 3)
    labels = [click_on_error(np.random.default_rng(seed), answer, truth)[1] for seed in range(200)]
    assert 150 < sum(labels) < 200


@pytest.mark.parametrize(("truth", "label"), [(disk(20, 20, 5), 1), (np.zeros((40, 50), bool), 0)])
def test_a_right_answer_is_confirmed(truth: np.ndarray, label: int) -> None:
    (x, y), found = click_on_error(np.random.default_rng(0), truth, truth)
    assert found == label == truth[int(y), int(x)]


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_anywhere_is_inside(seed: int) -> None:
    mask = np.zeros((7, 9), bool)
    mask[2, 3] = mask[6, 8] = True
    assert anywhere(np.random.default_rng(seed), mask) in {(3.5, 2.5), (8.5, 6.5)}
