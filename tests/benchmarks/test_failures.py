# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames that a picture of failures shows, and the picture itself of a small drawn clip."""

from pathlib import Path

import numpy as np

from benchmarks.failures import APART, drawn, failures, worst
from benchmarks.scenes import Scene
from rotopoint.checkpoints import resolve
from rotopoint.tracking.engine import load_engine


def test_the_worst_frames_are_those_with_the_lowest_scores_some_frames_apart() -> None:
    scores = [0.9, 0.2, 0.1, 0.3, 0.8, 0.7, 0.9, 0.6]
    assert worst(scores, 2, apart=2) == [2, 7]
    assert worst(scores, 3, apart=1) == [1, 2, 3]
    assert worst(scores, 9, apart=5) == [2, 7]


def test_a_row_shows_four_frames_of_a_drawn_clip(tmp_path: Path) -> None:
    # Whatever the worst frames are, so many hold four that lie apart.
    shot, truth = drawn(Scene((96, 64), 3 * (2 * APART - 1) + 1, 12, 2), tmp_path)
    picture = failures(shot, truth, load_engine(resolve("draft"), "cpu", 1))
    assert picture.shape == (180, 4 * 320, 3)
    cells = np.split(picture, 4, axis=1)
    assert not any(np.array_equal(a, b) for a, b in zip(cells, cells[1:], strict=False))
