# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sidebar says is there to be read, and the button beside it helps."""

from __future__ import annotations

import pytest

from tests.gui.windowed_blender import WindowedBlender

pytestmark = pytest.mark.gui

CLIP = "bpy.data.movieclips[0]"
STATE = f"part('host').state_of({CLIP})"


def test_without_an_engine_the_panel_says_so_and_opens_the_preferences(blender: WindowedBlender) -> None:
    blender.ask(
        "part('host').engine.close()\npreferences.addons[MODULE].preferences.engine = ''\n"
        "bpy.ops.rotopoint.subject_add(name='runner')\nshow_tab()\nanswer = None"
    )
    blender.invoke("rotopoint.point_add", positive=True)
    blender.click(0.5, 0.5)
    blender.until(f"{STATE}.failed")
    blender.move(0.9, 0.9)
    blender.screenshot("no engine")
    windows = blender.ask("answer = len(bpy.context.window_manager.windows)")
    blender.invoke("rotopoint.preferences_show")
    blender.until(f"len(bpy.context.window_manager.windows) > {windows}")
    blender.screenshot("preferences")
