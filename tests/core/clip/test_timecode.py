# SPDX-License-Identifier: GPL-3.0-or-later
"""Timecode counts as ST 12-1 has it, and comes from the files of clips."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenEXR
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.clip import open_clip
from rotopoint.clip.timecode import Timecode
from rotopoint.shot import ClipReference

NTSC = Fraction(30000, 1001)


def counted(per_second: int, *, drops: bool) -> Iterator[Timecode]:
    """Each address from midnight on, as one would count by hand."""
    left_out = range(per_second // 15)
    minute = 0
    while True:
        for second in range(60):
            for frame in range(per_second):
                if not (drops and second == 0 and minute % 10 and frame in left_out):
                    yield Timecode(minute // 60, minute % 60, second, frame, drops)
        minute += 1


@pytest.mark.parametrize(("per_second", "drops"), [(24, False), (25, False), (30, True), (60, True)])
def test_later_is_counted_on(per_second: int, drops: bool) -> None:
    start = Timecode(0, 0, 0, 0, drops)
    for count, expected in zip(range(21 * 60 * per_second), counted(per_second, drops=drops), strict=False):
        # Around each minute, and now and then.
        if expected.seconds in (0, 59) or count % 101 == 0:
            assert start.later(count, per_second) == expected and expected.fits(per_second)


@given(st.sampled_from([(24, False), (25, False), (30, True), (30, False), (60, True)]), st.data())
def test_steps_add_up_and_midnight_is_passed(rate: tuple[int, bool], data: st.DataObject) -> None:
    per_second, drops = rate
    day = 86400 * per_second - (144 * 9 * (per_second // 15) if drops else 0)
    one, two = (data.draw(st.integers(0, day)) for _ in range(2))
    start = Timecode(0, 0, 0, 0, drops)
    assert start.later(one, per_second).later(two, per_second) == start.later(one + two, per_second)
    assert start.later(one, per_second).later(day, per_second) == start.later(one, per_second)
    assert Timecode.read(str(start.later(one, per_second))) == start.later(one, per_second)


def test_what_is_no_timecode_is_none() -> None:
    for text in ("", "1:2:3:4", "24:00:00:00", "00:60:00:00", "00:00:00", "now"):
        assert Timecode.read(text) is None
    assert Timecode.read("01:02:03;04") == Timecode(1, 2, 3, 4, drop_frame=True)
    fits = [("00:00:00:24", 24), ("00:01:00;00", 30), ("00:10:00;00", 24), ("00:00:00:23", 24)]
    assert [Timecode.read(text).fits(rate) for text, rate in fits] == [False, False, False, True]


def test_32_bits_count_pairs_of_many_frames() -> None:
    assert Timecode(1, 2, 3, 23).of_32_bits(24) == Timecode(1, 2, 3, 23)
    assert Timecode(1, 2, 3, 47).of_32_bits(50) == Timecode(1, 2, 3, 23, second_field=True)
    assert Timecode(1, 2, 3, 119).of_32_bits(120) is None
    assert Timecode(1, 2, 3, 29, True, True).of_32_bits(None) == Timecode(1, 2, 3, 29, True, True)


def write_movie(path: Path, rate: Fraction | int, timecode: str | None) -> ClipReference:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"x264-params": "log-level=error"})
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        if timecode is not None:
            stream.metadata["timecode"] = timecode
        for _ in range(4):
            black = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
            container.mux(stream.encode(black))
        container.mux(stream.encode(None))
    return ClipReference(str(path))


@pytest.mark.parametrize(
    ("name", "rate", "said", "third"),
    [
        ("a.mov", NTSC, "00:00:59;29", "00:01:00;03"),
        ("a.mp4", 24, "23:59:59:23", "00:00:00:01"),
        ("a.mkv", 25, "10:00:00:00", "10:00:00:02"),
        ("a.mov", 50, "10:00:00:48", "10:00:01:00"),
        # There is no such number: it is dropped, or beyond its second.
        ("a.mkv", NTSC, "00:01:00;00", None),
        ("a.mkv", 24, "00:00:00:24", None),
        ("a.mov", 24, None, None),
    ],
)
def test_video_counts_from_its_start(
    tmp_path: Path, name: str, rate: Fraction | int, said: str | None, third: str | None
) -> None:
    with open_clip(write_movie(tmp_path / name, rate, said)) as clip:
        found = clip.timecode(3)
    assert found == (None if third is None else Timecode.read(third))


def test_each_exr_says_its_own(tmp_path: Path) -> None:
    for number, frame in enumerate((28, 29, None), 1):
        drops_and_second = (1, 0, 1)
        code = None if frame is None else OpenEXR.TimeCode(1, 2, 3, frame, *drops_and_second, *[0] * 11)
        header = {} if code is None else {"timeCode": code}
        picture = {"Y": np.zeros((4, 6), np.float16)}
        OpenEXR.File(header, picture).write(str(tmp_path / f"größe.{number:04d}.exr"))
    with open_clip(ClipReference(str(tmp_path))) as clip:
        found = [clip.timecode(frame) for frame in (1, 2, 3)]
    assert found == [Timecode(1, 2, 3, 28, True, True), Timecode(1, 2, 3, 29, True, True), None]
