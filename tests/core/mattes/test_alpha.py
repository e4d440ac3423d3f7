# SPDX-License-Identifier: GPL-3.0-or-later
"""Alpha by the plate's colors: right where they tell, as expected where they do not."""

import os
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotopoint.mattes import coverage, upsample
from rotopoint.mattes.alpha import UNKNOWN, agreed, drawn_known, solved, trimap
from rotopoint.shot import MatteEdge
from tests.core.mattes.pictures import BEHIND, FRONT, disk, plate_of, tracked

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "core"), str(ROOT)])}


def ramp(*values: float) -> np.ndarray:
    return np.repeat(np.array([values], np.float32), 3, axis=0)


def test_a_trimap_is_unknown_where_logits_are_small_and_half_a_cell_about() -> None:
    found = trimap(ramp(-9, -8, -7, -6, -1, 1, 6, 7, 8, 9), cell=4)
    np.testing.assert_array_equal(found[1], [0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 1])


def test_an_unsure_tracker_leaves_more_unknown() -> None:
    logits = np.repeat(np.linspace(-6, 6, 121, dtype=np.float32)[None], 20, axis=0)
    bands = [(trimap(logits, 2, sure) == UNKNOWN).sum() for sure in (1.0, 0.5, 0.0)]
    assert bands[0] < bands[1] < bands[2]


def test_far_from_a_small_subject_nothing_is_unknown() -> None:
    """Logits that lie low all over say nothing there; a less confident tracker is believed less far off."""
    low = np.full((100, 300), -1, np.float32)
    low[40:60, 100:120] = 9
    reach = []
    for sure in (1.0, 0.0):
        found = trimap(low, 1, sure)
        assert (found[45:55, 105:115] == 1).all() and (found[:, 200:] == 0).all()
        reach.append((found[50, 120:] == UNKNOWN).sum())
    # A quarter of a side of 20 pixels, twice that, and half a cell.
    np.testing.assert_allclose(reach, (5, 10), atol=1)


def test_a_width_asked_for_is_the_band_s() -> None:
    logits = np.repeat((np.arange(40, dtype=np.float32) - 19.5)[None], 8, axis=0)
    assert (trimap(logits, cell=10, confidence=0, width=6)[4] == UNKNOWN).sum() == 6


def places(text: str) -> np.ndarray:
    """A trimap of one row: . outside, ? unknown, # inside."""
    return np.array([[{".": 0, "?": UNKNOWN, "#": 1}[sign] for sign in text]], np.float32)


@pytest.mark.parametrize(
    ("known", "matte", "expected"),
    [
        ("..??##??..??##", "....####....##", "..??##??..??##"),
        # A hole that was filled, with the ring about it, and a speck that was removed, with its own.
        ("##?.?##?.", "#######..", "#######?."),
        ("..?#?..??##", ".........##", ".......??##"),
        # What is contradicted beside an edge alone becomes as the matte has it.
        ("..?####", "....###", "..?.###"),
    ],
)
def test_a_trimap_follows_what_was_cleaned(known: str, matte: str, expected: str) -> None:
    np.testing.assert_array_equal(agreed(places(known), places(matte)), places(expected))


def test_a_trimap_that_agrees_comes_back_as_it_is() -> None:
    known = places("..??##")
    assert agreed(known, places("...###")) is known and drawn_known(known, [], []) is known


known_or_not = arrays(np.float32, (7, 9), elements=st.sampled_from([0.0, UNKNOWN, 1.0]))
coverages = arrays(np.float32, (7, 9), elements=st.floats(0, 1, width=32))


@given(known_or_not, coverages)
def test_nothing_that_is_known_is_other_than_the_matte(known: np.ndarray, matte: np.ndarray) -> None:
    found = agreed(known, matte)
    sure = found != UNKNOWN
    np.testing.assert_array_equal(found[sure], matte[sure] > 0.5)
    assert agreed(found, matte) is found
    # What agreed stays known, and what was unknown is at most known now.
    assert (sure[known != UNKNOWN]).all() and found.dtype == np.float32


@given(arrays(np.float32, (12, 15), elements=st.floats(-9, 9, width=32)), st.floats(0, 1), st.floats(0, 1))
def test_less_confidence_never_leaves_less_unknown(logits: np.ndarray, one: float, other: float) -> None:
    less, more = (trimap(logits, 2, sure) for sure in sorted((one, other)))
    assert (less[more == UNKNOWN] == UNKNOWN).all()
    for found in (less, more):
        known = found != UNKNOWN
        np.testing.assert_array_equal(found[known], logits[known] > 0)


def test_under_the_white_of_a_drawn_mask_alpha_is_known() -> None:
    garbage, core = ramp(1, 0.9, 1, 0, 0, 0)[:1], ramp(0, 0, 1, 0, 1, 0.5)[:1]
    found = drawn_known(places("??????"), [garbage], [core])
    np.testing.assert_array_equal(found, places(".?#?#?"))


@pytest.mark.parametrize("sign", [-1, 1])
def test_where_all_is_sure_nothing_is_unknown(sign: int) -> None:
    assert (trimap(np.full((5, 6), sign * 9, np.float32), 4) == (sign > 0)).all()


@pytest.fixture(scope="module")
def soft() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Alpha with an edge of 12 pixels, its plate, what is expected of small logits, and a trimap."""
    alpha = disk(150, 210, 104, 76, 45, soft=12)
    plate, _ = plate_of(alpha)
    logits = upsample(tracked(alpha, 14), (210, 150))
    known = np.where(alpha >= 1, 1, np.where(alpha <= 0, 0, UNKNOWN)).astype(np.float32)
    return alpha, plate, coverage(logits, MatteEdge.ANTIALIASED), known


def test_a_soft_edge_is_found(soft) -> None:
    alpha, plate, expected, known = soft
    found = solved(known, expected, plate)
    band = known == UNKNOWN
    assert np.abs(found - alpha)[band].sum() < 0.3 * np.abs(expected - alpha)[band].sum()


def test_what_is_known_stays(soft) -> None:
    _, plate, expected, known = soft
    found = solved(known, expected, plate)
    sure = known != UNKNOWN
    np.testing.assert_array_equal(found[sure], known[sure])
    assert found.dtype == np.float32 and found.min() >= 0 and found.max() <= 1


def test_colors_that_say_nothing_leave_what_was_expected() -> None:
    expected = disk(60, 60, 30, 30, 15)
    plate = np.full((60, 60, 3), 0.4, np.float32)
    found = solved(np.full((60, 60), UNKNOWN, np.float32), expected, plate)
    assert abs(found.mean() - expected.mean()) < 0.02


def test_tiles_do_not_show(soft, monkeypatch) -> None:
    _, plate, expected, known = soft
    whole = solved(known, expected, plate)
    monkeypatch.setattr(import_module("rotopoint.mattes.alpha"), "TILE", 40)
    tiled = solved(known, expected, plate)
    assert np.abs(tiled - whole).max() < 0.05 and np.abs(tiled - whole).mean() < 0.001
    np.testing.assert_array_equal(solved(known, expected, plate, threads=2), tiled)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_solve_ends_where_it_is_not_wanted_any_more(soft, monkeypatch, threads: int) -> None:
    """Between two of its steps: one thread is the caller's own, and begins nothing after that."""
    monkeypatch.setattr(import_module("rotopoint.mattes.alpha"), "TILE", 16)
    _, plate, expected, known = soft
    asked = []

    def between() -> None:
        asked.append(threading.current_thread())
        if len(asked) > 20:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        solved(known, expected, plate, threads, between)
    if threads == 1:
        assert asked == 21 * [threading.current_thread()]
    else:
        assert threading.current_thread() not in asked


def test_nothing_unknown_leaves_what_is_known() -> None:
    known = np.zeros((4, 4), np.float32)
    np.testing.assert_array_equal(solved(known, known, np.zeros((4, 4, 3), np.float32)), known)


def test_nothing_is_compiled_for_it() -> None:
    """Packages that compile themselves take most of a minute at first use, and are not in the extension."""
    code = "import sys; from tests.core.mattes.test_alpha import solve_a_little; solve_a_little(); "
    code += "print(sorted({'numba', 'pymatting', 'scipy', 'llvmlite'} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr


def solve_a_little() -> None:
    alpha = disk(20, 20, 10, 10, 5, soft=4)
    solved(np.full((20, 20), UNKNOWN, np.float32), alpha, plate_of(alpha)[0])


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (3, 3), (1, 30)])
def test_the_smallest_pictures(shape: tuple[int, int]) -> None:
    plate = np.broadcast_to(np.where(np.arange(shape[1])[:, None] < 2, FRONT, BEHIND), (*shape, 3))
    found = solved(np.full(shape, UNKNOWN, np.float32), np.full(shape, 0.3, np.float32), plate)
    assert found.shape == shape and np.isfinite(found).all()
