# SPDX-License-Identifier: GPL-3.0-or-later
"""The point that a person would click."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis.extra.numpy import arrays

from benchmarks.davis import farthest_point


def mask_of(*rows):
    return np.array([[cell == "#" for cell in row] for row in rows])


def test_the_middle_of_a_square():
    assert farthest_point(mask_of(".......", ".#####.", ".#####.", ".#####.", ".#####.", ".#####.")) == (
        3.5,
        3.5,
    )


def test_the_border_is_an_edge():
    assert farthest_point(np.ones((3, 7), bool)) == (1 + 0.5, 1 + 0.5)
    assert farthest_point(np.ones((5, 5), bool)) == (2.5, 2.5)


def test_of_several_the_topmost_then_the_leftmost():
    assert farthest_point(mask_of("..#.#", ".....", "#....")) == (2.5, 0.5)


@given(mask=arrays(np.bool_, (8, 9)))
def test_it_lies_in_the_mask_and_none_is_farther(mask):
    assume(mask.any())
    x, y = farthest_point(mask)
    assert mask[int(y), int(x)]
    outside = np.argwhere(~np.pad(mask, 1)) - 1
    depths = {
        (row, column): ((outside - (row, column)) ** 2).sum(axis=1).min() for row, column in np.argwhere(mask)
    }
    assert depths[int(y), int(x)] == max(depths.values())


def test_an_empty_mask_has_none():
    with pytest.raises(ValueError, match="empty"):
        farthest_point(np.zeros((3, 3), bool))
