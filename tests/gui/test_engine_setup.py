# SPDX-License-Identifier: GPL-3.0-or-later
"""The large engine set up by its buttons in a Blender with windows, from a folder of wheels and off line."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.gui.buttons import fill, find, press, show_preferences
from tests.gui.footage import FISH, demo_clip, overlaps_with_truth
from tests.gui.windowed_blender import ROOT, Unavailable, WindowedBlender, build, windowed_blender

pytestmark = [pytest.mark.gui, pytest.mark.slow]

WHEELS_VARIABLE = "ROTOPOINT_TEST_WHEELS"
"""Environment variable: a folder with the wheels of all that the engine requires, for this interpreter's
version of Python; docs/add-on.md has the command that fills one."""

WHEELS = ROOT / ".cache" / "engine-wheels"

FIELDS = {"build": 28, "package_index": 51, "torch_index": 74, "setup_python": 97}
"""Where the preferences' fields are: pixels below the button that looks."""

PREFERENCES = ("PREFERENCES", "WINDOW")
SIDEBAR = ("CLIP_EDITOR", "UI")
EXPAND = 'preferences.addon_expand(module="bl_ext.user_default.rotopoint")'
JOB = "part('setup.job').job"
ENGINE = "part('host').engine"
STATE = "part('host').state_of(bpy.context.scene.active_clip)"
SET_UP_SECONDS = 280
LEAST_OVERLAP = 0.8
"""Of mattes and truth, on the average frame."""


def wheels() -> Path:
    """The folder of wheels. Skips the test where it has none of torch for this Python."""
    folder = Path(os.environ.get(WHEELS_VARIABLE, WHEELS))
    tag = "cp{}{}".format(*sys.version_info)
    if not any(folder.glob(f"torch-*-{tag}-*.whl")):
        pytest.skip(f"{folder} has no wheel of torch for {tag}; {WHEELS_VARIABLE} names another folder")
    return folder


def test_set_up_tested_tracked_removed(package: Path, tmp_path: Path) -> None:
    """From a zip that brings no engine."""
    source = wheels()
    try:
        build("5.2")
    except Unavailable as reason:
        pytest.skip(f"no Blender 5.2 with windows: {reason}")
    python = Path(sys.base_prefix).resolve() / "bin" / "python{}.{}".format(*sys.version_info)
    clip = demo_clip(tmp_path)
    shown = (source, Path(sys.base_prefix).resolve())
    with windowed_blender("5.2", package, tmp_path, (), shown=shown, network=False) as blender:
        blender.ask(f"open_clip({str(clip)!r}, {str(tmp_path / 'shot.blend')!r})\nanswer = None")
        blender.ask("show_tab()\nanswer = None")
        # Nothing is there that could track: the sidebar says so, with the button that leads on.
        find(blender, "rotopoint.preferences_show", *SIDEBAR)
        blender.screenshot("no engine")
        show_preferences(blender)
        blender.ask("preferences.active_section = 'ADDONS'\nanswer = None")
        press(blender, EXPAND, *PREFERENCES, 0.02)
        set_up(blender, source, python)
        press(blender, "rotopoint.engine_test", *PREFERENCES)
        blender.until(f"{ENGINE}.started and not {ENGINE}.starting", 120)
        blender.screenshot("tested")
        assert blender.ask("answer = part('engine_state').state_line()") == [
            "The engine works: torch on cpu",
            False,
        ]
        assert blender.ask(f"answer = {ENGINE}.runtimes") == ["torch"]
        blender.ask(
            "with bpy.context.temp_override(window=bpy.context.window_manager.windows[1]):\n"
            "    bpy.ops.wm.window_close()\nanswer = None"
        )
        blender.move(*FISH)
        blender.key("k")
        blender.click(*FISH)
        blender.until(f"{STATE}.previews", 120)
        blender.key("ctrl+k")
        blender.until(f"{STATE}.done == 48 and not {STATE}.tracking", 280)
        blender.key("Escape")
        blender.screenshot("tracked")
        folder = Path(blender.ask("answer = str(part('mattes').folder_of(bpy.context.scene.active_clip))"))
        overlaps = overlaps_with_truth(folder)
        assert len(overlaps) == 48 and sum(overlaps) / 48 > LEAST_OVERLAP
        stored = Path(blender.ask("answer = str(part('offer').environment_folder())"))
        show_preferences(blender)
        press(blender, "rotopoint.setup_remove", *PREFERENCES, 0.8)
        blender.until(f"not {JOB}.running and {JOB}.word", SET_UP_SECONDS)
        blender.screenshot("removed")
    assert not list(stored.glob("env-*"))


def set_up(blender: WindowedBlender, source: Path, python: Path) -> None:
    across, down = find(blender, "rotopoint.setup_look", *PREFERENCES)
    blender.screenshot("preferences")
    press(blender, "rotopoint.setup_look", *PREFERENCES)
    blender.until(f"not {JOB}.running and {JOB}.seen", 60)
    blender.screenshot("off line")
    for name, text in (("package_index", source), ("setup_python", python)):
        # What is said above them changes with each: they move.
        across, down = find(blender, "rotopoint.setup_look", *PREFERENCES)
        fill(blender, (across + 60, down + FIELDS[name]), str(text))
        assert blender.ask(f"answer = part('preferences').preferences().{name}") == str(text)
    press(blender, "rotopoint.setup_look", *PREFERENCES)
    blender.until(f"not {JOB}.running and part('setup.job').looked_at()", 60)
    blender.screenshot("looked at")
    press(blender, "rotopoint.setup_make", *PREFERENCES)
    blender.until(f"{JOB}.report.text.startswith('Installing')", 120)
    blender.screenshot("installing")
    blender.until(f"not {JOB}.running", SET_UP_SECONDS)
    assert blender.ask(f"answer = [{JOB}.word, {JOB}.failed]") == ["The engine is set up", False]
    found = dict(blender.ask("answer = part('environment').usable().findings"))
    assert found["runtime"].startswith("torch") and re.match(r"3\.\d+", found["python"])
    blender.screenshot("set up")
