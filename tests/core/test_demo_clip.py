# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo clip is complete: picture, truth and points belong together, and it stays small."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from rotopoint.shot import Point
from rotopoint.shot.json import load_shot

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo_clip"
FRAMES = range(1, 49)
HIDDEN = range(23, 33)
"""Clip frames in which the driftwood covers a part of the fish."""


@cache
def pictures() -> list[np.ndarray]:
    with av.open(str(DEMO / "demo.mp4")) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def truth(frame: int) -> np.ndarray:
    data = np.fromfile(DEMO / "truth" / f"demo_truth.{frame:04d}.png", np.uint8)
    matte = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert matte.dtype == np.uint8
    return matte / 255.0


def test_the_clip_has_48_pictures_of_960x540() -> None:
    assert [p.shape for p in pictures()] == [(540, 960, 3)] * len(FRAMES)


def test_the_clip_says_how_its_colors_are_coded() -> None:
    with av.open(str(DEMO / "demo.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.pix_fmt, container.streams.video[0].average_rate) == ("yuv420p", 24)
        assert [int(context.colorspace), int(context.color_primaries), int(context.color_trc)] == [1, 1, 1]
        assert int(context.color_range) == 1


def test_each_frame_has_one_truth_matte_of_the_same_size() -> None:
    names = sorted(p.name for p in (DEMO / "truth").iterdir())
    assert names == [f"demo_truth.{n:04d}.png" for n in FRAMES]
    assert {truth(n).shape for n in FRAMES} == {(540, 960)}


@pytest.mark.parametrize("frame", FRAMES)
def test_the_fish_covers_a_fair_part_of_the_picture(frame: int) -> None:
    area = truth(frame).mean()
    assert 0.01 < area < 0.25
    assert frame in HIDDEN or area > 0.05


def test_the_driftwood_hides_most_of_the_fish_at_one_moment() -> None:
    areas = {n: truth(n).mean() for n in FRAMES}
    assert min(areas, key=areas.__getitem__) in HIDDEN
    assert min(areas.values()) < 0.4 * areas[HIDDEN.start - 1]


@pytest.mark.parametrize("frame", [1, 13, 25, 28, 37, 48])
def test_the_truth_lies_on_the_orange_of_the_fish(frame: int) -> None:
    """The fish is the only orange thing: shifting the truth by some pixels fits the picture less well."""
    red, _, blue = np.moveaxis(pictures()[frame - 1].astype(float) / 255, -1, 0)
    orange = np.clip((red - blue - 0.12) / 0.3, 0, 1)
    matte = truth(frame)

    def misfit(x: int, y: int) -> float:
        return float(np.abs(np.roll(matte, (y, x), (0, 1)) - orange).mean())

    assert all(misfit(0, 0) < misfit(x, y) for x, y in ((2, 0), (-2, 0), (0, 2), (0, -2)))


def test_all_is_three_megabytes_at_most() -> None:
    assert sum(p.stat().st_size for p in DEMO.rglob("*") if p.is_file()) <= 3_000_000


def test_the_shot_points_at_the_fish() -> None:
    shot = load_shot(DEMO / "demo.shot.json")
    shot.check_complete()
    assert Path(shot.clip.path) == DEMO / "demo.mp4"
    (fish,) = shot.subjects
    for point in fish.prompts:
        assert isinstance(point, Point)
        coverage = truth(point.frame)[int(point.y), int(point.x)]
        assert coverage > 0.5 if point.positive else coverage < 0.5
