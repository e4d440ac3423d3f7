# SPDX-License-Identifier: GPL-3.0-or-later
"""How mattes are made is asked in Blender by properties that core's settings describe."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import bpy
import pytest

from blender_addon import compat, matte_properties, shots
from rotopoint.shot import MatteEdge, MatteOverride, MatteSettings, Subject
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.matte_settings import MATTE_SETTINGS
from rotopoint.shot.setting import Setting
from tests.blender.inside.addon import add_subject, load_clip
from tests.blender.inside.footage import write_plates

pytestmark = pytest.mark.usefixtures("addon")


@pytest.mark.parametrize("described", MATTE_SETTINGS.values(), ids=MATTE_SETTINGS)
def test_each_setting_is_a_property(described: Setting) -> None:
    shown = matte_properties.ROTOPOINT_PG_matte.bl_rna.properties[described.name]
    assert (shown.name, shown.description) == (described.label, described.help)
    if issubclass(described.kind, Enum):
        items = {item.identifier: item.description for item in shown.enum_items}
        assert items == {member.value: described.choices[member] for member in described.kind}
        assert shown.default == described.default.value
    else:
        assert shown.default == described.default
    if described.kind in (int, float):
        assert (shown.hard_min, shown.hard_max) == (described.least, described.most)


def test_a_new_subject_asks_for_the_defaults(tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plates"))
    add_subject(clip, "ball", (1, 0.5, 0.5, True))
    assert shots.shot_of(clip).subjects[0].matte == MatteSettings()


def test_a_copy_of_a_subject_has_its_settings(tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plates"))
    add_subject(clip, "ball", (1, 0.5, 0.5, True))
    subject = clip.rotopoint.subjects[0]
    override = MatteOverride(FrameRange(ClipFrame(2), ClipFrame(3)), "edge", MatteEdge.SOFT)
    subject.matte.largest_hole = 12
    matte_properties.fill_override(subject.overrides.add(), override)
    bpy.context.scene.active_clip = clip
    bpy.ops.rotopoint.subject_duplicate()
    copied = shots.subject_of(clip.rotopoint.subjects[1], clip)
    assert (copied.matte, copied.overrides) == (MatteSettings(largest_hole=12), (override,))


def test_a_file_of_before_asks_of_each_subject_what_it_asked_of_all(tmp_path: Path) -> None:
    clip = load_clip(write_plates(tmp_path / "plates"))
    for name in ("ball", "dog"):
        add_subject(clip, name, (1, 0.5, 0.5, True))
    clip.rotopoint.range_first = 2
    kept = compat.kept_values(clip.rotopoint)
    kept["edge"], kept["largest_hole"] = 1, 40
    name = clip.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "before.blend"))
    for _ in range(2):
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "before.blend"))
        clip = bpy.data.movieclips[name]
        asked = [subject.matte for subject in shots.shot_of(clip).subjects]
        assert asked == [MatteSettings(MatteEdge.SOFT, largest_hole=40)] * 2
        # What a person chooses from now on stays.
        clip.rotopoint.subjects[1].matte.edge = "hard"
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "now.blend"))
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "now.blend"))
        edges = [subject.matte.edge for subject in bpy.data.movieclips[name].rotopoint.subjects]
        assert edges == ["soft", "hard"]


@pytest.fixture
def clip(tmp_path: Path) -> bpy.types.MovieClip:
    clip = load_clip(write_plates(tmp_path / "plates"))
    add_subject(clip, "ball", (1, 0.5, 0.5, True))
    return clip


def asked_of(clip: bpy.types.MovieClip) -> Subject:
    return shots.subject_of(clip.rotopoint.subjects[0], clip)


def test_a_setting_is_otherwise_on_some_frames(clip: bpy.types.MovieClip) -> None:
    rotopoint = bpy.ops.rotopoint
    clip.rotopoint.subjects[0].matte.largest_hole = 5
    bpy.context.scene.frame_set(3)
    rotopoint.override_add(setting="largest_hole")
    rotopoint.override_add(setting="edge", first=2, last=6)
    clip.rotopoint.subjects[0].overrides[0].values.largest_hole = 9
    clip.rotopoint.subjects[0].overrides[1].values.edge = "hard"
    found = [asked_of(clip).settings_on(frame) for frame in (1, 2, 3, 6, 7)]
    assert [settings.largest_hole for settings in found] == [5, 5, 9, 5, 5]
    assert [settings.edge is MatteEdge.HARD for settings in found] == [False, True, True, True, False]
    with pytest.raises(RuntimeError, match="said twice on frame 4"):
        rotopoint.override_add(setting="edge", first=4)
    rotopoint.override_remove(index=0)
    assert [override.name for override in asked_of(clip).overrides] == ["edge"]
    with pytest.raises(RuntimeError, match="has 1 settings"):
        rotopoint.override_remove(index=1)
