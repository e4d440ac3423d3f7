# SPDX-License-Identifier: GPL-3.0-or-later
"""Which picture of a video Blender shows at each clip frame.

Blender plays a video at a constant rate, FFmpeg's guess of its base rate. Clip frame n asks for the
time (n - 1) / rate after the stream's start, rounded to the stream's time base, and shows the last
picture that begins at or before it. So pictures of a variable rate are repeated or dropped. Facts
learned from Blender's source (source/blender/imbuf/movie/intern/movie_read.cc) and confirmed by
rendering from the first frame on in Blender 4.2, 4.5 and 5.0; see tests/blender/test_frame_map.py.

Not followed: past the last picture Blender shows unwritten memory in some files, where this map holds
the last picture; 4.2 repeats a picture near the end of H.264 with open groups of pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from rotopoint.shot.frames import FrameMap

MICROSECOND = Fraction(1, 1_000_000)
"""The unit of a container's duration in FFmpeg."""


def blender_frame_map(
    times: Sequence[int | None], start: int, rate: Fraction, time_base: Fraction, count: int
) -> FrameMap:
    """The map of `count` clip frames.

    `times` are the timestamps of the pictures in the order in which the decoder gives them (None is before
    all others) and `start` is the stream's start time, in units of `time_base` seconds; `rate` is in frames
    a second. Past the last picture it stays.
    """
    # floating point as in Blender: at some rates a half is rounded otherwise in exact arithmetic
    steps = float(1 / (rate * time_base))
    wanted = (round_half_away(position * steps) + start for position in range(count))
    return FrameMap.of(_scanned(times, wanted))


def _scanned(times: Sequence[int | None], wanted: Iterable[int]) -> Iterator[int]:
    """For each wanted time, ascending, the picture where Blender's decoder stops.

    It decodes on until a picture is shown at that time or later; one that is later is not shown yet, but
    the one before it. So it does where times are out of order too.
    """
    reached = 0
    for time in wanted:
        while reached < len(times) and ((known := times[reached]) is None or known < time):
            reached += 1
        is_due = reached < len(times) and times[reached] == time
        yield reached if is_due else max(reached - 1, 0)


def blender_frame_count(
    stream_duration: int | None,
    time_base: Fraction,
    container_duration: int | None,
    video_start: float,
    audio_start: float,
    rate: Fraction,
    announced: int,
) -> int:
    """How many clip frames Blender gives a video.

    By the duration of the stream (units of `time_base` seconds) where it is known; else by that of the
    container (microseconds), less what the video begins after the audio (both in seconds); else the
    number of pictures that the container announces.
    """
    if stream_duration is not None:
        return round_half_away(stream_duration * float(time_base) * float(rate))
    if container_duration is not None:
        late = max(video_start - audio_start, 0.0)
        return round_half_away((container_duration * float(MICROSECOND) - late) * float(rate))
    return announced


def frame_count_by_times(times: Sequence[int | None], start: int, rate: Fraction, time_base: Fraction) -> int:
    """How many clip frames a video has up to its last picture: for recordings that tell no duration, of
    which Blender shows nothing. Arguments as in `blender_frame_map`; one time at least is known."""
    last = max(time for time in times if time is not None)
    return max(round_half_away((last - start) * float(time_base) * float(rate)), 0) + 1


def round_half_away(value: float) -> int:
    """C's round: halves go away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))
