# SPDX-License-Identifier: GPL-3.0-or-later
"""Close-ups: what they show, and that what is found in one comes to where it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.tracking.closeup import Closeup

CELLS = 96


def square(top: int, left: int, side: int, cells: int = CELLS) -> np.ndarray:
    mask = np.zeros((cells, cells), np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def test_it_shows_a_small_mask_in_its_middle() -> None:
    closeup = Closeup.around(square(40, 50, 20), [])
    assert closeup == Closeup(x=45, y=35, side=30, cells=CELLS)


def test_it_shows_no_less_than_a_quarter_and_stays_in_the_picture() -> None:
    assert Closeup.around(square(0, 90, 4), []) == Closeup(x=72, y=0, side=24, cells=CELLS)


def test_it_shows_a_click_beside_the_mask() -> None:
    closeup = Closeup.around(square(40, 50, 20), [(30.5, 45.5)])
    assert closeup.x <= 28 and closeup.x + closeup.side >= 70


@given(
    st.integers(0, 80),
    st.integers(1, 16),
    st.lists(st.integers(0, CELLS - 1), max_size=3),
    st.sampled_from([(1.5, 0.25), (1.2, 0.2)]),
)
def test_of_a_mirror_image_it_shows_the_mirror_image(
    left: int, side: int, columns: list[int], size: tuple[float, float]
) -> None:
    mask = square(40, left, side)
    shown = Closeup.around(mask, [(at + 0.5, 48.5) for at in columns], *size)
    mirrored = Closeup.around(mask[:, ::-1], [(CELLS - at - 0.5, 48.5) for at in columns], *size)
    assert (mirrored.y, mirrored.side) == (shown.y, shown.side)
    # An odd side can't lie in the very middle of an even picture.
    middle = abs(2 * shown.x + shown.side - CELLS) == 1
    assert mirrored.x + shown.x + shown.side == CELLS or middle


def test_what_is_nearly_everything_or_nothing_is_the_whole() -> None:
    whole = Closeup.whole(CELLS)
    assert Closeup.around(square(20, 20, 56), []) == whole
    assert Closeup.around(square(0, 0, 0), []) == whole


def test_a_cut_takes_from_finer_pictures_and_coarser_masks_alike() -> None:
    closeup = Closeup(x=24, y=48, side=24, cells=CELLS)
    fine = np.zeros((384, 384, 3), np.uint8)
    fine[4 * 48 : 4 * 72, 4 * 24 : 4 * 48] = 200
    assert (closeup.cut(fine, 96) == 200).all()
    coarse = square(12, 6, 6, 24).astype(np.float32)
    assert (closeup.cut(coarse, 96) == 1).all()
    assert closeup.places([(36.0, 60.0, True), (10.0, 60.0, False)], 96) == [(48.0, 48.0, True)]


@given(st.integers(0, 72), st.integers(0, 72), st.sampled_from([12, 24, 48, 96]))
def test_a_change_is_added_where_it_was_seen(x: int, y: int, side: int) -> None:
    x, y = min(x, CELLS - side), min(y, CELLS - side)
    closeup = Closeup(x, y, side, CELLS)
    logits = np.random.default_rng(0).standard_normal((CELLS, CELLS)).astype(np.float32)
    changed = closeup.added(logits, np.full((96, 96), 2, np.float32)) - logits
    assert changed[y : y + side, x : x + side] == pytest.approx(2, abs=1e-5)
    assert changed.sum() == pytest.approx(2 * side * side, rel=1e-4)


@given(st.integers(0, 2**32 - 1), st.sampled_from([24, 64, 96, 256]))
def test_it_lies_in_the_picture_and_shows_all_that_was_asked(seed: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    side = int(rng.integers(0, cells // 2))
    top, left = rng.integers(0, cells - side, 2)
    mask = square(int(top), int(left), side, cells)
    places = [(float(x), float(y)) for x, y in rng.uniform(0, cells, (int(rng.integers(0, 4)), 2))]
    x, y, across, _ = Closeup.around(mask, places)
    assert 0 <= x and 0 <= y and 0 < across and max(x, y) + across <= cells
    assert np.count_nonzero(mask[y : y + across, x : x + across]) == np.count_nonzero(mask)
    assert all(x <= px < x + across and y <= py < y + across for px, py in places)
