# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators of the Clip Editor, in an area of that kind and from scripts."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import compat, host, shots
from blender_addon.compositor import out_of_date, wired_subjects
from rotopoint.shot import Box, Direction, Mask, Point
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.json import load_shot
from tests.blender.inside.addon import load_clip, use_fake_worker
from tests.blender.inside.editing import clip_editor, names, prompts, refused
from tests.blender.inside.footage import (
    COUNT,
    HEIGHT,
    WIDTH,
    matte,
    render,
    write,
    write_mattes,
    write_plates,
)

pytestmark = pytest.mark.usefixtures("addon")

rotopoint = bpy.ops.rotopoint


@pytest.fixture
def clip(addon: None, tmp_path: Path) -> bpy.types.MovieClip:
    clip = load_clip(write_plates(tmp_path / "plates"))
    clip.rotopoint.folder = str(tmp_path / "mattes")
    return clip


def test_subjects_in_a_clip_editor(clip: bpy.types.MovieClip) -> None:
    bpy.context.scene.active_clip = None
    with clip_editor(clip):
        assert rotopoint.subject_add() == {"FINISHED"}
        rotopoint.subject_add(name="Läufer")
        rotopoint.subject_add()
        assert names(clip) == ["Subject 1", "Läufer", "Subject 2"]
        assert len({tuple(s.color) for s in clip.rotopoint.subjects}) == 3
        uids = [subject.uid for subject in clip.rotopoint.subjects]
        assert len(set(uids)) == 3 and all(uids)

        clip.rotopoint.active_index = 1
        rotopoint.subject_rename(name="Runner")
        assert (names(clip)[1], clip.rotopoint.subjects[1].uid) == ("Runner", uids[1])
        for name, reason in (("a/b", "must not contain"), ("subject 1", "another subject"), ("", "empty")):
            with refused(reason):
                rotopoint.subject_rename(name=name)
        with refused("another subject"):
            rotopoint.subject_add(name="RUNNER")
        rotopoint.subject_remove()
        assert names(clip) == ["Subject 1", "Subject 2"]
        rotopoint.subject_remove()
        rotopoint.subject_remove()
        with refused("Add a subject first"):
            rotopoint.subject_remove()


def test_subjects_are_moved_in_the_list_and_ask_the_same(clip: bpy.types.MovieClip) -> None:
    for name in ("A", "B", "C"):
        rotopoint.subject_add(name=name)
        rotopoint.point_add(x=0.25, y=0.5, frame=3)
    asked = shots.shot_of(clip)
    rotopoint.subject_move(up=True)
    assert (names(clip), clip.rotopoint.active_index) == (["A", "C", "B"], 1)
    rotopoint.subject_move(up=True)
    assert (names(clip), clip.rotopoint.active_index) == (["C", "A", "B"], 0)
    with refused("C is first already"):
        rotopoint.subject_move(up=True)
    rotopoint.subject_move(up=False)
    assert names(clip) == ["A", "C", "B"]
    assert shots.shot_of(clip) == asked
    clip.rotopoint.active_index = 2
    with refused("B is last already"):
        rotopoint.subject_move(up=False)


def test_a_copy_has_the_same_prompts_and_an_id_of_its_own(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    rotopoint.subject_add(name="A")
    rotopoint.point_add(x=0.25, y=0.5, frame=3)
    rotopoint.box_add(x0=0.1, y0=0.2, x1=0.3, y1=0.4, frame=3)
    rotopoint.mask_add(filepath=str(write(tmp_path / "m.png", matte(4))), frame=4)
    original = prompts(clip)
    rotopoint.subject_duplicate()
    assert names(clip) == ["A", "A 2"] and clip.rotopoint.active_index == 1
    assert prompts(clip) == original and len(original) == 3
    assert clip.rotopoint.subjects[0].uid != clip.rotopoint.subjects[1].uid
    rotopoint.point_add(x=0.5, y=0.5, frame=5)
    assert len(clip.rotopoint.subjects[0].points) == 1


def test_points_boxes_and_masks(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    rotopoint.subject_add()
    bpy.context.scene.frame_current = 4
    with clip_editor(clip):
        rotopoint.point_add(x=0.25, y=0.75)
        rotopoint.point_add(x=0.5, y=0.5, positive=False, frame=2)
    here = Point(ClipFrame(4), 0.25 * WIDTH, 0.25 * HEIGHT)
    assert prompts(clip) == (Point(ClipFrame(2), WIDTH / 2, HEIGHT / 2, positive=False), here)

    rotopoint.box_add(x0=0.5, y0=0.9, x1=0.25, y1=0.1, frame=4)
    rotopoint.box_add(x0=0.75, y0=0.5, x1=0.25, y1=0.1, frame=4)
    box = Box(ClipFrame(4), 0.25 * WIDTH, 0.5 * HEIGHT, 0.75 * WIDTH, 0.9 * HEIGHT)
    assert [p for p in prompts(clip) if isinstance(p, Box)] == [box]

    mask = write(tmp_path / "mask.png", matte(6))
    rotopoint.mask_add(filepath=str(mask), frame=6)
    assert prompts(clip)[-1] == Mask(ClipFrame(6), str(mask))
    with refused("a mask stands alone"):
        rotopoint.mask_add(filepath=str(mask), frame=4)
    with refused("a mask stands alone"):
        rotopoint.point_add(x=0.5, y=0.5, frame=6)

    rotopoint.prompt_move(kind="POINT", index=0, x=0.75, y=0.75)
    assert here not in prompts(clip)
    rotopoint.prompt_remove(kind="POINT", index=0)
    rotopoint.prompt_remove(kind="BOX", index=0)
    assert [p.frame for p in prompts(clip)] == [2, 6]
    rotopoint.prompts_clear(scope="FRAME", frame=6)
    assert [p.frame for p in prompts(clip)] == [2]
    with refused("no prompt on frame 6"):
        rotopoint.prompts_clear(scope="FRAME", frame=6)
    rotopoint.prompts_clear(scope="ALL")
    assert prompts(clip) == ()


@pytest.mark.parametrize("corner", range(4))
def test_a_corner_of_a_box_moves_and_may_cross_the_others(clip: bpy.types.MovieClip, corner: int) -> None:
    rotopoint.subject_add()
    rotopoint.box_add(x0=0.4, y0=0.4, x1=0.6, y1=0.6, frame=2)
    at = {0: (0.4, 0.4), 1: (0.6, 0.4), 2: (0.4, 0.6), 3: (0.6, 0.6)}
    left, top = 0.1 * WIDTH, 0.1 * HEIGHT
    rotopoint.prompt_move(kind="BOX", index=0, corner=corner, x=0.1, y=0.9)
    x, y = at[3 - corner]
    assert prompts(clip) == (Box(ClipFrame(2), left, top, x * WIDTH, (1 - y) * HEIGHT),)
    with refused("is empty"):
        rotopoint.prompt_move(kind="BOX", index=0, corner=1, x=0.1, y=0.2)
    with refused("leaves the picture"):
        rotopoint.prompt_move(kind="BOX", index=0, corner=1, x=1.1, y=0.2)
    assert prompts(clip) == (Box(ClipFrame(2), left, top, x * WIDTH, (1 - y) * HEIGHT),)


def test_undo_and_redo(clip: bpy.types.MovieClip) -> None:
    def points() -> list[int]:
        # Undo replaces the data: what was found before is gone.
        return [len(subject.points) for subject in bpy.data.movieclips[0].rotopoint.subjects]

    uid = clip.session_uid
    bpy.ops.ed.undo_push(message="clip")
    rotopoint.subject_add()
    bpy.ops.ed.undo_push(message="subject")
    rotopoint.point_add(x=0.5, y=0.5, frame=1)
    bpy.ops.ed.undo_push(message="point")
    assert points() == [1]
    for operator, expected in (("undo", [0]), ("undo", []), ("redo", [0]), ("redo", [1])):
        getattr(bpy.ops.ed, operator)()
        assert points() == expected
    assert host.clip_of(uid) == bpy.data.movieclips[0], "the engine's work finds its clip again"


def test_what_does_not_fit_is_refused_and_changes_nothing(clip: bpy.types.MovieClip) -> None:
    rotopoint.subject_add()
    with refused("outside the picture"):
        rotopoint.point_add(x=1.0, y=0.5, frame=1)
    with refused("outside the picture"):
        rotopoint.point_add(x=0.5, y=-0.01, frame=1)
    with refused("leaves the picture"):
        rotopoint.box_add(x0=-0.1, y0=0.5, x1=0.5, y1=1.0, frame=1)
    with refused("is empty"):
        rotopoint.box_add(x0=0.5, y0=0.5, x1=0.5, y1=1.0, frame=1)
    with refused(f"outside the clip, which has the frames 1 to {COUNT}"):
        rotopoint.point_add(x=0.5, y=0.5, frame=COUNT + 1)
    with refused("no point of number 0"):
        rotopoint.prompt_move(kind="POINT", index=0, x=0.5, y=0.5)
    with refused("no box of number 2"):
        rotopoint.prompt_remove(kind="BOX", index=2)
    assert prompts(clip) == ()


def test_prompts_belong_to_the_picture_on_screen(clip: bpy.types.MovieClip) -> None:
    rotopoint.subject_add()
    clip.frame_start, clip.frame_offset = 101, 3
    bpy.context.scene.frame_current = 105
    rotopoint.point_add(x=0.5, y=0.5)
    # Scene frame 105 shows picture 105 - 101 + 1 + 3 of the file.
    assert [p.frame for p in prompts(clip)] == [8]
    bpy.context.scene.frame_current = 1
    with refused("outside the clip"):
        rotopoint.point_add(x=0.5, y=0.5)


def test_a_poll_says_why_not(clip: bpy.types.MovieClip) -> None:
    with clip_editor(None), refused("Open a clip"):
        rotopoint.subject_add()
    with refused("Add a subject first"):
        rotopoint.point_add(x=0.5, y=0.5)
    rotopoint.subject_add()
    clip.rotopoint.subjects[0].locked = True
    for call in (
        lambda: rotopoint.point_add(x=0.5, y=0.5),
        lambda: rotopoint.prompts_clear(scope="ALL"),
        rotopoint.subject_remove,
    ):
        with refused("locked"):
            call()
    clip.rotopoint.subjects[0].locked = False
    with clip_editor(clip) as context:
        context.space_data.clip_user.use_render_undistorted = True
        with refused("Render Undistorted"):
            rotopoint.point_add(x=0.5, y=0.5)
        context.space_data.clip_user.use_render_undistorted = False
    with refused("Nothing is being tracked"):
        rotopoint.cancel()


def test_a_linked_clip_is_tracked_and_not_changed(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    rotopoint.subject_add(name="A")
    rotopoint.point_add(x=0.5, y=0.5, frame=1)
    name, library = clip.name, str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=library, relative_remap=True)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    use_fake_worker()
    with bpy.data.libraries.load(library, link=True) as (_, wanted):
        wanted.movieclips = [name]
    linked = bpy.data.movieclips[0]
    bpy.context.scene.active_clip = linked
    assert Path(shots.shot_of(linked).clip.path) == tmp_path / "plates" / "plate_0001.png"
    for call in (rotopoint.subject_add, lambda: rotopoint.track(direction="forward")):
        with refused("make it local"):
            call()
    assert rotopoint.track() == {"FINISHED"}
    assert len(list((tmp_path / "mattes").glob("*.png"))) == COUNT


def test_tracking_a_part_of_the_clip(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    use_fake_worker()
    rotopoint.subject_add(name="A")
    with refused("A has no points yet"):
        rotopoint.track()
    rotopoint.point_add(x=0.5, y=0.5, frame=5)
    assert rotopoint.track(direction="forward", first=4, last=9) == {"FINISHED"}
    settings = shots.shot_of(clip).settings
    assert settings.range == FrameRange(ClipFrame(4), ClipFrame(9))
    assert settings.direction is Direction.FORWARD
    assert len(list((tmp_path / "mattes").glob("*.png"))) == 6
    assert rotopoint.preview(frame=5) == {"FINISHED"}
    assert list(host.state_of(clip).previews) == [(clip.rotopoint.subjects[0].uid, 5)]

    use_fake_worker("--dead", "1")
    with refused("ended unexpectedly"):
        rotopoint.track()


def test_wiring_and_unwiring(clip: bpy.types.MovieClip, scene: bpy.types.Scene, tmp_path: Path) -> None:
    rotopoint.subject_add(name="runner")
    with refused("track the clip first"):
        rotopoint.wire()
    write_mattes(tmp_path / "mattes")
    asked = {subject.uid: subject.name for subject in clip.rotopoint.subjects}
    for start, offset in ((1, 0), (101, 2)):
        moved = (clip.frame_start, clip.frame_offset) != (start, offset)
        clip.frame_start, clip.frame_offset = start, offset
        reason = out_of_date(scene, clip, asked)
        assert (reason == "The clip has moved in time: wire it again") if moved else (reason is None)
        rotopoint.wire()
        assert out_of_date(scene, clip, asked) is None
        first = shots.scene_frame(clip, 3)
        pictures = render(scene, tmp_path / f"out {start}", first, first + 2)
        for frame, picture in zip((3, 4, 5), pictures, strict=True):
            assert np.abs(picture[..., 3].astype(int) - matte(frame)).max() <= 1
    rotopoint.unwire()
    tree = compat.find_compositor_tree(scene)
    assert not [node for node in tree.nodes if "rotopoint_role" in node]


def test_wiring_again_takes_a_deleted_subject_out(
    clip: bpy.types.MovieClip, scene: bpy.types.Scene, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        rotopoint.subject_add(name=name)
        write_mattes(tmp_path / "mattes", name)
    rotopoint.wire()
    for name, left in (("b", {"a", "c"}), ("a", {"c"})):
        clip.rotopoint.active_index = names(clip).index(name)
        rotopoint.subject_remove()
        asked = {subject.uid: subject.name for subject in clip.rotopoint.subjects}
        assert out_of_date(scene, clip, asked) == f"{name} is wired and no longer a subject: wire again"
        rotopoint.wire()
        assert out_of_date(scene, clip, asked) is None
        assert set(wired_subjects(scene, clip).values()) == left
        (picture,) = render(scene, tmp_path / f"without {name}", 3, 3, depth="16")
        coverage = 1 - (1 - matte(3) / 255) ** len(left)
        assert np.abs(picture[..., 3] / 65535 - coverage).max() <= 1 / 255
    rotopoint.subject_remove()
    assert "no longer a subject" in out_of_date(scene, clip, {})
    rotopoint.unwire()
    tree = compat.find_compositor_tree(scene)
    assert len(tree.nodes) == 2 and len(tree.links) == 1


def test_only_mattes_of_the_clip_and_its_numbering_are_wired(
    clip: bpy.types.MovieClip, scene: bpy.types.Scene, tmp_path: Path
) -> None:
    rotopoint.subject_add(name="runner")
    write_mattes(tmp_path / "mattes", first_number=1003, frames=range(3, 8))
    write_mattes(tmp_path / "mattes", "other runner")
    with refused("No mattes"):
        rotopoint.wire()
    clip.rotopoint.use_first_number = True
    rotopoint.wire()
    pictures = render(scene, tmp_path / "out", 3, 7)
    assert [np.abs(p[..., 3].astype(int) - matte(f)).max() <= 1 for f, p in enumerate(pictures, 3)] == [
        True
    ] * 5
    (tmp_path / "mattes" / "plate_runner_matte.1005.png").unlink()
    with refused("no stored track on the frames 5"):
        rotopoint.wire()


def test_a_shot_is_saved_and_loaded(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    path = tmp_path / "shot ä.json"
    rotopoint.subject_add(name="A")
    rotopoint.point_add(x=0.3, y=0.6, frame=2)
    rotopoint.shot_save(filepath=str(path))
    asked = shots.shot_of(clip)
    assert load_shot(path) == asked
    rotopoint.subject_add(name="B")
    rotopoint.shot_load(filepath=str(path))
    assert shots.shot_of(clip) == asked
    path.write_text("{", encoding="utf-8")
    with refused("Cannot read the shot"):
        rotopoint.shot_load(filepath=str(path))
    with refused("Cannot write"):
        rotopoint.shot_save(filepath=str(tmp_path / "nowhere" / "shot.json"))
    assert shots.shot_of(clip) == asked
