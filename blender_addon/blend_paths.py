# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths as the .blend keeps them."""

from __future__ import annotations

from pathlib import Path

import bpy


def to_save(path: Path, blend: str = "") -> str:
    """A path as Blender's own file browser would leave it: relative to the .blend where that is wished for.

    A project's folder can then be moved as a whole. Absolute where the .blend has no folder yet, lies on
    another drive, or the preference Relative Paths is off. `blend` is its path, "": that of the open one.
    """
    if not ((blend or bpy.data.filepath) and bpy.context.preferences.filepaths.use_relative_paths):
        return str(path)
    return relative_to(path, blend or bpy.data.filepath)


def relative_to(path: Path, blend: str) -> str:
    """A path from the folder of a .blend, or absolute where that lies on another drive."""
    try:
        return bpy.path.relpath(str(path), start=str(Path(blend).absolute().parent))
    except ValueError:
        return str(path)


def is_there(path: str, name: str = "") -> bool:
    """Whether a path as the .blend keeps it, of a file or of the folder of `name`, leads to a file."""
    try:
        return (Path(bpy.path.abspath(path)) / name).is_file()
    except (OSError, ValueError):
        return False
