# SPDX-License-Identifier: GPL-3.0-or-later
"""Following: where the next square lies, and prompts within it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record
from rotopoint.store.region import Region
from rotopoint.tracking.following import ENLARGED, MARGIN, Following
from rotopoint.tracking.runtime import MaskPrompt, PointPrompts

PLATE = Following((400, 300), 64)
WHOLE = Region(0, 0, 400, 300)


def record(region: Region, rows: slice, columns: slice, score: float = 5.0) -> Record:
    logits = np.full((16, 16), -5, np.float16)
    logits[rows, columns] = 5
    return Record(SourceFrame(0), logits, np.zeros(2, np.float32), score, 0.9, False, region)


def points(*xy: tuple[float, float]) -> PointPrompts:
    """In source pixels."""
    scaled = np.array(xy) * (64 / np.array([400, 300]))
    return PointPrompts(scaled.astype(np.float32), np.ones(len(xy), np.int32))


def center(region: Region) -> tuple[float, float]:
    return (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2


def test_a_mask_starts_in_a_square_of_three_times_its_size() -> None:
    mask = np.zeros((300, 400), np.bool_)
    mask[140:160, 180:220] = True
    region = PLATE.first(MaskPrompt(mask))
    assert region.size == (MARGIN * 40, MARGIN * 40) and center(region) == (200, 150)


def test_a_point_is_looked_at_from_ever_closer() -> None:
    whole, *closer = PLATE.views(points((200, 150)))
    assert whole == WHOLE and [view.size for view in closer] == [(150, 150), (75, 75), (38, 38)]
    assert all(center(view) == pytest.approx((200, 150), abs=1) for view in closer)
    assert ENLARGED * 38 > PLATE.input_size > ENLARGED * 38 / 2


def test_points_far_apart_are_not_looked_at_from_closer_than_both_are_well_inside() -> None:
    assert [view.size for view in PLATE.views(points((170, 150), (230, 150)))] == [(400, 300), (150, 150)]


@pytest.mark.parametrize(("extent", "holds"), [(0, False), (1, True), (12, True), (13, False)])
def test_a_subject_that_nearly_fills_a_square_may_go_on_outside_of_it(extent: int, holds: bool) -> None:
    square = Region(100, 100, 200, 200)
    assert PLATE.holds(record(square, slice(2, 5), slice(2, 2 + extent))) == holds
    assert PLATE.holds(record(WHOLE, slice(2, 5), slice(2, 2 + extent))) == (extent > 0)
    assert not PLATE.holds(record(square, slice(2, 5), slice(2, 2 + extent), score=-5.0))


def test_the_square_goes_where_the_subject_went() -> None:
    here = Region(100, 100, 228, 228)
    after = PLATE.after(record(here, slice(6, 10), slice(10, 15)))
    assert after.size == here.size and center(after) == pytest.approx((200, 164), abs=1)


def test_the_square_grows_with_its_subject_and_not_before_it_must() -> None:
    here = Region(100, 100, 228, 228)
    assert PLATE.after(record(here, slice(5, 11), slice(5, 11))).size == (128, 128)
    assert PLATE.after(record(here, slice(4, 13), slice(4, 13))).size == (216, 216)


def test_where_it_is_lost_it_is_looked_for_farther_around_and_at_last_everywhere() -> None:
    region = Region(100, 100, 200, 200)
    sides = []
    for _ in range(4):
        region = PLATE.after(record(region, slice(0, 0), slice(0, 0), score=-5.0))
        sides.append(region.size)
    assert sides == [(150, 150), (225, 225), (400, 300), (400, 300)]


def test_points_outside_make_the_square_larger() -> None:
    here = Region(100, 100, 200, 200)
    assert PLATE.holding(here, points((150, 150))) == here
    larger = PLATE.holding(here, points((150, 150), (260, 120)))
    assert larger.x0 <= 100 and larger.x1 > 260


def test_prompts_are_moved_into_the_square() -> None:
    region = Region(100, 100, 228, 228)
    local = PLATE.localized(points((100, 100), (164, 228)), region)
    np.testing.assert_allclose(local.xy, [[0, 0], [32, 64]], atol=1e-4)
    mask = np.zeros((300, 400), np.bool_)
    mask[100, 100] = True
    assert PLATE.localized(MaskPrompt(mask), region).mask[0, 0]
    np.testing.assert_allclose(PLATE.localized(points((123, 45)), WHOLE).xy, points((123, 45)).xy, rtol=1e-6)


corners = st.integers(0, 14)


@given(corners, corners, st.integers(1, 16), st.integers(0, 300), st.integers(0, 200), st.integers(32, 299))
def test_it_stays_in_the_plate_and_holds_the_subject(top, left, extent, x, y, side) -> None:
    here = Region(
        min(x, 400 - side), min(y, 300 - side), min(x, 400 - side) + side, min(y, 300 - side) + side
    )
    one = record(here, slice(top, top + extent), slice(left, left + extent))
    after = PLATE.after(one)
    assert 0 <= after.x0 < after.x1 <= 400 and 0 <= after.y0 < after.y1 <= 300
    rows, columns = np.nonzero(one.logits > 0)
    cell = side / 16
    assert after.x0 <= here.x0 + columns.min() * cell + 1
    assert after.x1 >= here.x0 + (columns.max() + 1) * cell - 1
    assert after.y0 <= here.y0 + rows.min() * cell + 1
    assert after.y1 >= here.y0 + (rows.max() + 1) * cell - 1
