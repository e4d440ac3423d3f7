# SPDX-License-Identifier: GPL-3.0-or-later
"""What a table does is undone, or the table is refused by its name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotopoint.clip.cube import Cube
from rotopoint.clip.inverse_cube import InverseCube, nearest
from rotopoint.errors import InputTransformOneWay
from rotopoint.messages import explain

UNIT = np.zeros(3, np.float32), np.ones(3, np.float32)
WIDE = np.full(3, -0.1, np.float32), np.full(3, 1.2, np.float32)


def curves(*columns: list[float], box: tuple[np.ndarray, np.ndarray] = UNIT) -> Cube:
    return Cube(np.array(columns, np.float32).T.copy(), *box)


def look(count: int, box: tuple[np.ndarray, np.ndarray] = UNIT) -> Cube:
    """From log to a display, as such tables are: a curve with toe and shoulder, then colors mixed."""
    steps = np.linspace(0, 1, count)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    log = np.stack([red, green, blue], axis=-1)
    curve = log**2 * (3 - 2 * log) * 0.9 + log * 0.1
    mixed = curve @ np.array([[1.2, -0.1, 0.0], [-0.15, 1.2, -0.1], [-0.05, -0.1, 1.1]])
    return Cube(mixed.astype(np.float32), *box)


def test_curves_are_undone_exactly() -> None:
    cube = curves([0, 0.1, 1], [1, 0.5, 0.2], [0, 0, 4], box=WIDE)
    inside = np.array([[0.2, 0.3, 0.6], [-0.1, 1.2, 1.1]], np.float32)
    assert InverseCube(cube, "a.cube").apply(cube.apply(inside)) == pytest.approx(inside, abs=1e-6)


def test_what_is_cut_off_comes_back_as_the_nearest_value() -> None:
    inverse = InverseCube(curves(*[[0, 0, 1, 1]] * 3), "a.cube")
    found = inverse.apply(np.array([[-1.0, 0, 0.5], [1, 3, 0.25]], np.float32))
    assert found * 3 == pytest.approx(np.array([[1, 1, 1.5], [2, 2, 1.25]]), abs=1e-5)


@pytest.mark.parametrize("box", [UNIT, WIDE])
@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_looks_are_undone(box: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    cube = look(9, box)
    given_values = np.random.default_rng(seed).uniform(box[0], box[1], (50, 3)).astype(np.float32)
    found = InverseCube(cube, "a.cube").apply(cube.apply(given_values))
    assert np.abs(cube.apply(found) - cube.apply(given_values)).max() < 1e-5
    assert np.abs(found - given_values).max() < 2e-3


def test_a_look_that_is_cut_off_is_undone_where_it_is_not() -> None:
    whole = look(17)
    cube = Cube(whole.table.clip(0, 1), *UNIT)
    inverse = InverseCube(cube, "a.cube")
    values = np.random.default_rng(3).uniform(0.3, 0.7, (200, 3)).astype(np.float32)
    shown = cube.apply(values)
    kept = ((shown > 0.02) & (shown < 0.98)).all(axis=-1)
    assert kept.sum() > 100
    assert np.abs(inverse.apply(shown) - values)[kept].max() < 2e-3
    assert np.isfinite(inverse.apply(np.array([[5, -3, 0.5]], np.float32))).all()


def test_shapes_stay() -> None:
    values = np.full((2, 3, 3), 0.5, np.float32)
    for cube in (look(5), curves(*[[0, 1]] * 3)):
        found = InverseCube(cube, "a.cube").apply(values)
        assert found.shape == (2, 3, 3) and found.dtype == np.float32


def test_the_nearest_corner_of_a_table_is_found_exactly() -> None:
    """Also of one that has many of the same, as where it is cut off."""
    random = np.random.default_rng(5)
    points = np.repeat(random.integers(0, 9, (500, 3)), 20, axis=0).astype(np.float32)
    values = random.uniform(-2, 11, (200, 3)).astype(np.float32)
    far = np.linalg.norm(values[:, None] - points, axis=2)
    found = nearest(points, values)
    np.testing.assert_array_equal(far[np.arange(200), found], far.min(axis=1))


def test_nothing_to_undo_is_nothing() -> None:
    assert InverseCube(look(5), "a.cube").apply(np.zeros((1, 0, 3), np.float32)).shape == (1, 0, 3)


FOLDED = look(9).table.copy()
FOLDED[4] = FOLDED[3]


@pytest.mark.parametrize(
    "cube",
    [
        curves([0, 0.5, 0.4, 1], [0, 0.3, 0.6, 1], [0, 0.3, 0.6, 1]),
        curves([0, 0.5, 1.2, 1], [0, 0.3, 0.6, 1], [0, 0.3, 0.6, 1]),
        curves([0, 0.3, 0.6, 1], [0, 0.5, 0.5, 1], [0, 0.3, 0.6, 1]),
        curves([0, 0.3], [0.4, 0.4], [0, 1]),
        Cube(FOLDED, *UNIT),
        Cube(np.repeat(look(5).table.mean(axis=-1, keepdims=True), 3, axis=-1), *UNIT),
    ],
    ids=["falls", "falls at its end", "is flat", "is one value", "folded", "gray"],
)
def test_what_cannot_be_undone_is_one_line(cube: Cube) -> None:
    with pytest.raises(InputTransformOneWay) as caught:
        InverseCube(cube, "größe.cube")
    line = explain(caught.value)
    assert line.startswith("the input transform größe.cube cannot be undone: ")
    assert line.endswith("; deliver with --colors linear")
