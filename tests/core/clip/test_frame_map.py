# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's rule, by hand and as properties; tests/blender/test_frame_map.py compares it with Blender."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.clip.frame_map import blender_frame_count, blender_frame_map, round_half_away
from rotopoint.shot.frames import FrameMap

MILLISECOND = Fraction(1, 1000)

TIMES = st.sets(st.integers(0, 5000), min_size=1, max_size=50).map(sorted)
RATES = st.sampled_from(
    [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(120)]
)


def test_pictures_are_repeated_and_dropped() -> None:
    # ten frames a second: asked at 0, 100, 200, 300, 400, 500 ms
    times = [0, 90, 100, 301, 390]
    assert blender_frame_map(times, 0, Fraction(10), MILLISECOND, 6).sources == (0, 2, 2, 2, 4, 4)


def test_time_begins_with_the_stream() -> None:
    assert blender_frame_map([417, 458, 500], 417, Fraction(24), MILLISECOND, 3).sources == (0, 1, 2)


def test_before_the_first_picture_the_first_is_shown() -> None:
    assert blender_frame_map([150, 200], 0, Fraction(10), MILLISECOND, 3).sources == (0, 0, 1)


def test_out_of_order_blender_stops_at_the_first_that_is_not_too_early() -> None:
    assert blender_frame_map([0, 2, 3, 1, 5, 4, 6], 0, Fraction(1), Fraction(1), 7).sources == (
        0,
        0,
        1,
        2,
        3,
        4,
        6,
    )


def test_a_picture_without_time_is_gone_past() -> None:
    times = [2, 3, 4, None, None]
    assert blender_frame_map(times, 0, Fraction(1), Fraction(1), 6).sources == (0, 0, 0, 1, 2, 4)


@given(st.integers(1, 200), RATES)
def test_constant_rate_is_the_identity(count: int, rate: Fraction) -> None:
    time_base = 1 / (rate * 512)
    times = [512 * n for n in range(count)]
    assert blender_frame_map(times, 0, rate, time_base, count) == FrameMap.identity(count)


@given(TIMES, RATES, st.integers(1, 200))
def test_the_picture_shown_is_the_last_that_has_begun(times: list[int], rate: Fraction, count: int) -> None:
    frame_map = blender_frame_map(times, times[0], rate, MILLISECOND, count)
    assert len(frame_map) == count
    shown = [times[source] for source in frame_map.sources if source is not None]
    assert shown == sorted(shown)
    for position, time in enumerate(shown):
        # half a millisecond is what rounding to the time base may take
        asked = times[0] + position * 1000 / rate
        assert time <= asked + Fraction(1, 2)
        assert not [later for later in times if time < later < asked - Fraction(1, 2)]


def test_the_count_is_by_the_first_duration_that_is_known() -> None:
    def count(
        stream: int | None, container: int | None, video_start: float = 0, audio_start: float = 0
    ) -> int:
        return blender_frame_count(
            stream, MILLISECOND, container, video_start, audio_start, Fraction(24), announced=7
        )

    assert count(1000, 9_000_000) == 24
    assert count(1021, None) == 25
    assert count(None, 2_000_000) == 48
    assert count(None, 2_000_000, video_start=0.5) == 36
    assert count(None, 2_000_000, audio_start=0.5) == 48
    assert count(None, None) == 7


@pytest.mark.parametrize(("value", "rounded"), [(0.5, 1), (1.5, 2), (2.5, 3), (2.4, 2), (-0.5, -1), (0, 0)])
def test_rounding_is_that_of_c(value: float, rounded: int) -> None:
    assert round_half_away(value) == rounded
