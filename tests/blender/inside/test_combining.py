# SPDX-License-Identifier: GPL-3.0-or-later
"""Subjects and drawn masks combined in Blender: what a shot says of it, and Blender Masks as files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import host, shots
from blender_addon.clip_editor import overlay
from blender_addon.mask_frames import write_mask_frames
from blender_addon.mask_watch import is_outdated
from rotopoint.clip.mask_file import read_coverage
from rotopoint.shot import Combination, DrawnMask
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.json import shot_from_dict, shot_to_dict
from tests.blender.inside.addon import add_subject, load_clip, use_fake_worker
from tests.blender.inside.footage import HEIGHT, WIDTH, write_plates

pytestmark = pytest.mark.usefixtures("addon")


@pytest.fixture
def clip(tmp_path: Path) -> bpy.types.MovieClip:
    """With a hand, which is active, and a cup; the .blend is saved."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "größe.blend"))
    clip = load_clip(write_plates(tmp_path / "plates"), start=11)
    for name in ("hand", "cup"):
        add_subject(clip, name, (1, 0.5, 0.5, True))
    return clip


def asked(clip: bpy.types.MovieClip, name: str = "hand") -> Combination:
    return next(s for s in shots.shot_of(clip).subjects if s.name == name).combine


def test_a_new_subject_is_combined_with_nothing(clip: bpy.types.MovieClip) -> None:
    assert asked(clip) == Combination()


def test_other_subjects_are_added_and_subtracted(clip: bpy.types.MovieClip) -> None:
    hand, cup = (subject.uid for subject in clip.rotopoint.subjects)
    assert bpy.ops.rotopoint.other_add(other=cup, how="subtracted") == {"FINISHED"}
    assert asked(clip) == Combination(subtracted=(cup,))
    for again in (cup, hand):
        with pytest.raises((RuntimeError, TypeError)):
            bpy.ops.rotopoint.other_add(other=again)
    clip.rotopoint.active_index = 1
    with pytest.raises(RuntimeError, match="need each other's mattes"):
        bpy.ops.rotopoint.other_add(other=hand)
    clip.rotopoint.active_index = 0
    clip.rotopoint.subjects[0].combine.others[0].how = "united"
    assert asked(clip) == Combination(united=(cup,))
    bpy.ops.rotopoint.subject_duplicate()
    assert asked(clip, "hand 2") == Combination(united=(cup,))
    # One that was deleted has no matte to combine with.
    clip.rotopoint.active_index = 1
    bpy.ops.rotopoint.subject_remove()
    assert asked(clip) == asked(clip, "hand 2") == Combination()
    clip.rotopoint.active_index = 0
    assert bpy.ops.rotopoint.other_remove(index=0) == {"FINISHED"}
    assert not clip.rotopoint.subjects[0].combine.others


def test_drawn_masks_are_files_for_frames(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    bpy.ops.rotopoint.drawn_mask_add(kind="garbage")
    assert asked(clip) == Combination(), "no file is chosen yet"
    (mask,) = clip.rotopoint.subjects[0].combine.drawn
    mask.path = "//Müll.png"
    bpy.ops.rotopoint.drawn_mask_add(kind="hold_in", filepath=str(tmp_path / "core"))
    core = clip.rotopoint.subjects[0].combine.drawn[1]
    core.use_range, core.first, core.last = True, 2, 5
    some = FrameRange(ClipFrame(2), ClipFrame(5))
    expected = Combination(
        garbage=(DrawnMask(str(tmp_path / "Müll.png")),), hold_in=(DrawnMask(str(tmp_path / "core"), some),)
    )
    assert asked(clip) == expected
    bpy.ops.rotopoint.subject_duplicate()
    assert asked(clip, "hand 2") == expected
    bpy.ops.rotopoint.drawn_mask_remove(index=0)
    assert asked(clip, "hand 2") == Combination(hold_in=expected.hold_in)
    with pytest.raises(RuntimeError, match="There are 1"):
        bpy.ops.rotopoint.drawn_mask_remove(index=1)


def test_a_shot_comes_back_with_all_of_it(clip: bpy.types.MovieClip) -> None:
    _, cup = (subject.uid for subject in clip.rotopoint.subjects)
    bpy.ops.rotopoint.other_add(other=cup)
    bpy.ops.rotopoint.drawn_mask_add(kind="hold_in", filepath="//core.png")
    shot = shots.shot_of(clip)
    shots.load_shot_into(clip, shot_from_dict(shot_to_dict(shot)))
    assert shots.shot_of(clip) == shot


def rectangle(x0: float, y0: float, x1: float, y1: float) -> bpy.types.Mask:
    """A Blender Mask of a rectangle in pixels of the clip, y down."""
    mask = bpy.data.masks.new("Müll: links")
    spline = mask.layers.new(name="links").splines.new()
    spline.use_cyclic = True
    spline.points.add(3)
    longer = max(WIDTH, HEIGHT)
    for point, (x, y) in zip(spline.points, ((x0, y0), (x1, y0), (x1, y1), (x0, y1)), strict=True):
        point.handle_type = "VECTOR"
        point.co = (0.5 + (x - WIDTH / 2) / longer, 0.5 + (HEIGHT / 2 - y) / longer)
        point.handle_left = point.handle_right = point.co
    return mask


def test_a_blender_mask_is_drawn_as_linear_coverage(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    before = {kind: len(getattr(bpy.data, kind)) for kind in ("scenes", "node_groups", "masks")}
    mask = rectangle(20, 30, 80, 60)
    mask.layers[0].alpha = 0.5
    done = list(write_mask_frames(mask, (WIDTH, HEIGHT), {7: 1, 8: 2}, tmp_path / "{Mäsken} #1" / "m"))
    assert done == [7, 8]
    expected = np.zeros((HEIGHT, WIDTH), np.float32)
    expected[30:60, 20:80] = 0.5
    inner = np.ones_like(expected, bool)
    # Blender's edge is soft.
    inner[28:32] = inner[58:62] = False
    inner[:, 18:22] = inner[:, 78:82] = False
    for name in ("m.0007.exr", "m.0008.exr"):
        found = read_coverage(tmp_path / "{Mäsken} #1" / name)
        np.testing.assert_allclose(found[inner], expected[inner], atol=1e-3)
        assert (tmp_path / "{Mäsken} #1" / name).stat().st_size < WIDTH * HEIGHT
    after = {kind: len(getattr(bpy.data, kind)) for kind in before}
    assert after == {**before, "masks": before["masks"] + 1}


@contextmanager
def mask_editor(clip: bpy.types.MovieClip, mask: bpy.types.Mask) -> Iterator[None]:
    """A Clip Editor in its Mask mode."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "CLIP_EDITOR"
    space = area.spaces.active
    space.clip, space.mode, space.mask = clip, "MASK", mask
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, screen=window.screen, area=area, region=region):
        yield


def keyed(mask: bpy.types.Mask, frame: int, shift: float) -> None:
    bpy.context.scene.frame_set(frame)
    for point in mask.layers[0].splines[0].points:
        point.co[0] += shift / max(WIDTH, HEIGHT)
        point.handle_left = point.handle_right = point.co
        point.select = True
    with bpy.context.temp_override(edit_mask=mask):
        bpy.ops.mask.shape_key_insert()


def test_an_animated_mask_becomes_a_garbage_mask_of_the_clip(
    clip: bpy.types.MovieClip, tmp_path: Path
) -> None:
    """Clip frames 2 to 4 are scene frames 12 to 14, between keys on 12 and 14."""
    mask = rectangle(20, 30, 60, 60)
    mask.frame_start, mask.frame_end = 1, 100
    clip.rotopoint.use_range, clip.rotopoint.range_first, clip.rotopoint.range_last = True, 2, 4
    with pytest.raises(RuntimeError, match="poll|Mask"):
        bpy.ops.rotopoint.drawn_mask_render()
    with mask_editor(clip, mask):
        keyed(mask, 12, 0)
        keyed(mask, 14, 40)
        assert bpy.ops.rotopoint.drawn_mask_render(kind="garbage") == {"FINISHED"}
        assert bpy.ops.rotopoint.drawn_mask_render(kind="garbage") == {"FINISHED"}
    (drawn,) = asked(clip).garbage
    assert drawn.frames == FrameRange(ClipFrame(2), ClipFrame(4))
    files = sorted(Path(drawn.path).iterdir())
    assert [file.name for file in files] == [f"Müll_ links.{n:04d}.exr" for n in (2, 3, 4)]
    for n, file in enumerate(files):
        columns = np.flatnonzero(read_coverage(file)[45] > 0.5)
        assert np.abs([columns[0] - (20 + 20 * n), columns[-1] - (59 + 20 * n)]).max() <= 1, file
    assert Path(drawn.path).is_relative_to(tmp_path)


def shift(mask: bpy.types.Mask, pixels: float) -> None:
    for point in mask.layers[0].splines[0].points:
        point.co[0] += pixels / max(WIDTH, HEIGHT)
    bpy.context.view_layer.update()


def test_a_mask_that_was_edited_since_is_told_and_drawn_again(
    clip: bpy.types.MovieClip, tmp_path: Path
) -> None:
    mask = rectangle(20, 30, 60, 60)
    mask.frame_start, mask.frame_end = 1, 100
    clip.rotopoint.use_range, clip.rotopoint.range_first, clip.rotopoint.range_last = True, 2, 3
    with mask_editor(clip, mask):
        keyed(mask, 12, 0)
        keyed(mask, 14, 40)
        bpy.context.scene.frame_set(12)
        bpy.ops.rotopoint.drawn_mask_render(kind="hold_in")
    part = clip.rotopoint.subjects[0].combine.drawn[0]
    assert part.mask == mask and not is_outdated(part)
    for frame in (13, 14, 12):
        bpy.context.scene.frame_set(frame)
        assert not is_outdated(part), "it moves, but was not edited"
    shift(mask, 15)
    assert is_outdated(part)
    shift(mask, -15)
    assert not is_outdated(part), "undone"
    bpy.context.scene.frame_set(14)
    mask.layers[0].alpha = 0.5
    bpy.context.view_layer.update()
    assert is_outdated(part)
    # It is told in files that are opened again, too, and needs no Mask in an editor to be drawn.
    bpy.context.scene.frame_set(12)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    part = bpy.data.movieclips[0].rotopoint.subjects[0].combine.drawn[0]
    assert is_outdated(part)
    assert bpy.ops.rotopoint.drawn_mask_render(again=0) == {"FINISHED"}
    (part,) = bpy.data.movieclips[0].rotopoint.subjects[0].combine.drawn
    assert not is_outdated(part) and part.kind == "hold_in"
    assert read_coverage(min(Path(bpy.path.abspath(part.path)).iterdir())).max() == pytest.approx(
        0.5, abs=0.01
    )


@pytest.fixture
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[None]]:
    """How often mattes on screen were asked for at once."""
    calls: list[None] = []
    monkeypatch.setattr(host, "show_settings", lambda: calls.append(None))
    yield calls


def test_whatever_is_changed_of_it_shows_at_once(
    clip: bpy.types.MovieClip, asked_anew: list[None], tmp_path: Path
) -> None:
    hand, cup = clip.rotopoint.subjects
    changes = (
        lambda: bpy.ops.rotopoint.other_add(other=cup.uid),
        lambda: setattr(hand.combine.others[0], "how", "subtracted"),
        lambda: bpy.ops.rotopoint.other_remove(index=0),
        lambda: bpy.ops.rotopoint.drawn_mask_add(kind="garbage"),
        lambda: setattr(hand.combine.drawn[0], "path", str(tmp_path / "a.png")),
        lambda: setattr(hand.combine.drawn[0], "kind", "hold_in"),
        lambda: setattr(hand.combine.drawn[0], "use_range", True),
        lambda: setattr(hand.combine.drawn[0], "last", 3),
        lambda: bpy.ops.rotopoint.drawn_mask_remove(index=0),
        lambda: bpy.ops.rotopoint.override_add(setting="expand", first=2, last=6),
        lambda: setattr(hand.overrides[0], "last", 4),
        lambda: bpy.ops.rotopoint.override_remove(index=0),
    )
    for number, change in enumerate(changes):
        asked_anew.clear()
        change()
        assert asked_anew, number


def test_a_subject_is_looked_at_that_is_combined_with_one_without_prompts(
    clip: bpy.types.MovieClip,
) -> None:
    use_fake_worker()
    hand, cup = clip.rotopoint.subjects
    bpy.ops.rotopoint.other_add(other=cup.uid)
    bpy.ops.rotopoint.track()
    cup.points.clear()
    before = host.state_of(clip).previews
    before.look_again()
    host.look(clip, 2)
    host.wait(clip, 30.0)
    host.finish(clip, 2, solve=False)
    state = host.wait(clip, 30.0)
    assert overlay.mask_of(clip, hand, 2)[0].is_coverage and state.finished.fault == ""
    (looked,) = host._shot_to_look_at(clip).subjects
    assert looked.combine == Combination(), "what nothing is known of has no part in it"
    looked_at = host._shot_to_look_at(clip)
    looked_at.check_complete()
