# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting up the large engine from the preferences, in builds that may."""

from __future__ import annotations

import atexit

import bpy

from . import checkpoints, job, operators

CLASSES = (*operators.CLASSES, *checkpoints.CLASSES)


def leave() -> None:
    """Blender or the add-on ends: nothing goes on downloading."""
    job.leave()
    checkpoints.leave()


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    atexit.register(leave)


def unregister() -> None:
    leave()
    atexit.unregister(leave)
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
