# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender's windows show."""

from __future__ import annotations

import bpy

from rotopoint.events import MatteView

SHOWING = ("CLIP_EDITOR", "SEQUENCE_EDITOR", "PREFERENCES")

PICTURES = {("CLIP_EDITOR", "WINDOW"), ("SEQUENCE_EDITOR", "PREVIEW")}
"""Editors and those of their regions in which mattes are drawn over a picture."""


def redraw() -> None:
    """Let all editors that show subjects or the engine be drawn; Blender draws what was clicked alone."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in SHOWING:
                area.tag_redraw()
    # Status bars are in no screen, and are drawn again when a name that they may show has changed.
    bpy.msgbus.publish_rna(key=(bpy.types.ViewLayer, "name"))


def redraw_pictures() -> None:
    """Let pictures with mattes be drawn again, and no panel: these take as long as the matte."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if (area.type, region.type) in PICTURES:
                    region.tag_redraw()


def matte_view() -> MatteView:
    """What of mattes a person looks at; see `clip_editor.views`."""
    chosen = bpy.context.window_manager.rotopoint_views.view
    return MatteView.TRIMAP if chosen == MatteView.TRIMAP.name else MatteView.MATTE


def playing() -> bool:
    """Whether an animation plays."""
    return any(window.screen.is_animation_playing for window in bpy.context.window_manager.windows)
