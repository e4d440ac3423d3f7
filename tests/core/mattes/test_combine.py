# SPDX-License-Identifier: GPL-3.0-or-later
"""Subjects beside and over each other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotopoint.mattes import Combined, combined
from rotopoint.mattes.combine import exclusive, held_in, held_out, shared, union, without
from rotopoint.mattes.coverage import coverage
from rotopoint.shot import MatteEdge

logits = arrays(np.float32, (3, 5, 7), elements=st.floats(-32, 32, width=32))
coverages = arrays(np.float32, (3, 5, 7), elements=st.floats(0, 1, width=32))


def row(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def test_a_pixel_is_the_subject_s_whose_logit_is_highest() -> None:
    a, b = row(3, 2, 1, -1), row(-5, 1, 2, -2)
    np.testing.assert_array_equal(exclusive(a, [b]), row(3, 1, -1, -1))
    np.testing.assert_array_equal(exclusive(b, [a]), row(-8, -1, 1, -2))


def test_two_subjects_meet_where_their_logits_are_equal() -> None:
    x = np.arange(8, dtype=np.float32)[None] + 0.5
    left, right = np.broadcast_to(6 - x, (3, 8)), np.broadcast_to(x - 2.5, (3, 8))
    parts = [
        coverage(np.ascontiguousarray(exclusive(one, [other])), MatteEdge.ANTIALIASED)
        for one, other in ((left, right), (right, left))
    ]
    # They meet at 4.25: a quarter of the fifth pixel is the left one's.
    np.testing.assert_allclose(parts[0][1], [1, 1, 1, 1, 0.25, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(sum(parts), 1, atol=1e-6)


@given(logits)
def test_no_pixel_is_two_subjects_(planes: np.ndarray) -> None:
    alone = [exclusive(planes[n], [planes[m] for m in range(3) if m != n]) for n in range(3)]
    assert (sum((plane > 0).astype(int) for plane in alone) <= 1).all()
    # Where one alone is over zero nothing changes for it.
    only = ((planes > 0).sum(0) == 1) & (planes[0] > 0)
    np.testing.assert_array_equal(alone[0][only], planes[0][only])


@given(coverages)
def test_shares_add_up_to_no_more_than_one(mattes: np.ndarray) -> None:
    parts = [shared(mattes[n], [mattes[m] for m in range(3) if m != n]) for n in range(3)]
    assert all(part.dtype == np.float32 for part in parts)
    assert (sum(parts) <= 1 + 1e-6).all()
    fits = mattes.sum(0) <= 1
    np.testing.assert_array_equal(parts[0][fits], mattes[0][fits])


def test_a_subject_alone_comes_back_as_it_is() -> None:
    plane = row(1, 2)
    assert exclusive(plane, []) is plane and shared(plane, []) is plane


@given(coverages)
def test_union_and_subtraction_by_their_laws(mattes: np.ndarray) -> None:
    a, b, _ = mattes
    zero = np.zeros_like(a)
    np.testing.assert_array_equal(union([a, a]), a)
    np.testing.assert_array_equal(union([a, b]), union([b, a]))
    np.testing.assert_array_equal(union([a, zero], exclusive=True), a)
    np.testing.assert_array_equal(without(a, a), zero)
    np.testing.assert_array_equal(without(a, zero), a)
    np.testing.assert_array_equal(held_out(a, zero), a)
    np.testing.assert_array_equal(held_in(a, zero), a)
    assert not held_out(a, zero + 1).any() and (held_in(a, zero + 1) == 1).all()
    for made in (union([a, b]), union([a, b], exclusive=True), without(a, b), held_out(a, b), held_in(a, b)):
        assert made.dtype == np.float32 and made.min() >= 0 and made.max() <= 1


def test_what_lies_side_by_side_leaves_no_seam() -> None:
    left, right = row(1, 0.3, 0), row(0, 0.7, 1)
    np.testing.assert_allclose(union([left, right], exclusive=True), row(1, 1, 1))
    np.testing.assert_allclose(without(union([left, right], exclusive=True), right), left, atol=1e-6)


@given(coverages)
def test_a_finished_matte_is_combined_by_the_same_laws(mattes: np.ndarray) -> None:
    own, other, drawn = mattes
    one, full = Combined(), np.ones_like(own)
    assert combined(own, one) is own
    apart = combined(own, Combined(subtracted=lambda: [other]))
    np.testing.assert_allclose(apart + other, combined(own, Combined(lambda: [other])), atol=1e-6)
    np.testing.assert_array_equal(
        combined(own, Combined(garbage=lambda: [full], hold_in=lambda: [drawn])), drawn
    )
    made = combined(own, Combined(lambda: [other], lambda: [drawn], lambda: [own, drawn], lambda: [other]))
    assert made.dtype == np.float32 and made.min() >= 0 and made.max() <= 1
    assert (made >= other).all()
