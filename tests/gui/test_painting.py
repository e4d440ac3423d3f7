# SPDX-License-Identifier: GPL-3.0-or-later
"""A mask painted by mouse: each stroke is a file at the clip's size, a prompt and a step of undo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rotopoint.clip.mask_file import read_mask
from tests.gui.footage import HEIGHT, WIDTH
from tests.gui.windowed_blender import WindowedBlender

VERSIONS = [pytest.param("4.3", marks=pytest.mark.slow), "5.2"]

pytestmark = [pytest.mark.gui, pytest.mark.parametrize("blender", VERSIONS, indirect=True, scope="module")]

CLIP = "bpy.data.movieclips[0].rotopoint"
STATE = "part('host').state_of(bpy.data.movieclips[0])"
MASKS = f"answer = [[m.frame, bpy.path.abspath(m.path)] for m in {CLIP}.subjects[0].masks]"
RADIUS = 25.0
"""Of the brush, in pixels of the clip: after one key from its 20."""


@pytest.fixture(autouse=True)
def painting(blender: WindowedBlender) -> None:
    """A subject without prompts on frame 1, and the mode entered by its key, with a known brush."""
    blender.move(0.5, 0.9)
    blender.key("Escape")
    blender.ask(
        f"{CLIP}.subjects.clear()\nbpy.context.scene.frame_current = 1\n"
        "bpy.ops.rotopoint.subject_add(name='runner')\nbpy.ops.ed.undo_push(message='fresh')\n"
        "bpy.context.window_manager.operator_properties_last('rotopoint.paint').radius = 20\nanswer = None"
    )
    blender.key("shift+k")
    blender.key("bracketright")


def masks(blender: WindowedBlender) -> dict[int, np.ndarray]:
    """Coverage of each mask by its frame."""
    found = blender.ask(MASKS)
    assert len({frame for frame, _ in found}) == len(found)
    return {frame: read_mask(Path(path)) for frame, path in found}


def test_strokes_paint_and_erase_at_the_clips_size(blender: WindowedBlender) -> None:
    blender.drag((0.3, 0.5), (0.5, 0.5), (0.7, 0.5))
    painted = masks(blender)[1]
    assert painted.shape == (HEIGHT, WIDTH)
    rows = np.flatnonzero(painted[:, WIDTH // 2] > 0.5)
    columns = np.flatnonzero((painted > 0.5).any(axis=0))
    assert len(rows) == pytest.approx(2 * RADIUS, abs=1)
    assert rows.mean() == pytest.approx(HEIGHT / 2, abs=2)
    assert columns[[0, -1]] == pytest.approx([0.3 * WIDTH - RADIUS, 0.7 * WIDTH + RADIUS], abs=3)
    soft = (painted > 0) & (painted < 1)
    assert soft.any() and soft[:, WIDTH // 2].sum() <= 4, "its edge is as wide as a pixel"

    for modifier, button, x in (("ctrl", 1, 0.4), (None, 3, 0.6)):
        if modifier:
            blender.pointer("keydown", modifier)
        blender.move(x, 0.7)
        blender.pointer("mousedown", button)
        blender.move(x, 0.3)
        blender.pointer("mouseup", button)
        if modifier:
            blender.pointer("keyup", modifier)
    erased = masks(blender)[1]
    assert [erased[HEIGHT // 2, round(x * WIDTH)] for x in (0.4, 0.5, 0.6)] == [0, 1, 0]
    blender.until(f"{STATE}.previews and not part('host').engine.working", 30)
    blender.screenshot("painted")


def test_a_stroke_is_undone_by_itself_and_the_mode_goes_on(blender: WindowedBlender) -> None:
    for y in (0.3, 0.5, 0.7):
        blender.drag((0.4, y), (0.6, y))
    whole = masks(blender)[1]
    for key, left in (("ctrl+z", 2), ("ctrl+z", 1), ("ctrl+shift+z", 2)):
        blender.key(key)
        parts = masks(blender)[1][:, WIDTH // 2] > 0.5
        assert np.count_nonzero(np.diff(parts.astype(int)) == 1) == left
    blender.drag((0.4, 0.3), (0.6, 0.3))
    blender.drag((0.4, 0.7), (0.6, 0.7))
    np.testing.assert_allclose(masks(blender)[1] > 0.5, whole > 0.5)


def test_each_frame_has_its_own_and_escape_ends(blender: WindowedBlender) -> None:
    blender.drag((0.2, 0.5), (0.3, 0.5))
    blender.key("Right")
    blender.until("area().spaces.active.clip_user.frame_current == 2")
    blender.drag((0.7, 0.5), (0.8, 0.5))
    found = masks(blender)
    assert sorted(found) == [1, 2]
    assert found[1][HEIGHT // 2, round(0.25 * WIDTH)] == found[2][HEIGHT // 2, round(0.75 * WIDTH)] == 1
    assert found[1][HEIGHT // 2, round(0.75 * WIDTH)] == 0
    blender.key("Escape")
    assert blender.ask(f"answer = {STATE}.painted is None")
    blender.drag((0.4, 0.2), (0.6, 0.2))
    assert not masks(blender)[2][round(0.8 * HEIGHT)].any()


def test_painting_begins_with_the_mask_that_is_seen(blender: WindowedBlender) -> None:
    """That of a point, of which the painted mask takes the place."""
    blender.key("Escape")
    blender.ask("bpy.ops.rotopoint.point_add(x=0.5, y=0.5, frame=1)\nanswer = None")
    finished = f"{STATE}.finished.newest({CLIP}.subjects[0].uid, 1)"
    blender.until(f"{finished} is not None", 30)
    blender.key("shift+k")
    blender.drag((0.1, 0.5), (0.15, 0.5))
    whole = masks(blender)[1]
    assert blender.ask(f"answer = len({CLIP}.subjects[0].points)") == 0
    disc = whole[:, round(0.3 * WIDTH) :] > 0.5
    assert np.flatnonzero(disc.any(axis=1)).tolist() == list(range(HEIGHT // 4, 3 * HEIGHT // 4))
    assert whole[HEIGHT // 2, round(0.12 * WIDTH)] == 1
    blender.screenshot("begun")


def test_what_is_empty_is_refused(blender: WindowedBlender) -> None:
    blender.pointer("keydown", "ctrl")
    blender.drag((0.2, 0.5), (0.3, 0.5))
    blender.pointer("keyup", "ctrl")
    assert masks(blender) == {}
    blender.move(0.5, 0.5)
    blender.key("f")
    blender.move(0.6, 0.5)
    blender.screenshot("size")
    blender.pointer("click", 1)
    assert masks(blender) == {}, "the click chose a size"
    blender.click(0.5, 0.5)
    rows = np.flatnonzero((masks(blender)[1] > 0.5).any(axis=1))
    assert len(rows) == pytest.approx(2 * (RADIUS + 0.1 * WIDTH), abs=4)
