# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking in a window: from the frame on screen on, given up by a key, asked about before it is lost."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.gui.footage import COUNT
from tests.gui.windowed_blender import WindowedBlender, fake_engine_command

VERSIONS = [pytest.param("4.3", marks=pytest.mark.slow), "5.2"]

pytestmark = [pytest.mark.gui, pytest.mark.parametrize("blender", VERSIONS, indirect=True, scope="module")]

CLIP = "bpy.data.movieclips[0].rotopoint"
STATE = "part('host').state_of(bpy.data.movieclips[0])"
BAR_HEIGHT = 24
"""Pixels at the screen's bottom in which the status bar lies."""

QUESTION = 0.02
"""Of the screen, at least, changes where Blender asks."""


@pytest.fixture(autouse=True)
def fresh(blender: WindowedBlender) -> None:
    """One subject with a point on the first frame, which nobody has tracked."""
    blender.ask(
        f"{CLIP}.subjects.clear()\nbpy.context.scene.frame_current = 1\n"
        "bpy.ops.rotopoint.subject_add(name='runner')\nbpy.ops.rotopoint.point_add(x=0.4, y=0.5, frame=1)\n"
        "bpy.ops.ed.undo_push(message='fresh')\nanswer = None"
    )
    blender.until("not part('host').engine.working")
    blender.move(0.5, 0.9)


def use_worker(blender: WindowedBlender, seconds: float) -> None:
    """The worker without a model, which takes this long for a frame."""
    command = fake_engine_command("--slow", str(seconds))
    blender.ask(
        "part('host').engine.close()\n"
        f"preferences.addons[MODULE].preferences.engine = join({command!r})\nanswer = None"
    )


def test_escape_ends_a_track_and_keeps_its_frames(blender: WindowedBlender) -> None:
    use_worker(blender, 1.0)
    before = blender.screenshot("idle").astype(int)
    blender.ask("show_tab()\nbpy.context.scene.frame_current = 3\nanswer = None")
    blender.invoke("rotopoint.track_from_here")
    blender.until(f"{STATE}.done >= 1")
    shown = blender.screenshot("tracking").astype(int)
    assert np.abs(shown - before)[-BAR_HEIGHT:, 800:].max() > 60, "the status bar does not say that it tracks"
    blender.key("Escape")
    blender.until(f"not {STATE}.tracking")
    done = blender.ask(f"answer = {STATE}.done")
    assert 1 <= done < COUNT - 2
    assert blender.ask(f"answer = {STATE}.message") == "Cancelled; finished frames are kept"
    after = blender.screenshot("cancelled").astype(int)
    assert np.abs(after - before)[-BAR_HEIGHT:, 800:].max() < 60, "the status bar goes on saying so"


def test_by_one_frame_the_picture_goes_along(blender: WindowedBlender) -> None:
    use_worker(blender, 0.0)
    for backward, frame in ((False, 2), (False, 3), (True, 2)):
        blender.invoke("rotopoint.track_from_here", single=True, backward=backward)
        blender.until(f"not {STATE}.tracking")
        assert blender.ask("answer = bpy.context.scene.frame_current") == frame


def test_blender_asks_before_another_file_ends_the_track(blender: WindowedBlender) -> None:
    use_worker(blender, 1.0)
    blender.invoke("rotopoint.track")
    blender.until(f"{STATE}.done >= 1")
    blender.ask("bpy.ops.wm.save_mainfile()\nanswer = None")
    blender.until("bpy.data.is_dirty")
    before = blender.screenshot("before").astype(int)
    blender.key("ctrl+o")
    deadline = time.monotonic() + 20.0
    while (np.abs(blender.screenshot("asked").astype(int) - before).max(axis=2) > 20).mean() < QUESTION:
        assert time.monotonic() < deadline, "nothing is asked"
    assert blender.ask(f"answer = {STATE}.tracking"), "it was over before the question came"
    blender.key("Escape")
    assert blender.ask(f"answer = [len({CLIP}.subjects), len(bpy.context.window_manager.windows)]") == [1, 1]
    blender.move(0.5, 0.9)
    blender.key("Escape")
    blender.until(f"not {STATE}.tracking")
    assert blender.ask(f"answer = {STATE}.message").startswith("Cancelled")
