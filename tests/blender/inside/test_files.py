# SPDX-License-Identifier: GPL-3.0-or-later
"""The .blend unsaved, saved elsewhere or moved; the clip renamed or deleted: it works or says what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import host, mattes, shots
from tests.blender.inside.addon import load_clip, use_fake_worker
from tests.blender.inside.footage import COUNT, HEIGHT, WIDTH, read, render, write_plates

pytestmark = pytest.mark.usefixtures("addon")

rotopoint = bpy.ops.rotopoint


@pytest.fixture
def project(scene: bpy.types.Scene, tmp_path: Path) -> Path:
    """A folder with plates, whose clip asks for one subject; the .blend is not saved yet."""
    use_fake_worker()
    folder = tmp_path / "project ä"
    load_clip(write_plates(folder / "plates"))
    rotopoint.subject_add(name="runner")
    rotopoint.point_add(x=0.5, y=0.5, frame=1)
    return folder


def save(path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), relative_remap=True)


def only_clip() -> bpy.types.MovieClip:
    (clip,) = bpy.data.movieclips
    return clip


def matte_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.png"))


def assert_composite(folder: Path, out: Path) -> None:
    """The scene renders with the mattes of `folder` as its alpha."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    delivered = [read(path) for path in matte_files(folder)]
    assert len(delivered) == COUNT
    for picture, matte in zip(render(scene, out, 1, COUNT), delivered, strict=True):
        assert 0 < np.count_nonzero(matte) < matte.size
        assert np.abs(picture[..., 3].astype(int) - matte).max() <= 1


def test_an_unsaved_blend_wants_a_folder(project: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="save it first, or choose a folder"):
        rotopoint.track()
    assert not host.engine.started
    only_clip().rotopoint.folder = "//mattes"
    with pytest.raises(RuntimeError, match="relative to the .blend: save the .blend first"):
        rotopoint.track()
    only_clip().rotopoint.folder = str(tmp_path / "chosen")
    assert rotopoint.track() == {"FINISHED"}
    assert len(matte_files(tmp_path / "chosen")) == COUNT


def test_a_project_moved_as_a_whole_renders_the_same(project: Path, tmp_path: Path) -> None:
    save(project / "shot.blend")
    rotopoint.track()
    rotopoint.wire()
    bpy.ops.file.make_paths_relative()
    assert all(image.filepath.startswith("//") for image in bpy.data.images if image.source == "SEQUENCE")
    bpy.ops.wm.save_mainfile()
    moved = tmp_path / "elsewhere" / "moved ö"
    moved.parent.mkdir()
    shutil.move(project, moved)
    bpy.ops.wm.open_mainfile(filepath=str(moved / "shot.blend"))
    folder = mattes.folder_of(only_clip())
    assert folder.is_relative_to(moved)
    assert_composite(folder, tmp_path / "out")
    assert rotopoint.track() == rotopoint.wire() == {"FINISHED"}


def test_mattes_that_are_wired_are_kept_relative_to_the_blend(project: Path) -> None:
    save(project / "shot.blend")
    rotopoint.track()
    rotopoint.wire()
    (image,) = (image for image in bpy.data.images if image.source == "SEQUENCE")
    assert image.filepath == bpy.path.relpath(str(matte_files(mattes.folder_of(only_clip()))[0]))
    bpy.context.preferences.filepaths.use_relative_paths = False
    try:
        rotopoint.unwire()
        rotopoint.wire()
        (image,) = (image for image in bpy.data.images if image.source == "SEQUENCE")
        assert Path(image.filepath).is_absolute() and not image.filepath.startswith("//")
    finally:
        bpy.context.preferences.filepaths.use_relative_paths = True


def test_saved_as_another_file_the_old_mattes_stay_wired_until_tracked_again(
    project: Path, tmp_path: Path
) -> None:
    save(project / "shot.blend")
    rotopoint.track()
    rotopoint.wire()
    first = mattes.folder_of(only_clip())
    (tmp_path / "copy").mkdir()
    save(tmp_path / "copy" / "shot.blend")
    second = mattes.folder_of(only_clip())
    assert second != first
    assert_composite(first, tmp_path / "before")
    with pytest.raises(RuntimeError, match="track the clip first"):
        rotopoint.wire()
    rotopoint.track()
    rotopoint.wire()
    shutil.rmtree(first)
    assert_composite(second, tmp_path / "after")


def test_a_renamed_clip_has_a_folder_of_its_name(project: Path, tmp_path: Path) -> None:
    save(project / "shot.blend")
    rotopoint.track()
    rotopoint.wire()
    clip = only_clip()
    clip.name = "hero: take/2 "
    assert mattes.folder_of(clip) == project / "rotopoint" / "hero_ take_2"
    assert_composite(project / "rotopoint" / "plate_0001.png", tmp_path / "before")
    with pytest.raises(RuntimeError, match="track the clip first"):
        rotopoint.wire()
    rotopoint.track()
    rotopoint.wire()
    assert_composite(project / "rotopoint" / "hero_ take_2", tmp_path / "after")


def test_a_deleted_clip_leaves_nothing_to_work_on(project: Path) -> None:
    save(project / "shot.blend")
    rotopoint.track()
    key = only_clip().session_uid
    bpy.data.movieclips.remove(only_clip())
    host.keep_up()
    assert host.clip_of(key) is None
    with pytest.raises(RuntimeError, match="Open a clip"):
        rotopoint.track()


def test_a_clip_whose_file_is_gone_is_named(project: Path) -> None:
    save(project / "shot.blend")
    shutil.move(project / "plates", project / "plates moved")
    with pytest.raises(RuntimeError, match=r"is not there: .*set its path anew"):
        rotopoint.track()
    clip = only_clip()
    clip.filepath = str(project / "plates moved" / "plate_0001.png")
    assert rotopoint.track() == {"FINISHED"}
    assert shots.shot_of(clip).clip.frame_count == COUNT
