# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes in the window: settings change what is shown, and the Deliver dialog writes files."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.gui.footage import COUNT
from tests.gui.windowed_blender import WindowedBlender

VERSIONS = [pytest.param("4.3", marks=pytest.mark.slow), "5.2"]

pytestmark = [pytest.mark.gui, pytest.mark.parametrize("blender", VERSIONS, indirect=True, scope="module")]

CLIP = "bpy.data.movieclips[0]"
SUBJECT = f"{CLIP}.rotopoint.subjects[0]"
STATE = f"part('host').state_of({CLIP})"
NEWEST = f"{STATE}.finished.newest({SUBJECT}.uid, 1)"


def tint(blender: WindowedBlender, picture: np.ndarray, x: float, y: float) -> float:
    """How much more red than blue a place of the clip is on a screenshot."""
    across, down = blender.at(x, y)
    patch = picture[down - 1 : down + 2, across - 1 : across + 2].reshape(-1, 3).mean(axis=0)
    return float(patch[2] - patch[0])


@pytest.fixture(autouse=True)
def runner(blender: WindowedBlender) -> None:
    """A subject with a point in the middle of frame 1, in an empty clip."""
    blender.ask(
        f"{CLIP}.rotopoint.subjects.clear()\nbpy.context.scene.frame_current = 1\n"
        "bpy.ops.rotopoint.subject_add(name='runner')\n"
        "bpy.ops.rotopoint.point_add(x=0.5, y=0.5, frame=1)\nshow_tab()\nanswer = None"
    )
    blender.move(0.5, 0.5)


def test_a_changed_setting_changes_what_is_shown(blender: WindowedBlender) -> None:
    blender.invoke("rotopoint.preview")
    blender.until(NEWEST)
    # A disc of a quarter of the picture's height: this lies outside, by a tenth of it.
    outside = (0.5, 0.5 + 0.35)
    blender.move(0.1, 0.1)
    before = tint(blender, blender.screenshot("as it is"), *outside)
    blender.ask(f"height = {CLIP}.size[1]\n{SUBJECT}.matte.expand = 0.2 * height\nanswer = None")
    blender.until(f"{NEWEST}.values.mean() > 1.5 * 255 * 3.14 / 16 * {CLIP}.size[1] / {CLIP}.size[0]")
    blender.move(0.1, 0.12)
    # The state has it before the window does.
    blender.until_shown("expanded", lambda screen: tint(blender, screen, *outside) > before + 20)


def test_the_dialog_delivers_and_says_where(blender: WindowedBlender) -> None:
    blender.invoke("rotopoint.track", direction="both")
    blender.until(f"{STATE}.message.startswith('Done: {COUNT} frames')")
    # So slow that a person can end it.
    blender.set_worker(1.0)
    blender.invoke("rotopoint.deliver")
    blender.move(0.5, 0.5)
    blender.screenshot("deliver")
    assert blender.ask(f"answer = {STATE}.delivery is None"), "it waits for OK"
    blender.key("Return")
    blender.until(f"{STATE}.delivery and {STATE}.delivery.done >= 1")
    blender.move(0.5, 0.45)
    blender.screenshot("delivering")
    blender.key("Escape")
    blender.until(f"not {STATE}.delivery.working")
    said = blender.ask(f"answer = {STATE}.delivery.message")
    assert said.startswith("Cancelled after"), said
    blender.set_worker(0.05)
    blender.invoke("rotopoint.deliver")
    blender.key("Return")
    blender.until(f"{STATE}.delivery.message.startswith('Delivered {COUNT} frames')")
    blender.move(0.5, 0.5)
    blender.screenshot("delivered")


MIDDLE = """
import numpy as np
viewer = bpy.data.images.get('Viewer Node')
answer = None
if viewer is not None and viewer.size[0] == bpy.data.movieclips[0].size[0]:
    width, height = viewer.size
    pixels = np.empty(width * height * 4, np.float32)
    viewer.pixels.foreach_get(pixels)
    columns = pixels.reshape(height, width, 4)[..., 3].sum(axis=0)
    if columns.any():
        answer = float((columns * np.arange(width)).sum() / columns.sum() / width)
"""
"""Where the Viewer's alpha has its middle, 0..1 of its width; None before it shows anything."""


def test_the_compositing_workspace_shows_the_cut_out_and_what_is_tracked_anew(
    blender: WindowedBlender,
) -> None:
    blender.invoke("rotopoint.track", direction="both")
    blender.until(f"{STATE}.message.startswith('Done: {COUNT} frames')")
    blender.ask(
        "bpy.ops.rotopoint.wire()\nwindow = bpy.context.window_manager.windows[0]\n"
        "window.workspace = bpy.data.workspaces['Compositing']\nanswer = None"
    )
    for place in (0.5, 0.3):
        if place != 0.5:
            blender.ask(f"{SUBJECT}.points[0].x = {place}\npart('host').ask_track({CLIP})\nanswer = None")
            blender.until(f"not {STATE}.tracking")
        deadline = time.monotonic() + 60.0
        while abs((blender.ask(MIDDLE) or 0.0) - place) > 0.01:
            assert time.monotonic() < deadline, blender.ask(MIDDLE)
            time.sleep(0.1)
        blender.screenshot(f"viewer {place}")
