# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivered files have the plate's timecode, read back from their bytes."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from rotopoint.clip.timecode import Timecode
from rotopoint.deliver.cryptomatte import CryptomatteFiles
from rotopoint.deliver.cut_outs import CutOutFiles
from rotopoint.deliver.deliverable import About, Deliverable, Frame, Layer, Options
from rotopoint.deliver.layers import LayerFiles
from rotopoint.deliver.matte_files import MatteFiles
from rotopoint.deliver.movies import MatteMovie, Movie, ProResMovie, ReviewMovie
from rotopoint.delivery import ShotDelivery
from rotopoint.jobs import deliver_events
from rotopoint.session import ShotSession
from rotopoint.shot import MatteFormat
from tests.core.clip.test_timecode import NTSC

ABOUT = About("plate", "plate.mov", (32, 32), ("der Bär",), float(NTSC))
EXR = Options(format=MatteFormat.EXR)


def content(timecode: Timecode | None) -> Frame:
    square = np.ones((32, 32, 3), np.float32)
    layer = Layer("der Bär", square[..., 0], foreground=square)
    return Frame(1, 1, (layer,), square.astype(np.uint8), square, timecode)


def in_exr(path: Path) -> tuple[int, int, int, int, bool, bool] | None:
    """Hours, minutes, seconds, frame, drop frame and field in the bytes of `timeCode`, as ST 12-1 has it."""
    _, found, after = path.read_bytes().partition(b"timeCode\0timecode\0")
    if not found:
        return None
    size, bits, _ = struct.unpack("<III", after[:12])
    assert size == 8

    def decimal(at: int, tens: int) -> int:
        return (bits >> at & 15) + 10 * (bits >> at + 4 & (1 << tens) - 1)

    drops, second = bool(bits >> 6 & 1), bool(bits >> 15 & 1)
    return decimal(24, 2), decimal(16, 3), decimal(8, 3), decimal(0, 2), drops, second


def in_movie(path: Path) -> tuple[int, bool, int] | None:
    """Of the track of timecode in MOV or MP4: its first frame's number, whether numbers are dropped, and how
    many frames are a second."""
    content = path.read_bytes()
    track = re.search(rb"hdlr.{8}tmcd", content, re.DOTALL)
    if track is None:
        return None
    described = content.find(b"tmcd", content.find(b"stsd", track.end()))
    flags, _, _, per_second = struct.unpack(">IIIB", content[described + 16 : described + 29])
    chunk = content.find(b"stco", described)
    (offset,) = struct.unpack(">I", content[chunk + 12 : chunk + 16])
    (number,) = struct.unpack(">I", content[offset : offset + 4])
    return number, bool(flags & 1), per_second


@pytest.mark.parametrize("kind", [MatteFiles, LayerFiles, CutOutFiles, CryptomatteFiles])
@pytest.mark.parametrize(
    ("timecode", "rate", "expected"),
    [
        (Timecode(23, 59, 58, 29, True), float(NTSC), (23, 59, 58, 29, True, False)),
        (Timecode(1, 2, 3, 47), 50.0, (1, 2, 3, 23, False, True)),
        (Timecode(1, 2, 3, 4, second_field=True), None, (1, 2, 3, 4, False, True)),
        (Timecode(1, 2, 3, 100), 120.0, None),
        (None, 24.0, None),
    ],
)
def test_exr_has_it_as_all_readers_look_for_it(
    tmp_path: Path,
    kind: type[Deliverable],
    timecode: Timecode | None,
    rate: float | None,
    expected: tuple[int, int, int, int, bool, bool] | None,
) -> None:
    about = replace(ABOUT, frame_rate=rate)
    with kind(about, lambda _: tmp_path / "größe.exr", EXR) as files:
        path = files.frame(content(timecode))
    assert in_exr(path) == expected
    with OpenEXR.File(str(path), header_only=True) as file:
        assert file.header().get("rotopoint/timecode") == (None if timecode is None else str(timecode))


@pytest.mark.parametrize(("kind", "name"), [(ProResMovie, "a.mov"), (ReviewMovie, "a.mp4")])
def test_video_begins_with_that_of_its_first_frame(tmp_path: Path, kind: type[Movie], name: str) -> None:
    with kind(ABOUT, lambda _: tmp_path / name) as movie:
        for frame in (2, 3):
            movie.frame(content(Timecode(0, 1, 0, frame, True)))
    # The first number of the second minute follows the last of the first one.
    assert in_movie(tmp_path / name) == (1800, True, 30)


def test_video_of_another_rate_has_none(tmp_path: Path) -> None:
    for kind, about, options, timecode in (
        (ProResMovie, ABOUT, Options(frame_rate=25.0), Timecode(0, 1, 0, 2)),
        (ProResMovie, replace(ABOUT, frame_rate=None), Options(), Timecode(0, 1, 0, 29)),
        (ProResMovie, ABOUT, Options(), None),
    ):
        with kind(about, lambda _: tmp_path / "a.mov", options) as movie:
            movie.frame(content(timecode))
        assert in_movie(tmp_path / "a.mov") is None
    with MatteMovie(ABOUT, lambda _: tmp_path / "a.mkv") as movie:
        movie.frame(content(Timecode(0, 1, 0, 2, True)))
    assert b"00:01:00;02" in (tmp_path / "a.mkv").read_bytes()


def test_a_stored_shot_has_each_frames_own(
    stored: Callable[..., ShotSession], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stored() as session:
        start = Timecode(0, 9, 59, 28, True)
        monkeypatch.setattr(session.clip, "timecode", lambda frame: start.later(frame - 1, 30))
        list(deliver_events("d", ShotDelivery(session, tmp_path / "out", LayerFiles), overwrite=False))
    found = [in_exr(tmp_path / "out" / f"plate_layers.{n:04d}.exr") for n in range(1, 5)]
    assert [code[1:4] for code in found] == [(9, 59, 28), (9, 59, 29), (10, 0, 0), (10, 0, 1)]
