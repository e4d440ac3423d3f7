# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drawn over the picture: the matte's own area, as long as it is what is asked."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import host
from blender_addon.clip_editor import matte_shader, overlay
from blender_addon.finished import Mask
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


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (384, 384), (1080, 1920)])
def test_what_is_drawn_of_a_mask_holds_all_of_it_with_room_for_its_outline(size: tuple[int, int]) -> None:
    height, width = size
    generator = np.random.default_rng(height)
    for _ in range(10):
        inside = np.zeros(size, bool)
        rows, columns = generator.integers(0, height, 3), generator.integers(0, width, 3)
        inside[rows, columns] = True
        inside[rows[0] : rows[1], columns[0] : columns[1]] = True
        found = matte_shader.rectangles(inside)
        drawn = np.zeros(size, bool)
        for left, bottom, right, top in found * [width, height, width, height]:
            part = np.s_[round(bottom) : round(top), round(left) : round(right)]
            assert not drawn[part].any(), "what is drawn twice is twice as opaque"
            drawn[part] = True
        around = grown(inside, min(height, width) // matte_shader.BANDS)
        assert drawn[around].all()
    assert len(matte_shader.rectangles(np.zeros(size, bool))) == 0


def test_what_is_drawn_of_several_masks_is_drawn_once() -> None:
    size = (1080, 1920)
    masks = np.zeros((3, *size), bool)
    masks[0, 300:700, 200:600] = masks[1, 500:900, 400:800] = masks[2, 400:450, 1500:1600] = True
    found = matte_shader.united([matte_shader.rectangles(mask) for mask in masks])
    drawn = np.zeros(size, bool)
    for left, bottom, right, top in found * [1920, 1080, 1920, 1080]:
        # As the GPU does: pixels whose middle is within.
        part = np.s_[
            np.ceil(bottom - 0.5).astype(int) : np.ceil(top - 0.5).astype(int), round(left) : round(right)
        ]
        assert not drawn[part].any()
        drawn[part] = True
    assert drawn[masks.any(axis=0)].all()
    assert drawn.mean() < 1.3 * masks.any(axis=0).mean()
    assert matte_shader.united([]).shape == (0, 4)


def grown(inside: np.ndarray, by: int) -> np.ndarray:
    """With what is at most so many pixels to one side, or above, or below."""
    result = inside.copy()
    for step in range(1, by + 1):
        result[step:] |= inside[:-step]
        result[:-step] |= inside[step:]
        result[:, step:] |= inside[:, :-step]
        result[:, :-step] |= inside[:, step:]
    return result


def test_little_is_drawn_of_a_small_mask() -> None:
    inside = np.zeros((1080, 1920), bool)
    inside[500:600, 900:1000] = True
    left, bottom, right, top = matte_shader.rectangles(inside).T
    assert ((right - left) * (top - bottom)).sum() < 2.5 * inside.mean()


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


def test_what_is_drawn_of_an_approved_frame_is_what_was_approved(clip: bpy.types.MovieClip) -> None:
    use_fake_worker()
    rotopoint.subject_add(name="A")
    rotopoint.point_add(x=0.5, y=0.5, frame=1)
    subject = clip.rotopoint.subjects[0]
    rotopoint.track()
    rotopoint.approve(first=5, last=5)

    def shown() -> Mask | None:
        host.look(clip, 5)
        host.wait(clip, 30.0)
        host.finish(clip, 5, solve=False)
        host.wait(clip, 30.0)
        found = overlay.mask_of(clip, subject, 5)
        return None if found is None else found[0]

    assert shown().approved == subject.approved[0].sha256
    # It was approved whatever is asked later.
    subject.points[0].x = 0.25
    kept = shown()
    assert kept.approved == subject.approved[0].sha256
    rotopoint.approval_clear(first=5, last=5)
    assert shown() is None
    subject.points[0].x = 0.5
    assert not shown().approved
