# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths as the .blend keeps them."""

from __future__ import annotations

from pathlib import Path

import bpy


def to_save(path: Path) -> str:
    """A path as Blender's own file browser would leave it: relative to the .blend where that is wished for.

    A project's folder can then be moved as a whole. Absolute where the .blend has no folder yet, lies on
    another drive, or the preference Relative Paths is off.
    """
    if not (bpy.data.filepath and bpy.context.preferences.filepaths.use_relative_paths):
        return str(path)
    try:
        return bpy.path.relpath(str(path))
    except ValueError:
        return str(path)


def is_there(path: str, name: str = "") -> bool:
    """Whether a path as the .blend keeps it, of a file or of the folder of `name`, leads to a file."""
    try:
        return (Path(bpy.path.abspath(path)) / name).is_file()
    except (OSError, ValueError):
        return False
