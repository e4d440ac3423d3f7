# SPDX-License-Identifier: GPL-3.0-or-later
"""Edges moved and softened: what is asked in pixels is what is measured in pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotopoint.mattes.coverage import coverage
from rotopoint.mattes.edge import (
    FeatherSide,
    contrasted,
    expanded,
    feathered,
    signed_distance,
    smoothed_outline,
)
from rotopoint.shot import MatteEdge

mattes = arrays(np.float32, (9, 11), elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
every_side = pytest.mark.parametrize("side", FeatherSide)

Y, X = np.mgrid[:120, :140].astype(np.float32) + 0.5
FROM_CENTER = np.hypot(X - 70.3, Y - 59.6)


def disk(radius: float) -> np.ndarray:
    return coverage((radius - FROM_CENTER).astype(np.float32), MatteEdge.ANTIALIASED)


def radius_of(matte: np.ndarray) -> float:
    return float(np.sqrt(matte.sum(dtype=np.float64) / np.pi))


def row(*values: float) -> np.ndarray:
    """A matte of five such rows."""
    return np.repeat(np.array([values], np.float32), 5, axis=0)


@pytest.mark.parametrize("distance", [0.25, 0.5, 1, 2.5, 7.75, -0.25, -1, -3.3])
def test_a_disk_is_expanded_by_fractions_of_a_pixel(distance: float) -> None:
    moved = expanded(disk(30), distance)
    assert radius_of(moved) == pytest.approx(30 + distance, abs=0.02)
    np.testing.assert_allclose(moved, disk(30 + distance), atol=0.26)


@pytest.mark.parametrize("distance", [0.25, 1.0, 3.3])
def test_expanding_and_contracting_again_is_the_identity(distance: float) -> None:
    again = expanded(expanded(disk(30), distance), -distance)
    assert radius_of(again) == pytest.approx(30, abs=0.01)
    assert np.abs(again - disk(30)).mean() < 0.003


def test_a_soft_edge_is_moved_as_it_is() -> None:
    def soft(radius: float) -> np.ndarray:
        return np.clip((radius - FROM_CENTER) / 10, 0, 1).astype(np.float32)

    np.testing.assert_allclose(expanded(soft(40), 3), soft(43), atol=0.03)
    np.testing.assert_allclose(expanded(soft(40), -3), soft(37), atol=0.03)


def test_by_hand() -> None:
    edge = row(1, 1, 1, 1, 0, 0, 0, 0)
    np.testing.assert_allclose(expanded(edge, 1)[2], [1, 1, 1, 1, 1, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(expanded(edge, 0.5)[2], [1, 1, 1, 1, 0.5, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(expanded(edge, -0.5)[2], [1, 1, 1, 0.5, 0, 0, 0, 0], atol=1e-6)


def test_a_line_grows_on_both_sides_and_vanishes() -> None:
    line = row(0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0)
    np.testing.assert_allclose(expanded(line, 2.5)[2], [0, 0, 0.5, 1, 1, 1, 1, 1, 0.5, 0, 0], atol=1e-6)
    assert not expanded(line, -1).any()


def test_a_narrow_gap_closes() -> None:
    gap = row(1, 1, 1, 1, 0, 0, 1, 1, 1, 1)
    np.testing.assert_allclose(expanded(gap, 2)[2], 1, atol=1e-6)


def test_distance_is_right_to_a_fraction_of_a_pixel() -> None:
    found, true = signed_distance(disk(30)), 30 - FROM_CENTER
    near = np.abs(true) < 15
    assert np.abs(found - true)[near].mean() < 0.15 and np.abs(found - true)[near].max() < 0.6


def test_where_nothing_is_distance_is_beyond_the_picture() -> None:
    assert (signed_distance(np.zeros((4, 6), np.float32)) == -10).all()
    assert (signed_distance(np.ones((4, 6), np.float32)) == 10).all()


def test_feathers_by_hand() -> None:
    edge = row(1, 1, 1, 1, 1, 0, 0, 0, 0, 0)
    inward, outward, both = (feathered(edge, 3, side)[2] for side in FeatherSide)
    np.testing.assert_allclose(inward, [1, 1, 0.75, 0.5, 0.25, 0, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(outward, [1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0], atol=1e-6)
    np.testing.assert_allclose(both, [1, 1, 1, 0.875, 0.625, 0.375, 0.125, 0, 0, 0], atol=1e-6)


@every_side
def test_a_feather_falls_off_and_keeps_to_its_side(side: FeatherSide) -> None:
    matte = feathered(disk(30), 8, side)
    along = matte[59, 70:]
    assert (np.diff(along) <= 1e-6).all()
    if side is FeatherSide.INWARD:
        assert (matte <= disk(30)).all()
    if side is FeatherSide.OUTWARD:
        assert (matte >= disk(30)).all()
    if side is FeatherSide.BOTH:
        assert radius_of(matte) == pytest.approx(30.2, abs=0.2)


def test_black_and_white_point() -> None:
    np.testing.assert_allclose(
        contrasted(row(0, 0.2, 0.5, 0.8, 1), 0.2, 0.8)[0], [0, 0, 0.5, 1, 1], atol=1e-6
    )
    np.testing.assert_array_equal(contrasted(row(0, 0.5, 0.51, 1), 0.5, 0.5)[0], [0, 0, 1, 1])


@pytest.mark.parametrize("radius", [2.0, 4.0, 8.0])
def test_smoothing_shrinks_nothing_that_is_round(radius: float) -> None:
    assert radius_of(smoothed_outline(disk(30), radius)) == pytest.approx(30, abs=0.05)


def test_smoothing_keeps_a_corner_better_than_a_blur() -> None:
    import cv2

    square = np.zeros((100, 100), np.float32)
    square[20:80, 20:80] = 1
    smooth = smoothed_outline(square, 6)
    blurred = (cv2.GaussianBlur(square, (0, 0), 6) > 0.5).sum()
    assert abs(smooth.sum() - 3600) < 0.1 * (3600 - blurred)


def test_smoothing_takes_ripples_out() -> None:
    angle = np.arctan2(Y - 59.6, X - 70.3)
    rippled = coverage((30 + np.sin(40 * angle) - FROM_CENTER).astype(np.float32), MatteEdge.ANTIALIASED)
    before, after = (np.abs(m - disk(30)).sum() for m in (rippled, smoothed_outline(rippled, 6)))
    assert after < 0.5 * before


@given(mattes)
def test_nothing_asked_gives_back_the_very_array(matte: np.ndarray) -> None:
    same = [expanded(matte, 0), contrasted(matte), smoothed_outline(matte, 0)]
    same += [feathered(matte, 0, side) for side in FeatherSide]
    assert all(made is matte for made in same)


@given(st.floats(-5, 5), st.sampled_from([0.0, 1.0]))
def test_an_empty_and_a_full_matte_stay(distance: float, value: float) -> None:
    matte = np.full((6, 7), value, np.float32)
    for made in (expanded(matte, distance), feathered(matte, abs(distance)), smoothed_outline(matte, 2)):
        np.testing.assert_array_equal(made, matte)
