# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves along with a first answer, in the loop: when it has a say, and what is read for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rotopoint.errors import ClipUnreadable
from rotopoint.shot.frames import SourceFrame
from rotopoint.tracking.preprocess import squared
from rotopoint.tracking.runtime import ModelShape, PointPrompts
from tests.core.tracking.fake_runtime import SHAPE, Blob
from tests.core.tracking.tracked_subjects import Run

MOVES = replace(SHAPE, motion=4.0)
TEXTURE = np.kron(
    np.random.default_rng(7).integers(0, 256, (50, 50, 3), np.uint8), np.ones((8, 8, 1), np.uint8)
)


def passing(frame: int) -> np.ndarray:
    """Something from row 100 to 300 and 200 wide goes 6 pixels a picture over ground that stays, and is at
    column 100 on picture 3."""
    shown = TEXTURE.copy()
    shown[100:300, 82 + 6 * frame : 282 + 6 * frame] = TEXTURE[200:400, :200]
    return shown


def click(column: int) -> PointPrompts:
    """In the column of 16, half way down."""
    return PointPrompts(np.array([[4 * column + 2, 32]], np.float32), np.array([1], np.int32))


@pytest.mark.parametrize(
    ("policy", "shape", "ask", "wider"),
    [
        ("default", MOVES, click, True),
        ("default", MOVES, lambda x: replace(click(x), candidate=1), False),
        ("default", SHAPE, click, False),
        ("upstream", MOVES, click, False),
    ],
    ids=["default", "chosen by a person", "another model", "upstream"],
)
def test_what_a_click_starts_takes_in_what_moves_along(
    tmp_path: Path, policy: str, shape: ModelShape, ask: Callable[[int], PointPrompts], wider: bool
) -> None:
    """The model takes a quarter of the thing for it, on the picture that starts the track and on another that
    is clicked later, which the memory of the first answers for."""
    run = Run(tmp_path, {"dog": {3: 6, 9: 8}}, policy, runtime=Blob(shape=shape), ask=ask, read=passing)
    masks = {t.position: t.record.logits > 0 for t in run.frames()}
    thing = np.zeros((16, 16), bool)
    thing[4:12, 4:12] = True
    assert masks[3][thing].mean() > 0.9 if wider else masks[3].sum() == 16
    assert not masks[3][~thing].any() and masks[9].sum() == 16


def test_an_answer_stays_as_it_is_where_what_moves_contradicts_its_click(tmp_path: Path) -> None:
    """Half of the mask lies on the thing, and the click on the ground beside it, which stays behind."""
    masks = {}
    for motion in (0.0, 16.0):
        runtime = Blob(shape=replace(SHAPE, motion=motion))
        run = Run(tmp_path / str(motion), {"dog": {3: 12}}, runtime=runtime, ask=click, read=passing)
        masks[motion] = run.trackers[0].preview(3).record.logits
    assert masks[16.0][8, 12] > 0 and np.array_equal(masks[16.0], masks[0.0])


def test_what_moves_is_the_same_on_pictures_that_were_squared_before(tmp_path: Path) -> None:
    """As tracking reads them, while a preview reads them whole."""
    ways = {"whole": passing, "squared": lambda frame: squared(passing(frame), MOVES.input_size)}
    whole, before = (
        Run(tmp_path / way, {"dog": {3: 6}}, runtime=Blob(shape=MOVES), ask=click, read=read)
        .trackers[0]
        .preview(3)
        .record.logits
        for way, read in ways.items()
    )
    assert np.array_equal(whole, before) and (whole > 0).sum() > 16


def on_twos(frame: int) -> np.ndarray:
    """The thing goes with every second picture."""
    return passing(frame - frame % 2)


def cut_before_4(frame: int) -> np.ndarray:
    return passing(frame) if frame < 4 else np.rot90(TEXTURE).copy()


@pytest.mark.parametrize(
    ("position", "shows", "pictures"),
    [
        (3, passing, {4}),
        (19, passing, {18}),
        (2, on_twos, {3, 1}),
        (3, on_twos, {4}),
        (3, cut_before_4, {4, 2}),
    ],
    ids=["the next one", "the last picture", "the next is the same", "the next is another", "before a cut"],
)
def test_a_click_that_was_made_ready_for_reads_no_picture_again(
    tmp_path: Path, position: int, shows: Callable[[int], np.ndarray], pictures: set[int]
) -> None:
    read: list[int] = []

    def reading(frame: SourceFrame) -> np.ndarray:
        read.append(frame)
        return shows(frame)

    run = Run(tmp_path, {"dog": {position: 6}}, runtime=Blob(shape=MOVES), ask=click, read=reading)
    tracker = run.trackers[0]
    tracker.prepare(position)
    assert set(read) == {position, *pictures}
    read.clear()
    assert (tracker.preview(position).record.logits > 0).sum() > 16
    assert read == []


@pytest.mark.parametrize("clicks", [{0: 6}, {3: 6}, {3: 6, 9: 8}])
def test_pictures_are_read_once_a_pass(tmp_path: Path, clicks: dict[int, float]) -> None:
    """A click looks at its picture for its features, for its colors and for what moves, and at the next."""
    read: list[int] = []

    def reading(frame: SourceFrame) -> np.ndarray:
        read.append(frame)
        return passing(frame)

    shape = replace(MOVES, second_look=0.5)
    list(Run(tmp_path, {"dog": clicks}, runtime=Blob(shape=shape), ask=click, read=reading).frames())
    assert sorted(read) == list(range(20))


def test_a_picture_that_cannot_be_read_stops_no_click_beside_it(tmp_path: Path) -> None:
    def broken_off(frame: SourceFrame) -> np.ndarray:
        if frame > 3:
            raise ClipUnreadable(tmp_path, "broken")
        return passing(frame)

    run = Run(tmp_path, {"dog": {3: 6}}, runtime=Blob(shape=MOVES), ask=click, read=broken_off)
    assert (run.trackers[0].preview(3).record.logits > 0).sum() > 16
