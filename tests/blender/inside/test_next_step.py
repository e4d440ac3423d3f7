# SPDX-License-Identifier: GPL-3.0-or-later
"""Who opens the tab for the first time is told what to do next, until there is something to track."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_addon import host
from blender_addon.clip_editor.next_step import (
    CLIP,
    ENGINE,
    POINT,
    SAVE,
    TRACK,
    ROTOPOINT_PT_next_step,
    Step,
    clip_step,
    next_step,
)
from blender_addon.engine_state import draw_engine
from blender_addon.preferences import join_command, preferences
from tests.blender.inside.addon import add_subject, load_clip, use_fake_worker
from tests.blender.inside.editing import Recorder, note_confidences
from tests.blender.inside.footage import write_plates

pytestmark = pytest.mark.usefixtures("addon")


def test_each_step_follows_the_one_before(addon: None, tmp_path: Path) -> None:
    preferences().engine = preferences().interpreter = ""
    assert next_step(bpy.context) is CLIP
    clip = load_clip(write_plates(tmp_path / "plates"))
    step = next_step(bpy.context)
    assert step is not None and step.operator == "rotopoint.preferences_show"
    assert "set up the large one in the add-on's preferences" in step.text
    use_fake_worker()
    assert next_step(bpy.context) is POINT, "which adds a subject"
    add_subject(clip, "runner")
    assert next_step(bpy.context) is POINT
    (subject,) = clip.rotopoint.subjects
    point = subject.points.add()
    point.frame, point.positive = 1, True
    assert next_step(bpy.context) is SAVE
    clip.rotopoint.folder = str(tmp_path / "mattes")
    assert next_step(bpy.context) is None and clip_step(bpy.context) is TRACK
    host.state_of(clip).tracking = True
    assert clip_step(bpy.context) is None
    host.state_of(clip).tracking = False
    note_confidences(clip, {1: 0.9})
    assert clip_step(bpy.context) is None


@pytest.mark.parametrize("step", [CLIP, ENGINE, POINT, SAVE, TRACK])
def test_each_button_is_an_operator(step: Step) -> None:
    module, name = step.operator.split(".")
    assert name in dir(getattr(bpy.ops, module))


def test_the_step_and_the_engine_are_drawn(tmp_path: Path) -> None:
    use_fake_worker()
    load_clip(write_plates(tmp_path / "plates"))
    recorder = Recorder()
    panel = SimpleNamespace(layout=recorder)
    assert ROTOPOINT_PT_next_step.poll(bpy.context)
    ROTOPOINT_PT_next_step.draw(panel, bpy.context)
    draw_engine(recorder, bpy.context, brought=True, named=False)
    assert POINT.text in recorder.labels and "nothing to install" in " ".join(recorder.labels)
    assert "rotopoint.engine_test" in recorder.operators


def test_the_engine_is_tested_at_a_press(tmp_path: Path) -> None:
    host.engine.close()
    preferences().engine = str(tmp_path / "no_such_engine")
    with pytest.raises(RuntimeError, match="no_such_engine"):
        bpy.ops.rotopoint.engine_test()
    preferences().engine = join_command([sys.executable, "-c", "raise SystemExit('broken here')"])
    with pytest.raises(RuntimeError, match="broken here"):
        bpy.ops.rotopoint.engine_test()
    use_fake_worker()
    assert bpy.ops.rotopoint.engine_test() == {"FINISHED"}
    assert host.engine.started and host.engine.device and not host.engine.fault
    host.engine.close()
