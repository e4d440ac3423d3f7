# SPDX-License-Identifier: GPL-3.0-or-later
"""What clicks say about the rest of a mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotopoint.tracking.closeup import Closeup
from rotopoint.tracking.obeying import Click
from rotopoint.tracking.refinement import (
    CHANNELS,
    CLOSER_LEAST,
    CLOSER_MARGIN,
    GRID,
    PICTURE,
    SEEN_SCALE,
    Seen,
    corrected,
    limited,
    maps,
)
from rotopoint.tracking.refinement import shown as as_shown
from rotopoint.tracking.runtime import NO_OBJECT_LOGIT, Decoded

SKY, BIRD = (120, 160, 220), (200, 40, 30)


def decoded(logits: np.ndarray, score: float = 4.0) -> Decoded:
    return Decoded(logits.astype(np.float32), np.ones(4, np.float32), score, 0.9)


def square(cells: int, top: float, left: float, side: float) -> np.ndarray:
    """A square on a mask, in parts of its side."""
    inside = np.zeros((cells, cells), np.bool_)
    rows, columns = (slice(round(at * cells), round((at + side) * cells)) for at in (top, left))
    inside[rows, columns] = True
    return inside


def shown(*birds: np.ndarray) -> np.ndarray:
    """Birds in the sky, of 384 pixels."""
    picture = np.full((384, 384, 3), SKY, np.uint8)
    for bird in birds:
        picture[np.kron(bird, np.ones((384 // len(bird),) * 2, np.bool_))] = BIRD
    return picture


def maps_in(closeup: Closeup, logits: np.ndarray) -> np.ndarray:
    """Logits as the network sees them in a close-up."""
    return np.asarray(closeup.cut(limited(logits), GRID)) / np.float32(SEEN_SCALE)


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    return float((mask & truth).sum() / (mask | truth).sum())


def test_what_the_network_sees() -> None:
    colors = np.zeros((GRID, GRID, 3), np.float32)
    colors[:, 48:] = (51, 0, 0)
    before, held = np.full((2, GRID, GRID), 40, np.float32)
    seen = maps(before, -held, [(10.5, 20.5, True)], colors)
    assert seen.shape == (CHANNELS, GRID, GRID) and seen.dtype == np.float32
    assert (seen[0] == 2).all() and (seen[1] == -2).all()
    near, around, alike = seen[2:5]
    assert near[20, 10] == around[20, 10] == alike[20, 10] == 1
    assert near[20, 14] == pytest.approx(np.exp(-2)) and around[20, 26] == pytest.approx(np.exp(-1))
    assert alike[0, 0] == 1 and alike[0, 90] == pytest.approx(np.exp(-0.8))
    assert not seen[5:8].any()
    assert seen[8, 0, 90] == pytest.approx(0.2)


def test_a_click_that_is_heeded_changes_nothing() -> None:
    bird = square(GRID, 0.3, 0.4, 0.2)
    answer = decoded(np.where(bird, 8.0, -8.0))
    assert corrected(answer, [Click((40, 45), True), Click((5, 5), False)], shown(bird)) is answer


def test_a_second_look_changes_what_contradicts_no_click_by_a_part() -> None:
    bird, tail = square(GRID, 0.3, 0.4, 0.2), square(GRID, 0.4, 0.6, 0.05)
    answer = decoded(np.where(bird, 1.0, -1.0))
    seen: list[Seen] = []

    def with_tail(shown: Seen) -> np.ndarray:
        seen.append(shown)
        lacking = closeup.cut(np.where(tail, 6, 0).astype(np.float32), GRID)
        return np.asarray(lacking, np.float32)

    closeup = Closeup.around(bird, [(45.5, 40.5)])
    got = corrected(answer, [Click((40, 45), True)], shown(bird | tail), 0.5, with_tail)
    assert iou(got.logits > 0, bird | tail) > 0.97 and (got.logits > 0)[bird].all()
    assert got.predicted_iou == pytest.approx(0.9 * iou(got.logits > 0, bird))
    (clicked,) = seen
    assert clicked.maps.shape == (CHANNELS, GRID, GRID) and clicked.picture.shape == (3, PICTURE, PICTURE)
    assert clicked.maps[2].max() > 0.9 and not clicked.maps[5:8].any()


def test_an_answer_to_a_box_alone_stays_as_it_is() -> None:
    bird = square(GRID, 0.3, 0.4, 0.2)
    answer = decoded(np.where(bird, 8.0, -8.0))
    assert corrected(answer, [], shown(bird), 0.5) is answer


def test_where_nothing_was_found_there_is_nothing_to_look_at() -> None:
    absent = decoded(np.full((GRID, GRID), NO_OBJECT_LOGIT), score=-3)
    clicks = [Click((40, 45), False)]
    assert corrected(absent, clicks, shown(square(GRID, 0.3, 0.4, 0.2)), 0.5) is absent


def test_the_picture_is_seen_as_the_trunk_takes_it() -> None:
    picture = np.zeros((384, 384, 3), np.uint8)
    picture[:, 192:] = (255, 127, 0)
    logits = np.zeros((GRID, GRID), np.float32)
    seen = as_shown(logits, logits, [], picture, Closeup.whole(GRID)).picture
    assert seen.dtype == np.float32 and np.allclose(seen[:, 0, 0], -127 / 128)
    assert np.allclose(seen[:, 0, -1], (1, 0, -127 / 128))
    left = as_shown(logits, logits, [], picture, Closeup(0, 0, GRID // 2, GRID)).picture
    assert np.allclose(left, -127 / 128)


def test_one_click_takes_away_the_whole_of_a_second_bird() -> None:
    bird, other = square(GRID, 0.3, 0.2, 0.25), square(GRID, 0.3, 0.6, 0.25)
    answer = decoded(np.where(bird | other, 8.0, -8.0))
    got = corrected(answer, [Click((40, 69), False)], shown(bird, other))
    assert iou(got.logits > 0, bird) > 0.9
    assert np.array_equal(got.pointer, answer.pointer)
    # Half of what the model answered is left, and the model was sure of all of it.
    left = iou(got.logits > 0, answer.logits > 0)
    assert left == pytest.approx(0.5, abs=0.06) and got.predicted_iou == pytest.approx(0.9 * left)


def test_what_is_left_is_looked_at_closer_once_more() -> None:
    bird, other = square(GRID, 0.3, 0.1, 0.2), square(GRID, 0.3, 0.7, 0.2)
    answer = decoded(np.where(bird | other, 8.0, -8.0))
    clicks = [Click((38, 20), True), Click((40, 76), False)]
    wide = Closeup.around(bird | other, [(20.5, 38.5), (76.5, 40.5)])
    close = Closeup.around(bird, [(20.5, 38.5)], CLOSER_MARGIN, CLOSER_LEAST)
    assert close.side < wide.side / 3
    seen: list[Seen] = []

    def without_other(shown: Seen) -> np.ndarray:
        seen.append(shown)
        spilled = np.asarray(wide.cut(np.where(other, -60, 0).astype(np.float32), GRID))
        return (spilled, spilled[:, ::-1], *np.zeros((2, GRID, GRID), np.float32))[len(seen) - 1]

    got = corrected(answer, clicks, shown(bird, other), network=without_other)
    assert np.array_equal(got.logits > 0, bird)
    first, second = (each.maps for each in seen[::2])
    # The first look is beside the answer before the click, the second beside what the first has left.
    assert np.array_equal(first[0], maps_in(wide, answer.logits)) and not np.array_equal(*first[:2])
    assert np.array_equal(second[0], maps_in(close, got.logits)) and np.array_equal(*second[:2])
    for one, mirrored in zip(seen[::2], seen[1::2], strict=True):
        assert all(np.array_equal(a, b[..., ::-1]) for a, b in zip(one, mirrored, strict=True))


def test_a_mirrored_answer_is_corrected_to_the_mirror_image() -> None:
    bird, other = square(GRID, 0.3, 0.2, 0.25), square(GRID, 0.3, 0.6, 0.25)
    answer, picture = decoded(np.where(bird | other, 8.0, -8.0)), shown(bird, other)
    mirrored = decoded(answer.logits[:, ::-1])
    got = corrected(answer, [Click((40, 69), False)], picture)
    same = corrected(mirrored, [Click((40, GRID - 1 - 69), False)], np.ascontiguousarray(picture[:, ::-1]))
    assert np.allclose(got.logits, same.logits[:, ::-1], atol=1e-3)


@pytest.mark.parametrize("cells", [24, 64, 96, 128, 256])
def test_answers_of_every_size_are_refined_where_their_clicks_are(cells: int) -> None:
    bird, other = square(cells, 0.25, 0.125, 0.25), square(cells, 0.25, 0.625, 0.25)
    coarse = [square(24, 0.25, at, 0.25) for at in (0.125, 0.625)]
    at = (round(0.375 * cells), round(0.75 * cells))
    got = corrected(decoded(np.where(bird | other, 8.0, -8.0)), [Click(at, False)], shown(*coarse))
    assert got.logits.shape == (cells, cells) and got.logits.dtype == np.float32
    assert iou(got.logits > 0, bird) > 0.8


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([24, 64, 96]))
def test_every_click_is_obeyed(seed: int, count: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    places = rng.permutation(cells * cells)[:count]
    clicks = [Click(divmod(int(p), cells), bool(rng.random() < 0.5)) for p in places]
    logits = 6 * rng.standard_normal((cells, cells))
    if rng.random() < 0.2:
        logits = np.full((cells, cells), NO_OBJECT_LOGIT)
    picture = rng.integers(0, 256, (cells, cells, 3)).astype(np.uint8)
    got = corrected(decoded(logits), clicks, picture)
    assert all(not click.contradicts(got.logits) for click in clicks)
    again = corrected(decoded(logits), clicks[::-1], picture)
    assert np.isfinite(got.logits).all()
    assert np.allclose(again.logits, got.logits, atol=1e-4)
