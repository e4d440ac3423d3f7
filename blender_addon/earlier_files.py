# SPDX-License-Identifier: GPL-3.0-or-later
"""What .blend files of earlier versions of the extension say otherwise."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent
from bpy.types import MovieClip

from . import compat

EDGES = ("antialiased", "soft", "hard")
"""In the order in which they were numbered."""


def upgrade(clip: MovieClip) -> None:
    """Let each subject have the edge and the size of holes that a clip once had for all of them."""
    asked = clip.rotopoint
    kept = compat.kept_values(asked)
    if kept is None:
        return
    edge, largest_hole = kept.pop("edge", None), kept.pop("largest_hole", None)
    for subject in asked.subjects:
        if isinstance(edge, int) and 0 <= edge < len(EDGES):
            subject.matte.edge = EDGES[edge]
        if largest_hole is not None:
            subject.matte.largest_hole = largest_hole


@persistent
def _upgrade_all(*_: object) -> None:
    for clip in bpy.data.movieclips:
        if clip.is_editable:
            upgrade(clip)


def register() -> None:
    bpy.app.handlers.load_post.append(_upgrade_all)


def unregister() -> None:
    bpy.app.handlers.load_post.remove(_upgrade_all)
