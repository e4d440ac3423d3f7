# SPDX-License-Identifier: GPL-3.0-or-later
"""An edge goes where the plate has it, and stays where the plate says nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.mattes import coverage, upsample
from rotopoint.mattes.guided import snapped
from rotopoint.shot import MatteEdge
from tests.core.mattes.pictures import disk, plate_of, tracked

CELL = 10.0


def wobbly(x: float, y: float, radius: float) -> np.ndarray:
    """Logits (120, 160) of a disk as a tracker draws it whose edge wanders by half a cell, unsure there."""
    rows, columns = np.mgrid[:120, :160].astype(np.float32) + 0.5
    angle = np.arctan2(rows - y, columns - x)
    inside = radius + 4 * np.sin(7 * angle) - np.hypot(columns - x, rows - y)
    return np.clip(inside / 3, -6, 6).astype(np.float32)


@pytest.fixture(scope="module")
def picture() -> tuple[np.ndarray, np.ndarray]:
    truth = disk(120, 160, 82, 59, 35)
    return truth, plate_of(truth)[0]


def off(matte: np.ndarray, truth: np.ndarray) -> float:
    return float(np.abs(matte - truth).sum())


def test_a_wandering_edge_is_drawn_to_the_plate_s(picture) -> None:
    truth, plate = picture
    logits = wobbly(82, 59, 35)
    matte = coverage(logits, MatteEdge.ANTIALIASED)
    assert off(snapped(matte, logits, plate, CELL), truth) < 0.35 * off(matte, truth)


def test_right_logits_are_not_made_worse(picture) -> None:
    truth, plate = picture
    logits = upsample(tracked(truth, 16), (160, 120))
    matte = coverage(logits, MatteEdge.ANTIALIASED)
    assert off(snapped(matte, logits, plate, CELL), truth) < off(matte, truth)


def test_a_plate_of_one_color_moves_nothing() -> None:
    logits = wobbly(82, 59, 35)
    matte = coverage(logits, MatteEdge.ANTIALIASED)
    found = snapped(matte, logits, np.full((120, 160, 3), 0.4, np.float32), CELL)
    np.testing.assert_allclose(found, matte, atol=1e-3)


def test_strength_mixes_and_zero_is_the_identity(picture) -> None:
    _, plate = picture
    logits = wobbly(82, 59, 35)
    matte = coverage(logits, MatteEdge.ANTIALIASED)
    assert snapped(matte, logits, plate, CELL, strength=0) is matte
    half, full = snapped(matte, logits, plate, CELL, 0.5), snapped(matte, logits, plate, CELL)
    np.testing.assert_allclose(half, (matte + full) / 2, atol=1e-6)


def test_what_the_tracker_is_sure_of_stays_to_the_bit(picture) -> None:
    _, plate = picture
    logits = wobbly(82, 59, 35)
    matte = coverage(logits, MatteEdge.ANTIALIASED)
    found = snapped(matte, logits, plate, CELL)
    sure = np.abs(logits) >= 2
    np.testing.assert_array_equal(found[sure], matte[sure])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_empty_and_a_full_matte_come_back(value: float, picture) -> None:
    _, plate = picture
    matte = np.full((120, 160), value, np.float32)
    assert snapped(matte, np.zeros_like(matte), plate, CELL) is matte


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.3, 60), st.integers(0, 2**32 - 1))
def test_any_size_gives_coverage(height: int, width: int, cell: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    matte = random.random((height, width), np.float32)
    logits = random.normal(size=(height, width)).astype(np.float32)
    found = snapped(matte, logits, random.random((height, width, 3), np.float32), cell)
    assert found.shape == matte.shape and found.dtype == np.float32
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
