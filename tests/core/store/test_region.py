# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions: parts of a picture, and what lies in them seen on the whole."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.store.region import WHOLE, Region, around_both, sampled


def test_a_region_is_a_view_of_its_pixels() -> None:
    picture = np.arange(20).reshape(4, 5)
    part = Region(1, 2, 4, 4).of(picture)
    np.testing.assert_array_equal(part, [[11, 12, 13], [16, 17, 18]])
    assert part.base is not None
    assert WHOLE.of(picture) is picture
    assert WHOLE.within((5, 4)) == (0, 0, 5, 4)


def test_samples_of_a_part_on_the_whole() -> None:
    values = np.array([[1, 2], [3, 4]], np.float32)
    on_whole = sampled(values, Region(2, 0, 4, 2), Region(0, 0, 4, 4), 4, -1)
    np.testing.assert_array_equal(
        on_whole, [[-1, -1, 1, 2], [-1, -1, 3, 4], [-1, -1, -1, -1], [-1, -1, -1, -1]]
    )


@given(st.integers(1, 6), st.integers(0, 9), st.integers(0, 9), st.integers(1, 9))
def test_samples_on_their_own_region_are_themselves(n: int, x: int, y: int, side: int) -> None:
    values = np.random.default_rng(n).normal(size=(n, n))
    region = Region(x, y, x + side, y + side)
    np.testing.assert_array_equal(sampled(values, region, region, n, 0), values)


def test_the_region_around_two() -> None:
    assert around_both(Region(1, 5, 3, 7), Region(2, 0, 9, 6)) == (1, 0, 9, 7)
