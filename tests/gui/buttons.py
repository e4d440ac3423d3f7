# SPDX-License-Identifier: GPL-3.0-or-later
"""Buttons found and pressed with the pointer, as an eye would find them.

Blender tells of a button only what it would do, and only while the pointer is over it: so the pointer goes
over a region until it is told what is looked for.
"""

from __future__ import annotations

import time

from tests.gui.windowed_blender import WindowedBlender

STEP = 14
"""Pixels: a button is 20 high."""

MIDDLE = 0.5
HOVER_SECONDS = 0.1
NOTCHES = 8
TURNS = 6
REDRAW_SECONDS = 1.0

Place = tuple[int, int]
"""Pixels from the screen's top left."""

CENTER: Place = (800, 450)
CORNER: Place = (300, 150)


class NotFound(Exception):
    """No such button is in the region, as far as it was scrolled."""


def find(blender: WindowedBlender, call: str, editor: str, region: str, across: float = MIDDLE) -> Place:
    """Where the button is whose operator, as Python calls it, begins so; in the largest editor of that type.

    `across` is the share of the region's width at which it is looked for. Raises NotFound.
    """
    for turn in range(TURNS):
        left, top, width, height = blender.ask(f"answer = region_on_screen({editor!r}, {region!r})")
        x = left + round(across * width)
        for y in range(top + STEP // 2, top + height, STEP):
            blender.pointer("mousemove", x, y)
            time.sleep(HOVER_SECONDS)
            if blender.ask("answer = under_pointer()").startswith(f"bpy.ops.{call}"):
                return x, y
        blender.pointer("mousemove", left + width // 2, top + height // 2)
        scroll(blender, 4 * NOTCHES * TURNS if turn == 0 else -NOTCHES)
    raise NotFound(call)


def press(blender: WindowedBlender, call: str, editor: str, region: str, across: float = MIDDLE) -> Place:
    """Press the button of an operator; where it is. Raises NotFound."""
    place = find(blender, call, editor, region, across)
    blender.pointer("click", 1)
    return place


def scroll(blender: WindowedBlender, notches: int) -> None:
    """Turn the wheel where the pointer is; upward where positive."""
    blender.pointer("click", "--repeat", abs(notches), "--delay", 30, 4 if notches > 0 else 5)
    time.sleep(REDRAW_SECONDS)


def fill(blender: WindowedBlender, place: Place, text: str) -> None:
    """Type into the field of text at a place, in the stead of what is there."""
    blender.pointer("mousemove", *place)
    time.sleep(HOVER_SECONDS)
    blender.pointer("click", "--repeat", 2, "--delay", 80, 1)
    blender.pointer("key", "ctrl+a")
    blender.pointer("type", "--delay", 15, text)
    blender.pointer("key", "Return")
    time.sleep(REDRAW_SECONDS)


def show_preferences(blender: WindowedBlender) -> None:
    """Blender's preferences by their key, in a window of their own, which is laid into the middle."""
    blender.pointer("mousemove", *CENTER)
    blender.pointer("key", "ctrl+comma")
    blender.until("len(bpy.context.window_manager.windows) == 2")
    lay_window(blender, "Preferences")


def lay_window(blender: WindowedBlender, name: str) -> Place:
    """Lay the newest window, whose title has this name, where all of it is on the screen; its top left.

    There is no window manager that would do so.
    """
    blender.pointer("search", "--sync", "--name", name, "windowmove", *CORNER)
    blender.until(f"bpy.context.window_manager.windows[-1].x == {CORNER[0]}")
    time.sleep(REDRAW_SECONDS)
    return CORNER
