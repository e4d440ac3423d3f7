# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking in a window: from point to fixed clip, given up, asked about, told over time, taken up again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.gui.footage import COUNT
from tests.gui.windowed_blender import WindowedBlender

VERSIONS = [pytest.param("4.3", marks=pytest.mark.slow), "5.2"]

pytestmark = [pytest.mark.gui, pytest.mark.parametrize("blender", VERSIONS, indirect=True, scope="module")]

CLIP = "bpy.data.movieclips[0].rotopoint"
STATE = "part('host').state_of(bpy.data.movieclips[0])"
BAR_HEIGHT = 24
"""Pixels at the screen's bottom in which the status bar lies."""

WEAK = 4
"""The first frame of which the worker without a model is not sure."""

QUESTION = 0.02
"""Of the screen, at least, changes where Blender asks."""


FRAME = "bpy.context.scene.frame_current"
STANDING = "part('host').standing_of(bpy.data.movieclips[0])"

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


@pytest.fixture
def slow(blender: WindowedBlender) -> Iterator[None]:
    """The worker without a model takes a second for a frame, not a twentieth of one."""
    blender.set_worker(1.0)
    yield
    if blender.is_open:
        blender.set_worker(0.05)


def test_escape_ends_a_track_and_keeps_its_frames(blender: WindowedBlender, slow: None) -> None:
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
    for backward, frame in ((False, 2), (False, 3), (True, 2)):
        blender.invoke("rotopoint.track_from_here", single=True, backward=backward)
        blender.until(f"not {STATE}.tracking")
        assert blender.ask("answer = bpy.context.scene.frame_current") == frame


def test_blender_asks_before_another_file_ends_the_track(blender: WindowedBlender, slow: None) -> None:
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


def test_point_track_jump_correct_and_track_again(blender: WindowedBlender) -> None:
    blender.ask(f"{CLIP}.subjects[0].points.clear()\nanswer = None")
    blender.key("k")
    blender.click(0.4, 0.5)
    blender.invoke("rotopoint.track_from_here")
    blender.until(f"{STATE}.message.startswith('Done')")
    assert blender.ask(f"answer = {STANDING}.due") == 0
    blender.move(0.5, 0.9)
    blender.key("alt+shift+Up")
    assert blender.ask(f"answer = {FRAME}") == WEAK
    blender.click(0.45, 0.5)
    assert blender.ask(f"answer = [p.frame for p in {CLIP}.subjects[0].points]") == [1, WEAK]
    assert blender.ask(f"answer = {STANDING}.due") == COUNT - 1, "the first one has its own point"
    blender.screenshot("corrected")
    blender.invoke("rotopoint.track")
    blender.until(f"{STATE}.message.startswith('Done')")
    assert blender.ask(f"answer = {STANDING}.due") == 0
    blender.move(0.5, 0.9)
    blender.key("Escape")


EDITS = (
    "subject_add(name='ball')",
    "point_add(x=0.3, y=0.3, frame=1)",
    "box_add(x0=0.1, y0=0.1, x1=0.4, y1=0.6, frame=4)",
    "point_add(x=0.6, y=0.6, frame=1, positive=False)",
    "prompt_move(kind='POINT', index=0, x=0.35, y=0.3)",
    "absent_set(first=8, last=9)",
    "override_add(setting='feather', first=3)",
    "subject_duplicate()",
    "subject_rename(name='shadow')",
    "subject_move(up=True)",
    "prompts_clear(scope='FRAME', frame=4)",
    "absent_set(first=9, absent=False)",
    "subject_move(up=False)",
    "prompt_remove(kind='POINT', index=1)",
    "override_remove(index=0)",
    "subject_add()",
    "subject_remove()",
    "subject_remove()",
)


ASKED = f"""
from rotopoint.shot.json import shot_to_dict
shot = part('shots').shot_of(bpy.data.movieclips[0])
answer = [shot_to_dict(shot), [s.name for s in {CLIP}.subjects], {CLIP}.active_index]
"""

FINISHED = (
    f"{STATE}.finished.of({CLIP}.subjects[0].uid, 1,"
    f" part('shots').subject_of({CLIP}.subjects[0], bpy.data.movieclips[0]).prompts)"
)
"""The finished matte of frame 1 by the prompts that the subject has now."""


def test_twenty_mixed_edits_are_undone_and_done_again(blender: WindowedBlender) -> None:
    blender.ask(f"{FRAME} = 1\nanswer = None")
    blender.key("k")
    blender.click(0.6, 0.3)
    states = [blender.ask(ASKED)]
    # Until the matte of both points is finished the frame shows what the tracker says, whose edge is another.
    blender.until(FINISHED)
    blender.until("not part('host').engine.working and not part('host').engine.finishing")
    blender.move(0.6, 0.32)
    before = blender.steady_screenshot("before the edits").astype(int)
    blender.click(0.5, 0.4)
    states.append(blender.ask(ASKED))
    blender.drag((0.7, 0.2), (0.8, 0.4), (0.9, 0.6))
    states.append(blender.ask(ASKED))
    for edit in EDITS:
        name, arguments = edit.split("(", 1)
        joined = ", ".join(filter(None, ("'EXEC_DEFAULT', True", arguments)))
        states.append(blender.ask(f"with clip_editor():\n    bpy.ops.rotopoint.{name}({joined}\n{ASKED}"))
    same = [n for n, (one, other) in enumerate(pairwise(states)) if one == other]
    assert (len(states), same) == (21, [])
    for left in (15, 10, 5, 0):
        blender.pointer("key", *["ctrl+z"] * 5)
        blender.until_answer(ASKED, states[left])
    blender.move(0.6, 0.3)
    blender.until(FINISHED)
    x, y = blender.at(0.5, 0.5)

    def as_before(now: np.ndarray) -> bool:
        differs = np.abs(now.astype(int) - before).max(axis=2)[y - 200 : y + 160, x - 300 : x + 300] > 20
        return bool(differs.mean() < 0.002)

    blender.until_shown("undone", as_before)
    for left in (5, 10, 15, 20):
        blender.pointer("key", *["ctrl+shift+z"] * 5)
        blender.until_answer(ASKED, states[left])
    blender.key("Escape")


@pytest.fixture
def tracked(blender: WindowedBlender) -> None:
    """A second subject, without a track; of some frames of the first a person has said something."""
    blender.invoke("rotopoint.track")
    blender.until(f"{STATE}.message.startswith('Done')")
    blender.ask(
        "bpy.ops.rotopoint.absent_set(first=10)\nbpy.ops.rotopoint.approve(first=6, last=7)\n"
        "bpy.ops.rotopoint.subject_add(name='a ball with a long name')\n"
        f"{CLIP}.active_index = 0\nbpy.ops.ed.undo_push(message='tracked')\n{FRAME} = {COUNT}\nanswer = None"
    )
    blender.move(0.5, 0.9)


def on_strip(blender: WindowedBlender, *places: tuple[int, int]) -> list[list[int]]:
    """Where clip frames are on the screen, so many pixels below the strip's top."""
    return blender.ask(PLACE.format(places=list(places)))


def test_it_shows_how_each_frame_stands(blender: WindowedBlender, tracked: None) -> None:
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


def test_a_click_and_a_drag_go_to_a_frame_and_set_no_point(blender: WindowedBlender, tracked: None) -> None:
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


def test_a_range_is_approved_and_absent_by_two_keys(blender: WindowedBlender, tracked: None) -> None:
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
        blender.until_answer("answer = " + read.format(f"{CLIP}.subjects[0]"), expected)
        blender.until_answer(f"answer = {STATE}.range_start", None)


def test_it_grows_with_the_interface(blender: WindowedBlender) -> None:
    before = blender.ask("answer = bpy.context.preferences.view.ui_scale")
    blender.ask("bpy.context.preferences.view.ui_scale = 2.0\nanswer = None")
    blender.move(0.5, 0.9)
    blender.screenshot("timeline at 2")
    (first, last) = on_strip(blender, (1, 5), (COUNT, 5))
    blender.ask(f"bpy.context.preferences.view.ui_scale = {before}\nanswer = None")
    assert last[0] - first[0] > 300


def test_reopened_in_mid_track_the_finished_frames_are_there(blender: WindowedBlender) -> None:
    blender.set_worker(0.2)
    blender.invoke("rotopoint.track")
    blender.until(f"{STATE}.done >= 3")
    blender.ask("bpy.ops.wm.save_mainfile()\nanswer = None")
    worker = blender.ask("answer = part('host').engine._client.process_id")
    done = blender.ask(f"answer = {STATE}.done")
    blender.ask("bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)\nanswer = None")
    blender.until(f"not Path('/proc/{worker}').exists()")
    assert blender.ask(f"answer = {STANDING}.tracked") >= done
    assert not blender.ask("answer = part('host').engine.started")
    blender.set_worker(0.05)
    blender.move(0.5, 0.9)
    blender.screenshot("reopened")
    blender.invoke("rotopoint.track")
    blender.until(f"{STATE}.message.startswith('Done')")
    assert blender.ask(f"answer = {STANDING}.due") == 0


def test_closing_blender_while_it_tracks_leaves_no_process(blender: WindowedBlender, slow: None) -> None:
    """The last one: there is no Blender afterwards."""
    blender.invoke("rotopoint.track")
    blender.until(f"{STATE}.done >= 1")
    worker = blender.ask("answer = part('host').engine._client.process_id")
    assert Path(f"/proc/{worker}").exists()
    with pytest.raises(RuntimeError, match="ended with status 0"):
        blender.ask("bpy.ops.wm.save_mainfile()\nbpy.ops.wm.quit_blender()\nanswer = None")
        while True:
            blender.ask("answer = None")
    deadline = time.monotonic() + 20.0
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < deadline, "its worker goes on"
        time.sleep(0.05)
