# SPDX-License-Identifier: GPL-3.0-or-later
"""Outlines lie where a matte passes one half."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rotopoint.outline import contours


def area(polygon: np.ndarray) -> float:
    """Over 0 where it goes counterclockwise, as one sees it with y down."""
    x, y = polygon.T
    return float((np.roll(x, -1) * y - x * np.roll(y, -1)).sum() / 2)


def test_a_pixel_has_a_diamond_about_its_center() -> None:
    matte = np.zeros((3, 4), np.float32)
    matte[1, 2] = 1
    (found,) = contours(matte)
    assert sorted(map(tuple, found)) == [(2.0, 1.5), (2.5, 1.0), (2.5, 2.0), (3.0, 1.5)]
    assert area(found) > 0


def test_an_edge_lies_between_pixels_by_their_coverage() -> None:
    matte = np.tile(np.array([0, 0.25, 0.75, 1], np.float32), (3, 1))
    (found,) = contours(matte)
    assert found[:, 0].min() == pytest.approx(2.0)
    # What is cut off by the picture goes along its border.
    assert found[:, 0].max() == 4 and (found[:, 1].min(), found[:, 1].max()) == (0, 3)


def test_a_hole_goes_the_other_way() -> None:
    matte = np.ones((7, 7), np.float32)
    matte[3, 3] = 0
    assert sorted(area(polygon) > 0 for polygon in contours(matte)) == [False, True]


@pytest.mark.parametrize(("across", "parts"), [(0.0, 2), (0.4, 1)])
def test_corners_across_are_joined_by_their_mean(across: float, parts: int) -> None:
    matte = np.zeros((4, 4), np.float32)
    matte[1, 1] = matte[2, 2] = 1
    matte[1, 2] = matte[2, 1] = across
    assert len(contours(matte)) == parts


def test_nothing_has_none_and_no_number_is_nothing() -> None:
    for value in (0.0, 0.5, np.nan, -np.inf):
        assert contours(np.full((4, 5), value, np.float32)) == ()
    (all_of_it,) = contours(np.full((4, 5), np.inf, np.float32))
    assert area(all_of_it) == pytest.approx(20, abs=0.6)


@given(arrays.arrays(np.float32, (6, 7), elements=st.floats(0, 1, width=16)))
def test_all_are_closed_and_about_the_pixels_that_are_inside(matte: np.ndarray) -> None:
    found = contours(matte)
    for polygon in found:
        steps = np.linalg.norm(polygon - np.roll(polygon, 1, axis=0), axis=1)
        assert len(polygon) >= 3 and steps.max() < 1.5
    y, x = np.mgrid[:6, :7] + 0.5
    inside = np.zeros(matte.shape, int)
    for polygon in found:
        inside += crossings(polygon, x, y)
    # A center on the line itself may be either.
    clear = np.abs(matte - 0.5) > 1e-3
    assert np.array_equal((inside % 2 == 1)[clear], (matte > 0.5)[clear])


def crossings(polygon: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How often a ray to the right of each point meets a polygon."""
    count = np.zeros(x.shape, int)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        spans = (y0 <= y) != (y1 <= y)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
        count += spans & (at > x)
    return count
