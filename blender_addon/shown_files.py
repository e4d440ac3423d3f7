# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of mattes that Blender has read, and that are others by now."""

from __future__ import annotations

from pathlib import Path

import bpy

from . import compat


def show_anew(folder: Path | None) -> None:
    """Blender shows what it has read before of mattes in a folder until it is told that files changed."""
    if folder is None:
        return
    for image in bpy.data.images:
        if image.source == "SEQUENCE" and _lies_in(Path(bpy.path.abspath(image.filepath)).parent, folder):
            image.reload()
            # Without it viewers keep what they made of the files before.
            image.update_tag()
    for scene in bpy.data.scenes:
        strips = [] if scene.sequence_editor is None else list(compat.all_strips(scene))
        mattes_there = [
            strip
            for strip in strips
            if strip.type == "IMAGE" and _lies_in(Path(bpy.path.abspath(strip.directory)), folder)
        ]
        # What was made of mattes is kept with the strips that they mask.
        for strip in strips if mattes_there else ():
            compat.forget_pictures(strip, read=strip in mattes_there)


def _lies_in(one: Path, other: Path) -> bool:
    """Whether two paths name one folder; those relative to the .blend may go up and down again."""
    return one.resolve() == other.resolve()
