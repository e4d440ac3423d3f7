# SPDX-License-Identifier: GPL-3.0-or-later
"""Chatter goes, real motion stays."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.mattes.temporal import Neighbor, smoothed
from tests.core.mattes.pictures import disk, plate_of

STEP = 1.7
FRAMES = 9


def shape(frame: int, wobble: float = 0.0, step: float = STEP) -> np.ndarray:
    return disk(120, 160, 60 + step * frame, 60 + 0.4 * step * frame, 32 + wobble, soft=4)


def film(step: float) -> list[np.ndarray]:
    return [plate_of(shape(n, step=step), step * n, 0.4 * step * n)[0] for n in range(FRAMES)]


def smooth_film(mattes: list[np.ndarray], plates: list[np.ndarray], strength: float) -> list[np.ndarray]:
    pairs = [Neighbor(matte, plate) for matte, plate in zip(mattes, plates, strict=True)]
    return [
        smoothed(mattes[n], plates[n], [pairs[m] for m in (n - 1, n + 1) if 0 <= m < FRAMES], strength)
        for n in range(FRAMES)
    ]


def flicker(mattes: list[np.ndarray], truth: list[np.ndarray]) -> float:
    """dtSSD: how much the error changes from frame to frame."""
    errors = np.diff(np.stack(mattes) - np.stack(truth), axis=0)
    return float(np.sqrt(np.square(errors).mean((1, 2))).mean())


def test_an_edge_that_breathes_is_steadied_on_a_moving_subject() -> None:
    truth, plates = [shape(n) for n in range(FRAMES)], film(STEP)
    breathing = [shape(n, wobble=1.5 * (-1) ** n) for n in range(FRAMES)]
    steadied = smooth_film(breathing, plates, 1.0)
    assert flicker(steadied, truth) < 0.6 * flicker(breathing, truth)


def test_a_right_matte_stays_right() -> None:
    truth, plates = [shape(n) for n in range(FRAMES)], film(STEP)
    kept = smooth_film(truth, plates, 1.0)
    assert max(np.abs(a - b).sum() / b.sum() for a, b in zip(kept, truth, strict=True)) < 0.01


def test_what_appears_at_once_is_spared() -> None:
    before, after = np.zeros((120, 160), np.float32), shape(0)
    others = [Neighbor(before, plate_of(before)[0])] * 2
    found = smoothed(after, plate_of(after)[0], others, 1.0)
    assert np.abs(found - after).sum() < 0.02 * after.sum()


def test_what_cannot_be_followed_there_and_back_is_spared() -> None:
    """A wheel turns so far that each tooth is where a gap was; 0.4% of it changed where this was not seen."""
    y, x = np.mgrid[:120, :160].astype(np.float32)

    def wheel(turn: float) -> np.ndarray:
        angle = np.arctan2(y - 60, x - 80) + turn
        teeth = 42 + 14 * np.sign(np.sin(16 * angle))
        return np.clip(teeth - np.hypot(y - 60, x - 80), 0, 1).astype(np.float32)

    turns = [n * np.pi / 16 for n in range(3)]
    truth = [wheel(turn) for turn in turns]
    plates = [plate_of(matte)[0] for matte in truth]
    found = smoothed(truth[1], plates[1], [Neighbor(truth[n], plates[n]) for n in (0, 2)], 1.0)
    assert np.abs(found - truth[1]).sum() < 0.002 * truth[1].sum()


def test_a_still_subject_stays_to_the_bit() -> None:
    matte, plate = shape(0), film(0)[0]
    np.testing.assert_array_equal(smoothed(matte, plate, [Neighbor(matte, plate)] * 2, 1.0), matte)


def test_strength_zero_and_no_neighbors_give_back_the_very_array() -> None:
    matte, plate = shape(0), film(0)[0]
    assert smoothed(matte, plate, [Neighbor(shape(3), plate)], 0) is matte
    assert smoothed(matte, plate, [], 1) is matte


@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_any_pictures_give_coverage(height: int, width: int, strength: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    matte, other = random.random((2, height, width), np.float32)
    plate, plate_then = random.random((2, height, width, 3), np.float32)
    found = smoothed(matte, plate, [Neighbor(other, plate_then)], strength)
    assert found.shape == matte.shape and found.dtype == np.float32
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1


def test_a_picture_that_goes_on_far_around_alters_nothing() -> None:
    """Motion is looked for about the subject alone."""
    breathing, plates = [shape(n, wobble=1.5 * (-1) ** n) for n in range(3)], film(STEP)[:3]
    wide = ((0, 0), (0, 400))
    far = [np.pad(matte, wide) for matte in breathing]
    more = [np.pad(plate, (*wide, (0, 0)), mode="reflect") for plate in plates]
    small = smoothed(breathing[1], plates[1], [Neighbor(breathing[n], plates[n]) for n in (0, 2)], 1.0)
    large = smoothed(far[1], more[1], [Neighbor(far[n], more[n]) for n in (0, 2)], 1.0)
    assert np.abs(large[:, :160] - small).mean() < 0.1 * np.abs(breathing[1] - small).mean()
    assert not large[:, 160:].any()


def test_where_there_is_no_subject_the_very_array_comes_back() -> None:
    nothing, plates = np.zeros((120, 160), np.float32), film(STEP)
    assert smoothed(nothing, plates[0], [Neighbor(nothing, plates[1])], 1.0) is nothing
