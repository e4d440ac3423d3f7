# SPDX-License-Identifier: GPL-3.0-or-later
"""How a clip's subjects stand: as it is told while tracking, and without an engine after reopening."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import host, shots
from blender_addon.standing import KnownStanding, SubjectStanding
from rotopoint.shot import Direction, Point, Shot
from rotopoint.shot.frames import ClipFrame
from rotopoint.standing import noting_standing, read_standing
from tests.blender.inside.addon import add_subject, load_clip, use_fake_worker
from tests.blender.inside.editing import note_confidences
from tests.blender.inside.footage import COUNT, write_plates

pytestmark = pytest.mark.usefixtures("addon")

rotopoint = bpy.ops.rotopoint

WHOLE = list(range(1, COUNT + 1))


@pytest.fixture
def clip(addon: None, tmp_path: Path) -> bpy.types.MovieClip:
    """A clip with one subject, whose mattes go to `mattes`."""
    clip = load_clip(write_plates(tmp_path / "plates"))
    clip.rotopoint.folder = str(tmp_path / "mattes")
    add_subject(clip, "runner", (2, 0.5, 0.5, True), (8, 0.5, 0.5, True))
    return clip


def runner(clip: bpy.types.MovieClip) -> SubjectStanding:
    found = host.standing_of(clip).of(clip.rotopoint.subjects[0].uid)
    assert found is not None
    return found


def frames(flags: np.ndarray) -> list[int]:
    return [int(index) + 1 for index in np.flatnonzero(flags)]


def test_a_clip_that_nobody_tracked(clip: bpy.types.MovieClip) -> None:
    found = runner(clip)
    assert (frames(found.prompted), frames(found.tracked), frames(found.stale)) == ([2, 8], [], [])
    assert frames(found.due) == WHOLE and host.standing_of(clip).due == COUNT


def test_tracked_frames_and_those_of_other_prompts(clip: bpy.types.MovieClip) -> None:
    use_fake_worker()
    assert rotopoint.track() == {"FINISHED"}
    found = runner(clip)
    assert (frames(found.tracked), frames(found.due), frames(found.doubtful)) == (WHOLE, [], [4, 8, 12])
    assert found.confidence[[3, 4]].tolist() == [0.25, 0.75]
    clip.rotopoint.subjects[0].points[1].x = 0.25
    found = runner(clip)
    assert frames(found.tracked) == [1, 2], "what the earliest prompt alone decides"
    assert frames(found.stale) == frames(found.due) == list(range(3, COUNT + 1))
    clip.rotopoint.subjects[0].points[1].x = 0.5
    assert frames(runner(clip).tracked) == WHOLE, "undone, the old track holds again"
    rotopoint.absent_set(first=11)
    found = runner(clip)
    assert frames(found.absent) == [11] and not found.due[10] and not found.stale[10]
    assert frames(found.stale) == [12]


def test_reopened_all_is_there_without_an_engine(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    use_fake_worker()
    rotopoint.track()
    rotopoint.approve(first=3, last=4)
    before = runner(clip)
    assert frames(before.doubtful) == [8, 12] and frames(before.approved) == [3, 4]
    path = str(tmp_path / "shot.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    use_fake_worker()
    (clip,) = bpy.data.movieclips
    after = runner(clip)
    for name in ("confidence", "stale", "prompted", "absent", "approved", "due"):
        assert np.array_equal(getattr(before, name), getattr(after, name), equal_nan=name == "confidence"), (
            name
        )
    assert after.weak_frames() == [8] and not host.engine.started
    bpy.context.scene.frame_current = 1
    bpy.context.scene.active_clip = clip
    rotopoint.frame_jump(to="WEAK")
    assert bpy.context.scene.frame_current == 8


def test_the_range_and_the_direction_say_what_is_due(clip: bpy.types.MovieClip) -> None:
    asked = clip.rotopoint
    asked.use_range, asked.range_first, asked.range_last = True, 4, 10
    assert frames(runner(clip).due) == list(range(4, 11))
    asked.use_range = False
    asked.direction = "forward"
    assert frames(runner(clip).due) == list(range(2, COUNT + 1))
    asked.direction = "backward"
    assert frames(runner(clip).due) == list(range(1, 9))


def test_of_weak_frames_close_together_the_worst_stands_for_all(clip: bpy.types.MovieClip) -> None:
    def found(confidences: dict[int, float], most: int | None = None) -> list[int]:
        array = np.full(100, np.nan, np.float32)
        for frame, confidence in confidences.items():
            array[frame - 1] = confidence
        none = np.zeros(100, np.bool_)
        return SubjectStanding("a", array, none, none, none, none, none).weak_frames(most)

    doubts = {40: 0.3, 41: 0.1, 5: 0.4, 90: 0.2, 70: 0.6}
    assert found(doubts) == [41, 90, 5]
    assert found(doubts, most=1) == [41]
    assert found({1: 0.1, 12: 0.2, 13: 0.3}) == [1, 13]


def test_it_is_computed_once_for_each_change(clip: bpy.types.MovieClip) -> None:
    first = host.standing_of(clip)
    assert host.standing_of(clip) is first
    note_confidences(clip, {3: 0.9})
    second = host.standing_of(clip)
    assert second is not first and frames(second.subjects[0].tracked) == [3]
    assert host.standing_of(clip) is second


def long_shot(clip: bpy.types.MovieClip, count: int, prompts: int) -> Shot:
    """A shot of three subjects in a long clip."""
    shot = shots.shot_of(clip)
    points = tuple(Point(ClipFrame(1 + n * (count // prompts)), 5.0, 5.0) for n in range(prompts))
    subjects = [replace(shot.subjects[0], id=f"s{n}", name=f"s{n}", prompts=points) for n in range(3)]
    settings = replace(shot.settings, direction=Direction.FORWARD)
    return replace(shot, clip=replace(shot.clip, frame_count=count), settings=settings).with_subjects(
        subjects
    )


def test_long_clips_are_read_and_told_in_one_callback(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    count = 20_000
    shot = long_shot(clip, count, prompts=30)
    file = Path(shot.clip.path)
    with noting_standing(tmp_path, "plate", shot, file, count) as note:
        for subject in shot.subjects:
            for frame in range(1, count + 1):
                note(subject.id, frame, 0.9)
    begun = time.process_time()
    known = KnownStanding()
    known.take(read_standing(tmp_path, "plate"))
    read = time.process_time()
    told = known.of(shot)
    done = time.process_time()
    assert told.tracked == 3 * count and told.due == 0
    # A callback may take 50 ms at most, of which this is the rarest part: once for each state of the note.
    assert max(read - begun, done - read) < 0.05
