# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes on a strip in the Sequencer's preview, in a Blender with windows."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tests.gui.footage import COUNT
from tests.gui.windowed_blender import WindowedBlender

pytestmark = pytest.mark.gui

STATE = "part('host').state_of(bpy.data.movieclips[0])"

SHOW_STRIP = """
scene = bpy.context.scene
scene.render.resolution_x, scene.render.resolution_y = bpy.data.movieclips[0].size
scene.sequence_editor_create()
if hasattr(bpy.context.workspace, "sequencer_scene"):
    bpy.context.workspace.sequencer_scene = scene
strips = part("compat").top_strips(scene)
first = Path(bpy.path.abspath(bpy.data.movieclips[0].filepath))
strip = strips.new_image("plate", str(first), 1, 1)
for file in sorted(first.parent.iterdir())[1:]:
    strip.elements.append(file.name)
scene.sequence_editor.active_strip = strip
editor = area()
editor.type = "SEQUENCE_EDITOR"
editor.spaces.active.view_type = "PREVIEW"
answer = None
"""


def track(blender: WindowedBlender) -> None:
    blender.ask("bpy.ops.rotopoint.track()\nanswer = None")
    blender.until(f"not {STATE}.tracking")


def picture(blender: WindowedBlender, name: str) -> np.ndarray:
    # The preview is drawn by and by.
    time.sleep(1.5)
    return blender.screenshot(name).astype(int)


def changed(blender: WindowedBlender, name: str, before: np.ndarray, part: float) -> np.ndarray:
    """The screen as soon as more than this part of it is another than before. Asserts that it comes."""
    blender.until_shown(name, lambda shown: (np.abs(shown - before).max(axis=2) > 10).mean() > part)
    return blender.screenshot(name).astype(int)


def test_the_preview_shows_mattes_tracked_anew(blender: WindowedBlender) -> None:
    blender.ask("bpy.ops.rotopoint.subject_add(name='runner')\nanswer = None")
    blender.ask("bpy.ops.rotopoint.point_add(x=0.25, y=0.5, frame=1)\nanswer = None")
    track(blender)
    blender.ask(SHOW_STRIP)
    whole = picture(blender, "whole")
    blender.ask("bpy.ops.rotopoint.matte_strip()\nanswer = None")
    first = changed(blender, "first matte", whole, 0.05)

    blender.ask("bpy.data.movieclips[0].rotopoint.subjects[0].points[0].x = 0.7\nanswer = None")
    track(blender)
    assert blender.ask(f"answer = {STATE}.message") == f"Done: {COUNT} frames, {COUNT} of them new"
    changed(blender, "second matte", first, 0.02)
    assert Path(blender.folder / "second matte.png").is_file()
