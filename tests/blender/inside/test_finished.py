# SPDX-License-Identifier: GPL-3.0-or-later
"""Finished mattes in the overlay: they take the logits' place, and what is kept of them."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import host, shots
from blender_addon.clip_editor import matte_shader, overlay
from blender_addon.finished import Finished, FinishedMattes, solves, unsolved
from blender_addon.work import Kind
from rotopoint.events import ErrorEvent, MatteView
from rotopoint.shot import ClipReference, MatteOverride, MatteSettings, Point, Prompt, Shot, Subject
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.worker.client import Received
from tests.blender.inside.addon import add_subject, load_clip, use_fake_worker
from tests.blender.inside.footage import HEIGHT, WIDTH, write_plates

LIMIT = 30.0
HERE, THERE = (Point(ClipFrame(1), 5.0, 5.0),), (Point(ClipFrame(1), 7.0, 7.0),)


def finished(frame: int, prompts: tuple[Prompt, ...] = HERE, side: int = 4) -> Finished:
    return Finished("runner", frame, prompts, np.zeros((side, side), np.uint8))


def test_a_shot_without_solved_alpha_keeps_all_else() -> None:
    frames = FrameRange(ClipFrame(2), ClipFrame(3))
    others = (MatteOverride(frames, "expand", 2.0),)
    subject = Subject(
        "s",
        "A",
        HERE,
        matte=MatteSettings(feather=3.0),
        overrides=(MatteOverride(frames, "alpha", True), *others),
    )
    shot = Shot(ClipReference("a.mp4"), (subject, Subject("t", "B", HERE, matte=MatteSettings(alpha=True))))
    assert [solves(shot, "s", frame) for frame in (1, 2)] == [False, True]
    plain = unsolved(shot, "s")
    assert not solves(plain, "s", 2) and solves(plain, "t", 2)
    assert plain.subject("s").overrides == others and plain.subject("s").matte.feather == 3.0


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
    matte = Finished(subject.uid, 1, prompts, np.zeros((4, 4), np.uint8))
    state.finished.put(matte)
    assert overlay.mask_of(clip, subject, 1) == (matte, 1.0)
    subject.points[0].x = 0.25
    assert overlay.mask_of(clip, subject, 1) is None


def asked(clip: bpy.types.MovieClip) -> list[tuple[int, bool]]:
    """The finished mattes under way: their frame, and whether alpha is solved."""
    uid, key = clip.rotopoint.subjects[0].uid, clip.session_uid
    return [
        (frame, solved)
        for frame in range(1, 13)
        for solved in sorted(solves(shot, uid, frame) for shot in host.engine._finishing(key, uid, frame))
    ]


@pytest.fixture
def clicked(clip: bpy.types.MovieClip) -> bpy.types.MovieClip:
    """The mask of frame 1 is there."""
    host.ask_preview(clip, clip.rotopoint.subjects[0].uid, 1)
    host.wait(clip, LIMIT)
    return clip


def test_a_finished_matte_comes_once_for_each_state_of_the_shot(clicked: bpy.types.MovieClip) -> None:
    subject = clicked.rotopoint.subjects[0]
    host.finish(clicked, 1, solve=True)
    assert asked(clicked) == [(1, False)]
    state = host.wait(clicked, LIMIT)
    shown, _ = overlay.mask_of(clicked, subject, 1)
    assert shown.is_coverage and shown.values.shape == (HEIGHT, WIDTH) and shown.values.max() == 255
    assert shown is state.finished.newest(subject.uid, 1) and shown.seconds > 0
    host.finish(clicked, 1, solve=True)
    assert asked(clicked) == []
    subject.matte.expand = 3.0
    assert overlay.mask_of(clicked, subject, 1)[0] is shown, "the earlier one stays until the next is there"
    host.finish(clicked, 1, solve=False)
    subject.matte.expand = 4.0
    host.finish(clicked, 1, solve=False)
    assert asked(clicked) == [(1, False)], "one at a time"
    host.wait(clicked, LIMIT)
    host.finish(clicked, 1, solve=False)
    assert asked(clicked) == [(1, False)], "and the newest after it"


def test_a_frame_without_a_mask_is_not_finished(clip: bpy.types.MovieClip) -> None:
    host.engine.start()
    host.finish(clip, 1, solve=True)
    assert asked(clip) == []


def test_what_nobody_looks_at_any_more_is_given_up_and_asked_for_again(
    clicked: bpy.types.MovieClip,
) -> None:
    host.finish(clicked, 1, solve=True)
    host.engine.leave(clicked.session_uid, [1, 2])
    assert asked(clicked) == [(1, False)]
    host.engine.leave(clicked.session_uid, [2])
    assert asked(clicked) == []
    host.finish(clicked, 1, solve=True)
    assert asked(clicked) == [(1, False)]


def test_alpha_is_solved_behind_the_quick_matte_once_settings_are_still(clicked: bpy.types.MovieClip) -> None:
    subject = clicked.rotopoint.subjects[0]
    subject.matte.alpha = True
    host.finish(clicked, 1, solve=False)
    host.finish(clicked, 1, solve=True)
    assert asked(clicked) == [(1, False)], "it may be in mid-drag"
    host.finish(clicked, 1, solve=True)
    assert asked(clicked) == [(1, False), (1, True)]
    assert host.engine.solving(clicked.session_uid, subject.uid, 1)
    state = host.wait(clicked, LIMIT)
    assert state.finished.newest(subject.uid, 1).solved
    assert not host.engine.solving(clicked.session_uid, subject.uid, 1)


def test_a_newer_setting_takes_the_place_of_an_alpha_that_is_being_solved(
    clicked: bpy.types.MovieClip,
) -> None:
    subject = clicked.rotopoint.subjects[0]
    subject.matte.alpha = True
    for solve in (False, True, True):
        host.finish(clicked, 1, solve=solve)
    subject.matte.expand = 5.0
    for _ in range(3):
        host.finish(clicked, 1, solve=True)
    assert asked(clicked) == [(1, False), (1, True), (1, True)], "the worker gives up the first"
    uid, key = subject.uid, clicked.session_uid
    *_, newest = host.engine._finishing(key, uid, 1)
    assert newest.subject(uid).matte.expand == 5.0
    assert host.wait(clicked, LIMIT).finished.newest(uid, 1).solved


def test_tracking_a_frame_and_a_click_on_it_make_its_matte_new(clicked: bpy.types.MovieClip) -> None:
    uid = clicked.rotopoint.subjects[0].uid
    host.finish(clicked, 1, solve=True)
    state = host.wait(clicked, LIMIT)
    host.ask_preview(clicked, uid, 1)
    host.wait(clicked, LIMIT)
    host.finish(clicked, 1, solve=True)
    assert asked(clicked) == [(1, False)]
    host.wait(clicked, LIMIT)
    host.ask_track(clicked)
    host.wait(clicked, LIMIT)
    assert state.finished.newest(uid, 1) is None


def test_the_trimap_is_asked_for_while_that_is_looked_at(clicked: bpy.types.MovieClip) -> None:
    subject, views = clicked.rotopoint.subjects[0], bpy.context.window_manager.rotopoint_views
    subject.matte.alpha, subject.matte.trimap_width = True, 8.0
    host.finish(clicked, 1, solve=False)
    host.wait(clicked, LIMIT)
    matte, _ = overlay.mask_of(clicked, subject, 1)
    views.view = "TRIMAP"
    assert not overlay.mask_of(clicked, subject, 1, MatteView.TRIMAP)[0].is_coverage, "not there yet"
    for _ in range(2):
        host.finish(clicked, 1, solve=True)
        host.wait(clicked, LIMIT)
    trimap, _ = overlay.mask_of(clicked, subject, 1, MatteView.TRIMAP)
    assert np.unique(trimap.values).tolist() == [0, 128, 255] and not trimap.solved
    assert overlay.mask_of(clicked, subject, 1)[0] is matte, "both are there"
    subject.matte.trimap_width = 12.0
    host.finish(clicked, 1, solve=False)
    host.wait(clicked, LIMIT)
    wider, _ = overlay.mask_of(clicked, subject, 1, MatteView.TRIMAP)
    assert (wider.values == 128).sum() > (trimap.values == 128).sum()
    views.view = "OUTLINE"


def test_what_stands_in_the_way_of_a_matte_is_told_until_one_comes(clicked: bpy.types.MovieClip) -> None:
    uid = clicked.rotopoint.subjects[0].uid
    finished = host.state_of(clicked).finished
    for error, expected in (("TrackMissing", ""), ("PackageMissing", "install av")):
        finished.ask_again()
        host.finish(clicked, 1, solve=True)
        (request,) = (id for id, work in host.engine._work.items() if work.kind is Kind.FINISH)
        host.engine._take(Received(ErrorEvent(error, "install av", 2, request, None), b""))
        assert finished.fault == expected and asked(clicked) == []
    finished.ask_again()
    host.finish(clicked, 1, solve=True)
    host.wait(clicked, LIMIT)
    assert finished.fault == "" and finished.newest(uid, 1) is not None
