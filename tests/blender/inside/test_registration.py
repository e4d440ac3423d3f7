# SPDX-License-Identifier: GPL-3.0-or-later
"""Enabled and disabled any number of times, the add-on leaves nothing behind."""

from __future__ import annotations

import threading

import addon_utils
import bpy

import blender_addon
from tests.blender.inside.addon import enabled

TIMES = 50


def traces() -> dict[str, object]:
    """All that an add-on can leave in Blender, as comparable values."""
    handlers = {
        name: len(found)
        for name in dir(bpy.app.handlers)
        if isinstance(found := getattr(bpy.app.handlers, name), list)
    }
    keymaps = bpy.context.window_manager.keyconfigs.addon.keymaps
    menu = getattr(bpy.types.CLIP_MT_tracking_editor_menus.draw, "_draw_funcs", [])
    return {
        "handlers": handlers,
        "key items": sum(len(keymap.keymap_items) for keymap in keymaps),
        "menu entries": [f for f in menu if f.__module__.startswith("blender_addon")],
        "types": sorted(name for name in dir(bpy.types) if "rotopoint" in name.lower()),
        "operators": sorted(dir(bpy.ops.rotopoint)),
        "properties": "rotopoint" in bpy.types.MovieClip.bl_rna.properties,
        "threads": threading.active_count(),
        "preferences": "blender_addon" in bpy.context.preferences.addons,
    }


def test_registering_many_times_leaks_nothing(scene: bpy.types.Scene) -> None:
    before = traces()
    assert before["types"] == [] and before["properties"] is False
    for _ in range(TIMES):
        blender_addon.register()
        during = traces()
        blender_addon.unregister()
        assert traces() == before
    assert during["properties"] is True
    assert during["handlers"]["load_pre"] == before["handlers"]["load_pre"] + 1
    assert len(during["menu entries"]) == 1
    assert {"ROTOPOINT_PT_track", "ROTOPOINT_PT_strip"} <= set(during["types"])


def test_enabling_as_blender_does(scene: bpy.types.Scene) -> None:
    before = traces()
    for _ in range(3):
        with enabled():
            assert addon_utils.check("blender_addon") == (True, True)
            assert not [t for t in traces()["operators"] if not hasattr(bpy.ops.rotopoint, t)]
        assert traces() == before


def test_every_operator_has_a_tooltip_and_a_label(addon: None) -> None:
    names = dir(bpy.ops.rotopoint)
    assert len(names) > 15
    for name in names:
        rna = getattr(bpy.ops.rotopoint, name).get_rna_type()
        assert rna.name and rna.description and not rna.description.endswith("."), name
        for key, item in rna.properties.items():
            assert key == "rna_type" or item.is_hidden or item.name, f"{name}.{key}"
