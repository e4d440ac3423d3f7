# SPDX-License-Identifier: GPL-3.0-or-later
"""What a brush leaves on coverage, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.brush import paint

SIZE = (9, 12)
"""Height and width."""


def painted(
    start: tuple[float, float], end: tuple[float, float], radius: float, on: int = 0, erases: bool = False
) -> np.ndarray:
    coverage = np.full(SIZE, on, np.uint8)
    paint(coverage, start, end, radius, erases=erases)
    return coverage


def test_a_stroke_along_a_row_covers_whole_pixels_and_its_round_ends() -> None:
    """From the center of pixel (3, 4) to that of (7, 4), 1.5 pixels to either side: three rows, whole."""
    found = painted((3.5, 4.5), (7.5, 4.5), 1.5)
    expected = np.zeros(SIZE, np.uint8)
    expected[3:6, 3:8] = 255
    expected[4, 2] = expected[4, 8] = 255
    # The corners of the ends are sqrt(2) away, so 0.586 pixels within the edge moved out by a half.
    expected[[3, 3, 5, 5], [2, 8, 2, 8]] = round(255 * (2 - 2**0.5))
    np.testing.assert_array_equal(found, expected)


def test_a_pixel_at_the_edge_counts_in_part() -> None:
    found = painted((3.5, 4.5), (7.5, 4.5), 1.25)
    assert found[3:6, 5].tolist() == [round(255 * 0.75), 255, round(255 * 0.75)]


@pytest.mark.parametrize("end", [(7.5, 4.5), (3.5, 4.5), (9.0, 7.25)])
def test_erasing_what_was_painted_leaves_nothing_and_painting_again_changes_nothing(
    end: tuple[float, float],
) -> None:
    coverage = painted((3.5, 4.5), end, 2.0)
    again = coverage.copy()
    paint(again, (3.5, 4.5), end, 2.0)
    np.testing.assert_array_equal(again, coverage)
    inverse = painted((3.5, 4.5), end, 2.0, on=255, erases=True)
    np.testing.assert_array_equal(inverse, 255 - coverage)


def test_a_stroke_beyond_the_picture_is_cut_at_its_edge() -> None:
    found = painted((-3.0, 4.5), (1.0, 4.5), 2.0)
    assert found[4].tolist() == [255, 255, 255, *[0] * 9][: SIZE[1]]
    assert not painted((-30.0, 4.5), (-20.0, 40.0), 2.0).any()
    assert (painted((6.0, 4.5), (6.0, 4.5), 100.0) == 255).all()


def test_many_short_moves_are_one_stroke() -> None:
    """The mouse comes in pieces; along a line they cover what one move covers."""
    coverage = np.zeros(SIZE, np.uint8)
    for n in range(8):
        paint(coverage, (2.5 + n / 2, 4.5), (3.0 + n / 2, 4.5), 2.25)
    np.testing.assert_array_equal(coverage, painted((2.5, 4.5), (6.5, 4.5), 2.25))
