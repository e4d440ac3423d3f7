# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves with a subject, by movements that are drawn, and by pictures."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rotopoint.tracking.motion import CELLS, FEWEST, Movement, gray, movement, with_what_moves_along

RIGHT, LEFT, STILL = (3.0, 0.0), (-3.0, 0.0), (0.0, 0.0)


def mask(rows: slice, columns: slice, sure: float = 5.0, cells: int = CELLS) -> NDArray[np.float32]:
    """Logits of a rectangle, in cells."""
    logits = np.full((cells, cells), -sure, np.float32)
    logits[rows, columns] = sure
    return logits


def moved(
    rows: slice, columns: slice, there: tuple[float, float], around: tuple[float, float] = STILL
) -> Movement:
    """A rectangle that goes one way and all else another."""
    movement = np.full((CELLS, CELLS, 2), around, np.float32)
    movement[rows, columns] = there
    return movement


def likelier(known: NDArray[np.float32], movement: Movement) -> NDArray[np.float32]:
    """What is added to logits with a weight of 1."""
    answer = with_what_moves_along(known, movement, 1.0)
    assert answer.shape == known.shape and answer.dtype == np.float32
    return answer - known


def test_the_rest_of_what_moves_is_told_from_what_stays() -> None:
    """The mask is the left half of what moves, and has some of what stays above it."""
    known = mask(np.s_[30:70], np.s_[40:60])
    known[22:30, 40:60] = 5
    said = likelier(known, moved(np.s_[30:70], np.s_[40:80], RIGHT))
    assert (said[30:70, 40:80] > 1).all()
    outside = np.ones_like(said, bool)
    outside[30:70, 40:80] = False
    assert (said[outside] < -1).all()


def test_what_speaks_against_a_place_counts_half() -> None:
    """Of two stripes one is in the mask and stays, the other is not and moves along, each as clearly."""
    known = mask(np.s_[30:70], np.s_[40:60])
    known[10:14, 40:60] = 5
    going = moved(np.s_[30:70], np.s_[40:60], RIGHT)
    going[84:88, 40:60] = RIGHT
    said = likelier(known, going)
    assert said[11, 50] == pytest.approx(-said[86, 50] / 2, rel=0.1) and said[86, 50] > 1


def test_neither_stillness_nor_one_motion_for_all_tells_anything() -> None:
    known = mask(np.s_[30:70], np.s_[40:60])
    for all_of_it in (STILL, RIGHT):
        said = likelier(known, moved(np.s_[0:0], np.s_[0:0], STILL, around=all_of_it))
        assert np.abs(said).max() < 1e-3


def test_a_camera_that_moves_is_no_subject() -> None:
    """What stays in the picture, while all around it passes, is the subject."""
    known = mask(np.s_[30:70], np.s_[40:60])
    said = likelier(known, moved(np.s_[30:70], np.s_[40:80], STILL, around=LEFT))
    assert (said[30:70, 60:80] > 1).all() and (said[80:, :] < -1).all()


def test_what_comes_nearer_moves_together_though_each_place_goes_its_own_way() -> None:
    rows, columns = np.mgrid[:CELLS, :CELLS].astype(np.float32)
    grows = np.stack((columns - 60, rows - 50), axis=-1) * np.float32(0.1)
    subject = np.zeros((CELLS, CELLS), bool)
    subject[30:70, 40:80] = True
    known = mask(np.s_[30:70], np.s_[40:70])
    said = likelier(known, np.where(subject[..., None], grows, np.float32(0)))
    assert (said[34:66, 72:80] > 0).all() and said[~subject].mean() < -1


@pytest.mark.parametrize(
    "known",
    [
        np.full((CELLS, CELLS), -5, np.float32),
        np.full((CELLS, CELLS), 5, np.float32),
        mask(np.s_[3:5], np.s_[7 : 7 + int(FEWEST) // 2]),
    ],
    ids=["no subject", "nothing around it", "hardly a subject"],
)
def test_where_there_is_nothing_to_compare_nothing_is_said(known: NDArray[np.float32]) -> None:
    assert not likelier(known, moved(np.s_[30:70], np.s_[40:80], RIGHT)).any()


@pytest.mark.parametrize("cells", [64, 256])
def test_a_model_may_have_other_cells(cells: int) -> None:
    scale = cells / CELLS
    at = [round(n * scale) for n in (30, 70, 40, 60, 80)]
    known = mask(np.s_[at[0] : at[1]], np.s_[at[2] : at[3]], cells=cells)
    said = likelier(known, moved(np.s_[30:70], np.s_[40:80], RIGHT))
    assert said.shape == (cells, cells)
    assert said[at[0] + 4 : at[1] - 4, at[3] : at[4] - 4].min() > 1 and said[:8].max() < -1


RANDOM = np.random.default_rng(3)
GROUND, OTHER_GROUND = (
    np.kron(RANDOM.integers(0, 256, (30, 60, 3), np.uint8), np.ones((8, 8, 1), np.uint8)) for _ in range(2)
)
THING = np.kron(RANDOM.integers(0, 256, (12, 24, 3), np.uint8), np.ones((8, 8, 1), np.uint8))


def shown(x: int, ground: NDArray[np.uint8] = GROUND) -> NDArray[np.uint8]:
    """A textured square at a column of 480."""
    picture = ground.copy()
    picture[72:168, x : x + 192] = THING
    return gray(picture)


def test_pictures_tell_how_a_thing_moves() -> None:
    found = movement(shown(144), shown(156))
    assert found is not None and found.shape == (CELLS, CELLS, 2) and found.dtype == np.float32
    inside, outside = found[48:80, 48:80].reshape(-1, 2), found[:24].reshape(-1, 2)
    assert np.median(inside, axis=0) == pytest.approx([12 * CELLS / 480, 0], abs=0.2)
    assert np.abs(outside).max() < 0.2


def test_a_picture_behind_a_cut_tells_nothing_nor_the_same_one() -> None:
    assert movement(shown(144), gray(OTHER_GROUND)) is None
    assert movement(shown(144), shown(144)) is None


def test_a_lamp_that_dims_a_little_is_no_cut() -> None:
    assert movement(shown(144), np.round(shown(156) * 0.9).astype(np.uint8)) is not None
