# SPDX-License-Identifier: GPL-3.0-or-later
"""Finished mattes in the overlay: they take the logits' place, and what is kept of them."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import host, shots
from blender_addon.clip_editor import matte_shader, overlay
from blender_addon.finished import Finished, FinishedMattes
from rotopoint.shot import MatteSettings, Point, Prompt
from rotopoint.shot.frames import ClipFrame
from tests.blender.inside.addon import add_subject, load_clip, use_fake_worker
from tests.blender.inside.footage import write_plates

LIMIT = 30.0
HERE, THERE = (Point(ClipFrame(1), 5.0, 5.0),), (Point(ClipFrame(1), 7.0, 7.0),)


def finished(frame: int, prompts: tuple[Prompt, ...] = HERE, side: int = 4) -> Finished:
    return Finished("runner", frame, prompts, MatteSettings(), np.zeros((side, side), np.uint8))


@pytest.fixture
def clip(addon: None, tmp_path: Path) -> bpy.types.MovieClip:
    clip = load_clip(write_plates(tmp_path / "plates"))
    clip.rotopoint.folder = str(tmp_path / "mattes")
    add_subject(clip, "runner", (1, 0.5, 0.5, True))
    use_fake_worker()
    return clip


def test_the_newest_matte_of_a_frame_is_kept_for_its_prompts() -> None:
    mattes = FinishedMattes()
    first, second = finished(3), finished(3)
    mattes.put(first)
    mattes.put(second)
    assert mattes.of("runner", 3, HERE) is second
    assert mattes.of("runner", 3, THERE) is None and mattes.of("runner", 4, HERE) is None
    mattes.drop("runner", 3)
    assert mattes.of("runner", 3, HERE) is None


def test_bytes_are_limited_and_the_longest_unseen_matte_goes_first() -> None:
    mattes = FinishedMattes(most_bytes=3 * 16)
    for frame in (1, 2, 3):
        mattes.put(finished(frame))
    mattes.of("runner", 1, HERE)
    mattes.put(finished(4))
    assert [frame for frame in range(1, 5) if mattes.of("runner", frame, HERE)] == [1, 3, 4]
    mattes.put(finished(5, side=8))
    assert [frame for frame in range(1, 6) if mattes.of("runner", frame, HERE)] == [5], "one may be larger"


def test_a_matte_as_a_texture_has_its_first_row_at_the_bottom() -> None:
    coverage = np.array([[255, 0], [0, 51]], np.uint8)
    expected = np.array([[0, 0.2], [1, 0]], np.float32)
    assert np.allclose(matte_shader.from_bottom(coverage), expected)


def test_a_finished_matte_is_drawn_in_place_of_the_logits(clip: bpy.types.MovieClip) -> None:
    subject = clip.rotopoint.subjects[0]
    host.ask_preview(clip, subject.uid, 1)
    state = host.wait(clip, LIMIT)
    prompts = shots.subject_of(subject, clip).prompts
    mask, opacity = overlay.mask_of(clip, subject, 1)
    assert not mask.is_coverage and mask.values is mask.logits and opacity == 1.0
    matte = Finished(subject.uid, 1, prompts, MatteSettings(), np.zeros((4, 4), np.uint8))
    state.finished.put(matte)
    assert overlay.mask_of(clip, subject, 1) == (matte, 1.0)
    subject.points[0].x = 0.25
    assert overlay.mask_of(clip, subject, 1) is None
