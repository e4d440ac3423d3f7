# SPDX-License-Identifier: GPL-3.0-or-later
"""Points, boxes and tracking by the mouse, in a Blender with windows."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gui.footage import COUNT
from tests.gui.windowed_blender import WindowedBlender

pytestmark = pytest.mark.gui

CLIP = "bpy.data.movieclips[0].rotopoint"
WINDOW = "bpy.context.window_manager.windows[0]"
NEAR = 0.004
"""One pixel of the screen and what the pointer's whole pixels cut off, of a clip some 500 pixels wide."""


@pytest.fixture(autouse=True)
def fresh(blender: WindowedBlender) -> None:
    """One subject without prompts."""
    blender.ask(
        f"{CLIP}.subjects.clear()\nbpy.context.scene.frame_current = 1\n"
        "bpy.ops.rotopoint.subject_add(name='runner')\nbpy.ops.ed.undo_push(message='fresh')\nanswer = None"
    )


def points(blender: WindowedBlender) -> list[list[float]]:
    """x, y, frame and whether positive, of each point."""
    return blender.ask(f"answer = [[p.x, p.y, p.frame, p.positive] for p in {CLIP}.subjects[0].points]")


def boxes(blender: WindowedBlender) -> list[list[float]]:
    return blender.ask(f"answer = [[b.x0, b.y0, b.x1, b.y1] for b in {CLIP}.subjects[0].boxes]")


def test_a_click_is_a_point_where_it_was_made(blender: WindowedBlender) -> None:
    for place, positive in (((0.25, 0.5), True), ((0.6, 0.7), True), ((0.8, 0.2), False)):
        blender.invoke("rotopoint.point_add", positive=positive)
        blender.click(*place)
        x, y, frame, kind = points(blender)[-1]
        assert (x, y) == pytest.approx(place, abs=NEAR)
        assert (frame, kind) == (1, positive)
    assert len(points(blender)) == 3


def test_the_frame_on_screen_gets_the_point(blender: WindowedBlender) -> None:
    blender.ask("bpy.context.scene.frame_current = 7\nanswer = None")
    blender.invoke("rotopoint.point_add", positive=True)
    blender.click(0.4, 0.4)
    assert points(blender)[0][2] == 7


def test_a_drag_is_a_box_and_ends_at_the_edge(blender: WindowedBlender) -> None:
    blender.invoke("rotopoint.box_add")
    blender.drag((0.2, 0.3), (0.4, 0.5), (0.7, 0.8))
    assert boxes(blender)[0] == pytest.approx([0.2, 0.3, 0.7, 0.8], abs=NEAR)
    blender.invoke("rotopoint.box_add")
    blender.drag((0.3, 0.3), (0.1, 0.1), (-0.05, 0.2))
    assert len(boxes(blender)) == 1
    assert boxes(blender)[0] == pytest.approx([0.0, 0.2, 0.3, 0.3], abs=NEAR)


def test_a_corner_of_a_box_is_dragged(blender: WindowedBlender) -> None:
    blender.invoke("rotopoint.box_add")
    blender.drag((0.2, 0.3), (0.7, 0.8))
    blender.invoke("rotopoint.prompt_move")
    blender.drag((0.7, 0.8), (0.5, 0.5), (0.1, 0.6))
    assert boxes(blender)[0] == pytest.approx([0.1, 0.3, 0.2, 0.6], abs=NEAR)


def test_a_point_is_dragged_and_removed(blender: WindowedBlender) -> None:
    for place in ((0.3, 0.3), (0.7, 0.7)):
        blender.invoke("rotopoint.point_add", positive=True)
        blender.click(*place)
    blender.invoke("rotopoint.prompt_move")
    blender.drag((0.7, 0.7), (0.65, 0.6), (0.6, 0.4))
    assert points(blender)[1][:2] == pytest.approx([0.6, 0.4], abs=NEAR)
    # Beyond the edge there is nothing to point at.
    blender.invoke("rotopoint.prompt_move")
    blender.drag((0.6, 0.4), (0.8, 0.4), (1.05, 0.4))
    blender.key("Escape")
    assert points(blender)[1][:2] == pytest.approx([0.6, 0.4], abs=NEAR)
    blender.invoke("rotopoint.prompt_remove")
    blender.click(0.3, 0.3)
    assert [p[:2] for p in points(blender)] == [pytest.approx([0.6, 0.4], abs=NEAR)]


@pytest.mark.parametrize("give_up", ["Escape", "right button"])
def test_giving_up_changes_nothing(blender: WindowedBlender, give_up: str) -> None:
    def stop() -> None:
        if give_up == "Escape":
            blender.key("Escape")
        else:
            blender.pointer("click", 3)

    blender.invoke("rotopoint.point_add", positive=True)
    stop()
    blender.click(0.5, 0.5)
    assert points(blender) == []
    blender.invoke("rotopoint.point_add", positive=True)
    blender.click(0.5, 0.5)
    placed = points(blender)
    blender.invoke("rotopoint.prompt_move")
    blender.move(0.5, 0.5)
    blender.pointer("mousedown", 1)
    blender.move(0.8, 0.8)
    stop()
    blender.pointer("mouseup", 1)
    assert points(blender) == placed


def test_undo_and_redo_by_the_keyboard(blender: WindowedBlender) -> None:
    for place in ((0.3, 0.3), (0.7, 0.7)):
        blender.invoke("rotopoint.point_add", positive=True)
        blender.click(*place)
    for key, left in (("ctrl+z", 1), ("ctrl+z", 0), ("ctrl+shift+z", 1), ("ctrl+shift+z", 2)):
        blender.key(key)
        assert len(points(blender)) == left


def test_the_matte_is_filled_and_outlined_at_its_edge(blender: WindowedBlender) -> None:
    blender.invoke("rotopoint.point_add", positive=True)
    blender.move(0.9, 0.9)
    before = blender.screenshot("without").astype(int)
    blender.click(0.5, 0.5)
    blender.until("part('host').state_of(bpy.data.movieclips[0]).previews", 30)
    blender.move(0.9, 0.9)
    after = blender.screenshot("matte").astype(int)
    changed = np.abs(after - before).max(axis=2)
    # Along a line from the point to the right, off the point itself: the fake worker's disc has a quarter of
    # the height as its radius.
    width, height = blender.ask("answer = list(bpy.data.movieclips[0].size)")
    edge = 0.5 + 0.25 * height / width
    (start, row), (end, _) = blender.at(0.55, 0.5), blender.at(edge + 0.08, 0.5)
    along = changed[row, start:end]
    drawn = np.flatnonzero(along > 12)
    reached = start + drawn.max()
    assert reached == pytest.approx(blender.at(edge, 0.5)[0], abs=4)
    assert len(drawn) > 0.95 * (drawn.max() + 1), "the area is not filled"
    rim = along[drawn.max() - 3 : drawn.max()].max()
    assert rim > 1.5 * np.median(along[: drawn.max() - 8]), "there is no outline"


def test_one_pointing_operator_waits_at_a_time(blender: WindowedBlender) -> None:
    blender.invoke("rotopoint.point_add", positive=True)
    blender.invoke("rotopoint.point_add", positive=False)
    blender.click(0.3, 0.3)
    blender.click(0.6, 0.6)
    assert [point[3] for point in points(blender)] == [False]


def test_a_waiting_click_ends_with_its_area_and_takes_its_hint_along(blender: WindowedBlender) -> None:
    blender.invoke("rotopoint.point_add", positive=True)
    blender.ask(f"{WINDOW}.workspace = bpy.data.workspaces['Compositing']\nanswer = None")
    blender.pointer("mousemove_relative", "--", 5, 5)
    blender.pointer("mousemove_relative", "--", -5, -5)
    blender.screenshot("other workspace")
    blender.ask(f"{WINDOW}.workspace = bpy.data.workspaces['Layout']\nanswer = None")
    blender.screenshot("back")
    blender.click(0.5, 0.5)
    assert points(blender) == []


def test_clicks_in_the_mask_mode_are_seen_and_other_views_say_why_not(blender: WindowedBlender) -> None:
    blender.ask("area().spaces.active.mode = 'MASK'\nanswer = None")
    blender.move(0.9, 0.9)
    before = blender.screenshot("mask mode before").astype(int)
    blender.invoke("rotopoint.point_add", positive=True)
    blender.click(0.5, 0.5)
    blender.move(0.9, 0.9)
    after = blender.screenshot("mask mode").astype(int)
    x, y = blender.at(0.5, 0.5)
    assert np.abs(after - before)[y - 6 : y + 6, x - 6 : x + 6].max() > 60, "the point is not drawn"
    blender.ask("area().spaces.active.mode = 'TRACKING'\narea().spaces.active.view = 'GRAPH'\nanswer = None")
    said = blender.ask(
        "with clip_editor():\n    try:\n        bpy.ops.rotopoint.point_add(x=0.5, y=0.5)\n"
        "    except RuntimeError as error:\n        answer = str(error)"
    )
    blender.ask("area().spaces.active.view = 'CLIP'\nanswer = None")
    assert "Switch the Clip Editor to its Clip view" in said


def test_deleting_the_last_subject_and_undo_leave_nothing_on_screen(blender: WindowedBlender) -> None:
    blender.move(0.9, 0.9)
    empty = blender.screenshot("empty").astype(int)
    blender.invoke("rotopoint.point_add", positive=True)
    blender.click(0.5, 0.5)
    blender.until("part('host').state_of(bpy.data.movieclips[0]).previews", 30)
    state = "part('host').state_of(bpy.data.movieclips[0])"
    blender.move(0.9, 0.9)
    x, y = blender.at(0.5, 0.6)

    def shows(name: str) -> bool:
        return bool(np.abs(blender.screenshot(name).astype(int) - empty)[y, x].max() > 12)

    blender.until(f"not {state}.tracking and not part('host').engine.working")
    assert shows("with a mask")
    blender.key("ctrl+z")
    blender.until(f"not {CLIP}.subjects[0].points")
    assert not shows("undone")
    blender.key("ctrl+shift+z")
    blender.until(f"{CLIP}.subjects[0].points")
    assert shows("redone")
    blender.ask("with clip_editor('UI'):\n    bpy.ops.rotopoint.subject_remove()\nanswer = None")
    blender.move(0.92, 0.9)
    assert not shows("deleted")


def test_a_click_shows_its_mask_and_tracking_does_not_block(blender: WindowedBlender) -> None:
    blender.invoke("rotopoint.point_add", positive=True)
    blender.move(0.9, 0.9)
    before = blender.screenshot("before").astype(int)
    blender.click(0.5, 0.5)
    blender.until("part('host').state_of(bpy.data.movieclips[0]).previews", 30)
    blender.move(0.9, 0.9)
    after = blender.screenshot("after").astype(int)
    # The fake worker's disc has a quarter of the height as its radius.
    changed = np.abs(after - before).max(axis=2) > 20
    inside, outside = blender.at(0.5, 0.65), blender.at(0.5, 0.95)
    assert changed[inside[1], inside[0]], "the mask is not drawn"
    assert not changed[outside[1], outside[0]]

    blender.invoke("rotopoint.track", direction="both")
    state = "part('host').state_of(bpy.data.movieclips[0])"
    blender.until(f"{state}.done >= 2")
    assert blender.ask(f"answer = {state}.tracking"), "it was over before anything else could be done"
    blender.ask("show_tab()\nanswer = None")
    blender.screenshot("tracking")
    blender.until(f"not {state}.tracking")
    assert blender.ask(f"answer = {state}.message") == f"Done: {COUNT} frames, {COUNT} of them new"

    # On a frame that was only tracked, its mask comes by itself.
    blender.ask("bpy.context.scene.frame_current = 9\nanswer = None")
    blender.until(f"({CLIP}.subjects[0].uid, 9) in {state}.previews")
    across, down = inside
    blender.until_shown("frame 9", lambda now: np.abs(now.astype(int) - before)[down, across].max() > 20)
    assert blender.ask(f"answer = {state}.message").startswith("Done")
