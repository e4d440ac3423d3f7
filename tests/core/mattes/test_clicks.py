# SPDX-License-Identifier: GPL-3.0-or-later
"""What was clicked stays in the matte, whatever is found on the plate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rotopoint.mattes import MatteSource, make_matte, trimap_of
from rotopoint.mattes.alpha import UNKNOWN
from rotopoint.mattes.clicks import Click, heeding
from rotopoint.shot import MatteSettings, Point, Prompt
from rotopoint.shot.frames import ClipFrame
from rotopoint.store.region import Region

SIZE = 512


def plane(*rows: str) -> NDArray[np.float32]:
    """Of `#` and `.`, 3 and -3."""
    return np.array([[3 if cell == "#" else -3 for cell in row] for row in rows], np.float32)


BEFORE = plane("##..#", "##..#", "##...")
AFTER = plane("#...." , "#..##", "#....")  # fmt: skip


def test_the_piece_that_was_turned_against_a_click_stays() -> None:
    got = heeding(BEFORE, AFTER, [Click(1, 1, True)])
    assert np.array_equal(got, plane("##...", "##.##", "##..."))


def test_so_does_what_was_taken_in_against_a_negative_click() -> None:
    got = heeding(BEFORE, AFTER, [Click(1, 3, False)])
    assert np.array_equal(got, plane("#....", "#...#", "#...."))


def test_clicks_of_both_kinds_are_heeded_together() -> None:
    got = heeding(BEFORE, AFTER, [Click(0, 4, True), Click(1, 3, False), Click(0, 1, True)])
    assert np.array_equal(got, BEFORE)


def test_what_no_click_contradicts_is_as_it_is_after() -> None:
    assert heeding(BEFORE, AFTER, []) is AFTER
    # Both agree with the first; the second was contradicted before, and nothing says where it would hold.
    assert heeding(BEFORE, AFTER, [Click(0, 0, True), Click(2, 3, True)]) is AFTER


def test_pieces_are_joined_at_sides_alone() -> None:
    before, after = plane("#.", ".#"), plane("..", "..")
    assert np.array_equal(heeding(before, after, [Click(0, 0, True)]), plane("#.", ".."))


def test_coverage_is_inside_from_a_half_on() -> None:
    before, after = np.array([[0.6, 0.2]], np.float32), np.array([[0.4, 0.3]], np.float32)
    assert np.array_equal(
        heeding(before, after, [Click(0, 0, True)], 0.5), [[np.float32(0.6), np.float32(0.3)]]
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_every_click_that_held_still_holds(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    before, after = rng.standard_normal((2, 12, 17)).astype(np.float32)
    clicks = [
        Click(int(rng.integers(12)), int(rng.integers(17)), bool(rng.integers(2))) for _ in range(count)
    ]
    got = heeding(before, after, clicks)
    for row, column, positive in clicks:
        if (before[row, column] > 0) == positive:
            assert (got[row, column] > 0) == positive
    assert ((got == before) | (got == after)).all()


def test_a_region_shows_the_clicks_on_it() -> None:
    frame = ClipFrame(1)
    prompts = (Point(frame, 10.5, 20.9), Point(frame, 3.0, 4.0, positive=False), Point(frame, 99.0, 79.9))
    source = MatteSource(np.zeros((4, 4), np.float32), (100, 80), prompts=prompts)
    assert source.clicks_in() == (Click(20, 10, True), Click(4, 3, False), Click(79, 99, True))
    assert source.clicks_in(Region(5, 5, 50, 40)) == (Click(15, 5, True),)


def doubted_neck() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits of 128 cells and a plate: an orange body that is sure, and a neck above it in the colors of what
    is around, inside by little, as a click leaves what a model does not believe."""
    logits = np.full((128, 128), -9, np.float32)
    logits[84:116, 34:66] = 9
    logits[52:84, 60:66] = 0.4
    plate = np.full((SIZE, SIZE, 3), (0.55, 0.6, 0.5), np.float32)
    plate[336:464, 136:264] = (0.9, 0.5, 0.2)
    return logits, plate


ON_NECK = (252.5, 315.5)


def source(*prompts: Prompt, boundary: float = 0.7, **settings: float) -> MatteSource:
    logits, plate = doubted_neck()
    asked = MatteSettings(**settings)  # type: ignore[arg-type]
    return MatteSource(logits, (SIZE, SIZE), asked, prompts=prompts, plate=lambda: plate, boundary=boundary)


def at(plane: NDArray[np.float32], place: tuple[float, float]) -> float:
    return float(plane[int(place[1]), int(place[0])])


def test_a_matte_keeps_what_was_clicked_where_the_boundary_is_refined() -> None:
    click = Point(ClipFrame(1), *ON_NECK)
    unclicked, clicked = make_matte(source()), make_matte(source(click))
    assert at(make_matte(source(boundary=0.0)), ON_NECK) > 0.5
    assert at(unclicked, ON_NECK) < 0.5
    assert at(clicked, ON_NECK) > 0.5
    # The rest of the neck comes with it, and what lies far from it is as it is without a click.
    neck = slice(270, 330), slice(244, 260)
    assert clicked[neck].mean() > 0.95 > 0.5 > unclicked[neck].mean()
    assert np.allclose(clicked[400:], unclicked[400:], atol=0.01)


def test_so_does_the_matte_of_a_part_of_a_plate() -> None:
    logits, plate = doubted_neck()
    wide = np.full((SIZE + 90, SIZE + 200, 3), (0.55, 0.6, 0.5), np.float32)
    wide[60 : 60 + SIZE, 150 : 150 + SIZE] = plate
    part, size = Region(150, 60, 150 + SIZE, 60 + SIZE), (SIZE + 200, SIZE + 90)
    there = (ON_NECK[0] + 150, ON_NECK[1] + 60)

    def made(*prompts: Prompt) -> NDArray[np.float32]:
        return make_matte(
            MatteSource(logits, size, region=part, prompts=prompts, plate=lambda: wide, boundary=0.7)
        )

    assert at(made(), there) < 0.5
    assert at(made(Point(ClipFrame(1), *there)), there) > 0.5
    # A click beside the part is none on it.
    assert np.array_equal(made(Point(ClipFrame(1), 10.0, 10.0)), made())


def test_a_negative_click_takes_away_what_the_network_alone_had_added() -> None:
    logits, plate = doubted_neck()
    logits[52:84, 60:66] = -0.3
    plate[208:336, 240:264] = (0.9, 0.5, 0.2)
    place = (252.5, 226.5)

    def made(*prompts: Prompt) -> NDArray[np.float32]:
        return make_matte(
            MatteSource(logits, (SIZE, SIZE), prompts=prompts, plate=lambda: plate, boundary=0.7)
        )

    assert at(made(), place) > 0.5
    assert at(made(Point(ClipFrame(1), *place, positive=False)), place) < 0.5


def test_what_the_tracker_is_sure_of_against_a_click_is_not_the_mattes_to_mend() -> None:
    unclicked, place = make_matte(source()), (200.5, 400.5)
    assert at(unclicked, place) > 0.5
    assert np.array_equal(make_matte(source(Point(ClipFrame(1), *place, positive=False))), unclicked)


@pytest.mark.parametrize(("edge", "x", "positive"), [(262, 262.5, True), (266, 264.5, False)])
def test_an_edge_is_not_snapped_over_a_click(edge: int, x: float, positive: bool) -> None:
    """A box whose right side the tracker has at 264, and the plate 2 pixels to either side of it."""
    logits = np.full((128, 128), -6, np.float32)
    logits[40:90, 34:68] = 6
    logits[40:90, 64:66], logits[40:90, 66:68] = 0.3, -0.3
    plate = np.full((SIZE, SIZE, 3), (0.55, 0.6, 0.5), np.float32)
    plate[160:360, 136:edge] = (0.9, 0.5, 0.2)

    def inside(*prompts: Prompt) -> bool:
        made = make_matte(MatteSource(logits, (SIZE, SIZE), prompts=prompts, plate=lambda: plate))
        return at(made, (x, 250.5)) > 0.5

    assert inside() is not positive
    assert inside(Point(ClipFrame(1), x, 250.5, positive)) is positive
    assert inside(Point(ClipFrame(1), x, 250.5, not positive)) is not positive


def test_where_click_and_plate_disagree_soft_alpha_is_solved() -> None:
    clicked = trimap_of(source(Point(ClipFrame(1), *ON_NECK)))
    assert at(clicked, ON_NECK) in (1.0, float(np.float32(UNKNOWN)))
