# SPDX-License-Identifier: GPL-3.0-or-later
"""A subject's own colors, so that over another background nothing of the old one is left."""

import numpy as np
import pytest

from rotopoint.errors import PackageMissing
from rotopoint.mattes.foreground import foreground, premultiplied
from tests.core.mattes.pictures import disk, plate_of


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

    assert off(found) < 0.3 * off(plate)


def test_where_a_pixel_is_wholly_one_s_the_plate_stays(soft) -> None:
    alpha, plate, _ = soft
    found = foreground(plate, alpha)
    sure = (alpha == 0) | (alpha == 1)
    np.testing.assert_array_equal(found[sure], plate[sure])
    assert found.dtype == np.float32 and np.isfinite(found).all()


def test_values_above_one_are_kept(soft) -> None:
    alpha, plate, _ = soft
    np.testing.assert_allclose(foreground(plate * 8, alpha) / 8, foreground(plate, alpha), atol=0.05)


def test_a_matte_without_soft_edges_leaves_the_very_plate(soft, monkeypatch) -> None:
    alpha, plate, _ = soft
    monkeypatch.setitem(__import__("sys").modules, "pymatting", None)
    assert foreground(plate, (alpha > 0.5).astype(np.float32)) is plate
    monkeypatch.setitem(__import__("sys").modules, "pymatting.foreground.estimate_foreground_ml", None)
    with pytest.raises(PackageMissing):
        foreground(plate, alpha)


def test_premultiplied_is_color_times_coverage() -> None:
    color, alpha = np.full((1, 2, 3), 4, np.float32), np.array([[0, 0.25]], np.float32)
    made = premultiplied(color, alpha)
    assert made.dtype == np.float32
    assert made.tolist() == [[[0, 0, 0, 0], [1, 1, 1, 0.25]]]
