# SPDX-License-Identifier: GPL-3.0-or-later
"""A subject's own colors, so that over another background nothing of the old one is left."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotopoint.mattes.foreground import LEAST_TIE, foreground, premultiplied
from tests.core.mattes.pictures import BEHIND, FRONT, disk, plate_of


@pytest.fixture(scope="module")
def soft() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    alpha = disk(120, 160, 82, 59, 35, soft=14)
    plate, colors = plate_of(alpha)
    return alpha, plate, colors


def test_the_background_is_taken_out_of_soft_edges(soft) -> None:
    alpha, plate, colors = soft
    found = foreground(plate, alpha)
    band = (alpha > 0) & (alpha < 1)

    def off(color: np.ndarray) -> float:
        return float((alpha[..., None] * np.abs(color - colors))[band].mean())

    assert off(found) < 0.1 * off(plate)


def test_where_a_pixel_is_wholly_one_s_the_plate_stays(soft) -> None:
    alpha, plate, _ = soft
    found = foreground(plate, alpha)
    sure = (alpha == 0) | (alpha == 1)
    np.testing.assert_array_equal(found[sure], plate[sure])
    assert found.dtype == np.float32 and np.isfinite(found).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(2, 40))
def test_one_color_before_another_is_found_wherever_there_is_any_of_it(
    seed: int, height: int, width: int
) -> None:
    random = np.random.default_rng(seed)
    alpha = np.clip(random.normal(0.5, 0.6, (height, width)), 0, 1).astype(np.float32)
    alpha[0, :2] = 0, 1
    plate = alpha[..., None] * FRONT + (1 - alpha[..., None]) * BEHIND
    found = foreground(plate, alpha)
    assert np.abs(alpha[..., None] * (found - FRONT)).max() < 1e-3


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 40))
def test_any_coverage_of_any_picture_gives_a_color(seed: int, height: int, width: int) -> None:
    """Noise, whose every pixel is soft, and which is over 1 in places."""
    random = np.random.default_rng(seed)
    alpha, plate = random.random((height, width)), random.exponential(1, (height, width, 3))
    found = foreground(plate.astype(np.float32), alpha.astype(np.float32))
    assert found.shape == plate.shape and found.dtype == np.float32
    assert found.min() >= 0 and found.max() <= max(plate.astype(np.float32).max(), 1)


def test_values_above_one_are_kept(soft) -> None:
    alpha, plate, _ = soft
    np.testing.assert_allclose(foreground(plate * 8, alpha) / 8, foreground(plate, alpha), atol=0.05)
    np.testing.assert_array_equal(foreground(plate * 16, alpha) / 8, foreground(plate * 2, alpha))


def test_a_matte_without_soft_edges_leaves_the_very_plate(soft) -> None:
    alpha, plate, _ = soft
    assert foreground(plate, (alpha > 0.5).astype(np.float32)) is plate


@pytest.mark.slow
def test_colors_are_as_near_the_true_ones_as_those_of_pymatting(soft) -> None:
    """Slow, for PyMatting compiles itself at first use."""
    if importlib.util.find_spec("pymatting") is None:
        pytest.skip("PyMatting is not installed")
    from pymatting.foreground.estimate_foreground_ml import estimate_foreground_ml

    alpha, plate, colors = soft
    band = (alpha > 0) & (alpha < 1)
    ours, theirs, plain = (
        float((alpha[..., None] * np.abs(color - colors))[band].mean())
        for color in (foreground(plate, alpha), estimate_foreground_ml(plate, alpha, LEAST_TIE), plate)
    )
    # What the pattern of the subject leaves open differs by a fiftieth of what was off before.
    assert ours < theirs + 0.02 * plain


def test_premultiplied_is_color_times_coverage() -> None:
    color, alpha = np.full((1, 2, 3), 4, np.float32), np.array([[0, 0.25]], np.float32)
    made = premultiplied(color, alpha)
    assert made.dtype == np.float32
    assert made.tolist() == [[[0, 0, 0, 0], [1, 1, 1, 0.25]]]
