# SPDX-License-Identifier: GPL-3.0-or-later
"""Before a click does what may be wrong Blender shows a question, and does it where a person agrees."""

from __future__ import annotations

import pytest

from tests.gui.footage import COUNT
from tests.gui.windowed_blender import WindowedBlender

pytestmark = pytest.mark.gui

CLIP = "bpy.data.movieclips[0]"
STATE = f"part('host').state_of({CLIP})"
WIRED = "part('compositor').wired_subjects(bpy.context.scene, bpy.data.movieclips[0])"


def test_mattes_of_another_blend_are_wired_and_replaced_by_a_second_click(blender: WindowedBlender) -> None:
    blender.ask("bpy.ops.rotopoint.subject_add(name='runner')\nanswer = None")
    blender.ask("bpy.ops.rotopoint.point_add(x=0.5, y=0.5, frame=1)\nanswer = None")
    blender.invoke("rotopoint.track", direction="both")
    blender.until(f"{STATE}.message.startswith('Done: {COUNT} frames')")
    blender.ask(
        "path = bpy.data.filepath\nbpy.ops.wm.save_mainfile()\n"
        f"bpy.ops.wm.save_as_mainfile(filepath=path.replace('shot.blend', 'v2.blend'))\n"
        f"{CLIP}.rotopoint.subjects[0].points[0].x = 0.25\nanswer = None"
    )
    blender.ask("show_tab()\nanswer = None")
    blender.move(0.5, 0.5)

    blender.invoke("rotopoint.wire")
    blender.move(0.5, 0.5)
    blender.screenshot("wire anyway")
    assert not blender.ask(f"answer = bool({WIRED})")
    blender.key("Escape")
    assert not blender.ask(f"answer = bool({WIRED})")
    blender.invoke("rotopoint.wire")
    blender.key("Return")
    blender.until(WIRED)

    blender.invoke("rotopoint.track", direction="both")
    blender.screenshot("replace")
    assert not blender.ask(f"answer = {STATE}.tracking")
    blender.key("Escape")
    assert not blender.ask(f"answer = {STATE}.tracking")
    blender.invoke("rotopoint.track", direction="both")
    blender.key("Return")
    blender.until(f"{STATE}.tracking")
    blender.until(f"not {STATE}.tracking")
    # Its own from now on: nothing is asked.
    blender.ask(f"{CLIP}.rotopoint.subjects[0].points[0].x = 0.3\nanswer = None")
    blender.invoke("rotopoint.track", direction="both")
    blender.until(f"{STATE}.tracking")
    blender.until(f"not {STATE}.tracking")


def test_another_file_opens_while_a_worker_works(blender: WindowedBlender) -> None:
    blender.ask("bpy.ops.wm.save_mainfile()\nanswer = None")
    blender.invoke("rotopoint.track", direction="both")
    blender.until(f"{STATE}.tracking")
    taken = blender.ask(
        "import time\nbegun = time.perf_counter()\npart('host')._end()\nanswer = time.perf_counter() - begun"
    )
    assert taken < 0.016
    blender.ask("part('host').engine.wait_until_closed()\nanswer = None")
