# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts, tracking and frames of the active strip from within a Sequencer, and what its panels say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_addon import compat, host, strip_on_screen
from blender_addon.sequencer import find_matte, panel
from blender_addon.strip_source import find_clip, moved_by, source_clip
from rotopoint.shot.frames import ClipFrame, FrameRange
from tests.blender.inside.addon import use_fake_worker
from tests.blender.inside.editing import Recorder, refused
from tests.blender.inside.footage import HEIGHT, WIDTH, render
from tests.blender.inside.test_sequencer import add_images, trim
from tests.blender.inside.test_sequencer_operators import activate, sequencer
from tests.blender.inside.test_strip_picture import ALL, put

pytestmark = pytest.mark.usefixtures("addon")

rotopoint = bpy.ops.rotopoint


@pytest.fixture
def strip(scene: bpy.types.Scene, addon: None, tmp_path: Path) -> Iterator[bpy.types.Strip]:
    """The plates from the scene frame 11 on, of which those from 13 to 18 are seen, within a Sequencer."""
    scene.render.use_sequencer = True
    scene.render.fps = 24
    scene.sequence_editor_create()
    strip = activate(add_images(scene, tmp_path, start=11))
    trim(strip, 13, 19)
    scene.frame_current = 14
    with sequencer(scene):
        yield strip


@pytest.fixture
def clip(strip: bpy.types.Strip, tmp_path: Path) -> bpy.types.MovieClip:
    """With one subject."""
    clip = source_clip(strip)
    clip.rotopoint.folder = str(tmp_path / "mattes")
    rotopoint.subject_add(name="runner")
    return clip


def test_a_point_goes_to_the_frame_that_the_strip_shows(clip: bpy.types.MovieClip) -> None:
    assert bpy.context.scene.active_clip is None, "no Clip Editor is asked"
    rotopoint.point_add(x=0.5, y=0.5)
    assert [p.frame for p in clip.rotopoint.subjects[0].points] == [4]
    bpy.context.scene.frame_current = 19
    with refused("Plate is seen on the frames 13 to 18: go there"):
        rotopoint.point_add(x=0.5, y=0.5)


def test_a_held_picture_is_the_last_one(strip: bpy.types.Strip, clip: bpy.types.MovieClip) -> None:
    trim(strip, 13, 30)
    bpy.context.scene.frame_current = 28
    rotopoint.point_add(x=0.5, y=0.5)
    assert [p.frame for p in clip.rotopoint.subjects[0].points] == [12]


def test_frames_are_those_of_the_strip(clip: bpy.types.MovieClip) -> None:
    scene = bpy.context.scene
    for frame in (4, 7, 10):
        rotopoint.point_add(x=0.5, y=0.5, frame=frame)
    rotopoint.frame_jump(to="PROMPT")
    assert scene.frame_current == 17
    with refused("Plate does not show frame 10 of its clip: it is trimmed"):
        rotopoint.frame_jump(to="PROMPT")
    rotopoint.frame_show(frame=3)
    assert scene.frame_current == 13


def test_what_is_seen_is_tracked_and_cuts_the_strip_out(
    strip: bpy.types.Strip, clip: bpy.types.MovieClip, tmp_path: Path
) -> None:
    use_fake_worker()
    rotopoint.point_add(x=0.5, y=0.5)
    assert panel.strip_step(bpy.context) == panel.TRACK
    assert strip_on_screen.seen_part(bpy.context, clip) == FrameRange(ClipFrame(3), ClipFrame(8))
    rotopoint.track_from_here()
    assert host.state_of(clip).message == "Done: 5 frames, 5 of them new"
    rotopoint.track()
    assert host.state_of(clip).message.startswith("Done: 6 frames")
    assert len(list((tmp_path / "mattes").glob("*.png"))) == 6
    assert panel.strip_step(bpy.context) == panel.MATTE
    rotopoint.matte_strip()
    assert find_matte(strip) is not None and panel.strip_step(bpy.context) is None
    (first, last) = render(bpy.context.scene, tmp_path / "out", 13, 13) + render(
        bpy.context.scene, tmp_path / "out", 18, 18
    )
    for picture in (first, last):
        assert picture[HEIGHT // 2, WIDTH // 2, 3] == 255 and picture[2, 2, 3] == 0


def test_a_range_of_the_clip_that_the_strip_does_not_show_is_refused(clip: bpy.types.MovieClip) -> None:
    use_fake_worker()
    rotopoint.point_add(x=0.5, y=0.5)
    clip.rotopoint.use_range, clip.rotopoint.range_first, clip.rotopoint.range_last = True, 10, 12
    with refused("Plate shows nothing of the range 10 to 12"):
        rotopoint.track()


def test_what_plays_otherwise_has_no_clip_to_point_at(
    strip: bpy.types.Strip, clip: bpy.types.MovieClip
) -> None:
    assert strip_on_screen.clip_in(bpy.context) == clip
    strip.use_reverse_frames = True
    assert strip_on_screen.clip_in(bpy.context) is None
    with refused("Choose a movie or image strip, and point at it first"):
        rotopoint.point_add(x=0.5, y=0.5)


def test_effects_that_move_the_picture_are_named(strip: bpy.types.Strip) -> None:
    strips = compat.top_strips(bpy.context.scene)
    assert moved_by(strip) is None
    length = {"length": 6} if bpy.app.version >= (5, 0, 0) else {"frame_end": 19}
    given = {"seq1": strip} if bpy.app.version < (4, 4, 0) else {"input1": strip}
    blur = strips.new_effect("blur", "GAUSSIAN_BLUR", 2, 13, **length, **given)
    assert moved_by(strip) is None
    blur.transform.offset_x = 5
    assert moved_by(strip) == "the effect blur moves the picture of plate: mute it while you point"
    blur.mute = True
    assert moved_by(strip) is None


def test_the_picture_is_put_as_the_strip_says(strip: bpy.types.Strip) -> None:
    put(strip, ALL)
    found = strip_on_screen.picture_of(strip, (WIDTH, HEIGHT))
    for name in ("offset", "scale", "origin", "crop"):
        assert getattr(found, name) == pytest.approx(getattr(ALL, name))
    assert (found.flip_x, found.flip_y, found.drawn_size) == (True, False, (WIDTH, HEIGHT))
    scene, space = bpy.context.scene, bpy.context.space_data
    scene.render.resolution_percentage = 50
    for size, scale in (("SCENE", 0.5), ("PROXY_25", 0.25), ("PROXY_100", 1.0)):
        space.proxy_render_size = size
        assert strip_on_screen.drawn_scale(scene, space) == scale


def test_the_panels_draw_what_this_blender_has(strip: bpy.types.Strip, tmp_path: Path) -> None:
    recorder = Recorder()
    layout = SimpleNamespace(layout=recorder)
    assert not panel.ROTOPOINT_PT_strip_subjects.poll(bpy.context), "nobody has pointed at it yet"
    activate(None)
    assert panel.strip_step(bpy.context) == panel.POINT, "pointing takes a strip that is on screen"
    activate(strip)
    assert panel.ROTOPOINT_PT_strip_next_step.poll(bpy.context)
    panel.ROTOPOINT_PT_strip_next_step.draw(layout, bpy.context)
    assert recorder.operators == ["rotopoint.point"]
    clip = source_clip(strip)
    assert find_clip(strip) == clip
    rotopoint.subject_add(name="runner")
    for shown in (panel.ROTOPOINT_PT_strip_subjects, panel.ROTOPOINT_PT_strip_track):
        assert shown.poll(bpy.context)
        shown.draw(layout, bpy.context)
    assert {"rotopoint.track", "rotopoint.subject_add"} <= set(recorder.operators)
    assert "Frame 4: 0 of 0 prompts" in recorder.labels


def test_what_is_not_on_screen_is_not_drawn(strip: bpy.types.Strip, clip: bpy.types.MovieClip) -> None:
    scene, space = bpy.context.scene, bpy.context.space_data
    channel = scene.sequence_editor.channels[strip.channel]
    assert strip_on_screen.is_drawn(bpy.context, clip)
    for data, name, value in (
        (strip, "mute", True),
        (channel, "mute", True),
        (scene, "frame_current", 19),
        (space, "display_mode", "WAVEFORM"),
        (space, "show_overlays", False),
    ):
        before = getattr(data, name)
        setattr(data, name, value)
        assert not strip_on_screen.is_drawn(bpy.context, clip), name
        setattr(data, name, before)
    strip.channel, space.display_channel = 3, 2
    assert not strip_on_screen.is_drawn(bpy.context, clip)
    space.display_channel = 3
    assert strip_on_screen.is_drawn(bpy.context, clip)
