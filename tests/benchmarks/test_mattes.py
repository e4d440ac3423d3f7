# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured of mattes on renders, on a frame whose answer is known, and how it is written down."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.matte_errors import dtssd
from benchmarks.mattes.__main__ import REPORTS, replaced
from benchmarks.mattes.ceiling import along
from benchmarks.mattes.renders import CHATTER, color_errors
from benchmarks.mattes.renders import chattering as chattering_logits
from benchmarks.mattes.steps import GUIDED, SOLVED, THRESHOLDED, Picture, error_table, made
from benchmarks.renders.clips import Frame, encoded
from tests.core.mattes.pictures import disk

FRONT, BEHIND = np.array([0.7, 0.3, 0.05], np.float32), np.array([0.05, 0.3, 0.5], np.float32)


@pytest.fixture(scope="module")
def frame() -> Frame:
    """A soft orange disk before blue, in linear light."""
    alpha = disk(96, 128, 64, 50, 30, soft=14)
    front = np.dstack([alpha[..., None] * FRONT, alpha])
    return Frame(front, np.broadcast_to(BEHIND, (*alpha.shape, 3)))


def test_a_section_takes_the_place_of_the_one_before() -> None:
    before = "# Mattes\n\nHead.\n\n<!-- a -->\n## A\n\nold\n\n<!-- b -->\n## B\n"
    after = replaced(before, "a", "## A\n\nnew")
    assert after == "# Mattes\n\nHead.\n\n<!-- a -->\n## A\n\nnew\n\n<!-- b -->\n## B\n"
    assert replaced(after, "a", "## A\n\nnew") == after
    assert replaced("", "a", "## A") == "<!-- a -->\n## A\n"
    assert replaced(after, "c", "## C").endswith("## B\n\n<!-- c -->\n## C\n")


def test_reports_have_names_that_a_file_can_carry() -> None:
    assert all(name.replace("-", "").isalpha() for name in REPORTS)


def test_each_way_to_a_matte_is_a_row(frame: Frame) -> None:
    lines = list(error_table("one disk", [Picture(frame.plate, frame.alpha)], 16))
    rows = {line.split("|")[1].strip(): float(line.split("|")[-2]) for line in lines[3:]}
    assert rows[THRESHOLDED] == 1
    assert rows[SOLVED] < 0.5 and rows[GUIDED] < 1


def test_true_alpha_gives_the_true_color_and_the_plate_does_not(frame: Frame) -> None:
    plate, own, cut, own_cut = color_errors(frame, frame.alpha)
    assert own < 0.3 * plate and own_cut == pytest.approx(own) and cut == pytest.approx(plate)
    np.testing.assert_allclose(frame.plate[50, 64], encoded(FRONT), atol=1 / 255)


def test_chatter_is_as_many_pixels_as_it_says() -> None:
    """An edge between two halves, whose place the sums of rows tell."""
    truth = [np.repeat((np.arange(128) < 64).astype(np.float32)[None], 128, axis=0)] * 12
    places = []
    for logits in chattering_logits(truth, 5):
        assert logits.shape == (64, 64)
        share = 1 / (1 + np.exp(-logits))
        places.append(2 * share.sum(1))
    assert np.std(places) == pytest.approx(CHATTER, rel=0.35)


def test_mattes_are_of_the_plate_s_size(frame: Frame) -> None:
    mattes, band = made(frame.plate, Picture(frame.plate, frame.alpha).logits(16))
    assert {matte.shape for matte in mattes.values()} == {band.shape} == {(96, 128)}


def test_along_true_motion_chatter_goes_and_what_is_right_stays() -> None:
    """A disk moves by 3 pixels a frame; on every other frame its edge is off by one."""
    truth = [disk(60, 120, 40 + 3 * n, 30, 15, soft=4) for n in range(6)]
    mattes = [disk(60, 120, 40 + 3 * n, 30, 15 + (-1) ** n, soft=4) for n in range(6)]
    y, x = np.mgrid[:60, :120].astype(np.float32)
    steady, kept = (along(m, truth, lambda n, time: (x + 3 * time, y), 1.0) for m in (mattes, truth))
    assert dtssd(steady, truth) < 0.4 * dtssd(mattes, truth)
    np.testing.assert_allclose(np.stack(kept), np.stack(truth), atol=1e-5)
    # Who believes nothing alters nothing.
    np.testing.assert_array_equal(np.stack(along(mattes, truth, lambda n, time: (x, y), -1.0)), mattes)
