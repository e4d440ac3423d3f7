# SPDX-License-Identifier: GPL-3.0-or-later
"""What a click may mean beside its object, on drawn pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.data.batches import StepDataset
from training.data.meanings import group_of, part_at
from training.recipe import PromptShares, load_recipe

SIZE = 128


def box(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    coverage = np.zeros((SIZE, SIZE), np.uint8)
    coverage[y0:y1, x0:x1] = 255
    return coverage


def dressed(shirt: tuple[int, int, int], trousers: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture of something 40 wide and 80 high whose upper half has another color, and its coverage."""
    picture = np.full((SIZE, SIZE, 3), 90, np.uint8)
    picture[20:60, 40:80], picture[60:100, 40:80] = shirt, trousers
    return picture, box(40, 20, 80, 100)


@pytest.mark.parametrize(("y", "rows"), [(40.5, slice(20, 60)), (80.5, slice(60, 100))])
def test_a_part_is_the_piece_of_one_color_under_the_click(y: float, rows: slice) -> None:
    picture, coverage = dressed((200, 30, 30), (30, 30, 160))
    part = part_at(picture, coverage, (60.5, y)) > 127
    wanted = np.zeros_like(part)
    wanted[rows, 40:80] = True
    assert np.count_nonzero(part ^ wanted) <= 0.05 * np.count_nonzero(wanted)


def test_what_has_one_color_has_no_part() -> None:
    picture, coverage = dressed((200, 30, 30), (200, 30, 30))
    assert not part_at(picture, coverage, (60.5, 40.5)).any()


def test_a_stain_is_no_part() -> None:
    picture, coverage = dressed((200, 30, 30), (30, 30, 160))
    picture[38:43, 58:63] = (240, 240, 20)
    assert not part_at(picture, coverage, (60.5, 40.5)).any()


def test_beside_the_object_there_is_no_part() -> None:
    picture, coverage = dressed((200, 30, 30), (30, 30, 160))
    assert not part_at(picture, coverage, (10.5, 10.5)).any()


def test_a_group_is_all_that_touches_and_what_that_touches() -> None:
    one, next_to_it, next_to_that, apart = (
        box(10, 10, 30, 30), box(32, 10, 50, 30), box(52, 10, 70, 30), box(90, 90, 110, 110),
    )  # fmt: skip
    group = group_of(one, [apart, next_to_that, next_to_it])
    assert np.array_equal(group, one | next_to_it | next_to_that)
    assert np.array_equal(group_of(apart, [one, next_to_it]), apart)


def test_clicks_on_stills_come_with_what_else_they_may_mean(recipe: Path, stills: Path) -> None:
    read, _ = load_recipe(recipe)
    only_points = PromptShares(point=1.0, points=0.0, box=0.0, mask=0.0)
    stage = replace(read.stage[0], still_prompts=only_points, subjects=2)
    plain = StepDataset(replace(read, stage=(stage,)), stills)[0].stills
    asked = StepDataset(replace(read, stage=(replace(stage, role_weight=0.5),)), stills)[0].stills
    assert plain is not None and plain.parts is None and plain.groups is None
    assert asked is not None and asked.parts is not None and asked.groups is not None
    assert np.array_equal(asked.coverage, plain.coverage) and np.array_equal(asked.points, plain.points)
    coverage = asked.coverage[:, 0]
    assert asked.parts.shape == asked.groups.shape == coverage.shape
    assert bool((asked.parts <= coverage).all() and (asked.groups >= coverage).all())
