# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the scene fit the clip that is composited in it, and saying where it does not."""

from __future__ import annotations

from bpy.types import Context, MovieClip, Operator, UILayout

from ..compositor import scene_match
from ..faults import TOLD
from ..guarded import GuardedOperator
from ..lines import draw_text
from .context import ClipOperator


class ROTOPOINT_OT_scene_match(ClipOperator, Operator):
    """Give the scene the clip's resolution, frames and frame rate"""

    bl_idname = "rotopoint.scene_match"
    bl_label = "Match Scene to Clip"

    def act(self, context: Context, clip: MovieClip) -> None:
        scene_match.match(context.scene, clip)


class ROTOPOINT_OT_view_standard(GuardedOperator, Operator):
    """Let the scene's view transform leave footage as it is"""

    bl_idname = "rotopoint.view_standard"
    bl_label = "Set Standard View"

    def work(self, context: Context) -> None:
        context.scene.view_settings.view_transform = "Standard"
        context.scene.view_settings.look = "None"


def draw_scene(layout: UILayout, context: Context, clip: MovieClip) -> None:
    """What of the scene does not fit the clip, each with the button that helps."""
    try:
        difference = scene_match.difference(context.scene, clip)
    except TOLD:
        # Pointing and tracking name what is wrong with the clip.
        return
    if difference is not None:
        draw_text(layout, context, difference)
        layout.operator("rotopoint.scene_match", icon="SCENE_DATA")
    if (altered := scene_match.footage_altered(context.scene)) is not None:
        draw_text(layout, context, altered)
        layout.operator("rotopoint.view_standard", icon="COLOR")


CLASSES = (ROTOPOINT_OT_scene_match, ROTOPOINT_OT_view_standard)
