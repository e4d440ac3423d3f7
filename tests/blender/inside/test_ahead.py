# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks that will be on screen soon are asked for before."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest

from blender_addon import host
from blender_addon.ahead import AHEAD, AT_ONCE, frames_ahead
from blender_addon.clip_editor import overlay
from tests.blender.inside.addon import add_subject, load_clip, use_fake_worker
from tests.blender.inside.footage import write_plates


@pytest.mark.parametrize(
    ("frame", "before", "found"),
    [
        (1, None, [2, 3, 4, 5]),
        (3, 2, [4, 5]),
        (3, 3, [4, 5]),
        (3, 4, [2, 1]),
        (1, 1 + AHEAD + 1, [2, 3, 4, 5]),
        (5, 4, []),
        (9, 8, []),
        (-3, -4, [1, 2, 3, 4, 5]),
    ],
)
def test_frames_follow_the_way_that_is_played(frame: int, before: int | None, found: list[int]) -> None:
    assert list(frames_ahead(frame, before, 5)) == found


def test_no_more_frames_than_are_soon_on_screen() -> None:
    assert frames_ahead(10, 9, 1000) == range(11, 11 + AHEAD)
    assert frames_ahead(500, 501, 1000) == range(499, 499 - AHEAD, -1)


def test_stored_masks_come_before_their_frame_is_on_screen(addon: None, tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plates"))
    clip.rotopoint.folder = str(tmp_path / "mattes")
    use_fake_worker()
    add_subject(clip, "shown", (1, 0.25, 0.5, True))
    add_subject(clip, "hidden", (1, 0.75, 0.5, True))
    shown, hidden = clip.rotopoint.subjects
    hidden.visible = False
    bpy.ops.rotopoint.track()
    host.wait(clip, 30.0)
    count = host.shots.frame_count(clip)
    host.look_ahead(clip, 1, None)
    host.look_ahead(clip, 1, None)
    host.wait(clip, 30.0)
    there = [f for f in range(1, count + 1) if overlay.mask_of(clip, shown, f) is not None]
    assert there == list(range(2, min(1 + AT_ONCE, count) + 1)), "as many as are asked for at a time"
    assert all(overlay.mask_of(clip, hidden, f) is None for f in there)
    # Nobody looks at what came, so there is nothing to draw anew.
    host.look_ahead(clip, count, count + 1)
    changed: set[int] = set()
    while host.engine.busy(clip.session_uid):
        changed |= host.engine.pump()
    assert not changed
