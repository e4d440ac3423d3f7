# SPDX-License-Identifier: GPL-3.0-or-later
"""Specks, parts and the border: what does not belong goes with its rim, all else stays to the bit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotopoint.mattes.clean import RIM, keep_largest, keep_under, mend_border, remove_specks

mattes = arrays(np.float32, (9, 11), elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))


def two_parts() -> np.ndarray:
    """A part of 6 pixels on the left and one of 2 on the right, whose rim is 0.25."""
    matte = np.zeros((6, 30), np.float32)
    matte[1:4, 1:3] = 1
    matte[2, 24:28] = (0.25, 1, 1, 0.25)
    return matte


def the_larger() -> np.ndarray:
    matte = two_parts()
    matte[:, 20:] = 0
    return matte


def test_a_speck_of_the_size_given_goes_with_its_rim() -> None:
    np.testing.assert_array_equal(remove_specks(two_parts(), 2), the_larger())
    np.testing.assert_array_equal(remove_specks(two_parts(), 1), two_parts())
    assert not remove_specks(two_parts(), 6).any()


def test_a_speck_at_the_border_goes_too() -> None:
    matte = np.zeros((5, 5), np.float32)
    matte[0, 0] = 1
    assert not remove_specks(matte, 1).any()


def test_corners_join_parts() -> None:
    matte = np.eye(4, dtype=np.float32)
    np.testing.assert_array_equal(remove_specks(matte, 3), matte)


def test_a_rim_belongs_to_the_nearer_part() -> None:
    matte = np.array([[1, 1, 1, 0.3, 0.2, 0.2, 1]], np.float32)
    expected = np.array([[1, 1, 1, 0.3, 0.2, 0, 0]], np.float32)
    np.testing.assert_allclose(remove_specks(matte, 1), expected)


def test_faint_coverage_far_from_a_speck_stays() -> None:
    matte = np.zeros((3, 40), np.float32)
    matte[1, 1], matte[1, 1 + int(RIM) + 2] = 1, 0.4
    kept = remove_specks(matte, 1)
    assert kept[1, 1] == 0 and kept.max() == np.float32(0.4)


def test_the_largest_parts_are_kept() -> None:
    np.testing.assert_array_equal(keep_largest(two_parts(), 1), the_larger())
    np.testing.assert_array_equal(keep_largest(two_parts(), 2), two_parts())


def test_of_parts_of_one_size_the_upper_one_is_kept() -> None:
    matte = np.zeros((20, 5), np.float32)
    matte[1, 2] = matte[18, 2] = 1
    assert np.flatnonzero(keep_largest(matte, 1).any(1)).tolist() == [1]


def test_the_parts_under_points_are_kept() -> None:
    np.testing.assert_array_equal(keep_under(two_parts(), [(1.5, 2.5)]), the_larger())
    np.testing.assert_array_equal(keep_under(two_parts(), [(1.5, 2.5), (25.5, 2.5)]), two_parts())


def test_points_beside_all_parts_say_nothing() -> None:
    matte = two_parts()
    assert keep_under(matte, [(10, 5), (-3, 900)]) is matte
    assert keep_under(matte, []) is matte


def test_the_border_is_as_what_lies_within() -> None:
    matte = np.array([[9, 9, 9, 9, 9], [9, 1, 2, 3, 9], [9, 4, 5, 6, 9], [9, 9, 9, 9, 9]], np.float32) / 10
    expected = np.array([[1, 1, 2, 3, 3], [1, 1, 2, 3, 3], [4, 4, 5, 6, 6], [4, 4, 5, 6, 6]], np.float32) / 10
    np.testing.assert_array_equal(mend_border(matte, 1), expected)
    assert mend_border(matte, 2) is matte


@given(mattes)
def test_size_zero_gives_back_the_very_array(matte: np.ndarray) -> None:
    for same in (remove_specks(matte, 0), keep_largest(matte, 0), mend_border(matte, 0)):
        assert same is matte


@given(mattes, st.integers(1, 99))
def test_parts_that_stay_stay_to_the_bit_and_nothing_is_added(matte: np.ndarray, largest: int) -> None:
    kept = remove_specks(matte, largest)
    assert ((kept == matte) | (kept == 0)).all()
    np.testing.assert_array_equal(remove_specks(kept, largest), kept)
    np.testing.assert_array_equal(
        remove_specks(matte, 99), np.where(matte > 0.5, 0, remove_specks(matte, 99))
    )


@given(mattes, st.integers(1, 5))
def test_keeping_the_largest_twice_changes_nothing_more(matte: np.ndarray, count: int) -> None:
    kept = keep_largest(matte, count)
    np.testing.assert_array_equal(keep_largest(kept, count), kept)
