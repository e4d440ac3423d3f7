# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup tables: identity, interpolation, domain, and every way in which a file can be wrong."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.clip.cube import Cube, load_cube
from rotopoint.errors import InputTransformUnknown

UNIT = st.floats(0, 1, width=32)


def identity_lines(count: int) -> list[str]:
    """Red runs fastest."""
    steps = [n / (count - 1) for n in range(count)]
    return [f"{r} {g} {b}" for b, g, r in itertools.product(steps, steps, steps)]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def load(folder: Path, *lines: str) -> Cube:
    return load_cube(write(folder / "é.cube", *lines))


def test_a_table_of_three_dimensions_has_red_innermost(tmp_path: Path) -> None:
    cube = load(
        tmp_path,
        'TITLE "swap"',
        "# red and blue change places",
        "LUT_3D_SIZE 2",
        "",
        *[" ".join(line.split()[::-1]) for line in identity_lines(2)],
    )
    rgb = np.array([[[1, 0, 0], [0.25, 0.5, 1]]], np.float32)
    assert np.allclose(cube.apply(rgb), rgb[..., ::-1])


@given(st.lists(st.tuples(UNIT, UNIT, UNIT), min_size=1, max_size=20), st.integers(2, 7))
def test_the_identity_changes_nothing(colors: list[tuple[float, float, float]], count: int) -> None:
    table = np.array([line.split() for line in identity_lines(count)], np.float32)
    cube = Cube(table.reshape(count, count, count, 3), np.zeros(3, np.float32), np.ones(3, np.float32))
    rgb = np.array(colors, np.float32)
    assert np.allclose(cube.apply(rgb), rgb, atol=2e-6)


def test_curves_are_interpolated_by_channel(tmp_path: Path) -> None:
    cube = load(tmp_path, "LUT_1D_SIZE 3", "0 1 0", "0.5 0.5 1", "1 0 0")
    assert np.allclose(cube.apply(np.array([[0.25, 0.25, 0.75]], np.float32)), [[0.25, 0.75, 0.5]])


def test_trilinear_between_the_corners(tmp_path: Path) -> None:
    rows = ["0 0 0"] * 7 + ["1 1 1"]
    cube = load(tmp_path, "LUT_3D_SIZE 2", *rows)
    got = cube.apply(np.array([[0.5, 0.5, 0.5], [1, 1, 0.5], [1, 1, 1]], np.float32))
    assert np.allclose(got[:, 0], [0.125, 0.5, 1])


@pytest.mark.parametrize(
    "domain", [("DOMAIN_MIN -1 -1 -1", "DOMAIN_MAX 3 3 3"), ("LUT_3D_INPUT_RANGE -1 3",)]
)
def test_the_domain_and_what_is_outside(tmp_path: Path, domain: tuple[str, ...]) -> None:
    cube = load(tmp_path, "LUT_3D_SIZE 2", *domain, *identity_lines(2))
    rgb = np.array([[-1, 1, 3], [-9, np.inf, np.nan]], np.float32)
    assert np.allclose(cube.apply(rgb), [[0, 0.5, 1], [0, 1, 0]])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["LUT_3D_SIZE 2", *identity_lines(2)[:-1]], "8 lines and has 7"),
        (["LUT_3D_SIZE 2", *identity_lines(2), "0 0 0"], "8 lines and has 9"),
        (["LUT_3D_SIZE 2", *identity_lines(2)[:-1], "1 1"], "line 9"),
        (["LUT_3D_SIZE 2", *identity_lines(2)[:-1], "1 1 x"], "line 9"),
        (["LUT_3D_SIZE 2", *identity_lines(2)[:-1], "1 1 nan"], "finite"),
        (["LUT_3D_SIZE 1"], "from 2"),
        (["LUT_3D_SIZE 1000"], "to 256"),
        (["LUT_3D_SIZE two"], "whole number"),
        (["LUT_1D_SIZE 2", "LUT_3D_SIZE 2"], "one file"),
        (["LUT_1D_SIZE 2", "LUT_1D_SIZE 2"], "second time"),
        (["LUT_1D_SIZE 2", "0 0 0", "TITLE x", "1 1 1"], "after the table"),
        (["LUT_1D_SIZE 2", "DOMAIN_MIN 1 1 1", "0 0 0", "1 1 1"], "domain is empty"),
        (["SOMETHING 4"], "SOMETHING"),
        (["0 0 0"], "without LUT"),
        ([], "without LUT"),
    ],
)
def test_wrong_files_are_refused_with_the_line(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(InputTransformUnknown) as caught:
        load(tmp_path, *lines)
    assert said in caught.value.reason


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputTransformUnknown) as caught:
        load_cube(tmp_path / "none.cube")
    assert "does not exist" in caught.value.reason
