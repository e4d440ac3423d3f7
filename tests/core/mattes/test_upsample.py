# SPDX-License-Identifier: GPL-3.0-or-later
"""Small logits at the source's size."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotopoint.mattes.upsample import LARGEST_LOGIT, Interpolation, upsample

both = pytest.mark.parametrize("interpolation", Interpolation)
small_logits = arrays(np.float32, (4, 5), elements=st.floats(-20, 20, width=32))


def test_twice_the_size_by_hand():
    row = np.array([[0.0, 4.0]], np.float32)
    assert upsample(row, (4, 1), Interpolation.LINEAR).tolist() == [[0, 1, 3, 4]]


@pytest.mark.parametrize("size", [(640, 360), (97, 55), (16, 16)])
def test_linear_is_what_opencv_and_upstream_do(size):
    logits = np.random.default_rng(1).normal(0, 5, (16, 16)).astype(np.float32)
    expected = cv2.resize(logits, size, interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(upsample(logits, size, Interpolation.LINEAR), expected, atol=1e-4)


def test_catmull_rom_by_hand():
    row = np.array([[0, 0, 32, 0, 0, 0]], np.float32)
    expected = [[0, -0.75, -2.25, 7.25, 27.75, 27.75, 7.25, -2.25, -0.75, 0, 0, 0]]
    assert upsample(row, (12, 1), Interpolation.CATMULL_ROM).tolist() == expected


@both
def test_a_slope_stays_straight_with_anisotropic_scale(interpolation):
    y, x = np.mgrid[:12, :16].astype(np.float32) + 0.5
    plane = 0.5 * x - 0.75 * y + 1
    large = upsample(plane, (160, 60), interpolation)
    fine_y, fine_x = np.mgrid[:60, :160].astype(np.float32) + 0.5
    expected = 0.5 * fine_x / 10 - 0.75 * fine_y / 5 + 1
    # Away from the border, where the outermost samples go on.
    np.testing.assert_allclose(large[8:-8, 16:-16], expected[8:-8, 16:-16], atol=1e-5)


@both
@given(logits=small_logits)
def test_mirrored_and_negated_logits_give_mirrored_and_negated_results(interpolation, logits):
    large = upsample(logits, (23, 17), interpolation)
    np.testing.assert_allclose(upsample(-logits, (23, 17), interpolation), -large, atol=1e-5)
    mirrored = upsample(logits[::-1, ::-1], (23, 17), interpolation)
    np.testing.assert_allclose(mirrored, large[::-1, ::-1], atol=1e-4)


@both
def test_a_mask_at_the_border_reaches_it(interpolation):
    logits = np.full((8, 8), -10, np.float32)
    logits[5:, :3] = 10
    large = upsample(logits, (80, 80), interpolation)
    assert (large[60:, :20] > 0).all() and not (large[:40] > 0).any()


@both
@pytest.mark.parametrize("value", [-1024.0, 1024.0])
def test_a_constant_stays_constant_and_is_clamped(interpolation, value):
    large = upsample(np.full((64, 64), value, np.float32), (101, 77), interpolation)
    np.testing.assert_allclose(large, np.sign(value) * LARGEST_LOGIT, rtol=1e-6)


@both
def test_extreme_neighbors_do_not_drown_a_subject(interpolation):
    logits = np.full((8, 8), -1024, np.float32)
    logits[2:6, 2:6] = 5
    large = upsample(logits, (80, 80), interpolation)
    assert (large[25:55, 25:55] > 0).all()
    assert not (large[:19] > 0).any() and np.abs(large).max() < 1.3 * LARGEST_LOGIT
