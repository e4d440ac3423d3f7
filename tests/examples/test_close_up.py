# SPDX-License-Identifier: GPL-3.0-or-later
"""The edge on the contact sheet: the longest one, cut out once hard and once as it is delivered."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
HEIGHT, WIDTH = 120, 320


@pytest.fixture
def close_up(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return import_module("close_up").close_up


def bar(left: int, right: int) -> np.ndarray:
    """A subject over some columns, as high as the picture."""
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    matte[:, left:right] = 1
    return matte


def softened(matte: np.ndarray) -> np.ndarray:
    moved = [np.roll(matte, n, axis=1) for n in (-1, 0, 1)]
    return np.asarray(sum(moved) / 3, np.float32)


def plate(matte: np.ndarray) -> np.ndarray:
    """Orange before green, mixed in sRGB, which is near enough."""
    mixed = matte[..., None] * [240, 140, 30] + (1 - matte[..., None]) * [10, 120, 20]
    return np.round(mixed).astype(np.uint8)


def test_the_frame_with_most_of_the_subject_is_shown_where_its_edge_is(close_up) -> None:
    hard = [bar(200, 220), bar(40, 160), bar(0, 0)]
    soft = [softened(matte) for matte in hard]
    found = close_up([1, 8, 15], [plate(matte) for matte in soft], hard, soft)
    assert found.frame == 8
    assert found.thresholded.shape == found.delivered.shape == (48, 120, 3)
    inside = found.thresholded[0, :, 2] < 100
    assert 0 < inside.sum() < 120


def test_the_rim_of_the_background_is_in_the_thresholded_one_alone(close_up) -> None:
    soft = softened(bar(40, 160))
    hard = (soft > 0.2).astype(np.float32)
    found = close_up([1], [plate(soft)], [hard], [soft])

    def green(picture: np.ndarray) -> int:
        return int((picture[..., 1].astype(int) > picture[..., 0].astype(int) + 10).sum())

    assert green(found.thresholded) >= 48
    assert green(found.delivered) == 0


def test_where_the_tracker_was_at_a_loss_is_no_edge_to_show(close_up) -> None:
    hard = bar(200, 220)
    soft = softened(hard)
    # Three bars have more edges than one, and the delivered matte has given them up.
    for left in (20, 50, 80):
        hard[:, left : left + 14] = 1
    hard[0, 20:220] = 1
    found = close_up([1], [plate(soft)], [hard], [soft])
    assert (found.delivered[..., 2] < 100).any()
    assert (found.thresholded != found.delivered).any(-1).mean() < 0.1


def test_a_small_picture_is_shown_whole(close_up) -> None:
    matte = np.zeros((10, 20), np.float32)
    matte[:, 8:] = 1
    found = close_up([3], [np.zeros((10, 20, 3), np.uint8)], [matte], [matte])
    assert found.delivered.shape == (10, 20, 3)
