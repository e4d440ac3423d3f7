# SPDX-License-Identifier: GPL-3.0-or-later
"""A coarse mask's boundary, refined in a close-up of the plate."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rotopoint.mattes import MatteSource, make_matte
from rotopoint.mattes.boundary import (
    BLOCK,
    CHANNELS,
    KEPT_LOGIT,
    SIDE,
    closeup,
    doubted,
    from_blocks,
    in_blocks,
    refined,
    shown,
)
from rotopoint.mattes.chain import logits_of
from rotopoint.mattes.upsample import upsample
from rotopoint.shot import MatteEdge, MatteSettings
from rotopoint.store.region import Region

BLOCKS = (BLOCK * BLOCK, SIDE // BLOCK, SIDE // BLOCK)
PLATE = np.full((512, 512, 3), 0.5, np.float32)


def adding(value: float) -> object:
    return lambda _seen: np.full(BLOCKS, value, np.float32)


def unasked(*_: object) -> NDArray[np.float32]:
    raise AssertionError("nobody asked for it")


def square(cells: int, rows: slice, columns: slice, inside: float = 3.0) -> NDArray[np.float32]:
    logits = np.full((cells, cells), -inside, np.float32)
    logits[rows, columns] = inside
    return logits


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
def test_blocks_hold_every_pixel_where_it_was(seed: int, count: int, height: int, width: int) -> None:
    planes = np.random.default_rng(seed).random((count, height * BLOCK, width * BLOCK), np.float32)
    blocks = in_blocks(planes)
    assert blocks.shape == (count * BLOCK * BLOCK, height, width)
    for n, plane in enumerate(planes):
        assert np.array_equal(from_blocks(blocks[n * BLOCK * BLOCK : (n + 1) * BLOCK * BLOCK]), plane)
        assert np.array_equal(blocks[n * BLOCK * BLOCK + 1], plane[::BLOCK, 1::BLOCK])


def test_a_closeup_has_a_margin_and_a_least_side() -> None:
    # 64 of 128 cells across get an eighth and a cell more on each side; a cell gets to a fifth of all.
    wide = square(128, slice(32, 96), slice(64, 65))
    rows, columns = closeup(wide, (1280, 2560))
    assert (rows.start, rows.stop) == (230, 1050)
    assert columns.stop - columns.start == pytest.approx(0.22 * 2560, abs=2)
    assert (columns.start + columns.stop) / 2 == pytest.approx(64.5 * 20, abs=1)


def test_a_closeup_ends_with_the_picture() -> None:
    assert closeup(np.ones((64, 64), np.float32), (90, 160)) == (slice(0, 90), slice(0, 160))
    assert closeup(np.full((64, 64), -0.5, np.float32), (90, 160)) is None


def test_what_the_network_sees() -> None:
    logits = np.full((SIDE, SIDE), 40, np.float32)
    logits[:, SIDE // 2 :] = -1
    colors = np.zeros((2 * SIDE, 2 * SIDE, 3), np.float32)
    colors[..., 0] = 1
    seen = shown(logits, colors)
    assert seen.shape == (CHANNELS, SIDE // BLOCK, SIDE // BLOCK) and seen.dtype == np.float32
    red, green, _, small, large = seen.reshape(5, -1, *seen.shape[1:])
    assert (red == 1).all() and np.allclose(green, -127 / 128)
    assert np.allclose(small[:, 0, 0], 1) and np.allclose(small[:, 0, -1], np.tanh(-0.5))
    assert (large[:, 0, 0] == 1).all() and np.allclose(large[:, 0, -1], -0.1)


def test_what_was_added_lies_where_it_was_seen() -> None:
    coarse = square(128, slice(32, 96), slice(32, 96))
    logits = upsample(coarse, (512, 512))
    rows, columns = closeup(coarse, (512, 512))

    def a_quarter(_seen: object) -> NDArray[np.float32]:
        change = np.zeros((1, SIDE, SIDE), np.float32)
        change[:, : SIDE // 2, SIDE // 2 :] = -6
        return in_blocks(change)

    got = refined(logits, coarse, PLATE, network=a_quarter)
    middle = (slice(rows.start, 254), slice(258, columns.stop))
    assert np.allclose((got - logits)[middle], -6)
    elsewhere = np.ones((512, 512), np.bool_)
    elsewhere[:260, 252:] = False
    assert np.array_equal(got[elsewhere], logits[elsewhere])


def test_only_a_part_is_taken_where_only_that_is_asked() -> None:
    coarse = square(64, slice(16, 48), slice(16, 48))
    logits = upsample(coarse, (512, 512))
    assert np.allclose(refined(logits, coarse, PLATE, 0.25, adding(2.0))[256, 256], 3.5)
    assert refined(logits, coarse, PLATE, 0.0, unasked) is logits


def test_what_is_sure_can_be_turned_and_stays_sure_where_it_is_not() -> None:
    coarse = square(64, slice(16, 48), slice(16, 48), 20.0)
    logits = np.where(upsample(coarse, (512, 512)) > 0, np.float32(20), np.float32(-20))
    assert np.array_equal(refined(logits, coarse, PLATE, network=adding(-7.0)), logits)
    assert refined(logits, coarse, PLATE, network=adding(-9.0))[256, 256] == KEPT_LOGIT - 9


def test_what_was_doubted_before_or_after_is_doubted() -> None:
    before, after = np.array([[0.5, 9, -3, 4, -2]], np.float32), np.array([[7, 2, -4, -4, 1]], np.float32)
    assert doubted(before, after).tolist() == [[0.5, 2, -3, 0, 0]]


def test_where_nothing_is_inside_nothing_is_looked_at() -> None:
    absent = np.full((64, 64), -1024, np.float32)
    logits = np.full((512, 512), -1024, np.float32)
    assert refined(logits, absent, PLATE, network=unasked) is logits


def test_a_matte_asks_for_it_as_its_checkpoint_and_its_settings_do() -> None:
    coarse = square(64, slice(16, 48), slice(16, 48))
    unmoved, snapped = MatteSettings(MatteEdge.HARD, snap=0), MatteSettings(MatteEdge.HARD)
    plain = logits_of(MatteSource(coarse, (512, 512), unmoved, plate=unasked))
    unmoved_too = logits_of(MatteSource(coarse, (512, 512), unmoved, plate=unasked, boundary=1))
    unasked_by_checkpoint = logits_of(MatteSource(coarse, (512, 512), snapped, plate=unasked))
    assert np.array_equal(unmoved_too, plain) and np.array_equal(unasked_by_checkpoint, plain)
    asked = logits_of(MatteSource(coarse, (512, 512), snapped, plate=lambda: PLATE, boundary=1))
    assert not np.array_equal(asked, plain)


def drawn(cells: int) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
    """An orange body with a thin tail on gray, and logits that are smeared as those of a small model are."""
    rows, columns = np.mgrid[:512, :512]
    truth = ((columns - 240) / 110) ** 2 + ((rows - 256) / 70) ** 2 < 1
    truth |= (abs(rows - 256) < 11) & (columns >= 330) & (columns < 430)
    colors = np.where(truth[..., None], np.float32((0.9, 0.5, 0.2)), np.float32((0.4, 0.45, 0.4)))
    noise = np.random.default_rng(0).normal(0, 0.02, colors.shape)
    plate = np.clip(cv2.GaussianBlur(colors, (0, 0), 1.0) + noise, 0, 1).astype(np.float32)
    smeared = cv2.GaussianBlur(truth.astype(np.float32), (0, 0), 10)
    small = smeared.reshape(cells, 512 // cells, cells, 512 // cells).mean((1, 3))
    return 6 * (small - 0.5), truth, plate


def iou(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float((mask & truth).sum() / (mask | truth).sum())


@pytest.mark.parametrize("cells", [64, 128])
def test_the_network_that_ships_finds_what_the_plate_shows(cells: int) -> None:
    coarse, truth, plate = drawn(cells)
    plain, more = (
        make_matte(MatteSource(coarse, (512, 512), plate=lambda: plate, boundary=boundary)) > 0.5
        for boundary in (0.0, 0.7)
    )
    assert iou(more, truth) > max(iou(plain, truth), 0.99)


def test_a_record_of_a_part_is_refined_in_that_part() -> None:
    coarse, truth, plate = drawn(128)
    asked = MatteSettings(MatteEdge.HARD)
    whole = make_matte(MatteSource(coarse, (512, 512), asked, plate=lambda: plate, boundary=1))
    wide = np.zeros((600, 700, 3), np.float32)
    wide[50:562, 100:612] = plate
    part = MatteSource(coarse, (700, 600), asked, Region(100, 50, 612, 562), plate=lambda: wide, boundary=1)
    assert iou(make_matte(part)[50:562, 100:612] > 0, whole > 0) > 0.99
    assert not make_matte(part)[:, 612:].any()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([16, 96, 128]))
def test_any_logits_stay_finite(seed: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = (10 * rng.standard_normal((cells, cells))).astype(np.float32)
    plate = rng.random((61, 97, 3), np.float32)
    got = refined(upsample(coarse, (97, 61)), coarse, plate)
    assert got.shape == (61, 97) and got.dtype == np.float32 and np.isfinite(got).all()
