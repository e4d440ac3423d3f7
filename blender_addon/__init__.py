# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotopoint in Blender: registers the rooms of the extension, nothing else."""

from . import clip_editor, host, preferences, properties

ROOMS = (properties, preferences, host, clip_editor)


def register() -> None:
    """Called by Blender as the extension is enabled. Compositor functions need no registration."""
    for room in ROOMS:
        room.register()


def unregister() -> None:
    """Called by Blender as the extension is disabled."""
    for room in reversed(ROOMS):
        room.unregister()
