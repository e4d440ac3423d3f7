# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking as Blender's own tracker has it: from the frame on screen on, by one frame, told how far it is."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import host, shots
from blender_addon.clip_editor.track_operators import part_from
from blender_addon.faults import Refused
from blender_addon.pace import Pace, clock
from rotopoint.shot.frames import ClipFrame, FrameRange
from tests.blender.inside.addon import add_subject, load_clip, use_fake_worker
from tests.blender.inside.editing import refused, until
from tests.blender.inside.footage import COUNT, WIDTH, read, write_plates

pytestmark = pytest.mark.usefixtures("addon")

rotopoint = bpy.ops.rotopoint

WHOLE = FrameRange(ClipFrame(3), ClipFrame(9))


@pytest.fixture
def clip(addon: None, tmp_path: Path) -> bpy.types.MovieClip:
    """A clip with one subject, whose mattes go to `mattes`."""
    clip = load_clip(write_plates(tmp_path / "plates"))
    clip.rotopoint.folder = str(tmp_path / "mattes")
    add_subject(clip, "runner", (1, 0.5, 0.5, True))
    return clip


def written(folder: Path) -> list[int]:
    """The clip frames that have a matte."""
    return sorted(int(file.stem.rpartition(".")[2]) for file in (folder / "mattes").glob("*.png"))


@pytest.mark.parametrize(
    ("here", "backward", "single", "expected"),
    [
        (5, False, False, (5, 9)),
        (5, True, False, (3, 5)),
        (5, False, True, (5, 6)),
        (5, True, True, (4, 5)),
        (9, False, False, (9, 9)),
        (3, False, True, (3, 4)),
    ],
)
def test_an_arrow_means_a_part_of_the_range(
    here: int, backward: bool, single: bool, expected: tuple[int, int]
) -> None:
    part = part_from(ClipFrame(here), WHOLE, backward=backward, single=single)
    assert (part.first, part.last) == expected


def test_an_arrow_that_leads_out_of_the_range_is_refused() -> None:
    for here, backward, said in ((9, False, "ends at frame 9"), (3, True, "begins at frame 3")):
        with pytest.raises(Refused, match=said):
            part_from(ClipFrame(here), WHOLE, backward=backward, single=True)
    with pytest.raises(Refused, match="frame 10 lies outside of the range 3 to 9"):
        part_from(ClipFrame(10), WHOLE, backward=False, single=False)


def test_the_arrows_track_from_the_frame_on_screen(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    use_fake_worker()
    clip.frame_start = 101
    scene = bpy.context.scene
    scene.frame_current = shots.scene_frame(clip, 5)
    asked = shots.shot_of(clip)
    rotopoint.track_from_here(single=True)
    assert (written(tmp_path), scene.frame_current) == ([5, 6], shots.scene_frame(clip, 6))
    rotopoint.track_from_here()
    assert written(tmp_path) == list(range(5, COUNT + 1))
    rotopoint.track_from_here(backward=True, single=True)
    assert scene.frame_current == shots.scene_frame(clip, 5)
    rotopoint.track_from_here(backward=True)
    assert written(tmp_path) == list(range(1, COUNT + 1))
    assert scene.frame_current == shots.scene_frame(clip, 5), "the frame on screen is the person's"
    assert shots.shot_of(clip) == asked, "an arrow is no setting"
    clip.rotopoint.use_range, clip.rotopoint.range_first, clip.rotopoint.range_last = True, 6, 8
    with refused("Frame 5 lies outside of the range 6 to 8"):
        rotopoint.track_from_here()


def test_what_is_asked_meanwhile_counts_within_the_part(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    use_fake_worker("--slow", "0.05")
    state = host.engine.state(clip.session_uid)
    host.ask_track(clip, FrameRange(ClipFrame(4), ClipFrame(9)))
    until(lambda: state.done >= 2)
    clip.rotopoint.subjects[0].points[0].x = 0.25
    until(lambda: not host.engine.busy(clip.session_uid))
    assert state.message == "Done: 6 frames, 6 of them new"
    assert written(tmp_path) == [4, 5, 6, 7, 8, 9]
    for frame in (4, 9):
        columns = np.nonzero(read(tmp_path / "mattes" / f"plate_runner_matte.{frame:04d}.png"))[1]
        assert columns.mean() + 0.5 == pytest.approx(0.25 * WIDTH + frame - 1, abs=1.0)
    host.look(clip, 5)
    assert state.message.startswith("Done"), "it is the last word on what is asked"


def test_the_clip_in_front_is_named_and_each_is_cancelled_by_itself(
    clip: bpy.types.MovieClip, tmp_path: Path
) -> None:
    use_fake_worker("--slow", "0.05")
    other = load_clip(write_plates(tmp_path / "other"))
    other.name = "second"
    other.rotopoint.folder = str(tmp_path / "others")
    add_subject(other, "ball", (1, 0.2, 0.2, True))
    host.ask_track(clip)
    host.ask_track(other)
    assert (host.waits_for(clip), host.waits_for(other)) == (None, clip.name)
    with refused("not being tracked"):
        rotopoint.cancel(clip="no such clip")
    rotopoint.cancel(clip=clip.name)
    until(lambda: not host.engine.busy(clip.session_uid))
    assert host.waits_for(other) is None
    assert not host.wait(other, 30.0).failed
    assert len(list((tmp_path / "others").glob("*.png"))) == COUNT > len(written(tmp_path))


def test_while_it_tracks_the_file_counts_as_changed(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    use_fake_worker("--slow", "0.05")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    before = bpy.data.is_dirty
    host.ask_before_closing()
    assert bpy.data.is_dirty == before
    host.ask_track(clip)
    bpy.ops.wm.save_mainfile()
    host.ask_before_closing()
    assert bpy.data.is_dirty, "Blender would open another file without a question"


def test_the_pace_is_that_of_the_last_frames() -> None:
    pace = Pace()
    pace.begin(100, now=0.0)
    assert str(pace) == ""
    # The first one waits for the model.
    for n in range(4):
        pace.finish_frame(60.0 + n * 0.5)
    assert (pace.frames_a_second, pace.seconds_left) == (2.0, 48.0)
    assert str(pace) == "2.0 frames/s, 0:48 left"
    for n in range(50):
        pace.finish_frame(70.0 + n * 0.25)
    assert pace.frames_a_second == pytest.approx(4.0)
    pace.begin(3, now=100.0)
    assert (pace.frames_a_second, pace.left) == (None, 3)


def test_time_is_told_as_a_clock_has_it() -> None:
    assert [clock(s) for s in (0.4, 31.0, 725.2, 3723.0)] == ["0:00", "0:31", "12:05", "1:02:03"]
