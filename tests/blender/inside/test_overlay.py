# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drawn over the picture: the matte's own area, as long as it is what is asked."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import host
from blender_addon.clip_editor import matte_shader, overlay
from tests.blender.inside.addon import load_clip, use_fake_worker
from tests.blender.inside.footage import write_plates

rotopoint = bpy.ops.rotopoint


@pytest.fixture
def clip(addon: None, tmp_path: Path) -> bpy.types.MovieClip:
    clip = load_clip(write_plates(tmp_path / "plates"))
    clip.rotopoint.folder = str(tmp_path / "mattes")
    return clip


def test_the_texture_of_a_mask_has_its_first_row_at_the_bottom() -> None:
    logits = np.full((2, 3), -20.0, np.float16)
    logits[0, 0], logits[0, 2] = 20.0, 10.0
    picture = matte_shader.finer(logits)
    assert picture.shape == (8, 12)
    assert np.array_equal(picture[[0, 0, -1, -1], [0, -1, 0, -1]] > 0, [False, False, True, True])


def test_what_is_drawn_is_what_the_matte_holds(clip: bpy.types.MovieClip) -> None:
    use_fake_worker()
    rotopoint.subject_add(name="A")
    rotopoint.point_add(x=0.5, y=0.5, frame=1)
    subject = clip.rotopoint.subjects[0]
    assert overlay.mask_of(clip, subject, 1) is None
    rotopoint.preview(frame=1)
    shown = host.state_of(clip).previews[subject.uid, 1]
    assert overlay.mask_of(clip, subject, 1) == (shown, 1.0)
    rotopoint.point_add(x=0.25, y=0.5, frame=1)
    assert overlay.mask_of(clip, subject, 1) is None, "nobody is computing what these points give"
    host.ask_preview(clip, subject.uid, 1)
    assert overlay.mask_of(clip, subject, 1) == (shown, overlay.PALE)
    host.wait(clip, 30.0)
    again = host.state_of(clip).previews[subject.uid, 1]
    assert again is not shown and overlay.mask_of(clip, subject, 1) == (again, 1.0)
    rotopoint.track()
    host.look(clip, 5)
    host.wait(clip, 30.0)
    assert overlay.mask_of(clip, subject, 5) is not None
    rotopoint.absent_set(first=5)
    assert overlay.mask_of(clip, subject, 5) is None
