# SPDX-License-Identifier: GPL-3.0-or-later
"""Splines keep within their tolerance, keep corners, and have few knots."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotopoint.outline import Spline, contours, fitted, outlines

TOLERANCES = (0.25, 0.5, 1.0, 3.0)


def disk(radius: float = 30.3, hole: float = 0.0) -> np.ndarray:
    y, x = np.mgrid[:90, :100]
    distance = np.hypot(x - 50.2, y - 44.7)
    return (np.clip(radius + 0.5 - distance, 0, 1) - np.clip(hole + 0.5 - distance, 0, 1)).astype(np.float32)


def box() -> np.ndarray:
    matte = np.zeros((90, 100), np.float32)
    matte[20:70, 15:85] = 1
    return matte


def farthest(points: np.ndarray, polygon: np.ndarray) -> float:
    """From a point to the nearest place on a closed polygon, at most."""
    start, way = polygon, np.roll(polygon, -1, axis=0) - polygon
    off = points[:, None] - start
    part = ((off * way).sum(-1) / np.maximum((way * way).sum(-1), 1e-12)).clip(0, 1)
    return float(np.linalg.norm(off - part[..., None] * way, axis=-1).min(axis=1).max())


def drawn(splines: tuple[Spline, ...], shape: tuple[int, int]) -> np.ndarray:
    """(H, W) coverage, by 8 times 8 samples of each pixel."""
    picture = np.zeros((shape[0] * 8, shape[1] * 8), np.uint8)
    polygons = [np.round(spline.polygon() * 8 * 16 - 8).astype(np.int32) for spline in splines]
    cv2.fillPoly(picture, polygons, 1, shift=4)
    return picture.reshape(shape[0], 8, shape[1], 8).mean((1, 3))


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("matte", [disk(), disk(hole=12.0), box()], ids=["disk", "ring", "box"])
def test_outlines_are_within_their_tolerance(matte: np.ndarray, tolerance: float) -> None:
    found = outlines(matte, tolerance)
    polygons = sorted(contours(matte), key=len, reverse=True)
    assert len(found) == len(polygons)
    for spline, polygon in zip(found, polygons, strict=True):
        assert farthest(polygon, spline.polygon(64)) <= tolerance + 0.02
        assert farthest(spline.polygon(), polygon) <= 2 * tolerance + 0.02
    ours, theirs = drawn(found, matte.shape) > 0.5, matte > 0.5
    assert (ours & theirs).sum() / (ours | theirs).sum() > 1 - 0.08 * tolerance


def test_a_disk_has_few_knots_and_no_kink() -> None:
    (spline,) = outlines(disk(), 0.5)
    assert len(spline.points) <= 6
    inward, outward = spline.points - spline.left, spline.right - spline.points
    cosines = (inward * outward).sum(1) / np.linalg.norm(inward, axis=1) / np.linalg.norm(outward, axis=1)
    assert cosines.min() > 0.999


def test_corners_stay_corners() -> None:
    (spline,) = outlines(box(), 1.0)
    assert len(spline.points) <= 8
    for corner in ((15, 20), (85, 20), (85, 70), (15, 70)):
        assert np.linalg.norm(spline.points - corner, axis=1).min() < 0.8


def test_what_is_smaller_than_the_tolerance_has_none() -> None:
    matte = disk()
    matte[3, 3] = 1
    assert [len(outlines(matte, tolerance)) for tolerance in (0.5, 2.0)] == [2, 1]
    assert outlines(np.zeros((5, 5), np.float32), 0.5) == ()
    (all_of_it,) = outlines(np.ones((5, 5), np.float32), 0.5)
    assert np.ptp(all_of_it.points, axis=0).tolist() == [5, 5] or len(all_of_it.points) >= 4


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.sampled_from(TOLERANCES))
def test_any_outline_is_finite_and_near(seed: int, tolerance: float) -> None:
    rough = np.random.default_rng(seed).uniform(0, 1, (40, 40)).astype(np.float32)
    matte = cv2.GaussianBlur(rough, (0, 0), 2.5) * 8 - 3.5
    for polygon in contours(matte):
        spline = fitted(polygon, tolerance)
        assert all(np.isfinite(part).all() for part in (spline.points, spline.left, spline.right))
        assert farthest(polygon, spline.polygon(64)) <= tolerance + 0.05
