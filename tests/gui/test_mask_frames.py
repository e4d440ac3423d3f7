# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender Mask drawn into files while the person waits, in a Blender with windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rotopoint.clip.mask_file import read_coverage
from tests.gui.footage import COUNT
from tests.gui.windowed_blender import WindowedBlender

VERSIONS = [pytest.param("4.3", marks=pytest.mark.slow), "5.2"]

pytestmark = [pytest.mark.gui, pytest.mark.parametrize("blender", VERSIONS, indirect=True, scope="module")]

SUBJECT = "bpy.data.movieclips[0].rotopoint.subjects[0]"

MASK = """
mask = bpy.data.masks.new('left')
spline = mask.layers.new(name='left').splines.new()
spline.use_cyclic = True
spline.points.add(3)
for point, place in zip(spline.points, ((0.1, 0.4), (0.5, 0.4), (0.5, 0.6), (0.1, 0.6))):
    point.handle_type = 'VECTOR'
    point.co = point.handle_left = point.handle_right = place
with clip_editor('UI'):
    bpy.context.space_data.mode = 'MASK'
    bpy.context.space_data.mask = mask
    bpy.ops.rotopoint.drawn_mask_render('EXEC_DEFAULT', kind='garbage')
answer = None
"""


def test_a_mask_is_drawn_while_blender_goes_on(blender: WindowedBlender) -> None:
    blender.ask("bpy.ops.rotopoint.subject_add(name='runner')\nanswer = None")
    blender.ask(MASK)
    blender.screenshot("drawing")
    blender.until(f"len({SUBJECT}.combine.drawn) == 1")
    folder = Path(blender.ask(f"answer = bpy.path.abspath({SUBJECT}.combine.drawn[0].path)"))
    files = sorted(folder.iterdir())
    assert len(files) == COUNT
    covered = read_coverage(files[0]) > 0.5
    assert np.flatnonzero(covered.any(0))[-1] == pytest.approx(covered.shape[1] / 2, abs=2)
    blender.screenshot("drawn")
    # Edited since: the panel says so, and the button beside it draws again.
    blender.ask("bpy.data.masks['left'].layers[0].alpha = 0.5\nanswer = None")
    outdated = f"part('mask_watch').is_outdated({SUBJECT}.combine.drawn[0])"
    blender.until(outdated)
    blender.ask("show_tab()\nanswer = None")
    blender.move(0.5, 0.5)
    blender.screenshot("edited")
    blender.invoke("rotopoint.drawn_mask_render", again=0)
    blender.until(f"not {outdated}")
    assert read_coverage(files[0]).max() == pytest.approx(0.5, abs=0.01)
    assert blender.ask("answer = len(bpy.data.scenes)") == 1
