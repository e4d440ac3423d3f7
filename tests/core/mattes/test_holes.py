# SPDX-License-Identifier: GPL-3.0-or-later
"""Holes: the small ones close, all else stays to the bit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotopoint.mattes.holes import fill_holes

mattes = arrays(np.float32, (7, 9), elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))


def ring(hole: int) -> np.ndarray:
    """A full matte with a hole of `hole` pixels in a row."""
    matte = np.ones((5, 9), np.float32)
    matte[2, 2 : 2 + hole] = 0.25
    return matte


def test_a_hole_of_the_size_given_is_filled_and_a_larger_one_is_not() -> None:
    np.testing.assert_array_equal(fill_holes(ring(3), 3), np.ones((5, 9)))
    np.testing.assert_array_equal(fill_holes(ring(4), 3), ring(4))


def test_what_touches_the_border_is_no_hole() -> None:
    matte = np.ones((4, 4), np.float32)
    matte[1, 0] = 0
    np.testing.assert_array_equal(fill_holes(matte, 16), matte)


def test_corners_do_not_join_holes() -> None:
    matte = np.ones((4, 4), np.float32)
    matte[1, 1] = matte[2, 2] = 0
    np.testing.assert_array_equal(fill_holes(matte, 1), np.ones((4, 4)))


def test_an_empty_and_a_full_matte_stay() -> None:
    for value in (0.0, 1.0):
        matte = np.full((3, 3), value, np.float32)
        np.testing.assert_array_equal(fill_holes(matte, 9), matte)


def test_the_rim_of_a_hole_closes_with_it() -> None:
    matte = np.ones((5, 5), np.float32)
    matte[1:4, 1:4] = 0.75
    matte[2, 2] = 0
    np.testing.assert_array_equal(fill_holes(matte, 1), np.ones((5, 5)))


@given(mattes, st.integers(0, 70))
def test_a_matte_only_gains_and_filling_again_changes_nothing(matte: np.ndarray, largest: int) -> None:
    filled = fill_holes(matte, largest)
    changed = filled != matte
    assert (filled[changed] == 1).all()
    np.testing.assert_array_equal(fill_holes(filled, largest), filled)
    np.testing.assert_array_equal(fill_holes(matte, 0), matte)
