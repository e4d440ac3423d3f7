# SPDX-License-Identifier: GPL-3.0-or-later
"""Logits made coverage."""

from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from rotopoint.mattes import MatteSource, make_matte
from rotopoint.mattes.coverage import coverage
from rotopoint.shot import MatteEdge, MatteSettings

every_edge = pytest.mark.parametrize("edge", MatteEdge)
any_logits = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.floats(-40, 40, width=32)
)


def grid(height, width):
    y, x = np.mgrid[:height, :width].astype(np.float32) + 0.5
    return x, y


def test_hard_is_one_above_zero():
    assert coverage(np.array([[-1, 0, 0.01]], np.float32), MatteEdge.HARD).tolist() == [[0, 0, 1]]


def test_soft_is_the_logistic_function():
    logits = np.array([[-2.0, 0.0, 3.0]], np.float32)
    np.testing.assert_allclose(coverage(logits, MatteEdge.SOFT), 1 / (1 + np.exp(-logits)), atol=1e-7)


def test_antialiased_by_hand():
    # An upright edge at x = 2.25: a quarter of the third pixel lies left of it.
    x, _ = grid(1, 5)
    np.testing.assert_allclose(coverage(2.25 - x, MatteEdge.ANTIALIASED), [[1, 1, 0.25, 0, 0]], atol=1e-6)
    # The same where logits are steeper: they are a slope, not a distance.
    np.testing.assert_allclose(coverage(9 * (2.25 - x), MatteEdge.ANTIALIASED)[0, 2], 0.25, atol=1e-6)


@every_edge
@given(logits=any_logits)
def test_range_and_sign(edge, logits):
    matte = coverage(logits, edge)
    assert matte.dtype == np.float32 and matte.shape == logits.shape
    assert matte.min() >= 0 and matte.max() <= 1
    assert (matte[logits > 0] >= 0.5).all() and (matte[logits <= 0] <= 0.5).all()
    # Strictly beyond the half wherever the logit is not lost in rounding.
    assert (matte[logits > 1e-3] > 0.5).all() and (matte[logits < -1e-3] < 0.5).all()


@every_edge
@given(logits=any_logits)
def test_what_the_subject_leaves_is_the_background(edge, logits):
    rest = coverage(-logits, edge)
    known = logits != 0
    np.testing.assert_allclose((coverage(logits, edge) + rest)[known], 1, atol=1e-6)


@pytest.mark.parametrize("degrees", [0, 17, 30, 45, 61, 90, 200])
@pytest.mark.parametrize("shift", [-0.4, 0.0, 0.3])
def test_a_straight_edge_is_exact_in_each_pixel(degrees, shift):
    normal_x, normal_y = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y = grid(20, 20)
    logits = 3.7 * ((x - 10) * normal_x + (y - 10) * normal_y - shift)
    many = 32
    fine_x, fine_y = grid(20 * many, 20 * many)
    inside = (fine_x / many - 10) * normal_x + (fine_y / many - 10) * normal_y > shift
    expected = inside.reshape(20, many, 20, many).mean(axis=(1, 3))
    np.testing.assert_allclose(
        coverage(logits.astype(np.float32), MatteEdge.ANTIALIASED), expected, atol=0.02
    )


@pytest.mark.parametrize("radius", [3.3, 10.0, 40.5])
@pytest.mark.parametrize("steepness", [0.2, 1.0, 6.0])
def test_a_disk_has_its_area(radius, steepness):
    x, y = grid(100, 100)
    logits = steepness * (radius - np.hypot(x - 50.2, y - 49.7))
    area = coverage(logits.astype(np.float32), MatteEdge.ANTIALIASED).sum(dtype=np.float64)
    assert area == pytest.approx(np.pi * radius**2, rel=0.01)


def test_an_edge_on_the_border_is_not_eaten():
    x, _ = grid(4, 6)
    np.testing.assert_allclose(coverage(x - 0.25, MatteEdge.ANTIALIASED)[:, 0], 0.75, atol=1e-6)


def test_plateaus_are_whole():
    logits = np.full((6, 12), -32, np.float32)
    logits[:, 6:] = 32
    assert set(np.unique(coverage(logits, MatteEdge.ANTIALIASED))) == {0, 1}


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1)])
def test_the_smallest_pictures(shape):
    assert (coverage(np.full(shape, 2.0, np.float32), MatteEdge.ANTIALIASED) == 1).all()


@given(any_logits)
def test_rows_that_are_done_at_once_do_not_show(logits):
    whole = coverage(logits, MatteEdge.ANTIALIASED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("rotopoint.mattes.coverage"), "ROWS_AT_ONCE", 2)
        assert np.array_equal(coverage(logits, MatteEdge.ANTIALIASED), whole)


@every_edge
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_an_absent_subject_gives_exact_zeros(edge, dtype):
    matte = make_matte(
        MatteSource(np.full((64, 64), -1024, dtype), (121, 67), MatteSettings(edge=edge, snap=0))
    )
    assert matte.shape == (67, 121) and matte.dtype == np.float32 and not matte.any()


@every_edge
def test_a_disk_of_small_logits_keeps_its_area_at_the_source_size(edge):
    x, y = grid(64, 64)
    logits = (2 * (16 - np.hypot(x - 32, y - 32))).astype(np.float32)
    matte = make_matte(MatteSource(logits, (640, 320), MatteSettings(edge=edge, snap=0)))
    # The scale is 10 and 5, so the disk is an ellipse.
    assert matte.sum(dtype=np.float64) == pytest.approx(np.pi * 160 * 80, rel=0.01)
