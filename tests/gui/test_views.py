# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes looked at: over the picture, black and white, cut out; before and after. The screen's pixels tell.

The fake worker's disc has a quarter of the height as its radius, and the plates are gray.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.gui.windowed_blender import WindowedBlender

VERSIONS = [pytest.param("4.3", marks=pytest.mark.slow), "5.2"]

pytestmark = [pytest.mark.gui, pytest.mark.parametrize("blender", VERSIONS, indirect=True, scope="module")]

CLIP = "bpy.data.movieclips[0]"
STATE = f"part('host').state_of({CLIP})"
VIEWS = "bpy.context.window_manager.rotopoint_views"

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
NEAR = 6
"""Of 255."""

LONG = 100
"""Twice as many frames as are asked for ahead."""

ITS_STATE = "part('host').state_of(area().spaces.active.clip)"

WATCH_DRAWN = """
overlay, drawn = part("clip_editor.overlay"), bpy.app.driver_namespace.setdefault("drawn", {})
def watch():
    clip, frame = area().spaces.active.clip, area().spaces.active.clip_user.frame_current
    drawn.setdefault(frame, overlay.mask_of(clip, clip.rotopoint.subjects[0], frame) is not None)
bpy.types.SpaceClipEditor.draw_handler_add(watch, (), "WINDOW", "POST_PIXEL")
answer = None
"""


@pytest.fixture(autouse=True)
def seen(blender: WindowedBlender) -> Iterator[None]:
    """Two subjects, right and left of the middle, on frame 1, whose mattes do not touch."""
    blender.ask(
        f"for name, value in dict(show=True, view='OUTLINE', fill=0.4, split=0.0).items():\n"
        f"    setattr({VIEWS}, name, value)\n"
        "theme = bpy.context.preferences.themes[0].user_interface\n"
        "theme.transparent_checker_primary = (1, 1, 0)\ntheme.transparent_checker_secondary = (0, 1, 1)\n"
        f"{CLIP}.rotopoint.subjects.clear()\nbpy.context.scene.frame_current = 1\n"
        "for name, x in (('left', 0.25), ('right', 0.75)):\n"
        "    bpy.ops.rotopoint.subject_add(name=name)\n"
        "    bpy.ops.rotopoint.point_add(x=x, y=0.5, frame=1)\n"
        f"    part('host').ask_preview({CLIP}, {CLIP}.rotopoint.subjects[-1].uid, 1)\n"
        f"    part('host').wait({CLIP}, 30)\n"
        "bpy.ops.ed.undo_push(message='fresh')\nanswer = None"
    )
    blender.move(0.5, 0.95)
    yield
    assert "Traceback" not in (blender.folder / "blender.log").read_text(encoding="utf-8")


def look(blender: WindowedBlender, **chosen: object) -> npt.NDArray[np.uint8]:
    """The screen with these properties of the views."""
    for name, value in chosen.items():
        blender.ask(f"{VIEWS}.{name} = {value!r}\nanswer = None")
    blender.ask("bpy.ops.wm.redraw_timer(type='DRAW_WIN_SWAP', iterations=1)\nanswer = None")
    return blender.screenshot("-".join(map(str, chosen.values())) or "as it is")


def at(blender: WindowedBlender, screen: npt.NDArray[np.uint8], x: float, y: float) -> list[int]:
    """The color (BGR) on the screen of a place in the clip."""
    across, down = blender.at(x, y)
    return screen[down, across].astype(int).tolist()


def near(color: tuple[int, ...] | list[int]) -> object:
    return pytest.approx(color, abs=NEAR)


def test_the_matte_is_white_on_black_within_the_picture(blender: WindowedBlender) -> None:
    outside = at(blender, look(blender), 1.02, 0.5)
    screen = look(blender, view="MATTE")
    assert [at(blender, screen, x, 0.65) for x in (0.25, 0.5, 0.75)] == [
        near(c) for c in (WHITE, BLACK, WHITE)
    ]
    assert at(blender, screen, 0.01, 0.02) == near(BLACK)
    assert at(blender, screen, 1.02, 0.5) == near(outside)
    blender.ask(f"{CLIP}.rotopoint.subjects[0].visible = False\nanswer = None")
    screen = look(blender)
    assert [at(blender, screen, x, 0.65) for x in (0.25, 0.75)] == [near(c) for c in (BLACK, WHITE)]


def test_the_cut_out_keeps_the_picture_and_checks_the_rest(blender: WindowedBlender) -> None:
    plain = look(blender, show=False)
    screen = look(blender, show=True, view="CUT_OUT")
    for x in (0.25, 0.75):
        assert at(blender, screen, x, 0.65) == near(at(blender, plain, x, 0.65))
    (left, top), (right, bottom) = blender.at(0.42, 0.9), blender.at(0.58, 0.1)
    middle = screen[top:bottom, left:right].reshape(-1, 3)
    colors = np.unique(middle, axis=0)
    assert colors.tolist() == [[0, 255, 255], [255, 255, 0]], "the theme's two colors, in BGR"
    shares = (middle == colors[0]).all(axis=1).mean()
    assert 0.4 < shares < 0.6


def test_the_trimap_is_gray_where_alpha_is_to_be_solved_and_follows_its_settings(
    blender: WindowedBlender,
) -> None:
    """Along a line up from the middle of the left disc, whose edge is a quarter of the height above it."""
    blender.ask(f"{CLIP}.rotopoint.subjects[0].matte.trimap_width = 36\nanswer = None")
    look(blender, view="TRIMAP")

    def shown(*expected: int) -> None:
        # Half the ring's width is a twentieth of the height: a tenth, when it is twice as wide.
        blender.until_shown(
            "trimap",
            lambda screen: (
                [at(blender, screen, 0.25, 0.75 + up)[1] // 50 for up in (-0.12, -0.07, 0.02, 0.07)]
                == [value // 50 for value in expected]
            ),
        )

    shown(255, 255, 128, 0)
    blender.ask(f"{CLIP}.rotopoint.subjects[0].matte.trimap_width = 72\nanswer = None")
    shown(255, 128, 128, 128)
    assert at(blender, look(blender, view="MATTE"), 0.25, 0.77) == near(BLACK)


def test_a_frame_of_which_nothing_is_known_is_not_covered(blender: WindowedBlender) -> None:
    plain = look(blender, show=False)
    blender.ask("bpy.context.scene.frame_current = 5\nanswer = None")
    screen = look(blender, show=True, view="MATTE")
    assert at(blender, screen, 0.5, 0.5) == near(at(blender, plain, 0.5, 0.5))
    blender.ask("with clip_editor():\n    bpy.ops.rotopoint.absent_set(first=5)\nanswer = None")
    assert at(blender, look(blender), 0.5, 0.5) == near(BLACK), "it is known to be empty"


def test_opacity_fades_the_area_and_leaves_the_outline(blender: WindowedBlender) -> None:
    plain = look(blender, show=False)
    screens = [look(blender, show=True, fill=fill) for fill in (0.0, 0.4, 0.8)]
    change = [
        np.abs(np.subtract(at(blender, s, 0.25, 0.65), at(blender, plain, 0.25, 0.65))).max() for s in screens
    ]
    assert change[0] == 0 and 1.5 * change[1] < change[2]
    # Along a line upward from within: the outline is all that is drawn.
    (x, top), (_, bottom) = blender.at(0.25, 0.85), blender.at(0.25, 0.65)
    changed = np.abs(screens[0][top:bottom, x].astype(int) - plain[top:bottom, x]).max(axis=1) > 40
    assert 1 <= changed.sum() <= 4


def test_before_is_left_of_the_line_that_is_dragged(blender: WindowedBlender) -> None:
    plain = look(blender, show=False)
    look(blender, show=True, view="MATTE")
    blender.invoke("rotopoint.split")
    blender.move(0.3, 0.5)
    blender.click(0.5, 0.5)
    assert blender.ask(f"answer = {VIEWS}.split") == pytest.approx(0.5, abs=0.004)
    screen = look(blender)
    assert at(blender, screen, 0.25, 0.65) == near(at(blender, plain, 0.25, 0.65))
    assert [at(blender, screen, x, 0.65) for x in (0.55, 0.75)] == [near(c) for c in (BLACK, WHITE)]
    blender.invoke("rotopoint.split")
    blender.move(0.8, 0.5)
    blender.key("Escape")
    assert blender.ask(f"answer = {VIEWS}.split") == pytest.approx(0.5, abs=0.004)


def test_keys_show_before_and_after_and_the_next_view(blender: WindowedBlender) -> None:
    blender.key("o")
    assert blender.ask(f"answer = {VIEWS}.show") is False
    blender.key("o")
    blender.key("v")
    assert blender.ask(f"answer = [{VIEWS}.show, {VIEWS}.view]") == [True, "MATTE"]
    for _ in range(3):
        blender.key("v")
    assert blender.ask(f"answer = {VIEWS}.view") == "OUTLINE"
    # They work in pointing mode too, and undo leaves them alone.
    blender.key("k")
    blender.key("v")
    blender.click(0.5, 0.8)
    blender.key("ctrl+z")
    blender.key("Escape")
    assert blender.ask(f"answer = {VIEWS}.view") == "MATTE"
    assert blender.ask(f"answer = len({CLIP}.rotopoint.subjects[1].points)") == 1


@pytest.mark.parametrize("view", ["MATTE", "CUT_OUT"])
def test_zoom_pan_and_pixel_aspect_keep_the_matte_on_the_picture(blender: WindowedBlender, view: str) -> None:
    blender.ask(f"{CLIP}.tracking.camera.pixel_aspect = 1.5\nanswer = None")
    blender.ask(
        "with clip_editor():\n    bpy.ops.clip.view_zoom_ratio(ratio=1.5)\n"
        "    bpy.ops.clip.view_pan(offset=(-60, 25))\nanswer = None"
    )
    try:
        plain = look(blender, show=False)
        screen = look(blender, show=True, view=view)
        (x0, y0), (x1, y1) = blender.at(0.25, 0.5), blender.at(0.25, 0.75)
        radius = y0 - y1
        assert x0 == x1 and radius > 100, "a quarter of the height"
        kept = np.abs(screen.astype(int) - (plain if view == "CUT_OUT" else 255)).max(axis=2) <= NEAR
        across, _ = blender.at(0.25 + 0.25 * 360 / 640, 0.5)
        expected = cv2.ellipse(
            np.zeros(kept.shape, np.uint8), (x0, y0), (across - x0, radius), 0, 0, 360, 1, -1
        )
        # Around the disc, less its point: it fills a box of its own up to the edge of a pixel or two.
        box = np.s_[y0 - radius - 10 : y0 - 20, x0 - (across - x0) - 10 : across + 10]
        assert (kept[box] != expected[box].astype(bool)).mean() < 0.02
    finally:
        blender.ask(
            f"{CLIP}.tracking.camera.pixel_aspect = 1.0\nwith clip_editor():\n"
            "    bpy.ops.clip.view_all()\n    bpy.ops.clip.view_zoom_ratio(ratio=1.0)\nanswer = None"
        )


def test_playing_shows_the_masks_the_first_time(blender: WindowedBlender) -> None:
    plates = blender.folder / "long"
    plates.mkdir()
    for number in range(1, LONG + 1):
        picture = cv2.imencode(".png", np.full((36, 64, 3), 60, np.uint8))[1]
        (plates / f"plate_{number:04d}.png").write_bytes(picture.tobytes())
    blender.ask(
        f"open_clip({str(plates / 'plate_0001.png')!r}, {str(blender.folder / 'long.blend')!r})\n"
        f"scene = bpy.context.scene\nscene.frame_start, scene.frame_end = 1, {LONG}\n"
        "bpy.ops.rotopoint.subject_add(name='runner')\nbpy.ops.rotopoint.point_add(x=0.5, y=0.5, frame=1)\n"
        "answer = None"
    )
    blender.invoke("rotopoint.track", direction="both")
    blender.until(f"{ITS_STATE}.message.startswith('Done')")
    # As after reopening: nothing is there but what the worker has stored.
    blender.ask(f"{ITS_STATE}.previews.__init__()\nanswer = None")
    blender.until(f"len({ITS_STATE}.previews) >= 20")
    blender.ask(WATCH_DRAWN)
    blender.move(0.5, 0.5)
    blender.key("space")
    drawn = "bpy.app.driver_namespace['drawn']"
    blender.until(f"len({drawn}) >= {LONG - 5}")
    blender.key("space")
    without = blender.ask(f"answer = [frame for frame, mask in {drawn}.items() if not mask]")
    assert without == []
