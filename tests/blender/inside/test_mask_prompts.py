# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks that were drawn or painted in Blender as prompts: their pixels, their files, saving, undo."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import painted_mask, prompt_files
from blender_addon.brush import paint
from blender_addon.clip_editor import prompts as changes
from blender_addon.finished import Finished
from blender_addon.previews import Preview
from rotopoint.clip.mask_file import read_mask
from rotopoint.errors import AbsenceConflict
from rotopoint.shot import Mask, Point
from rotopoint.shot.frames import ClipFrame
from tests.blender.inside.addon import add_subject, load_clip
from tests.blender.inside.editing import prompts, refused, rotopoint
from tests.blender.inside.footage import HEIGHT, WIDTH, write_plates
from tests.blender.inside.test_combining import keyed, mask_editor, rectangle

pytestmark = pytest.mark.usefixtures("addon")

FRAME = ClipFrame(3)


@pytest.fixture
def clip(scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.MovieClip:
    """Its frame 3 is scene frame 13; a subject has a point there, and the .blend no path."""
    clip = load_clip(write_plates(tmp_path / "plates ä"), start=11)
    add_subject(clip, "runner", (3, 0.5, 0.5, True))
    scene.frame_current = 13
    return clip


def painted() -> np.ndarray:
    """A stroke, an erased one across it, and a soft part: all that a brush and a matte leave."""
    coverage = np.zeros((HEIGHT, WIDTH), np.uint8)
    coverage[60:64, :200] = np.arange(WIDTH) % 256
    paint(coverage, (20.25, 30.5), (120.75, 50.0), 9.3)
    paint(coverage, (70.0, 10.0), (70.0, 80.0), 3.0, erases=True)
    return coverage


def give(clip: bpy.types.MovieClip, coverage: np.ndarray) -> Path:
    """What a stroke's end does; the file."""
    path = prompt_files.keep(clip, prompt_files.encode(coverage), ".png")
    changes.set_mask(clip, clip.rotopoint.subjects[0], FRAME, path)
    return Path(bpy.path.abspath(path))


def files_of(clip: bpy.types.MovieClip) -> list[Path]:
    return [Path(bpy.path.abspath(mask.path)).resolve() for mask in clip.rotopoint.subjects[0].masks]


@pytest.mark.parametrize("most", [255, 128])
def test_what_is_painted_is_read_to_the_pixel(clip: bpy.types.MovieClip, most: int) -> None:
    """Also where little is white, which of gray values alone would be labels."""
    coverage = np.minimum(painted(), most)
    file = give(clip, coverage)
    np.testing.assert_array_equal(np.round(255 * read_mask(file)), coverage)
    np.testing.assert_array_equal(prompt_files.read(file), coverage)


def test_a_mask_takes_the_place_of_the_frames_prompts(clip: bpy.types.MovieClip) -> None:
    file = give(clip, painted())
    assert prompts(clip) == (Mask(FRAME, str(file)),)
    inverse = give(clip, 255 - painted())
    assert prompts(clip) == (Mask(FRAME, str(inverse)),) and file.is_file()
    subject = clip.rotopoint.subjects[0]
    rotopoint.prompt_remove(kind="MASK", index=0)
    assert prompts(clip) == () and not subject.prompted_frames()

    subject.absent.add().first = 3
    subject.absent[0].last = 3
    with pytest.raises(AbsenceConflict):
        give(clip, painted())
    subject.absent.clear()
    subject.approved.add().frame = 3
    with pytest.raises(Exception, match="is approved"):
        changes.set_mask(clip, subject, FRAME, str(file))


def test_a_copied_subject_has_the_mask_too(clip: bpy.types.MovieClip) -> None:
    file = give(clip, painted())
    rotopoint.subject_duplicate()
    assert prompts(clip) == (Mask(FRAME, str(file)),)
    rotopoint.prompts_clear(scope="ALL")
    assert prompts(clip) == () and files_of(clip) == [file] and file.is_file()


def test_undo_and_redo_find_the_masks_before(clip: bpy.types.MovieClip) -> None:
    name, files = clip.name, []
    bpy.ops.ed.undo_push(message="point")
    for coverage in (painted(), 255 - painted()):
        files.append(give(bpy.data.movieclips[name], coverage))
        bpy.ops.ed.undo_push(message="Paint Mask")
    for step, expected in ((bpy.ops.ed.undo, files[:1]), (bpy.ops.ed.undo, []), (bpy.ops.ed.redo, files[:1])):
        step()
        assert files_of(bpy.data.movieclips[name]) == expected
    np.testing.assert_array_equal(prompt_files.read(files[0]), painted())


def test_a_painted_mask_begins_with_what_is_seen(clip: bpy.types.MovieClip) -> None:
    def begun(seen: Finished | Preview | None) -> np.ndarray:
        asked = prompts(clip)
        return painted_mask.begin(clip, "id", FRAME, asked, (WIDTH, HEIGHT), seen).values

    assert not begun(None).any()
    whole = Finished("id", 3, (), painted())
    np.testing.assert_array_equal(begun(whole), painted())
    begun(whole)[...] = 7
    np.testing.assert_array_equal(whole.values, painted())
    # Of half the size: flat parts stay as they are, and an edge stays where it is.
    half = np.zeros((HEIGHT // 2, WIDTH // 2), np.uint8)
    half[:, 40:] = 255
    larger = begun(Finished("id", 3, (), half))
    assert not larger[:, :77].any() and (larger[:, 83:] == 255).all()
    logits = np.where(half > 0, 9.0, -9.0).astype(np.float16)
    found = begun(Preview("id", 3, (), logits, provisional=False, object_score=None))
    assert not found[:, :79].any() and (found[:, 81:] == 255).all()

    give(clip, painted())
    np.testing.assert_array_equal(begun(whole), painted())
    np.testing.assert_array_equal(begun(None), painted())


def test_a_mask_drawn_in_blender_becomes_the_prompt_of_its_frame(clip: bpy.types.MovieClip) -> None:
    """Keyed on scene frames 12 and 14: on clip frame 3 it is halfway."""
    with refused("Draw a Mask first"):
        rotopoint.mask_draw()
    mask = rectangle(20, 30, 60, 60)
    mask.frame_start, mask.frame_end = 1, 100
    with mask_editor(clip, mask):
        keyed(mask, 12, 0)
        keyed(mask, 14, 40)
        bpy.context.scene.frame_set(13)
        rotopoint.mask_draw()
    (file,) = files_of(clip)
    assert prompts(clip) == (Mask(FRAME, str(file)),)
    coverage = read_mask(file)
    assert coverage.shape == (HEIGHT, WIDTH)
    # Blender's own edge is soft, and reaches a pixel beyond.
    np.testing.assert_allclose(coverage[32:58, 42:78], 1, atol=1e-3)
    coverage[28:62, 38:82] = 0
    assert not coverage.any()
    np.testing.assert_allclose(prompt_files.read(file), 255 * read_mask(file), atol=0.51)

    rotopoint.mask_draw(mask=mask.name, frame=2)
    assert sorted(prompt.frame for prompt in prompts(clip)) == [2, 3]
    rectangle(-90, -90, -80, -80)
    with refused("several Masks"):
        rotopoint.mask_draw()
    with refused("Nothing of Müll: links.001"):
        rotopoint.mask_draw(mask="Müll: links.001")
    with refused("no Mask x"):
        rotopoint.mask_draw(mask="x")
    assert len(prompts(clip)) == 2


def test_a_mask_from_before_the_first_save_goes_beside_the_blend(
    clip: bpy.types.MovieClip, tmp_path: Path
) -> None:
    name, first = clip.name, give(clip, painted())
    assert first.parent == prompt_files.unsaved_folder()
    blend = tmp_path / "Ärger 1" / "shot.blend"
    blend.parent.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    assert clip.rotopoint.subjects[0].masks[0].path.startswith("//")
    first.unlink()
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    (file,) = files_of(bpy.data.movieclips[name])
    assert file.parent == blend.parent / "rotopoint" / name / "prompts"
    np.testing.assert_array_equal(prompt_files.read(file), painted())


def test_a_blend_saved_elsewhere_finds_the_same_files(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two", "three/deep")]
    for folder in folders:
        folder.mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(folders[0] / "shot.blend"))
    name, file = clip.name, give(clip, painted())
    drawn = clip.rotopoint.subjects[0].combine.drawn.add()
    drawn.path = "//boom.png"
    bpy.ops.wm.save_as_mainfile(filepath=str(folders[1] / "copy.blend"), copy=True)
    assert files_of(clip) == [file] and drawn.path == "//boom.png"
    with pytest.raises(RuntimeError):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "nowhere" / "shot.blend"))
    assert files_of(clip) == [file] and drawn.path == "//boom.png"
    bpy.ops.wm.save_as_mainfile(filepath=str(folders[2] / "shot.blend"))
    assert files_of(clip) == [file]
    for saved in (folders[1] / "copy.blend", folders[2] / "shot.blend"):
        bpy.ops.wm.open_mainfile(filepath=str(saved))
        clip = bpy.data.movieclips[name]
        assert files_of(clip) == [file]
        (drawn,) = clip.rotopoint.subjects[0].combine.drawn
        assert Path(bpy.path.abspath(drawn.path)).resolve() == folders[0] / "boom.png"


def test_a_point_on_a_painted_frame_is_refused(clip: bpy.types.MovieClip) -> None:
    give(clip, painted())
    with refused("a mask stands alone"):
        rotopoint.point_add(x=0.5, y=0.5)
    rotopoint.point_add(x=0.5, y=0.5, frame=4)
    assert [type(p) for p in prompts(clip)] == [Mask, Point]
