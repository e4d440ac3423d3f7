# SPDX-License-Identifier: GPL-3.0-or-later
"""The strip of frames at the Clip Editor's bottom: what it shows, where a click leads, ranges by two keys."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gui.footage import COUNT
from tests.gui.windowed_blender import WindowedBlender

VERSIONS = [pytest.param("4.3", marks=pytest.mark.slow), "5.2"]

pytestmark = [pytest.mark.gui, pytest.mark.parametrize("blender", VERSIONS, indirect=True, scope="module")]

CLIP = "bpy.data.movieclips[0].rotopoint"
STATE = "part('host').state_of(bpy.data.movieclips[0])"
FRAME = "bpy.context.scene.frame_current"

PLACE = """
timeline = part("clip_editor.timeline")
with clip_editor():
    strip = timeline.strip_in(bpy.context, bpy.context.region)[0]
shown = region("WINDOW")
height = bpy.context.window_manager.windows[0].height
answer = [
    [round(shown.x + strip.place_of(frame + 0.5)), round(height - 1 - shown.y - strip.top + below)]
    for frame, below in {places}
]
"""


@pytest.fixture(autouse=True, scope="module")
def tracked(blender: WindowedBlender) -> None:
    """Two subjects, the second without a track; of some frames of the first a person has said something."""
    blender.ask(
        "bpy.ops.rotopoint.subject_add(name='runner')\nbpy.ops.rotopoint.point_add(x=0.4, y=0.5, frame=2)\n"
        "answer = None"
    )
    blender.invoke("rotopoint.track")
    blender.until(f"{STATE}.message.startswith('Done')")
    blender.ask(
        "bpy.ops.rotopoint.absent_set(first=10)\nbpy.ops.rotopoint.approve(first=6, last=7)\n"
        "bpy.ops.rotopoint.subject_add(name='a ball with a long name')\n"
        f"{CLIP}.active_index = 0\nbpy.ops.ed.undo_push(message='tracked')\nanswer = None"
    )


@pytest.fixture(autouse=True)
def rested(blender: WindowedBlender) -> None:
    blender.ask(f"{FRAME} = 12\nanswer = None")
    blender.move(0.5, 0.9)


def on_strip(blender: WindowedBlender, *places: tuple[int, int]) -> list[list[int]]:
    """Where clip frames are on the screen, so many pixels below the strip's top."""
    return blender.ask(PLACE.format(places=list(places)))


def test_it_shows_how_each_frame_stands(blender: WindowedBlender) -> None:
    picture = blender.screenshot("timeline").astype(int)

    def color(frame: int, below: int) -> np.ndarray:
        ((x, y),) = on_strip(blender, (frame, below))
        return picture[y, x - 6 : x - 2].mean(axis=0)

    plain, weak = color(5, 9), color(4, 3)
    assert np.abs(color(4, 9) - plain).max() < 12, "a weak frame is tracked"
    assert np.abs(weak - color(5, 3)).max() > 60, "a weak frame looks like the others"
    assert np.abs(color(6, 1) - plain).max() > 60, "an approved frame looks like the others"
    assert np.abs(color(10, 9) - plain).max() > 60, "an absent frame looks tracked"
    assert np.abs(color(11, 9) - plain).max() > 30, "a stale frame looks tracked"
    # The second row, of a subject without prompts.
    assert np.abs(color(5, 20) - color(10, 20)).max() < 12


def test_a_click_and_a_drag_go_to_a_frame_and_set_no_point(blender: WindowedBlender) -> None:
    count = blender.ask(f"answer = len({CLIP}.subjects[0].points)")
    for mode in ("outside of the mode", "pointing"):
        if mode == "pointing":
            blender.key("k")
        (x, y), (to_x, to_y) = on_strip(blender, (3, 5), (9, 5))
        blender.pointer("mousemove", x, y)
        blender.pointer("mousedown", 1)
        assert blender.ask(f"answer = {FRAME}") == 3, mode
        blender.pointer("mousemove", to_x, to_y)
        blender.pointer("mouseup", 1)
        assert blender.ask(f"answer = {FRAME}") == 9, mode
    blender.key("Escape")
    assert blender.ask(f"answer = len({CLIP}.subjects[0].points)") == count


def test_a_range_is_approved_and_absent_by_two_keys(blender: WindowedBlender) -> None:
    blender.ask("show_tab()\nanswer = None")
    for key, read, expected in (
        ("u", "[a.frame for a in {0}.approved]", [6, 7, 3, 4, 5]),
        ("alt+u", "[a.frame for a in {0}.approved]", [6, 7]),
        ("shift+u", "[[p.first, p.last] for p in {0}.absent]", [[3, 5], [10, 10]]),
        ("shift+alt+u", "[[p.first, p.last] for p in {0}.absent]", [[10, 10]]),
    ):
        blender.ask(f"{FRAME} = 5\nanswer = None")
        blender.move(0.5, 0.9)
        blender.key("j")
        blender.ask(f"{FRAME} = 3\nanswer = None")
        blender.move(0.52, 0.9)
        if key == "u":
            blender.screenshot("range")
        blender.key(key)
        assert blender.ask("answer = " + read.format(f"{CLIP}.subjects[0]")) == expected, key
        assert blender.ask(f"answer = {STATE}.range_start") is None


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_it_grows_with_the_interface(blender: WindowedBlender, scale: float) -> None:
    before = blender.ask("answer = bpy.context.preferences.view.ui_scale")
    blender.ask(f"bpy.context.preferences.view.ui_scale = {scale}\nanswer = None")
    blender.move(0.5, 0.9)
    blender.screenshot(f"timeline at {scale}")
    (first, last) = on_strip(blender, (1, 5), (COUNT, 5))
    blender.ask(f"bpy.context.preferences.view.ui_scale = {before}\nanswer = None")
    assert last[0] - first[0] > 300
