# SPDX-License-Identifier: GPL-3.0-or-later
"""Our keys in the Clip Editor are not Blender's own: the keymaps that it brings are asked."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

from blender_addon.clip_editor.keymap import POINTING_KEY

pytestmark = pytest.mark.usefixtures("addon")

HEARD = ("Window", "Screen", "Screen Editing", "Frames", "Clip", "Clip Editor")
"""Keymaps that the Clip Editor's picture listens to, beside those of its Mask mode."""

SHARED = {
    "rotopoint.cancel": "as long as nothing is tracked it cannot run, and Blender's Esc stops playback",
    "rotopoint.deliver_cancel": "as long as nothing is delivered it cannot run",
    "rotopoint.timeline": "away from its strip it passes clicks on",
}
"""Operators that leave their key to Blender wherever they have nothing to do."""

MODIFIERS = ("shift", "ctrl", "alt", "oskey")

Key = tuple[str, bool, bool, bool, bool]


def keymaps(module: str, **parameters: object) -> list:
    """What a module of Blender's keymaps makes, which the wheel does not load by itself."""
    folders = [Path(folder) for folder in bpy.utils.script_paths()]
    name = f"presets/keyconfig/keymap_data/{module}.py"
    file = next(folder / name for folder in folders if (folder / name).is_file())
    spec = importlib.util.spec_from_file_location(f"{module} of Blender", file)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    return loaded.generate_keymaps(loaded.Params(**parameters))


def taken(keymaps: list, heard: tuple[str, ...] = HEARD) -> Iterator[tuple[Key, str]]:
    for name, _, content in keymaps:
        for operator, event, *_ in content["items"] if name in heard else ():
            if operator is not None:
                yield (event["type"], *(bool(event.get(m)) for m in MODIFIERS)), operator


def ours() -> Iterator[tuple[Key, str]]:
    keymap = bpy.context.window_manager.keyconfigs.addon.keymaps["Clip Editor"]
    for item in keymap.keymap_items:
        if item.idname.startswith("rotopoint."):
            yield (item.type, *(bool(getattr(item, m)) for m in MODIFIERS)), item.idname


@pytest.mark.parametrize(
    ("module", "parameters", "tracks"),
    [
        ("blender_default", {"select_mouse": "LEFT"}, ("LEFT_ARROW", False, False, True, False)),
        ("blender_default", {"select_mouse": "RIGHT"}, ("LEFT_ARROW", False, False, True, False)),
        ("industry_compatible_data", {}, ("T", False, True, False, False)),
    ],
)
def test_no_key_of_ours_is_blenders_own(module: str, parameters: dict[str, str], tracks: Key) -> None:
    own = dict(taken(keymaps(module, **parameters)))
    assert len(own) > 100 and own[tracks] == "clip.track_markers"
    mine = list(ours())
    assert len(mine) > 10
    assert {key: (own[key], by) for key, by in mine if key in own and by not in SHARED} == {}


def test_no_two_of_ours_share_a_key_but_those_that_cancel() -> None:
    keys = [key for key, operator in ours() if operator != "rotopoint.deliver_cancel"]
    assert len(set(keys)) == len(keys)
    assert dict(ours())[POINTING_KEY, True, False, False, False] == "rotopoint.paint"
