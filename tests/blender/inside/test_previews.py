# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks at hand: newest first, found again by prompts, few bytes, and what is dropped comes again."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import host, shots
from blender_addon.previews import Preview, Previews
from rotopoint.shot import Point, Prompt
from rotopoint.shot.frames import ClipFrame
from tests.blender.inside.addon import add_subject, load_clip, use_fake_worker
from tests.blender.inside.footage import COUNT, write_plates

LIMIT = 30.0
HERE, THERE = (Point(ClipFrame(1), 5.0, 5.0),), (Point(ClipFrame(1), 7.0, 7.0),)


def preview(frame: int, prompts: tuple[Prompt, ...] = HERE, side: int = 16) -> Preview:
    return Preview("runner", frame, prompts, np.zeros((side, side), np.float16), False, None)


def test_the_newest_mask_of_a_frame_and_those_of_earlier_prompts() -> None:
    previews = Previews()
    first, second = preview(3), preview(3, THERE)
    previews.put(first)
    previews.put(second)
    assert previews["runner", 3] is second and list(previews) == [("runner", 3)]
    assert previews.answering("runner", 3, HERE) is first
    assert previews.answering("runner", 4, HERE) is None


def test_bytes_are_limited_and_the_longest_unseen_goes_first() -> None:
    size = preview(1).logits.nbytes
    previews = Previews(most_bytes=3 * size)
    for frame in (1, 2, 3):
        previews.put(preview(frame))
    previews.answering("runner", 1, HERE)
    previews.put(preview(4))
    assert sorted(frame for _, frame in previews) == [1, 3, 4]
    previews.put(preview(5, side=32))
    assert list(previews) == [("runner", 5)], "one alone may be larger than all"


def test_a_mask_that_was_dropped_is_asked_for_again() -> None:
    previews = Previews(most_bytes=preview(1).logits.nbytes)
    assert previews.looks("runner", 1, "r") and not previews.looks("runner", 1, "r")
    previews.put(preview(1))
    previews.put(preview(2))
    assert previews.looks("runner", 1, "r")


@pytest.fixture
def clip(addon: None, tmp_path: Path) -> bpy.types.MovieClip:
    clip = load_clip(write_plates(tmp_path / "plates"))
    clip.rotopoint.folder = str(tmp_path / "mattes")
    add_subject(clip, "runner", (1, 0.5, 0.5, True))
    use_fake_worker()
    return clip


def test_a_clip_longer_than_what_is_kept_shows_its_masks_on_the_way_back(
    clip: bpy.types.MovieClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.ask_track(clip)
    state = host.wait(clip, LIMIT)
    subject = clip.rotopoint.subjects[0]
    prompts = shots.subject_of(subject, clip).prompts
    host.look(clip, 1)
    host.wait(clip, LIMIT)
    state.previews = Previews(most_bytes=4 * state.previews[subject.uid, 1].logits.nbytes)
    for frame in (*range(1, COUNT + 1), 2):
        host.look(clip, frame)
        host.wait(clip, LIMIT)
        assert state.previews.answering(subject.uid, frame, prompts) is not None, frame


def test_undo_finds_the_earlier_mask_and_nothing_computes_it(clip: bpy.types.MovieClip) -> None:
    subject, key = clip.rotopoint.subjects[0], clip.session_uid
    host.ask_preview(clip, subject.uid, 1)
    first = host.wait(clip, LIMIT).previews[subject.uid, 1]
    subject.points[0].x = 0.25
    host.ask_preview(clip, subject.uid, 1)
    assert host.wait(clip, LIMIT).previews[subject.uid, 1] is not first
    subject.points[0].x = 0.5
    prompts = shots.subject_of(subject, clip).prompts
    assert host.state_of(clip).previews.answering(subject.uid, 1, prompts) is first
    host.show_prompted(clip, 1)
    assert not host.engine.busy(key)


def test_prompts_without_a_mask_get_one_once(clip: bpy.types.MovieClip) -> None:
    subject, key = clip.rotopoint.subjects[0], clip.session_uid
    host.engine.start()
    host.show_prompted(clip, 2)
    assert not host.engine.busy(key), "there is no prompt"
    host.show_prompted(clip, 1)
    assert host.engine.awaits(key, subject.uid, 1) and not host.engine.awaits(key, subject.uid, 2)
    state = host.wait(clip, LIMIT)
    assert state.previews[subject.uid, 1].frame == 1
    state.previews = Previews()
    host.show_prompted(clip, 1)
    assert not host.engine.busy(key), "it is asked once for each state of the shot"
