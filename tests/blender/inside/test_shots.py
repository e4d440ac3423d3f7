# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties: saved with the .blend, turned into a shot and back; frames and coordinates each way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import pytest

from blender_addon import compat, mattes, shots
from blender_addon.faults import Refused
from rotopoint.errors import RangeReversed, SubjectNameInvalid
from rotopoint.shot import (
    Approved,
    Box,
    Direction,
    Mask,
    MatteEdge,
    MatteFormat,
    MatteOverride,
    MatteSettings,
    Point,
    Settings,
    Shot,
    Subject,
)
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.json import revision
from tests.blender.inside.addon import add_subject, load_clip
from tests.blender.inside.footage import COUNT, HEIGHT, WIDTH, write_plates

pytestmark = pytest.mark.usefixtures("addon")

SUBJECTS = (
    Subject(
        "id-1",
        "Läufer 1",
        (
            Point(ClipFrame(1), 33.125, 12.5),
            Point(ClipFrame(4), 159.999, 0.001, positive=False),
            Point(ClipFrame(5), 20.0, 30.0, candidate=2),
            Box(ClipFrame(4), 10.1, 20.2, 30.3, 89.999),
            Mask(ClipFrame(7), str(Path("/somewhere/mask 7.png").absolute())),
        ),
        (0.25, 0.5, 1.0),
    ),
    Subject(
        "id-2",
        "ball",
        (Point(ClipFrame(12), 0.0, 45.333),),
        absent=(FrameRange(ClipFrame(2), ClipFrame(5)), FrameRange(ClipFrame(9), ClipFrame(9))),
        approved=(Approved(ClipFrame(7), str(Path("/somewhere/kept.png").absolute()), "0f" * 32),),
        follow=True,
        matte=MatteSettings(edge=MatteEdge.SOFT, largest_hole=40),
        overrides=(
            MatteOverride(FrameRange(ClipFrame(2), ClipFrame(3)), "edge", MatteEdge.HARD),
            MatteOverride(FrameRange(ClipFrame(3), ClipFrame(8)), "largest_hole", 9),
        ),
    ),
)
SETTINGS = Settings(
    range=FrameRange(ClipFrame(2), ClipFrame(9)),
    direction=Direction.BACKWARD,
    checkpoint="tiny",
    policy="upstream",
    input_transform="linear",
    format=MatteFormat.EXR,
    first_number=1001,
)


@pytest.fixture
def clip(tmp_path: Path) -> bpy.types.MovieClip:
    return load_clip(write_plates(tmp_path / "plates", 101))


def test_a_shot_comes_back_as_it_went_in(clip: bpy.types.MovieClip) -> None:
    for settings in (SETTINGS, Settings()):
        shot = Shot(shots.shot_of(clip).clip, SUBJECTS, settings)
        shots.load_shot_into(clip, shot)
        assert shots.shot_of(clip) == shot


def test_the_clip_is_described_as_blender_shows_it(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    reference = shots.shot_of(clip).clip
    assert Path(reference.path) == tmp_path / "plates" / "plate_0101.png"
    assert (reference.frame_count, reference.size) == (COUNT, (WIDTH, HEIGHT))
    assert reference.honors_rotation == compat.honors_rotation()


def test_what_is_asked_is_saved_in_the_blend_and_no_more(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    shot = Shot(shots.shot_of(clip).clip, SUBJECTS, SETTINGS)
    shots.load_shot_into(clip, shot)
    name = clip.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot ä.blend"), relative_remap=True)
    assert bpy.data.movieclips[name].filepath.startswith("//")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot ä.blend"))
    assert revision(shots.shot_of(bpy.data.movieclips[name])) == revision(shot)


def test_prompts_stay_on_their_pictures_when_the_clip_moves_in_time(clip: bpy.types.MovieClip) -> None:
    for start, offset in ((1, 0), (101, 0), (1, 3), (50, -4)):
        clip.frame_start, clip.frame_offset = start, offset
        # Blender shows picture (scene frame - start + 1 + offset) of the file.
        assert shots.clip_frame(clip, start) == 1 + offset
        for frame in range(1, COUNT + 1):
            assert shots.clip_frame(clip, shots.scene_frame(clip, frame)) == frame


def test_an_offset_takes_no_frames_away(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    (tmp_path / "plates" / f"plate_{100 + COUNT + 2:04d}.png").write_bytes(b"beyond a gap")
    for offset in (0, 3, -2, 0):
        clip.frame_offset = offset
        # It makes Blender count the sequence's files again.
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
        assert shots.shot_of(clip).clip.frame_count == COUNT


def test_corners_of_the_picture() -> None:
    size = (1920, 1080)
    assert shots.to_pixels(0.0, 1.0, size) == (0.0, 0.0)
    assert shots.to_pixels(1.0, 0.0, size) == (1920.0, 1080.0)
    assert shots.to_pixels(0.25, 0.75, size) == (480.0, 270.0)
    assert shots.from_pixels(480.0, 270.0, size) == (0.25, 0.75)


def test_a_shot_of_another_clip_is_refused(clip: bpy.types.MovieClip) -> None:
    shot = shots.shot_of(clip)
    with pytest.raises(Refused, match="1920x1080"):
        shots.load_shot_into(clip, replace(shot, clip=replace(shot.clip, size=(1920, 1080))))
    late = Subject("id", "late", (Point(ClipFrame(COUNT + 1), 1.0, 1.0),))
    with pytest.raises(Refused, match=f"ends at {COUNT}"):
        shots.load_shot_into(clip, shot.with_subjects([late]))


def test_what_cannot_be_a_shot_is_named(clip: bpy.types.MovieClip) -> None:
    add_subject(clip, "a/b")
    with pytest.raises(SubjectNameInvalid):
        shots.shot_of(clip)
    clip.rotopoint.subjects.clear()
    clip.rotopoint.use_range, clip.rotopoint.range_first, clip.rotopoint.range_last = True, 5, 4
    with pytest.raises(RangeReversed):
        shots.shot_of(clip)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = write_plates(tmp_path)
    clip = load_clip(path)
    clip.filepath = str(tmp_path / "gone_0001.png")
    with pytest.raises(Refused, match="gone_0001.png"):
        shots.shot_of(clip)


def test_mattes_go_beside_the_blend_unless_told_otherwise(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="save it first"):
        mattes.folder_of(clip)
    clip.rotopoint.folder = str(tmp_path / "elsewhere")
    assert mattes.folder_of(clip) == tmp_path / "elsewhere"
    clip.rotopoint.folder = "//mattes"
    with pytest.raises(Refused, match="save the .blend first"):
        mattes.folder_of(clip)
    clip.name = "a:b/c"
    (tmp_path / "shots").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shots" / "shot.blend"), check_existing=False)
    assert mattes.folder_of(clip) == tmp_path / "shots" / "mattes"
    clip.rotopoint.folder = ""
    assert mattes.folder_of(clip) == tmp_path / "shots" / "rotopoint" / "a_b_c"
