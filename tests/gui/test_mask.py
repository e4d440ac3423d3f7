# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes become a Mask while Blender goes on, a frame at each turn of its loop."""

from __future__ import annotations

import pytest

from tests.gui.footage import COUNT
from tests.gui.windowed_blender import WindowedBlender

VERSIONS = [pytest.param("4.3", marks=pytest.mark.slow), "5.2"]

pytestmark = [pytest.mark.gui, pytest.mark.parametrize("blender", VERSIONS, indirect=True, scope="module")]

STATE = "part('host').state_of(bpy.data.movieclips[0])"


def test_a_mask_of_all_frames_is_shown(blender: WindowedBlender) -> None:
    blender.ask("bpy.ops.rotopoint.subject_add(name='runner')\nanswer = None")
    blender.ask("bpy.ops.rotopoint.point_add(x=0.5, y=0.5, frame=1)\nanswer = None")
    blender.invoke("rotopoint.track", direction="both")
    blender.until(f"{STATE}.message.startswith('Done: {COUNT} frames')")
    blender.move(0.5, 0.5)
    blender.invoke("rotopoint.mask_make", tolerance=1.0)
    blender.move(0.5, 0.5)
    blender.screenshot("tolerance")
    assert blender.ask("answer = len(bpy.data.masks)") == 0
    blender.key("Return")
    # The editor shows it when it is whole.
    blender.until("area().spaces.active.mask is not None")
    assert blender.ask("answer = [len(l.splines) > 0 for l in bpy.data.masks[0].layers]") == [True] * COUNT
    assert blender.ask("answer = [bpy.data.masks[0].frame_start, bpy.data.masks[0].frame_end]") == [1, COUNT]
    blender.ask("area().spaces.active.mode = 'MASK'\nanswer = None")
    blender.screenshot("mask")
