# SPDX-License-Identifier: GPL-3.0-or-later
"""The matting Laplacian as its authors wrote it down, and the equations solved with it."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotopoint.mattes.alpha import ACCURACY, PRIOR, UNKNOWN, solved
from rotopoint.mattes.laplacian import EPSILON, HALF, Rows, conjugate_gradients, matting_laplacian
from tests.core.mattes.pictures import disk, plate_of


def as_written(plate: np.ndarray) -> np.ndarray:
    """The whole Laplacian (h * w, h * w) of Levin et al., window by window."""
    height, width = plate.shape[:2]
    found = np.zeros((height * width, height * width))
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            pixels = [(y + dy) * width + x + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
            colors = plate.reshape(-1, 3)[pixels].astype(np.float64)
            off = colors - colors.mean(0)
            spread = off.T @ off / 9 + np.eye(3) * EPSILON / 9
            found[np.ix_(pixels, pixels)] += np.eye(9) - (1 + off @ np.linalg.inv(spread) @ off.T) / 9
    return found


def whole(rows: Rows, size: int) -> np.ndarray:
    found = np.zeros((rows.values.shape[1], size))
    np.add.at(found, (np.arange(len(found)), rows.columns), rows.values)
    return found


def colorful(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


@pytest.mark.parametrize("shape", [(3, 3), (3, 7), (6, 5)])
def test_it_is_what_the_authors_wrote_down(shape: tuple[int, int]) -> None:
    plate = colorful(*shape)
    found = whole(matting_laplacian(plate, np.arange(shape[0] * shape[1])), shape[0] * shape[1])
    np.testing.assert_allclose(found, as_written(plate), atol=2e-5)


def test_some_pixels_have_the_rows_that_they_have_among_all() -> None:
    plate, some = colorful(6, 7), np.array([0, 9, 20, 41])
    np.testing.assert_array_equal(
        whole(matting_laplacian(plate, some), 42), whole(matting_laplacian(plate, np.arange(42)), 42)[some]
    )


@settings(deadline=None)
@given(st.integers(3, 8), st.integers(3, 8), st.integers(0, 2**32 - 1))
def test_it_is_symmetric_and_blind_to_what_is_the_same_everywhere(height: int, width: int, seed: int) -> None:
    every = np.arange(height * width)
    rows = matting_laplacian(colorful(height, width, seed), every)
    found = whole(rows, len(every))
    np.testing.assert_allclose(found, found.T, atol=1e-6)
    assert np.abs(rows.times(np.ones(len(every), np.float32))).max() < 2e-5
    assert np.linalg.eigvalsh(found.astype(np.float64)).min() > -1e-5


def test_alpha_that_is_a_line_of_color_costs_nothing() -> None:
    plate = colorful(6, 6, seed=3)
    alpha = (0.2 + plate @ np.array([0.5, -0.3, 0.6], np.float32)).astype(np.float32).ravel()
    rows = matting_laplacian(plate, np.arange(36))
    assert (
        abs(alpha @ rows.times(alpha)) < 1e-4 < abs(colorful(6, 6)[..., 0].ravel() @ rows.times(alpha[::-1]))
    )


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_one_color_all_over_is_no_trouble(level: float) -> None:
    plate = np.full((5, 5, 3), level, np.float32)
    found = whole(matting_laplacian(plate, np.arange(25)), 25)
    np.testing.assert_allclose(found, as_written(plate), atol=2e-5)


def test_conjugate_gradients_solve_small_equations() -> None:
    """2 x + y = 4 and x + 3 y = 7: x = 1, y = 2."""
    values, columns = np.zeros((2 * HALF + 1, 2), np.float32), np.zeros((2 * HALF + 1, 2), np.intp)
    values[HALF], columns[HALF] = [2, 3], [0, 1]
    values[0], columns[0] = [1, 1], [1, 0]
    wanted = np.array([4, 7], np.float32)
    found = conjugate_gradients(Rows(values, columns), wanted, np.zeros(2, np.float32), 1e-6, 10)
    np.testing.assert_allclose(found, [1, 2], atol=1e-5)


def test_what_is_right_from_the_start_stays() -> None:
    values, columns = np.zeros((2 * HALF + 1, 3), np.float32), np.zeros((2 * HALF + 1, 3), np.intp)
    values[HALF], columns[HALF] = 2, np.arange(3)
    start = np.array([1, 0, 3], np.float32)
    found = conjugate_gradients(Rows(values, columns), 2 * start, start, 1e-6, 10)
    np.testing.assert_array_equal(found, start)
    nothing = np.zeros(3, np.float32)
    np.testing.assert_array_equal(
        conjugate_gradients(Rows(values, columns), nothing, nothing, 1e-6, 10), nothing
    )


@pytest.fixture(scope="module")
def soft() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A plate, what is expected, and a trimap."""
    alpha = disk(36, 40, 21, 17, 9, soft=8)
    known = np.where(alpha >= 1, 1, np.where(alpha <= 0, 0, UNKNOWN)).astype(np.float32)
    return plate_of(alpha)[0], (alpha > 0.5).astype(np.float32), known


def test_alpha_is_that_of_the_equations_solved_at_once(soft) -> None:
    plate, expected, known = soft
    asked = (known == UNKNOWN).ravel()
    laplacian = as_written(plate)[asked]
    start = np.where(known == UNKNOWN, expected, known).ravel().astype(np.float64)
    matrix = laplacian[:, asked] + PRIOR * np.eye(asked.sum())
    exact = np.linalg.solve(matrix, PRIOR * start[asked] - laplacian[:, ~asked] @ start[~asked])
    found = solved(known, expected, plate).ravel()[asked]
    assert np.abs(found - np.clip(exact, 0, 1)).max() < 0.02
    assert np.abs(found - np.clip(exact, 0, 1)).mean() < 0.002


@pytest.mark.slow
def test_alpha_is_that_of_pymatting(soft) -> None:
    """Slow, for PyMatting compiles itself at first use."""
    if importlib.util.find_spec("pymatting") is None:
        pytest.skip("PyMatting is not installed")
    from pymatting.laplacian.cf_laplacian import cf_laplacian
    from pymatting.preconditioner.jacobi import jacobi
    from pymatting.solver.cg import cg
    from scipy.sparse import diags

    plate, expected, known = soft
    asked = (known == UNKNOWN).ravel()
    laplacian = cf_laplacian(plate.astype(np.float64), EPSILON, 1, (known != UNKNOWN))[asked]
    start = np.where(known == UNKNOWN, expected, known).ravel().astype(np.float64)
    wanted = PRIOR * start[asked] - laplacian[:, ~asked].dot(start[~asked])
    matrix = (laplacian[:, asked] + diags(np.full(asked.sum(), PRIOR))).tocsr()
    theirs = cg(matrix, wanted, x0=start[asked], rtol=ACCURACY, M=jacobi(matrix))
    ours = solved(known, expected, plate).ravel()[asked]
    assert np.abs(ours - np.clip(theirs, 0, 1)).max() < 0.002
