# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page of J&F says of frame 1."""

from benchmarks.quality import ANSWERED, first_frames, first_table
from rotopoint.cli.score import FolderScore, FrameScore


def track(first: float) -> FolderScore:
    return FolderScore((FrameScore(0, first, 0.1), FrameScore(1, 0.2, 0.3)))


def test_the_first_frames_table_has_the_iou_where_the_prompt_is_and_its_mean() -> None:
    scores = {name: {"dog": track(0.5), "swan": track(0.9)} for name in ("DIS flow", *ANSWERED)}
    assert first_table(first_frames(scores)).splitlines() == [
        "| sequence | one point | a box |",
        "|---|---|---|",
        "| dog | 50.0 | 50.0 |",
        "| swan | 90.0 | 90.0 |",
        "| **mean** | **70.0** | **70.0** |",
    ]
