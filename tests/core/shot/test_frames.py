# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame numbers, ranges and maps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.errors import FrameOutsideClip, RangeReversed, RangeUnreadable
from rotopoint.shot.frames import ClipFrame, FrameMap, FrameRange, SourceFrame


def test_a_range_includes_both_ends() -> None:
    frames = FrameRange.parse("10-12")
    assert list(frames) == [10, 11, 12]
    assert len(frames) == 3
    assert 10 in frames and 12 in frames and 13 not in frames


def test_one_number_is_a_range_of_one_frame() -> None:
    assert FrameRange.parse("7") == FrameRange(ClipFrame(7), ClipFrame(7))


def test_a_reversed_range_is_refused() -> None:
    with pytest.raises(RangeReversed) as caught:
        FrameRange.parse("20-10")
    assert (caught.value.first, caught.value.last) == (20, 10)


@pytest.mark.parametrize("text", ["", "a-b", "1-", "-3", "1-2-3", "1.5-2"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(RangeUnreadable):
        FrameRange.parse(text)


def test_the_map_counts_clip_frames_from_one() -> None:
    frame_map = FrameMap.of([0, 0, 1, None, 3])
    assert [frame_map.source(ClipFrame(n)) for n in range(1, 6)] == [0, 0, 1, None, 3]
    assert frame_map.pictures(frame_map.full_range) == (0, 1, 3)
    for outside in (0, 6, -1):
        with pytest.raises(FrameOutsideClip):
            frame_map.source(ClipFrame(outside))


@given(st.integers(1, 500))
def test_the_identity_maps_each_frame_to_the_picture_before_it(count: int) -> None:
    frame_map = FrameMap.identity(count)
    assert frame_map.sources == tuple(SourceFrame(n) for n in range(count))
    assert frame_map.full_range == FrameRange(ClipFrame(1), ClipFrame(count))
