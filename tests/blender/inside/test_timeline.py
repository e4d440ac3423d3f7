# SPDX-License-Identifier: GPL-3.0-or-later
"""What the strip of frames is made of: where it lies, which rectangles it has, what long clips cost."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest

from blender_addon.clip_editor.timeline import LABEL, MARGIN, find_strip
from blender_addon.clip_editor.timeline_marks import (
    DARK,
    LINE,
    MOST_ROWS,
    ROW,
    Colors,
    Marks,
    marks_of,
    rows_of,
    strip_height,
)
from blender_addon.standing import SubjectStanding

COLORS = Colors((0.1,) * 4, (0.2,) * 4, (0.3,) * 4, (0.4,) * 4)
OWN = (0.9, 0.8, 0.7)


def region(kind: str, x: int, width: int, height: int = 400) -> SimpleNamespace:
    return SimpleNamespace(type=kind, x=x, width=width, height=height)


def subject(count: int = 10, **frames: set[int]) -> SubjectStanding:
    """Flags by the clip frames that have them; `tracked` and `doubtful` ones have a confidence."""

    def flags(name: str) -> np.ndarray:
        return np.isin(np.arange(1, count + 1), list(frames.get(name, ())))

    confidence = np.where(flags("tracked"), 0.9, np.nan)
    confidence[flags("doubtful")] = 0.1
    kinds = (flags(name) for name in ("stale", "prompted", "absent", "approved", "due"))
    return SubjectStanding("a", confidence.astype(np.float32), *kinds)


def rectangles(marks: Marks, color: tuple[float, ...]) -> list[list[float]]:
    """Left, bottom, right, top of those of a color, in the order in which they are drawn."""
    found = np.all(np.isclose(marks.colors, np.array(color, np.float32)), axis=1).reshape(-1, 6)[:, 0]
    corners = marks.places.reshape(-1, 6, 2)[found]
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).round(3).tolist()


def test_each_state_has_a_place_and_a_color() -> None:
    standing = subject(
        tracked={1, 2, 3, 4, 5}, doubtful={5}, stale={6, 7}, absent={8}, prompted={2}, approved={9}
    )
    marks = marks_of(10, [standing], [OWN], COLORS, width=100.0, scale=1.0)
    assert rectangles(marks, COLORS.empty) == [[0, 0, 100, ROW]]
    assert rectangles(marks, (*OWN, 1.0)) == [[0, 0, 50, ROW]]
    ((left, bottom, right, top),) = rectangles(marks, (*OWN, 0.6))
    assert (left, bottom, right) == (50, 0, 70) and top < ROW / 2
    assert rectangles(marks, COLORS.weak) == [[40, ROW / 2 + LINE / 2, 50, ROW]]
    assert [r[::2] for r in rectangles(marks, COLORS.approved)] == [[80, 90]]
    absent, prompt = rectangles(marks, COLORS.prompt)
    assert absent[::2] == [70, 80] and absent[1] > 0
    assert prompt == [15 - LINE / 2, 0, 15 + LINE / 2, ROW]
    assert [r[::2] for r in rectangles(marks, DARK)] == [[40, 50], [80, 90], [15 - LINE, 15 + LINE]]


def test_subjects_have_rows_from_the_top_as_large_as_the_interface() -> None:
    marks = marks_of(10, [subject(tracked={1}), None], [OWN, OWN], COLORS, width=100.0, scale=2.0)
    ((_, bottom, _, top),) = rectangles(marks, (*OWN, 1.0))
    assert top - bottom == 2 * ROW and top == strip_height(2, 2.0)


def test_in_a_long_clip_a_single_frame_is_seen() -> None:
    standing = subject(20_000, tracked={9_000}, doubtful={9_000}, prompted={12_000})
    marks = marks_of(20_000, [standing], [OWN], COLORS, width=800.0, scale=1.0)
    for color in (COLORS.weak, COLORS.prompt):
        ((left, _, right, _),) = rectangles(marks, color)
        assert right - left == pytest.approx(LINE, abs=0.01)


def test_of_many_subjects_those_around_the_active_one_have_a_row() -> None:
    assert rows_of(3, 2) == [0, 1, 2] and rows_of(0, 0) == []
    for active in range(30):
        rows = rows_of(30, active)
        assert len(rows) == MOST_ROWS and active in rows


def test_it_lies_between_what_lies_on_the_picture() -> None:
    window = region("WINDOW", 100, 1000)
    area = SimpleNamespace(regions=[window, region("TOOLS", 100, 50), region("UI", 900, 200)])
    strip = find_strip(area, window, 1.0, 10, rows=2)
    assert (strip.names, strip.left, strip.right) == (50 + MARGIN, 50 + MARGIN + LABEL, 800 - MARGIN)
    assert [strip.frame_at(strip.place_of(frame + 0.5)) for frame in range(1, 11)] == list(range(1, 11))
    assert (strip.frame_at(-50), strip.frame_at(5000)) == (1, 10)
    assert strip.holds(strip.left, strip.bottom) and not strip.holds(strip.names, strip.bottom)
    beside = SimpleNamespace(regions=[window, region("UI", 1100, 200)])
    assert find_strip(beside, window, 1.0, 10, rows=2).right == 1000 - MARGIN
    assert find_strip(area, region("WINDOW", 100, 1000, height=40), 1.0, 10, rows=2) is None
    assert find_strip(area, region("WINDOW", 100, 120), 1.0, 10, rows=2) is None


def test_the_longest_clips_are_drawn_anew_within_a_callback() -> None:
    numbers = range(1, 20_001)
    worst = subject(20_000, tracked=set(numbers), doubtful=set(numbers[::2]), prompted=set(numbers[::50]))
    begun = time.process_time()
    marks = marks_of(20_000, [worst] * 3, [OWN] * 3, COLORS, width=900.0, scale=1.0)
    taken = time.process_time() - begun
    assert len(marks.places) == len(marks.colors) > 3 * 6 * 20_000
    assert taken < 0.05
