# SPDX-License-Identifier: GPL-3.0-or-later
"""What benchmarks.harder and benchmarks.confidence compute of masks and scores, on small ones."""

import numpy as np
import pytest

from benchmarks.confidence import PARTS, Fit, Frames, Ranked, area_under_curve, fit, found_weak, left_out
from benchmarks.harder import flicker
from benchmarks.scenes import Scene


def masks(*widths: int) -> list[np.ndarray]:
    return [np.arange(10)[None, :] < width for width in widths]


def test_flicker_is_change_that_the_truth_does_not_have() -> None:
    truth = masks(4, 4, 8)
    assert flicker(truth, truth) == 0
    # IoU from frame to frame: 1 and 0.5 of the truth, 0.5 and 0.5 of the masks.
    assert flicker(masks(4, 2, 4), truth) == pytest.approx(0.25)


def test_the_area_under_the_curve_counts_pairs_in_the_right_order() -> None:
    good = np.array([True, True, False, False])
    assert area_under_curve(np.array([4.0, 3.0, 2.0, 1.0]), good) == 1
    assert area_under_curve(np.array([4.0, 1.0, 2.0, 2.0]), good) == 0.5
    assert area_under_curve(np.zeros(4), good) == 0.5
    assert np.isnan(area_under_curve(np.zeros(2), np.array([True, True])))


def test_a_fit_finds_what_tells_and_gives_nothing_to_what_misleads() -> None:
    random = np.random.default_rng(0)
    iou = random.uniform(0, 1, 400)
    evidence = np.stack([iou + random.normal(0, 0.1, 400), -iou, random.normal(0, 1, 400)], axis=1)
    found = fit([Frames("a", evidence, iou)])
    assert found.weights[0] > 1 and found.weights[1] == 0 and found.weights[2] < 0.5
    assert area_under_curve(found(evidence), iou >= 0.5) > 0.95


def test_what_is_weak_is_told_apart_for_bad_and_good_frames() -> None:
    # Confidence is over a half where the number is over 0: two of three bad frames are found, one of two good
    # ones is doubted for nothing.
    seen = Frames("a", np.array([[-1.0], [-2.0], [1.0], [-1.0], [3.0]]), np.array([0.1, 0.2, 0.4, 0.6, 0.9]))
    judges = {"a": Fit(np.array([1.0]), 0.0)}
    assert found_weak(judges, [seen]) == pytest.approx((2 / 3, 1 / 2))
    only_good = Frames("a", np.array([[1.0]]), np.array([0.9]))
    assert np.isnan(found_weak(judges, [only_good])[0])


def test_ranks_bring_fits_to_one_scale() -> None:
    random = np.random.default_rng(0)
    iou = random.uniform(0, 1, 400)
    evidence = iou[:, None] + random.normal(0, 0.2, (400, 1))
    narrow, wide = Ranked.of([Frames("a", evidence, iou)]), Ranked.of([Frames("a", 20 * evidence + 3, iou)])
    np.testing.assert_allclose(narrow(evidence), wide(20 * evidence + 3), atol=0.01)
    assert narrow(np.array([[-9.0], [9.0]])).tolist() == [0, 1]
    assert np.argsort(narrow(evidence)).tolist() == np.argsort(narrow.fit(evidence)).tolist()


def test_what_a_clip_is_judged_by_has_not_seen_it() -> None:
    random = np.random.default_rng(0)
    iou = random.uniform(0, 1, 50)
    right = [Frames(str(n), iou[:, None] + random.normal(0, 0.1, (50, 1)), iou) for n in range(2 * PARTS)]
    honest = left_out(right)
    # A clip that tells the contrary changes the judges of the other parts, and not its own part's.
    misled = left_out([Frames("0", 1 - right[0].evidence, iou), *right[1:]])
    own = {"0", str(PARTS)}
    assert {name for name in honest if np.array_equal(honest[name].known, misled[name].known)} == own


def test_a_drawn_subject_is_where_its_mask_says_and_goes_as_fast_as_asked() -> None:
    frames = list(Scene((400, 200), 4, 20, 15, others=2).frames())
    centers = [np.nonzero(mask)[1].mean() for _, mask in frames]
    assert np.diff(centers) == pytest.approx([15, 15, 15], abs=0.7)
    picture, mask = frames[0]
    colors = {tuple(c) for c in picture[mask]}
    assert colors == {(200, 90, 40), (40, 150, 240)}
