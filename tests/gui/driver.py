# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside the windowed Blender: answers the questions that `session.py` leaves in a folder."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy

TURN_SECONDS = 0.01
MODULE = "bl_ext.user_default.rotopoint"
MAIL = Path(sys.argv[-1])


def area() -> bpy.types.Area:
    """The Clip Editor: the screen's largest area, made one."""
    areas = bpy.context.window_manager.windows[0].screen.areas
    return max(areas, key=lambda a: a.width * a.height)


def region(kind: str) -> bpy.types.Region:
    return next(r for r in area().regions if r.type == kind)


@contextmanager
def clip_editor(kind: str = "WINDOW") -> Iterator[None]:
    """The context of a region of the Clip Editor."""
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window, screen=window.screen, area=area(), region=region(kind)):
        yield


def on_screen(x: float, y: float) -> tuple[int, int]:
    """Pixels from the screen's top left of a place in the clip."""
    shown = region("WINDOW")
    across, up = shown.view2d.view_to_region(x, y, clip=False)
    height = bpy.context.window_manager.windows[0].height
    return shown.x + across, height - 1 - (shown.y + up)


def region_on_screen(editor: str, kind: str) -> list[int]:
    """Left, top, width and height of a region in pixels of the screen, as far as they are on it: that of the
    largest editor of a type, in the newest window that has one."""
    windows = bpy.context.window_manager.windows
    for window in reversed(windows):
        editors = [found for found in window.screen.areas if found.type == editor]
        if not editors:
            continue
        largest = max(editors, key=lambda found: found.width * found.height)
        shown = next(r for r in largest.regions if r.type == kind)
        left, above = window.x + shown.x, window.y + shown.y + shown.height
        top = max(windows[0].height - above, 0)
        width = min(shown.width, windows[0].width - left)
        return [left, top, width, min(shown.height, windows[0].height - top)]
    raise LookupError(editor)


def under_pointer() -> str:
    """The call in Python of the operator whose button the pointer is over; empty where it is over none."""
    for window in bpy.context.window_manager.windows:
        for found in window.screen.areas:
            for shown in found.regions:
                with bpy.context.temp_override(window=window, area=found, region=shown):
                    if bpy.ops.ui.copy_python_command_button.poll():
                        bpy.ops.ui.copy_python_command_button()
                        return bpy.context.window_manager.clipboard
    return ""


def open_clip(path: str, blend: str) -> bpy.types.MovieClip:
    """The clip in the Clip Editor, a pixel a pixel of the screen; the .blend saved."""
    clip = bpy.data.movieclips.load(path)
    bpy.context.scene.active_clip = clip
    editor = area()
    editor.type = "CLIP_EDITOR"
    editor.spaces.active.clip = clip
    editor.spaces.active.show_region_ui = True
    editor.spaces.active.show_region_toolbar = False
    with clip_editor():
        bpy.ops.clip.view_all()
        bpy.ops.clip.view_zoom_ratio(ratio=1.0)
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    return clip


def show_tab() -> None:
    """Turn the sidebar to our panels; it must have been drawn before."""
    region("UI").active_panel_category = "Rotopoint"


def part(name: str) -> ModuleType:
    """A module of the installed extension."""
    return import_module(f"{MODULE}.{name}")


def answer_questions() -> float:
    question = MAIL / "question.py"
    if question.exists():
        code = question.read_text(encoding="utf-8")
        question.unlink()
        names: dict[str, Any] = dict(globals())
        try:
            exec(compile(code, "question", "exec"), names)
            said = {"answer": names["answer"]}
            text = json.dumps(said)
        except Exception:  # noqa: BLE001, whatever it was the other side shall hear it
            text = json.dumps({"error": traceback.format_exc()})
        draft = MAIL / "answer.draft"
        draft.write_text(text, encoding="utf-8")
        draft.replace(MAIL / "answer.json")
    return TURN_SECONDS


preferences = bpy.context.preferences
preferences.filepaths.use_auto_save_temporary_files = False
if MODULE in preferences.addons:
    preferences.view.show_splash = False
    join = import_module(f"{MODULE}.preferences").join_command
    preferences.addons[MODULE].preferences.engine = join(json.loads(os.environ["ROTOPOINT_ENGINE"]))
bpy.app.timers.register(answer_questions, persistent=True)
