# SPDX-License-Identifier: GPL-3.0-or-later
"""Pointing mode by mouse and keyboard: each change is a click, and a step of undo."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gui.windowed_blender import WindowedBlender

VERSIONS = [pytest.param("4.3", marks=pytest.mark.slow), "5.2"]

pytestmark = [pytest.mark.gui, pytest.mark.parametrize("blender", VERSIONS, indirect=True, scope="module")]

CLIP = "bpy.data.movieclips[0].rotopoint"
STATE = "part('host').state_of(bpy.data.movieclips[0])"
NEAR = 0.004


@pytest.fixture(autouse=True)
def pointing(blender: WindowedBlender) -> None:
    """Two subjects without prompts, the first active, and the mode entered by its key."""
    blender.ask(
        f"{CLIP}.subjects.clear()\nbpy.context.scene.frame_current = 1\n"
        "bpy.ops.rotopoint.subject_add(name='runner')\nbpy.ops.rotopoint.subject_add(name='ball')\n"
        f"{CLIP}.active_index = 0\nbpy.ops.ed.undo_push(message='fresh')\nanswer = None"
    )
    blender.move(0.5, 0.9)
    blender.key("Escape")
    blender.key("k")


def points(blender: WindowedBlender, subject: int = 0) -> list[list[float]]:
    """x, y, frame and whether positive, of each point."""
    return blender.ask(
        f"answer = [[p.x, p.y, p.frame, p.positive] for p in {CLIP}.subjects[{subject}].points]"
    )


def test_ten_points_are_ten_clicks(blender: WindowedBlender) -> None:
    places = [(0.1 + 0.08 * n, 0.3 + 0.04 * n) for n in range(10)]
    for place in places:
        blender.click(*place)
    found = points(blender)
    assert [p[:2] for p in found] == [pytest.approx(place, abs=NEAR) for place in places]
    assert all(p[3] for p in found)


def test_with_the_control_key_a_click_is_negative(blender: WindowedBlender) -> None:
    blender.click(0.5, 0.5)
    blender.pointer("keydown", "ctrl")
    blender.click(0.7, 0.5)
    blender.pointer("keyup", "ctrl")
    assert [p[3] for p in points(blender)] == [True, False]


def test_drags_move_what_is_there_and_draw_boxes_elsewhere(blender: WindowedBlender) -> None:
    blender.click(0.3, 0.3)
    blender.drag((0.3, 0.3), (0.35, 0.4), (0.4, 0.5))
    assert [p[:2] for p in points(blender)] == [pytest.approx([0.4, 0.5], abs=NEAR)]
    blender.drag((0.6, 0.3), (0.7, 0.5), (0.8, 0.7))
    box = f"answer = [getattr({CLIP}.subjects[0].boxes[0], n) for n in ('x0', 'y0', 'x1', 'y1')]"
    assert blender.ask(box) == pytest.approx([0.6, 0.3, 0.8, 0.7], abs=NEAR)
    blender.drag((0.8, 0.7), (0.8, 0.75), (0.9, 0.8))
    assert blender.ask(box) == pytest.approx([0.6, 0.3, 0.9, 0.8], abs=NEAR)
    assert len(points(blender)) == 1


def test_x_and_a_click_with_alt_remove_the_nearest(blender: WindowedBlender) -> None:
    for place in ((0.2, 0.5), (0.4, 0.5), (0.6, 0.5)):
        blender.click(*place)
    blender.move(0.4, 0.5)
    blender.key("x")
    assert [p[0] for p in points(blender)] == pytest.approx([0.2, 0.6], abs=NEAR)
    blender.pointer("keydown", "alt")
    blender.click(0.6, 0.5)
    blender.pointer("keyup", "alt")
    assert [p[0] for p in points(blender)] == pytest.approx([0.2], abs=NEAR)


def test_digits_choose_the_subject_and_arrows_the_frame(blender: WindowedBlender) -> None:
    blender.click(0.3, 0.5)
    blender.key("2")
    blender.key("Right")
    blender.click(0.6, 0.5)
    assert len(points(blender)) == 1
    assert [p[2] for p in points(blender, 1)] == [2]
    blender.key("9")
    assert blender.ask(f"answer = {CLIP}.active_index") == 1


def test_each_click_is_undone_by_itself_and_the_mode_goes_on(blender: WindowedBlender) -> None:
    for place in ((0.3, 0.3), (0.5, 0.5), (0.7, 0.7)):
        blender.click(*place)
    for key, left in (("ctrl+z", 2), ("ctrl+z", 1), ("ctrl+shift+z", 2)):
        blender.key(key)
        assert len(points(blender)) == left
    blender.click(0.2, 0.8)
    assert len(points(blender)) == 3


@pytest.mark.parametrize("end", ["Escape", "k", "right button"])
def test_the_mode_ends(blender: WindowedBlender, end: str) -> None:
    blender.click(0.3, 0.3)
    blender.move(0.5, 0.9)
    if end == "right button":
        blender.pointer("click", 3)
    else:
        blender.key(end)
    blender.click(0.6, 0.6)
    assert len(points(blender)) == 1


def test_a_drag_is_given_up_and_the_mode_goes_on(blender: WindowedBlender) -> None:
    blender.move(0.3, 0.3)
    blender.pointer("mousedown", 1)
    blender.move(0.6, 0.6)
    blender.key("Escape")
    blender.pointer("mouseup", 1)
    assert blender.ask(f"answer = len({CLIP}.subjects[0].boxes)") == 0
    blender.click(0.4, 0.4)
    assert len(points(blender)) == 1


def test_the_sidebar_takes_its_own_clicks(blender: WindowedBlender) -> None:
    blender.ask("show_tab()\nanswer = None")
    x, y = blender.ask(
        "side = region('UI')\nheight = bpy.context.window_manager.windows[0].height\n"
        "answer = [side.x + side.width // 2, height - 1 - side.y - 10]"
    )
    blender.pointer("mousemove", x, y)
    blender.pointer("click", 1)
    assert points(blender) == []
    # A field that took the click waits for its text.
    blender.key("Escape")


def test_a_locked_subject_stays_as_it_is(blender: WindowedBlender) -> None:
    blender.ask(f"{CLIP}.subjects[0].locked = True\nanswer = None")
    blender.click(0.3, 0.3)
    assert points(blender) == []
    blender.key("2")
    blender.click(0.4, 0.4)
    blender.until(f"len({CLIP}.subjects[1].points) == 1", 10)


def test_a_clip_without_subjects_gets_one_and_its_mask_shows(blender: WindowedBlender) -> None:
    blender.key("Escape")
    blender.ask(f"{CLIP}.subjects.clear()\nanswer = None")
    blender.move(0.9, 0.9)
    before = blender.screenshot("mode before").astype(int)
    blender.key("k")
    blender.click(0.5, 0.5)
    blender.until(f"{STATE}.previews and not part('host').engine.working", 30)
    blender.move(0.9, 0.9)
    after = blender.screenshot("mode").astype(int)
    x, y = blender.at(0.5, 0.62)
    assert np.abs(after - before)[y, x].max() > 12, "the mask is not drawn"
    assert blender.ask(f"answer = [s.name for s in {CLIP}.subjects]") == ["Subject 1"]


def test_tab_takes_another_of_the_masks_that_a_lone_point_can_mean(blender: WindowedBlender) -> None:
    candidates = f"answer = [p.candidate for p in {CLIP}.subjects[0].points]"
    mode = blender.ask("answer = area().spaces.active.mode")
    blender.key("Tab")
    assert points(blender) == [], "there is nothing to choose of yet"
    blender.click(0.5, 0.5)
    found = []
    for _ in range(5):
        blender.key("Tab")
        found += blender.ask(candidates)
    assert found == [1, 2, 3, 0, 1]
    blender.key("ctrl+z")
    assert blender.ask(candidates) == [0]
    blender.key("ctrl+shift+z")
    assert blender.ask(candidates) == [1]
    # Beside another point it means nothing, so nothing changes.
    blender.click(0.7, 0.5)
    blender.key("Tab")
    assert blender.ask(candidates) == [1, 0]
    assert blender.ask("answer = area().spaces.active.mode") == mode


def test_what_a_click_would_give_is_drawn_and_changes_nothing(blender: WindowedBlender) -> None:
    blender.move(0.9, 0.9)
    before = blender.screenshot("hover before").astype(int)
    blender.ask("bpy.context.window_manager.rotopoint_views.hover = True\nanswer = None")
    hovered, known = f"{STATE}.hovered", blender.ask(f"answer = len({STATE}.previews)")
    for x in (0.3, 0.5, 0.6):
        blender.move(x, 0.5)
    width = blender.ask("answer = bpy.data.movieclips[0].size[0]")
    blender.until(f"{hovered} and abs({hovered}.prompts[0].x - {0.6 * width}) < 3", 30)
    # What is answered is drawn at the turn after.
    blender.ask("answer = None")
    during = blender.screenshot("hover").astype(int)
    x, y = blender.at(0.55, 0.6)
    assert np.abs(during - before)[y, x].max() > 6, "what a click would give is not drawn"
    assert points(blender) == [] and blender.ask(f"answer = len({STATE}.previews)") == known

    blender.click(0.6, 0.5)
    blender.until(f"len({STATE}.previews) == {known + 1} and not part('host').engine.working", 30)
    assert len(points(blender)) == 1
    blender.move(0.3, 0.5)
    blender.until(f"{hovered} and len({hovered}.prompts) == 2", 30)
    blender.key("Escape")
    assert blender.ask(f"answer = {hovered} is None and len({STATE}.previews) == {known + 1}")
    assert len(points(blender)) == 1
    blender.ask("bpy.context.window_manager.rotopoint_views.hover = False\nanswer = None")
