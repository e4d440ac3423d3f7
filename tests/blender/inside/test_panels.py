# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels and the menu of the Clip Editor ask for nothing that this Blender has not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_addon import elsewhere, host, setup
from blender_addon.clip_editor import drawn_prompt, menu, panel
from blender_addon.faults import Remedy
from blender_addon.preferences import preferences
from tests.blender.inside.addon import load_clip, use_fake_worker
from tests.blender.inside.editing import Recorder, clip_editor, note_confidences
from tests.blender.inside.footage import COUNT, write_plates

pytestmark = pytest.mark.usefixtures("addon")

rotopoint = bpy.ops.rotopoint

OF_PREFERENCES = {"asset_library_add", "engine_test"}


@pytest.fixture
def clip(addon: None, tmp_path: Path) -> bpy.types.MovieClip:
    clip = load_clip(write_plates(tmp_path / "plates"))
    clip.rotopoint.folder = str(tmp_path / "mattes")
    return clip


def test_panels_and_menu_draw_what_this_blender_has(clip: bpy.types.MovieClip, tmp_path: Path) -> None:
    rotopoint.subject_add()
    rotopoint.mask_add(filepath=str(tmp_path / "mask.png"), frame=1)
    rotopoint.override_add(setting="edge", first=1)
    rotopoint.drawn_mask_add(kind="garbage")
    clip.rotopoint.subjects[0].combine.others.add().uid = clip.rotopoint.subjects[0].uid
    host.engine.device = "cpu"
    use_fake_worker()
    host.engine.command = preferences().command()
    note_confidences(clip, {7: 0.1})
    recorder = Recorder()
    with clip_editor(clip) as context:
        for tracking, remedy in ((False, Remedy.AGAIN), (True, Remedy.PREFERENCES)):
            host.engine.state(clip.session_uid).say("an error", failed=True, remedy=remedy)
            host.engine.state(clip.session_uid).tracking = tracking
            for cls in panel.CLASSES[1:]:
                assert cls.poll(context)
                cls.draw(SimpleNamespace(layout=recorder), context)
        menu.ROTOPOINT_MT_clip.draw(SimpleNamespace(layout=recorder), context)
        for _ in range(2):
            drawn_prompt.ROTOPOINT_MT_masks.draw(SimpleNamespace(layout=recorder), context)
            bpy.data.masks.new("outline")
        subject = clip.rotopoint.subjects[0]
        panel.ROTOPOINT_UL_subjects.draw_item(None, context, recorder, clip.rotopoint, subject, 0, clip, "")
    assert f"{COUNT - 1} frames left to track" in recorder.labels
    assert "an error" in " ".join(recorder.labels), recorder.labels
    assert "Frame 1: 1 of 1 prompts" in recorder.labels
    # The strip of frames has no button: it is drawn itself. Others are the preferences'.
    operators = [cls for cls in (*setup.CLASSES, *elsewhere.CLASSES) if issubclass(cls, bpy.types.Operator)]
    of_preferences = {cls.bl_idname.partition(".")[2] for cls in operators} | OF_PREFERENCES
    of_clips = {name for name in dir(rotopoint) if "strip" not in name} - {"timeline", *of_preferences}
    assert {name.removeprefix("rotopoint.") for name in recorder.operators} == of_clips
