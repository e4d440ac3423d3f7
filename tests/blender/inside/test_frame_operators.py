# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of a subject: gone to, absent, approved."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import bpy
import pytest

from blender_addon import shots
from blender_addon.clip_editor import frame_operators
from rotopoint.deliver.approved import approve
from rotopoint.shot import Approved
from rotopoint.shot.frames import ClipFrame
from tests.blender.inside.addon import load_clip
from tests.blender.inside.editing import note_confidences, refused
from tests.blender.inside.footage import COUNT, write_mattes, write_plates

pytestmark = pytest.mark.usefixtures("addon")

rotopoint = bpy.ops.rotopoint


@pytest.fixture
def clip(addon: None, tmp_path: Path) -> bpy.types.MovieClip:
    clip = load_clip(write_plates(tmp_path / "plates"))
    clip.rotopoint.folder = str(tmp_path / "mattes")
    return clip


def test_a_subject_is_absent_on_frames_and_there_again(clip: bpy.types.MovieClip) -> None:
    def absent() -> list[tuple[int, int]]:
        return [(f.first, f.last) for f in shots.shot_of(clip).subjects[0].absent]

    rotopoint.subject_add(name="A")
    rotopoint.point_add(x=0.5, y=0.5, frame=1)
    bpy.context.scene.frame_current = 4
    rotopoint.absent_set()
    rotopoint.absent_set(first=6, last=9)
    rotopoint.absent_set(first=5)
    assert absent() == [(4, 9)]
    rotopoint.absent_set(first=6, last=7, absent=False)
    assert absent() == [(4, 5), (8, 9)]
    with refused("absent on frame 1, where it has a prompt"):
        rotopoint.absent_set(first=1, last=3)
    with refused("frames end at 2"):
        rotopoint.absent_set(first=3, last=2)
    with refused("outside the clip"):
        rotopoint.absent_set(first=3, last=COUNT + 1)
    assert absent() == [(4, 5), (8, 9)]


def test_going_to_a_frame(clip: bpy.types.MovieClip) -> None:
    clip.frame_start, clip.frame_offset = 101, 3
    rotopoint.frame_show(frame=8)
    assert bpy.context.scene.frame_current == 105
    with refused("outside the clip"):
        rotopoint.frame_show(frame=COUNT + 1)


def test_jumping_from_prompt_to_prompt_and_from_doubt_to_doubt(clip: bpy.types.MovieClip) -> None:
    clip.frame_start = 101
    rotopoint.subject_add(name="A")
    for frame in (2, 5, 9):
        rotopoint.point_add(x=0.5, y=0.5, frame=frame)
    scene = bpy.context.scene
    scene.frame_current = shots.scene_frame(clip, 5)
    for backward, reached in ((False, 9), (True, 5), (True, 2)):
        rotopoint.frame_jump(to="PROMPT", backward=backward)
        assert scene.frame_current == shots.scene_frame(clip, reached)
    with refused("no frame with prompts before frame 2"):
        rotopoint.frame_jump(to="PROMPT", backward=True)
    note_confidences(clip, {7: 0.1})
    rotopoint.frame_jump(to="WEAK")
    assert scene.frame_current == shots.scene_frame(clip, 7)
    with refused("no frame that tracking doubts after frame 7"):
        rotopoint.frame_jump(to="WEAK")


def test_blender_waits_for_no_copy_of_what_is_approved(
    clip: bpy.types.MovieClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotopoint.subject_add(name="runner")
    rotopoint.point_add(x=0.5, y=0.5, frame=1)
    write_mattes(Path(clip.rotopoint.folder))
    may_copy, subject = threading.Event(), clip.rotopoint.subjects[0]

    def slow(matte: Path, frame: ClipFrame, folder: Path) -> Approved:
        assert may_copy.wait(30.0)
        return approve(matte, frame, folder)

    monkeypatch.setattr(frame_operators, "approve", slow)
    left = frame_operators.approving(clip, subject, range(3, 6))
    assert [next(left) for _ in range(4)] == [0] * 4
    left.close()
    assert not subject.approved, "who leaves it has approved nothing"
    steps = frame_operators.approving(clip, subject, range(3, 6))
    next(steps)
    may_copy.set()
    for _ in steps:
        assert not subject.approved, "all at the end"
    assert [kept.frame for kept in subject.approved] == [3, 4, 5]


def test_approved_mattes_are_kept_and_released(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    rotopoint.subject_add(name="runner")
    rotopoint.point_add(x=0.5, y=0.5, frame=1)
    with refused("track the clip first"):
        rotopoint.approve(first=2)
    first = write_mattes(tmp_path / "mattes")
    rotopoint.approve(first=3, last=5)
    rotopoint.approve(first=5, last=6)
    approved = shots.shot_of(clip).subjects[0].approved
    assert [a.frame for a in approved] == [3, 4, 5, 6]
    for one in approved:
        source = first.with_name(f"plate_runner_matte.{one.frame:04d}.png")
        assert Path(one.path).read_bytes() == source.read_bytes()
        assert hashlib.sha256(source.read_bytes()).hexdigest() == one.sha256
    with refused("absent on frame 4, where it has an approved matte"):
        rotopoint.absent_set(first=4)
    first.with_name("plate_runner_matte.0012.png").unlink()
    with refused("no matte on frame 12: track it first"):
        rotopoint.approve(first=11, last=12)
    rotopoint.approval_clear(first=1, last=4)
    assert [a.frame for a in shots.shot_of(clip).subjects[0].approved] == [5, 6]
    with refused("frame of 1 to 4 is approved"):
        rotopoint.approval_clear(first=1, last=4)
